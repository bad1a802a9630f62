// The inner loops of the automaton: one row of a strip at a time, branch-free bytes, one variant per
// instruction set. Only advance_layer.cpp and its benchmark use this.
#pragma once

#include "core/automaton/resource_rule.hpp"

#include <cstdint>

namespace gamelan::automaton {

// Rows are computed in whole groups of this many cells; what is beyond the last cell is computed too and
// thrown away.
inline constexpr std::uint32_t row_group = 64;

// A row of n cells with one halo cell on each side: place −1, 0..n−1, n. Readable and writable from −1 to the
// next multiple of row_group, inclusive. The derived planes let a neighbourhood be summed in bytes:
struct RowPlanes {
    std::uint8_t* type;
    std::uint8_t* amount;
    std::uint8_t* ones_twos;      // 1 where type 1, 16 where type 2: six of them add up without overflow
    std::uint8_t* threes;         // 1 where type 3
    std::uint8_t* rich;           // bit `type` where a resource has at least spread_rich_amount
    std::uint8_t* pair_ones_twos; // place x and x + 1 together, as the rows above and below see them
    std::uint8_t* pair_threes;
    std::uint8_t* pair_rich;
};

// A type that counts as no neighbour: stands where a pentagon has no sixth neighbour.
inline constexpr std::uint8_t type_absent = 255;

// The rule in the form in which the loops want it: bytes, and chances as masks of the hash.
struct RuleBytes {
    std::uint8_t spread_min, spread_max, rich_amount, spread_mask, spread_start;
    std::uint8_t predation_min, predation_mask, predation_bonus;
    std::uint8_t compound_mask, compound_phase, compound_start;
    std::uint8_t stagger_mask, growth_min, growth_max, growth_step, decline_step;
    std::uint8_t decay_mask, decay_phase, decay_step;
};
RuleBytes to_bytes(const ResourceRule& rule);

// What one row of output is made of.
struct RowUpdate {
    const RowPlanes* above; // row J − 1: directions 4 (same place) and 5 (one to the right)
    const RowPlanes* here;
    const RowPlanes* below;    // row J + 1: directions 1 (same place) and 2 (one to the left)
    std::uint32_t first_cell;  // dense index of place 0
    std::uint32_t width;       // cells rounded up to row_group
    std::uint32_t tick_word;   // mix32.hpp
    std::uint8_t tick_phase;   // low byte of the tick
    std::uint8_t* chance_low;  // scratch, width bytes: bits 0..7 of the hash
    std::uint8_t* chance_high; // scratch, width bytes: bits 8..15
    std::uint8_t* type_out;    // width bytes
    std::uint8_t* amount_out;
};

struct RowKernels {
    // Fills the derived planes of a row from its types and amounts, halos included.
    void (*prepare)(const RowPlanes& row, std::uint32_t cells, std::uint32_t width, std::uint8_t rich_amount);
    // Computes the new types and amounts of a row.
    void (*update)(const RowUpdate& update, const RuleBytes& rule);
};

const RowKernels& row_kernels(SimdLevel level);

} // namespace gamelan::automaton
