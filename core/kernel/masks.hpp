// Which lanes of a block: as bits where blocks keep them, as bytes of 0 and 1 where steps use them.
#pragma once

#include "core/store/layout.hpp"

#include <array>
#include <cstdint>

namespace gamelan::kernel {

using store::ColumnId;
using store::ComponentId;

using Byte = std::uint8_t;
inline constexpr std::uint32_t max_lanes = store::max_block_slots;
using Words = std::array<std::uint64_t, max_lanes / 64>;

// `lanes` is a multiple of 64 everywhere.
void bits_to_bytes(const std::uint64_t* words, Byte* bytes, std::uint32_t lanes);
void bytes_to_bits(const Byte* bytes, std::uint64_t* words, std::uint32_t lanes);
std::uint32_t count_bits(const std::uint64_t* words, std::uint32_t lanes);
std::uint32_t count_bytes(const Byte* bytes, std::uint32_t lanes);

// The first lane below `limit` that is set in `bytes` and counts (`mask`, or all if nullptr); else `limit`.
std::uint32_t first_lane(const Byte* bytes, const Byte* mask, std::uint32_t limit);

} // namespace gamelan::kernel
