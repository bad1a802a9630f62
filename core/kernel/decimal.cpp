#include "core/kernel/decimal.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace gamelan::kernel {

namespace {

// Postgres counts digits by ten thousands: how many of those stand before the last one, and the first.
struct Leading {
    int weight = 0;
    std::int64_t first = 0;
};

Leading leading_of(Unsigned128 number) {
    Leading out;
    while (number >= 10000) {
        number /= 10000;
        ++out.weight;
    }
    out.first = static_cast<std::int64_t>(number);
    return out;
}

template <class T>
T next_to(Decimal value, Int128 exact_limit, std::uint32_t exact_scale) {
    const Int128 digits = digits_of(value);
    // Both are floats, so their quotient is rounded once.
    if (digits < exact_limit && digits > -exact_limit && scale_of(value) <= exact_scale)
        return static_cast<T>(digits) / static_cast<T>(power_of_ten(scale_of(value)));
    const std::string text = text_of(value);
    T out{};
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

template <class T>
CastResult to_integer(Decimal value, ColumnType to) {
    const Int128 whole = rounded(value);
    if (whole < std::numeric_limits<T>::min() || whole > std::numeric_limits<T>::max())
        return {Value::null(to), range_fault<T>()};
    return {Value::of(to, static_cast<T>(whole)), Fault::none};
}

std::uint32_t bits_of_digits(std::uint32_t digits) {
    return (digits * 10 + 2) / 3; // more than 3.33
}

std::uint32_t bits_of(Int128 number) {
    std::uint32_t bits = 0;
    for (Unsigned128 left = static_cast<Unsigned128>(number < 0 ? -number : number); left != 0; left >>= 1)
        ++bits;
    return bits;
}

DecimalBound bound_of_cast(ColumnType from) {
    return {8 * width_of(from), 0, 0};
}

DecimalBound widest(const DecimalBound& a, const DecimalBound& b) {
    return {std::max(a.bits, b.bits), std::min(a.least_scale, b.least_scale),
            std::max(a.most_scale, b.most_scale)};
}

DecimalBound bound_of_sum(const DecimalBound& a, const DecimalBound& b) {
    DecimalBound out = widest(a, b);
    out.bits = 1 + std::max(a.bits + bits_of_digits(out.most_scale - a.least_scale),
                            b.bits + bits_of_digits(out.most_scale - b.least_scale));
    return out;
}

// 16 digits and up to two groups of four; behind the point as many as the divisor has digits, more.
constexpr DecimalBound average_bound{80, 0, 28};
// Of at most 2^32 rows.
constexpr DecimalBound sum_bound{63 + 32, 0, 0};

} // namespace

Decimal average_of(Int128 sum, std::int64_t count) {
    constexpr int digits = 16;
    const auto divisor = static_cast<Unsigned128>(std::max<std::int64_t>(count, 1));
    const Unsigned128 magnitude =
        sum < 0 ? Unsigned128{0} - static_cast<Unsigned128>(sum) : static_cast<Unsigned128>(sum);
    const Leading above = leading_of(magnitude);
    const Leading below = leading_of(divisor);
    const int weight = above.weight - below.weight - (above.first <= below.first ? 1 : 0);
    const int scale = std::clamp(digits - 4 * weight, 0, static_cast<int>(powers_of_ten.size()) - 1);
    const Unsigned128 scaled =
        magnitude * static_cast<Unsigned128>(power_of_ten(static_cast<std::uint32_t>(scale)));
    Unsigned128 quotient = scaled / divisor;
    if (2 * (scaled % divisor) >= divisor)
        ++quotient;
    const auto result = static_cast<Int128>(quotient);
    return decimal_of(sum < 0 ? -result : result, static_cast<std::uint32_t>(scale));
}

double to_double(Decimal value) {
    return next_to<double>(value, Int128{1} << 53, 22);
}

float to_float(Decimal value) {
    return next_to<float>(value, Int128{1} << 24, 10);
}

std::string text_of(Decimal value) {
    const Int128 digits = digits_of(value);
    const std::uint32_t scale = scale_of(value);
    std::string out;
    Unsigned128 left = static_cast<Unsigned128>(digits < 0 ? -digits : digits);
    while (left != 0 || out.size() <= scale) {
        out += static_cast<char>('0' + static_cast<int>(left % 10));
        left /= 10;
    }
    if (scale != 0)
        out.insert(scale, 1, '.');
    if (digits < 0)
        out += '-';
    std::reverse(out.begin(), out.end());
    return out;
}

std::optional<Decimal> read_decimal(std::string_view text) {
    const bool is_negative = text.starts_with('-');
    text.remove_prefix(is_negative ? 1 : 0);
    Int128 digits = 0;
    std::uint32_t scale = 0;
    bool is_behind = false;
    for (const char letter : text) {
        if (letter == '.' && !is_behind) {
            is_behind = true;
            continue;
        }
        if (letter < '0' || letter > '9' || scale > max_decimal_scale || bits_of(digits) > max_decimal_bits)
            return std::nullopt;
        digits = digits * 10 + (letter - '0');
        scale += is_behind;
    }
    if (text.empty() || scale > max_decimal_scale || bits_of(digits) > max_decimal_bits)
        return std::nullopt;
    return decimal_of(is_negative ? -digits : digits, scale);
}

CastResult cast_decimal(const Value& value, ColumnType to) {
    if (value.is_null)
        return {Value::null(to), Fault::none};
    const Decimal number = decimal_of(value);
    switch (to) {
    case ColumnType::i16:
        return to_integer<std::int16_t>(number, to);
    case ColumnType::i32:
        return to_integer<std::int32_t>(number, to);
    case ColumnType::i64:
        return to_integer<std::int64_t>(number, to);
    case ColumnType::f32:
        return {Value::of(to, to_float(number)), Fault::none};
    case ColumnType::f64:
        return {Value::of(to, to_double(number)), Fault::none};
    default:
        return {value, Fault::none};
    }
}

DecimalBound bound_of(const Statement& statement, NodeId id) {
    const Node& node = statement.expressions[id];
    const auto of = [&](std::size_t place) { return bound_of(statement, node.arguments[place]); };
    switch (node.op) {
    case Op::constant: {
        const Decimal value = decimal_of(node.constant);
        return {bits_of(digits_of(value)), scale_of(value), scale_of(value)};
    }
    case Op::cast:
        return bound_of_cast(statement.expressions[node.arguments[0]].type);
    case Op::aggregate:
        return statement.aggregates[node.aggregate].function == AggregateFunction::sum ? sum_bound
                                                                                       : average_bound;
    case Op::average:
        return average_bound;
    case Op::add:
    case Op::subtract:
        return bound_of_sum(of(0), of(1));
    case Op::multiply: {
        const DecimalBound a = of(0);
        const DecimalBound b = of(1);
        return {a.bits + b.bits, a.least_scale + b.least_scale, a.most_scale + b.most_scale};
    }
    default:
        break;
    }
    std::optional<DecimalBound> out;
    for (std::size_t i = 0; i < node.arguments.size(); ++i)
        if (statement.expressions[node.arguments[i]].type == ColumnType::decimal)
            out = out ? widest(*out, of(i)) : of(i);
    return out.value_or(DecimalBound{});
}

} // namespace gamelan::kernel
