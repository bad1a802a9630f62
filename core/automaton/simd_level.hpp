// Which of the compiled variants of a kernel runs. All give the same bytes.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>
#include <string_view>

namespace gamelan::automaton {

enum class SimdLevel : std::uint8_t {
    baseline = 0, // what the build targets
    avx2 = 1,     // x86-64-v3
    avx512 = 2,   // x86-64-v4
};

// The best level this processor has; asked once.
SimdLevel best_simd_level();

// The level in use: the best, unless forced.
SimdLevel simd_level();

// For tests and benchmarks: use this level, or the best one if the processor lacks it. Returns the level now
// in use.
SimdLevel force_simd_level(SimdLevel level);

std::string_view name_of(SimdLevel level);

} // namespace gamelan::automaton
