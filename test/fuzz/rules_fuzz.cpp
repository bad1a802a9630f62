// Any bytes: the decoder must refuse them, or give what survives packing. Inputs get a right header and
// checksum in half of the runs, because chance would never find one.
#include "core/codec/rules.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

#include <cstdlib>
#include <cstring>

namespace {

using namespace gamelan;

void check(const std::string& bytes) {
    try {
        const auto decoded = codec::decode_rules(bytes);
        if (codec::decode_rules(codec::encode_rules(decoded)) != decoded)
            std::abort();
    } catch (const Error& error) {
        if (error.code() != sqlstate::corrupt_data)
            std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string bytes(reinterpret_cast<const char*>(data), size);
    check(bytes);
    if (size < 13)
        return 0;
    std::memcpy(bytes.data(), "GLR\1", 4);
    const std::uint64_t hash = hash64(std::string_view(bytes).substr(0, size - sizeof hash));
    std::memcpy(bytes.data() + size - sizeof hash, &hash, sizeof hash);
    check(bytes);
    return 0;
}
