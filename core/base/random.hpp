// Chance that a replay repeats: numbers that a world's seed, a tick and a key decide. What kernels compute
// (core/kernel) is the same.
#pragma once

#include "core/base/hash.hpp"

#include <cmath>
#include <numbers>

namespace gamelan {

// In [0, 1): the upper 53 bits of a hash.
inline double random_at(std::uint64_t seed, std::uint64_t tick, std::int64_t key) {
    const std::uint64_t word = mix64(seed + 0x9e3779b97f4a7c15ULL * tick);
    const std::uint64_t hash = mix64(mix64(static_cast<std::uint64_t>(key)) ^ word);
    return static_cast<double>(static_cast<std::int64_t>(hash >> 11)) * 0x1p-53;
}

// Keys of the two numbers that make a normally distributed one.
inline constexpr std::int64_t gauss_radius_key = 0x5851f42d4c957f2d;
inline constexpr std::int64_t gauss_angle_key = 0x14057b7ef767814f;

// Mean 0, deviation 1 (Box and Muller).
inline double gauss_at(std::uint64_t seed, std::uint64_t tick, std::int64_t key) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - random_at(seed, tick, key ^ gauss_radius_key)));
    return radius * std::cos(2.0 * std::numbers::pi * random_at(seed, tick, key ^ gauss_angle_key));
}

} // namespace gamelan
