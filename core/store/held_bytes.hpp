// A value as a version of a world holds it.
#pragma once

#include "core/store/snapshot.hpp"

#include <array>

namespace gamelan::store {

// width_of(type) bytes, or the contents of a value; of any type but bits and versions, NULL or not. They lie
// in the region, for as long as the version.
inline std::string_view held_bytes(const Snapshot& state, ColumnId column, std::uint32_t slot) {
    static constexpr std::array<char, 64> zeros{};
    const ColumnType type = state.column(column).type;
    const std::uint32_t slots = state.block_slots(column);
    const std::uint32_t width = width_of(type);
    const std::byte* block = state.block(column, slot / slots);
    if (block == nullptr)
        return {zeros.data(), type == ColumnType::value ? 0 : width};
    const std::byte* at = block + std::size_t{slot % slots} * width;
    if (type == ColumnType::value)
        return state.contents(
            *reinterpret_cast<const ValueSlot*>(at)); // short contents lie in the slot itself
    return {reinterpret_cast<const char*>(at), width};
}

} // namespace gamelan::store
