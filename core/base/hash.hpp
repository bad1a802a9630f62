// The one hash of all stored formats and of the state: XXH3, 64 bits (xxHash specification 0.2).
#pragma once

#include "core/base/no_postgres.hpp"

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace gamelan {

inline std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// A bijective scrambling of 64 bits (the finaliser of MurmurHash3, public domain constants).
constexpr std::uint64_t mix64(std::uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;
    return x;
}

} // namespace gamelan
