// The shape in which the automaton sees a layer: one byte a cell, in blocks of a fixed number of cells.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace gamelan::automaton {

// A plane to read: block b holds cells b·block_slots .. (b+1)·block_slots − 1 in dense index order; the last
// is partly used.
struct PlaneIn {
    std::span<const std::uint8_t* const> blocks;
    std::uint32_t block_slots; // a power of two, 64..1024, the same for all planes of a call
};

// A plane to write. Its blocks may hold anything before; bytes past the last cell are written as 0.
// No block of a PlaneOut may be a block of a PlaneIn.
struct PlaneOut {
    std::span<std::uint8_t* const> blocks;
    std::uint32_t block_slots;
};

// How many blocks a plane of that many cells has.
constexpr std::uint32_t block_count(std::uint32_t cell_count, std::uint32_t block_slots) {
    return (cell_count + block_slots - 1) / block_slots;
}

// Which blocks differ from their input, one flag (0 or 1) per block and plane. A block with 0 is an equal
// copy that the store may drop. When a layer is advanced in parts, each part has its own ChangedBlocks and
// they are merged.
struct ChangedBlocks {
    std::vector<std::uint8_t> types;
    std::vector<std::uint8_t> amounts;

    void reset(std::uint32_t blocks) {
        types.assign(blocks, 0);
        amounts.assign(blocks, 0);
    }
    void merge(const ChangedBlocks& part) {
        for (std::size_t block = 0; block < types.size(); ++block) {
            types[block] |= part.types[block];
            amounts[block] |= part.amounts[block];
        }
    }
};

} // namespace gamelan::automaton
