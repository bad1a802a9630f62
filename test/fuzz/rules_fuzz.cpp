// Any bytes: the decoder must refuse them, or give what survives packing.
#include "core/codec/rules.hpp"

#include "packed_bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gamelan::fuzz::check_input(data, size, "GLR\1", gamelan::codec::decode_rules,
                               gamelan::codec::encode_rules);
    return 0;
}
