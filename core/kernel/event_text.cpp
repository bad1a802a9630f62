#include "core/kernel/event_text.hpp"

#include "core/kernel/decimal.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>

namespace gamelan::kernel {

namespace {

template <class T>
T load(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

template <class T>
void append_integer(std::string& out, T value) {
    char text[24];
    out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

// Whether the text is exactly the number.
template <class T>
bool is_exactly(std::string_view text, T number) {
    T read{};
    std::from_chars(text.data(), text.data() + text.size(), read);
    if (read != number)
        return false;
    // More digits than a text of ours has: what it lacks must be zeros.
    constexpr int digits = 60;
    char exact[digits + 20];
    const auto end =
        std::to_chars(exact, exact + sizeof exact, number, std::chars_format::scientific, digits);
    const std::string_view all(exact, static_cast<std::size_t>(end.ptr - exact));
    const std::size_t mantissa = text.find('e');
    return all.starts_with(text.substr(0, mantissa)) &&
           all.substr(mantissa, all.find('e') - mantissa).find_first_not_of(".0") == std::string_view::npos;
}

// Postgres does not trust readers with a number halfway between two floats.
template <class T>
bool is_halfway(std::string_view text, T value) {
    using Wide = std::conditional_t<sizeof(T) == 4, double, long double>;
    static_assert(std::numeric_limits<Wide>::digits > std::numeric_limits<T>::digits);
    constexpr T infinity = std::numeric_limits<T>::infinity();
    for (const T neighbour : {std::nextafter(value, infinity), std::nextafter(value, T{0})})
        if (std::isfinite(neighbour) && is_exactly<Wide>(text, (Wide{value} + Wide{neighbour}) / 2))
            return true;
    return false;
}

// The shortest text, in scientific notation, that only this number is read from. `value`: positive, finite.
template <class T>
std::string_view shortest(T value, char* room, std::size_t size) {
    char* end = std::to_chars(room, room + size, value, std::chars_format::scientific).ptr;
    const auto text = [&] { return std::string_view(room, static_cast<std::size_t>(end - room)); };
    const std::size_t mantissa = text().find('e');
    int precision = mantissa < 2 ? 0 : static_cast<int>(mantissa) - 2;
    while (is_halfway(text(), value))
        end = std::to_chars(room, room + size, value, std::chars_format::scientific, ++precision).ptr;
    return text();
}

// Scientific notation to digits without an exponent.
void append_plain(std::string& out, std::string_view text) {
    const std::size_t mark = text.find('e');
    int exponent = 0;
    const std::size_t sign = text[mark + 1] == '+' ? 1 : 0;
    std::from_chars(text.data() + mark + 1 + sign, text.data() + text.size(), exponent);
    std::string digits(text.substr(0, 1));
    if (mark > 1)
        digits += text.substr(2, mark - 2);
    const int count = static_cast<int>(digits.size());
    if (exponent < 0) {
        out += "0.";
        out.append(static_cast<std::size_t>(-exponent - 1), '0');
        out += digits;
        return;
    }
    if (exponent >= count - 1)
        digits.append(static_cast<std::size_t>(exponent - (count - 1)), '0');
    else
        digits.insert(static_cast<std::size_t>(exponent) + 1, ".");
    out += digits;
}

template <class T>
void append_float(std::string& out, T value) {
    if (std::isnan(value)) {
        out += "\"NaN\"";
    } else if (std::isinf(value)) {
        out += value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
    } else if (value == 0) {
        out += '0';
    } else {
        char room[64];
        if (value < 0)
            out += '-';
        append_plain(out, shortest(std::fabs(value), room, sizeof room));
    }
}

} // namespace

bool has_json(ColumnType type) {
    switch (type) {
    case ColumnType::boolean:
    case ColumnType::i16:
    case ColumnType::i32:
    case ColumnType::i64:
    case ColumnType::f32:
    case ColumnType::f64:
    case ColumnType::bytes16:
    case ColumnType::decimal:
        return true;
    default:
        return false;
    }
}

std::string uuid_text(const std::byte* value) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < 16; ++i) {
        const auto byte = std::to_integer<unsigned>(value[i]);
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out += '-';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

void append_json(std::string& out, ColumnType type, const std::byte* value) {
    switch (type) {
    case ColumnType::boolean:
        out += load<std::uint8_t>(value) != 0 ? "true" : "false";
        return;
    case ColumnType::i16:
        return append_integer(out, load<std::int16_t>(value));
    case ColumnType::i32:
        return append_integer(out, load<std::int32_t>(value));
    case ColumnType::i64:
        return append_integer(out, load<std::int64_t>(value));
    case ColumnType::f32:
        return append_float(out, load<float>(value));
    case ColumnType::f64:
        return append_float(out, load<double>(value));
    case ColumnType::bytes16:
        out += '"' + uuid_text(value) + '"';
        return;
    case ColumnType::decimal:
        out += text_of(load<Decimal>(value));
        return;
    default:
        out += "null";
    }
}

} // namespace gamelan::kernel
