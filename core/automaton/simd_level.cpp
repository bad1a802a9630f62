#include "core/automaton/simd_level.hpp"

#include <algorithm>
#include <atomic>

namespace gamelan::automaton {

namespace {

SimdLevel detect() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        return SimdLevel::avx512;
    }
    if (avx2) {
        return SimdLevel::avx2;
    }
#endif
    return SimdLevel::baseline;
}

std::atomic<SimdLevel>& level_in_use() {
    static std::atomic<SimdLevel> level{best_simd_level()};
    return level;
}

} // namespace

SimdLevel best_simd_level() {
    static const SimdLevel best = detect();
    return best;
}

SimdLevel simd_level() {
    return level_in_use().load(std::memory_order_relaxed);
}

SimdLevel force_simd_level(SimdLevel level) {
    const SimdLevel possible = std::min(level, best_simd_level());
    level_in_use().store(possible, std::memory_order_relaxed);
    return possible;
}

std::string_view name_of(SimdLevel level) {
    switch (level) {
    case SimdLevel::baseline:
        return "baseline";
    case SimdLevel::avx2:
        return "avx2";
    case SimdLevel::avx512:
        return "avx512";
    }
    return "unknown";
}

} // namespace gamelan::automaton
