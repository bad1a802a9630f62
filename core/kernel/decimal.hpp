// numeric as kernels have it: an integer below 2^118 and how many of its digits stand behind the point. That
// is enough for sums of bigint, averages of integers, and products with constants, exactly; what might need
// more is not compiled (bound_of).
#pragma once

#include "core/kernel/program.hpp"
#include "core/kernel/scalar.hpp"

#include <array>

namespace gamelan::kernel {

__extension__ using Int128 = __int128;
__extension__ using Unsigned128 = unsigned __int128;

inline constexpr std::uint32_t max_decimal_bits = 118;
inline constexpr std::uint32_t max_decimal_scale = 30;

// A value of ColumnType::decimal.
struct Decimal {
    Int128 packed; // 256 × the digits + how many of them stand behind the point
};

inline constexpr auto powers_of_ten = [] {
    std::array<Int128, 39> out{};
    Int128 power = 1;
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = power;
        if (i + 1 < out.size())
            power *= 10;
    }
    return out;
}();

// Lanes that mean nothing wrap.
GAMELAN_INLINE Int128 wrapped_product(Int128 a, Int128 b) {
    return static_cast<Int128>(static_cast<Unsigned128>(a) * static_cast<Unsigned128>(b));
}
GAMELAN_INLINE Int128 wrapped_sum(Int128 a, Int128 b) {
    return static_cast<Int128>(static_cast<Unsigned128>(a) + static_cast<Unsigned128>(b));
}
GAMELAN_INLINE Int128 power_of_ten(std::uint32_t exponent) {
    return powers_of_ten[exponent < powers_of_ten.size() ? exponent : powers_of_ten.size() - 1];
}

GAMELAN_INLINE Int128 digits_of(Decimal value) {
    return value.packed >> 8;
}
GAMELAN_INLINE std::uint32_t scale_of(Decimal value) {
    return static_cast<std::uint32_t>(value.packed & 0xff);
}
GAMELAN_INLINE Decimal decimal_of(Int128 digits, std::uint32_t scale) {
    return {static_cast<Int128>(static_cast<Unsigned128>(digits) << 8 | (scale & 0xff))};
}
GAMELAN_INLINE Int128 digits_at(Decimal value, std::uint32_t scale) {
    return wrapped_product(digits_of(value), power_of_ten(scale - scale_of(value)));
}

// Below 0, 0, above 0.
GAMELAN_INLINE int compare(Decimal a, Decimal b) {
    Int128 left = digits_of(a);
    Int128 right = digits_of(b);
    if (scale_of(a) != scale_of(b)) {
        const bool is_left = scale_of(a) < scale_of(b);
        Int128& fewer = is_left ? left : right;
        const Int128 power = power_of_ten(is_left ? scale_of(b) - scale_of(a) : scale_of(a) - scale_of(b));
        // Beyond all that the other side can be.
        const Int128 limit = (Int128{1} << 126) / power;
        fewer = fewer > limit ? Int128{1} << 126 : fewer < -limit ? -(Int128{1} << 126) : fewer * power;
    }
    return int{left > right} - int{left < right};
}

GAMELAN_INLINE Decimal sum_of(Decimal a, Decimal b) {
    const std::uint32_t scale = scale_of(a) > scale_of(b) ? scale_of(a) : scale_of(b);
    return decimal_of(wrapped_sum(digits_at(a, scale), digits_at(b, scale)), scale);
}
GAMELAN_INLINE Decimal product_of(Decimal a, Decimal b) {
    return decimal_of(wrapped_product(digits_of(a), digits_of(b)), scale_of(a) + scale_of(b));
}
GAMELAN_INLINE Decimal negative_of(Decimal value) {
    return decimal_of(wrapped_product(digits_of(value), -1), scale_of(value));
}

// To the nearest integer, halves away from zero.
GAMELAN_INLINE Int128 rounded(Decimal value) {
    const Int128 unit = power_of_ten(scale_of(value));
    const Int128 half = unit / 2;
    const Int128 digits = digits_of(value);
    return (digits < 0 ? wrapped_sum(digits, -half) : wrapped_sum(digits, half)) / unit;
}

// sum / count as Postgres divides numerics: to 16 digits or a few more. `count`: 1 … 2^32.
Decimal average_of(Int128 sum, std::int64_t count);
// The float next to it.
double to_double(Decimal value);
float to_float(Decimal value);
// As Postgres prints it, zeros behind the point included.
std::string text_of(Decimal value);
// What such a text says; nothing when it does not fit.
std::optional<Decimal> read_decimal(std::string_view text);

inline Value value_of(Decimal value) {
    return Value::of_bytes(ColumnType::decimal, &value, sizeof value);
}
inline Decimal decimal_of(const Value& value) {
    Decimal out{};
    value.copy_to(&out);
    return out;
}

struct CastResult {
    Value value;
    Fault fault = Fault::none;
};
// To a number of another type; NULL stays.
CastResult cast_decimal(const Value& value, ColumnType to);

// How large the digits of a node's values can become, and how many stand behind the point.
struct DecimalBound {
    std::uint32_t bits = 0;
    std::uint32_t least_scale = 0;
    std::uint32_t most_scale = 0;
    bool fits() const { return bits <= max_decimal_bits && most_scale <= max_decimal_scale; }
};
// Of a node of type decimal.
DecimalBound bound_of(const Statement& statement, NodeId id);

} // namespace gamelan::kernel
