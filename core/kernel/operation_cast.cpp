// Casts among numbers, and between integer and boolean: to the nearest, ties to even.
#include "core/kernel/loops.hpp"

namespace gamelan::kernel {

namespace {

// Whether a rounded float has a counterpart; the upper end of an integer type is no float, its successor is.
template <class T, class F>
GAMELAN_INLINE bool fits(F rounded) {
    constexpr F low = static_cast<F>(std::numeric_limits<T>::min());
    return rounded >= low && rounded < -low;
}

template <class To>
struct Cast {
    template <class T>
    GAMELAN_INLINE To value(T a) {
        if constexpr (std::is_floating_point_v<T> && std::is_integral_v<To>) {
            const T rounded = sizeof(T) == 4 ? static_cast<T>(__builtin_rintf(static_cast<float>(a)))
                                             : static_cast<T>(__builtin_rint(static_cast<double>(a)));
            return static_cast<To>(fits<To>(rounded) ? rounded : T{0});
        } else if constexpr (std::is_floating_point_v<T> && sizeof(To) > sizeof(T)) {
            return a != a ? canonical_nan<To> : static_cast<To>(a); // NOLINT(misc-redundant-expression)
        } else {
            return static_cast<To>(a);
        }
    }
    template <class T>
    requires(std::is_floating_point_v<T>&& std::is_integral_v<To>) GAMELAN_INLINE Mark<T> suspect(T a, To) {
        const T rounded = sizeof(T) == 4 ? static_cast<T>(__builtin_rintf(static_cast<float>(a)))
                                         : static_cast<T>(__builtin_rint(static_cast<double>(a)));
        return mark<T>(!fits<To>(rounded));
    }
    template <class T>
    requires(std::is_same_v<T, double>&& std::is_same_v<To, float>) GAMELAN_INLINE std::uint64_t
        suspect(T a, To r) {
        return mark<T>(is_special(r)) | (mark<T>(r == 0) & mark<T>(a != 0));
    }
    template <class T>
    requires(std::is_integral_v<T>&& std::is_integral_v<To> &&
             sizeof(To) < sizeof(T)) GAMELAN_INLINE Mark<T> suspect(T a, To r) {
        return mark<T>(static_cast<T>(r) != a);
    }
    template <class T>
    static Fault fault(T a) {
        if constexpr (std::is_floating_point_v<T> && std::is_integral_v<To>) {
            return suspect(a, To{}) != 0 ? range_fault<To>() : Fault::none;
        } else if constexpr (std::is_floating_point_v<T>) {
            const To narrow = static_cast<To>(a);
            if (is_infinite(narrow) && !is_infinite(a))
                return Fault::overflow;
            return narrow == 0 && a != 0 ? Fault::underflow : Fault::none;
        } else {
            return static_cast<T>(static_cast<To>(a)) != a ? range_fault<To>() : Fault::none;
        }
    }
};

struct ToTruth {
    GAMELAN_INLINE std::uint8_t value(std::int32_t a) { return a != 0 ? 1 : 0; }
};
struct FromTruth {
    GAMELAN_INLINE std::int32_t value(std::uint8_t a) { return a != 0 ? 1 : 0; }
};

struct ToChar {
    GAMELAN_INLINE std::int8_t value(std::int32_t a) { return static_cast<std::int8_t>(a); }
    GAMELAN_INLINE std::uint32_t suspect(std::int32_t a, std::int8_t r) { return mark<std::int32_t>(r != a); }
    static Fault fault(std::int32_t a) {
        return static_cast<std::int8_t>(a) != a ? Fault::char_range : Fault::none;
    }
};

template <class T>
const Operation* cast_of(ColumnType to) {
    switch (to) {
    case ColumnType::i16:
        return unary<Cast<std::int16_t>, T>();
    case ColumnType::i32:
        return unary<Cast<std::int32_t>, T>();
    case ColumnType::i64:
        return unary<Cast<std::int64_t>, T>();
    case ColumnType::f32:
        return unary<Cast<float>, T>();
    case ColumnType::f64:
        return unary<Cast<double>, T>();
    default:
        return nullptr;
    }
}

} // namespace

const Operation* find_cast(ColumnType from, ColumnType to) {
    if (to == ColumnType::decimal)
        return find_cast_to_decimal(from);
    switch (from) {
    case ColumnType::decimal:
        return find_cast_of_decimal(to);
    case ColumnType::boolean:
        return to == ColumnType::i32 ? unary<FromTruth, std::uint8_t>() : nullptr;
    case ColumnType::i8:
        return to == ColumnType::i32 ? unary<Cast<std::int32_t>, std::int8_t>() : nullptr;
    case ColumnType::u8: // small counts
        return cast_of<std::uint8_t>(to);
    case ColumnType::i16:
        return cast_of<std::int16_t>(to);
    case ColumnType::i32:
        return to == ColumnType::boolean ? unary<ToTruth, std::int32_t>()
               : to == ColumnType::i8    ? unary<ToChar, std::int32_t>()
                                         : cast_of<std::int32_t>(to);
    case ColumnType::i64:
        return cast_of<std::int64_t>(to);
    case ColumnType::f32:
        return cast_of<float>(to);
    case ColumnType::f64:
        return cast_of<double>(to);
    default:
        return nullptr;
    }
}

const Operation* find_operation(Op op, ColumnType type, ColumnType to, Operand second) {
    if (op == Op::cast)
        return find_cast(type, to);
    if (op >= Op::sign && op <= Op::atan2)
        return find_function(op, second);
    if (op == Op::random)
        return find_function(op, second);
    if (type == ColumnType::span && op < Op::equal)
        return find_span(op, second);
    if (type == ColumnType::decimal && (op < Op::equal || op == Op::average))
        return find_decimal(op, second);
    if (const Operation* found = find_arithmetic(op, type, second))
        return found;
    if (const Operation* found = find_integer(op, type, second))
        return found;
    return find_comparison(op, type, second);
}

} // namespace gamelan::kernel
