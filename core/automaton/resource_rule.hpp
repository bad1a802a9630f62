// The automaton that keeps a planet's resources alive: three resources that spread, eat each other in a
// circle (1 ← 2 ← 3 ← 1), and turn into a compound where all three meet.
//
// A cell has a type (0 void, 1..3 resources, 4 compound; other bytes never change) and an amount 0..255. In
// each tick all cells read the old planes and write the new ones. Chance comes from a hash of seed, tick,
// layer and cell, so a tick has one result, whatever the order, the instruction set or the number of helpers.
// Integers only. docs/grid.md states the rule in prose.
//
// Build flags for core/automaton: -O3 (the loops are vectorised by the compiler); any -march works, the
// kernel brings its own.
#pragma once

#include "core/automaton/planes.hpp"
#include "core/automaton/simd_level.hpp"
#include "core/grid/hex_sphere.hpp"

#include <cstdint>
#include <vector>

namespace gamelan::automaton {

inline constexpr std::uint8_t type_void = 0;
inline constexpr std::uint8_t type_compound = 4;

// All knobs of the rule. "one_in" are chances per tick, powers of two from 1 to 256. Counts are of
// neighbours, 0..6.
struct ResourceRule {
    // A void cell is settled by the resource that most neighbours have, if their number is within bounds and
    // one is rich enough.
    std::uint32_t spread_neighbours_min = 2;
    std::uint32_t spread_neighbours_max = 3;
    std::uint32_t spread_rich_amount = 96; // 1..255: some neighbour of that resource has at least this
    std::uint32_t spread_one_in = 16;
    std::uint32_t spread_start_amount = 8;

    // A resource cell turns into its eater (type mod 3 + 1), which halves the amount and adds a little.
    std::uint32_t predation_neighbours_min = 2; // 1..6
    std::uint32_t predation_one_in = 32;
    std::uint32_t predation_bonus = 8; // 0..127

    // Where all three resources touch a resource cell it may become compound.
    std::uint32_t compound_one_in = 64;
    std::uint32_t compound_phase = 1; // below compound_one_in: tells this draw apart from that of predation
    std::uint32_t compound_start_amount = 64;

    // Growth and decline are staggered: a cell takes part in one of `stagger_ticks` ticks, by chance.
    std::uint32_t stagger_ticks = 8; // a power of two, 1..256
    std::uint32_t growth_neighbours_min = 1;
    std::uint32_t growth_neighbours_max = 4;
    std::uint32_t growth_step = 1;  // amount += growth_step + amount / 16, at most 255
    std::uint32_t decline_step = 4; // amount −= decline_step + amount / 16; at 0 the cell is void

    // Compound decays.
    std::uint32_t compound_decay_one_in = 32;
    std::uint32_t compound_decay_phase = 7; // below compound_decay_one_in
    std::uint32_t compound_decay_step = 16; // at 0 the cell is void
};

// Throws std::invalid_argument that names the first knob out of its range.
void validate(const ResourceRule& rule);

// Rows are the unit of shared work: row R of 0..10n−1 is cells R·n .. R·n + n − 1, row 10n is the two poles
// (whoever does it also clears the bytes past the last cell).
struct RowRange {
    std::uint32_t first; // included
    std::uint32_t last;  // excluded
};
constexpr RowRange all_rows(const grid::HexSphere& sphere) {
    return {0, 10 * sphere.frequency() + 1};
}

// Computes the planes after tick `tick` (its old state is types, amounts) of one layer.
//
// Planes have block_count(sphere.cell_count(), block_slots) blocks. `changed` is reset to that size and tells
// per plane and block whether any byte differs. With `rows`, only the bytes of those rows are written and
// compared; several processes may do disjoint ranges of the same output planes at once. Throws
// std::invalid_argument for planes of unequal or wrong shape, for an invalid rule and for rows beyond the
// last. Memory: about 30 bytes per cell of one row.
void advance_layer(const grid::HexSphere& sphere, const ResourceRule& rule, std::uint64_t seed,
                   std::uint64_t tick, std::uint32_t layer, const PlaneIn& types, const PlaneIn& amounts,
                   const PlaneOut& types_out, const PlaneOut& amounts_out, ChangedBlocks& changed);
void advance_layer(const grid::HexSphere& sphere, const ResourceRule& rule, std::uint64_t seed,
                   std::uint64_t tick, std::uint32_t layer, const PlaneIn& types, const PlaneIn& amounts,
                   const PlaneOut& types_out, const PlaneOut& amounts_out, ChangedBlocks& changed,
                   RowRange rows, SimdLevel level = simd_level());

// Start values of one layer by dense index.
struct GeneratedLayer {
    std::vector<std::uint8_t> types;
    std::vector<std::uint8_t> amounts;
};

// A lively start: drifts of the three resources with void between them, from integer noise in space. The same
// on every machine; any frequency.
GeneratedLayer generate(const grid::HexSphere& sphere, std::uint64_t seed, std::uint32_t layer);

} // namespace gamelan::automaton
