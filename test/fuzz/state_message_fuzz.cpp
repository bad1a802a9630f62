// Any bytes: the decoder must refuse them or give a message that the JSON writer can write. Inputs get a
// right header and hash in half of the runs, because chance would never find one.
#include "core/codec/state_json.hpp"
#include "core/codec/state_message.hpp"

#include <cstdlib>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace {

using gamelan::codec::StateMessage;
using gamelan::codec::StateMessageError;

void check(const std::vector<std::byte>& bytes) {
    StateMessage message;
    if (decode_state_message(bytes, message) != StateMessageError::none)
        return;
    for (const auto& column : message.columns) {
        const std::size_t values = column.values.size() / width_of(column.type);
        const std::size_t expected = column.encoding == gamelan::codec::ColumnEncoding::run_lengths
                                         ? column.runs.size()
                                         : column.count;
        if (values != expected)
            std::abort();
    }
    std::string text;
    append_json(text, message);
    if (!gamelan::codec::is_utf8(text))
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::byte> bytes(size);
    if (size > 0)
        std::memcpy(bytes.data(), data, size);
    check(bytes);
    if (size < 34)
        return 0;
    std::memcpy(bytes.data(), "GLS\1", 4);
    std::memset(bytes.data() + 4, 0, 4);
    bytes[4] = static_cast<std::byte>(data[4] & 1);
    std::memset(bytes.data() + 8, 1, 16);
    bytes[25] = std::byte{0};
    const std::uint64_t hash = XXH3_64bits(bytes.data(), size - 8);
    std::memcpy(bytes.data() + size - 8, &hash, 8);
    check(bytes);
    return 0;
}
