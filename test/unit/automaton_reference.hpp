// The automaton's rule once more, cell by cell with neighbours() and plain integers: the oracle of the
// vectorised kernel. Written from the prose of docs/grid.md; it shares nothing with the kernel but the rule's
// knobs.
#pragma once

#include "core/automaton/resource_rule.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace gamelan::automaton::testing {

struct PlainLayer {
    std::vector<std::uint8_t> types;
    std::vector<std::uint8_t> amounts;
};

inline std::uint32_t scramble(std::uint32_t v) {
    v = (v ^ (v >> 16)) * 0x7feb352dU;
    v = (v ^ (v >> 15)) * 0x846ca68bU;
    return v ^ (v >> 16);
}

inline PlainLayer reference_tick(const grid::HexSphere& sphere, const ResourceRule& rule, std::uint64_t seed,
                                 std::uint64_t tick, std::uint32_t layer, const PlainLayer& old) {
    const auto seed_word = scramble(static_cast<std::uint32_t>(seed & 0xffffffffU) ^
                                    scramble(static_cast<std::uint32_t>(seed >> 32) ^ scramble(layer)));
    const auto tick_part = static_cast<std::uint32_t>(
        (seed_word + std::uint64_t{0x9e3779b9} * ((tick + 1) & 0xffffffffU)) & 0xffffffffU);
    PlainLayer next = old;
    for (std::uint32_t id = 0; id < sphere.cell_count(); ++id) {
        const std::uint32_t h = scramble(tick_part ^ scramble(id));
        const int t = old.types[id];
        const int q = old.amounts[id];
        std::uint32_t cnt[6] = {};
        std::uint32_t mx[6] = {};
        for (const std::uint32_t other : sphere.neighbours(id)) {
            const int type = std::min<int>(old.types[other], 5); // 5 stands for all that no rule knows
            ++cnt[type];
            mx[type] = std::max<std::uint32_t>(mx[type], old.amounts[other]);
        }
        int new_t = t;
        int new_q = q;
        if (t == 0) {
            int winner = 0;
            for (int y = 1; y <= 3; ++y) {
                const bool allowed = cnt[y] >= rule.spread_neighbours_min &&
                                     cnt[y] <= rule.spread_neighbours_max && cnt[y] > 0 &&
                                     mx[y] >= rule.spread_rich_amount;
                if (allowed && (winner == 0 || cnt[y] > cnt[winner])) {
                    winner = y;
                }
            }
            if (winner != 0 && h % rule.spread_one_in == 0) {
                new_t = winner;
                new_q = static_cast<int>(rule.spread_start_amount);
            }
        } else if (t <= 3) {
            const int eater = t % 3 + 1;
            if (cnt[eater] >= rule.predation_neighbours_min && h % rule.predation_one_in == 0) {
                new_t = eater;
                new_q = q / 2 + static_cast<int>(rule.predation_bonus);
            } else if (cnt[1] > 0 && cnt[2] > 0 && cnt[3] > 0 &&
                       h % rule.compound_one_in == rule.compound_phase) {
                new_t = 4;
                new_q = static_cast<int>(rule.compound_start_amount);
            } else if (tick % rule.stagger_ticks == (h >> 8) % rule.stagger_ticks) {
                if (cnt[t] >= rule.growth_neighbours_min && cnt[t] <= rule.growth_neighbours_max) {
                    new_q = std::min(255, q + static_cast<int>(rule.growth_step) + q / 16);
                } else {
                    new_q = q - static_cast<int>(rule.decline_step) - q / 16;
                    if (new_q <= 0) {
                        new_t = new_q = 0;
                    }
                }
            }
        } else if (t == 4 && h % rule.compound_decay_one_in == rule.compound_decay_phase) {
            new_q = q - static_cast<int>(rule.compound_decay_step);
            if (new_q <= 0) {
                new_t = new_q = 0;
            }
        }
        next.types[id] = static_cast<std::uint8_t>(new_t);
        next.amounts[id] = static_cast<std::uint8_t>(new_q);
    }
    return next;
}

} // namespace gamelan::automaton::testing
