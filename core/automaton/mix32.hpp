// Counter-based chance: a hash takes the place of a generator's state.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>

namespace gamelan::automaton {

// A bijection of 32 bits in which every input bit moves every output bit (the "lowbias32" constants of Chris
// Wellons' hash prospector).
constexpr std::uint32_t mix32(std::uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    x *= 0x846ca68bU;
    x ^= x >> 16;
    return x;
}

// One word for a world's seed and a layer: mix32(low ⊕ mix32(high ⊕ mix32(layer))).
constexpr std::uint32_t layer_seed(std::uint64_t seed, std::uint32_t layer) {
    return mix32(static_cast<std::uint32_t>(seed) ^
                 mix32(static_cast<std::uint32_t>(seed >> 32) ^ mix32(layer)));
}

// The word a tick adds to every cell's: low 32 bits of layer_seed + 0x9e3779b9·(tick + 1).
constexpr std::uint32_t tick_word(std::uint64_t seed, std::uint32_t layer, std::uint64_t tick) {
    return layer_seed(seed, layer) + 0x9e3779b9U * static_cast<std::uint32_t>(tick + 1);
}

} // namespace gamelan::automaton
