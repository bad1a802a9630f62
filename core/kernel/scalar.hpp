// What all operations share: types of lanes, tests for what must not be, and how a result is made canonical.
#pragma once

#include "core/kernel/fault.hpp"
#include "core/store/column_type.hpp"

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

// Everything that a loop is made of: a call would end its vectorisation, and would be compiled for the wrong
// instruction set.
#define GAMELAN_INLINE [[gnu::always_inline]] static inline

// The arrays of a loop never overlap, or do so lane by lane.
#if defined(__clang__)
#define GAMELAN_INDEPENDENT_LANES _Pragma("clang loop vectorize(assume_safety)")
#else
#define GAMELAN_INDEPENDENT_LANES _Pragma("GCC ivdep")
#endif

namespace gamelan::kernel {

template <class T>
using Mark =
    std::conditional_t<sizeof(T) == 8, std::uint64_t,
                       std::conditional_t<sizeof(T) == 4, std::uint32_t,
                                          std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint8_t>>>;

template <class T>
inline constexpr Mark<T> sign_bit = static_cast<Mark<T>>(Mark<T>{1} << (8 * sizeof(T) - 1));
template <class T>
inline constexpr Mark<T> infinity_bits = std::bit_cast<Mark<T>>(std::numeric_limits<T>::infinity());
template <class T>
inline constexpr T canonical_nan = std::numeric_limits<T>::quiet_NaN();

// Sixteen bytes as they are.
struct Wide {
    std::uint64_t low;
    std::uint64_t high;
};

// interval, as ColumnType::span has it.
struct Span {
    std::int64_t microseconds;
    std::int32_t days;
    std::int32_t months;
};
static_assert(sizeof(Wide) == 16 && sizeof(Span) == 16);

template <class T>
GAMELAN_INLINE bool is_nan(T value) {
    return value != value; // NOLINT(misc-redundant-expression): NaN
}
template <class T>
GAMELAN_INLINE Mark<T> magnitude_bits(T value) {
    return static_cast<Mark<T>>(std::bit_cast<Mark<T>>(value) & ~sign_bit<T>);
}
template <class T>
GAMELAN_INLINE bool is_infinite(T value) {
    return magnitude_bits(value) == infinity_bits<T>;
}
// Infinite or NaN.
template <class T>
GAMELAN_INLINE bool is_special(T value) {
    return magnitude_bits(value) >= infinity_bits<T>;
}

// Suspicions of a loop are or-ed lane by lane: only the sign bit of a mark counts, so that an addition can
// make one.
template <class T>
GAMELAN_INLINE Mark<T> mark(bool holds) {
    return holds ? sign_bit<T> : Mark<T>{0};
}
template <class T>
GAMELAN_INLINE Mark<T> mark_special(T value) {
    return static_cast<Mark<T>>(magnitude_bits(value) + (sign_bit<T> - infinity_bits<T>));
}
template <class T>
GAMELAN_INLINE Mark<T> mark_not_zero(T value) {
    // cppcheck-suppress compareBoolExpressionWithInt ; it takes the template argument for a comparison
    return static_cast<Mark<T>>(magnitude_bits(value) + (sign_bit<T> - 1));
}

// Integer arithmetic that wraps.
template <class T, class F>
GAMELAN_INLINE T wrapped(T a, T b, F f) {
    using U = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
    return static_cast<T>(f(static_cast<U>(a), static_cast<U>(b)));
}

template <class T>
constexpr Fault range_fault() {
    return sizeof(T) == 2   ? Fault::smallint_range
           : sizeof(T) == 4 ? Fault::integer_range
                            : Fault::bigint_range;
}

} // namespace gamelan::kernel
