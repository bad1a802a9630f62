// Any bytes: the decoder must refuse them, or give a definition that survives packing. Inputs get
// a right header and checksum in half of the runs, because chance would never find one.
#include "core/codec/definition.hpp"

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

#include <cstdlib>
#include <cstring>

namespace {

using namespace gamelan;

void check(const std::string& bytes) {
    store::Definition definition;
    try {
        definition = codec::decode_definition(bytes);
    } catch (const Error&) {
        return;
    }
    if (codec::decode_definition(codec::encode_definition(definition)) != definition)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string bytes(reinterpret_cast<const char*>(data), size);
    check(bytes);
    if (size < 13)
        return 0;
    std::memcpy(bytes.data(), "GLD\1", 4);
    const std::uint64_t hash = hash64(std::string_view(bytes).substr(0, size - sizeof hash));
    std::memcpy(bytes.data() + size - sizeof hash, &hash, sizeof hash);
    check(bytes);
    return 0;
}
