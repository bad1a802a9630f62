// Any bytes: the decoder must refuse them, or give what survives packing.
#include "core/codec/kernel_program.hpp"

#include "packed_bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gamelan::fuzz::check_input(data, size, "GLK\1", gamelan::codec::decode_program,
                               gamelan::codec::encode_program);
    return 0;
}
