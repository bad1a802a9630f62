// For decoders of packed forms with a header and a checksum over what is before it.
#pragma once

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

#include <cstdlib>
#include <cstring>
#include <string>

namespace gamelan::fuzz {

// The decoder must refuse them, or give what survives packing.
template <class Decode, class Encode>
void check_bytes(const std::string& bytes, Decode decode, Encode encode) {
    try {
        const auto decoded = decode(bytes);
        if (decode(encode(decoded)) != decoded)
            std::abort();
    } catch (const Error& error) {
        if (error.code() != sqlstate::corrupt_data)
            std::abort();
    }
}

// Any bytes, as they are and with a right header and checksum, because chance would never find one.
template <class Decode, class Encode>
void check_input(const std::uint8_t* data, std::size_t size, const char (&header)[5], Decode decode,
                 Encode encode) {
    std::string bytes(reinterpret_cast<const char*>(data), size);
    check_bytes(bytes, decode, encode);
    if (size < 13)
        return;
    std::memcpy(bytes.data(), header, 4);
    const std::uint64_t hash = hash64(std::string_view(bytes).substr(0, size - sizeof hash));
    std::memcpy(bytes.data() + size - sizeof hash, &hash, sizeof hash);
    check_bytes(bytes, decode, encode);
}

} // namespace gamelan::fuzz
