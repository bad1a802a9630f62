// How a slot holds a value of variable length: up to 12 bytes in place, longer ones as a reference to a block
// of the world's memory that nobody changes. Each block belongs to one slot of one column, and goes when that
// slot lets go of it and no reader's version has it any more.
#pragma once

#include "core/store/region.hpp"

#include <cstring>
#include <string_view>

namespace gamelan::store {

inline constexpr std::uint32_t max_inline_value_bytes = 12;
inline constexpr std::uint32_t max_value_bytes = 256U << 20;

struct ValueSlot {
    std::uint32_t bytes;
    // In place: the contents, zero padded. Else: u32 Ref, u64 XXH3 of the contents.
    std::byte body[12];

    bool is_inline() const { return bytes <= max_inline_value_bytes; }
    Ref block() const {
        Ref ref;
        std::memcpy(&ref, body, sizeof ref);
        return is_inline() ? Ref{} : ref;
    }
    std::uint64_t hash() const {
        std::uint64_t out;
        std::memcpy(&out, body + sizeof(Ref), sizeof out);
        return out;
    }
};
static_assert(sizeof(ValueSlot) == 16);

} // namespace gamelan::store
