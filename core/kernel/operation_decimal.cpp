// Numerics: arithmetic that the compiler has bounded, and casts.
#include "core/kernel/decimal.hpp"
#include "core/kernel/loops.hpp"

namespace gamelan::kernel {

namespace {

struct AddDecimals {
    GAMELAN_INLINE Decimal value(Decimal a, Decimal b) { return sum_of(a, b); }
};
struct SubtractDecimals {
    GAMELAN_INLINE Decimal value(Decimal a, Decimal b) { return sum_of(a, negative_of(b)); }
};
struct MultiplyDecimals {
    GAMELAN_INLINE Decimal value(Decimal a, Decimal b) { return product_of(a, b); }
};
struct NegateDecimal {
    GAMELAN_INLINE Decimal value(Decimal a) { return negative_of(a); }
};
struct AbsoluteDecimal {
    GAMELAN_INLINE Decimal value(Decimal a) { return a.packed < 0 ? negative_of(a) : a; }
};
struct Average {
    GAMELAN_INLINE Decimal value(Decimal sum, std::int64_t count) {
        return average_of(digits_of(sum), count);
    }
};

struct FromInteger {
    template <class T>
    GAMELAN_INLINE Decimal value(T a) {
        return decimal_of(Int128{a}, 0);
    }
};

template <class To>
struct FromDecimal {
    GAMELAN_INLINE To value(Decimal a) {
        if constexpr (std::is_same_v<To, double>)
            return to_double(a);
        else if constexpr (std::is_same_v<To, float>)
            return to_float(a);
        else
            return static_cast<To>(rounded(a));
    }
    GAMELAN_INLINE Mark<To> suspect(Decimal a, To r) requires(std::is_integral_v<To>) {
        return mark<To>(rounded(a) != r);
    }
    static Fault fault(Decimal a) {
        if constexpr (std::is_integral_v<To>)
            return rounded(a) != static_cast<To>(rounded(a)) ? range_fault<To>() : Fault::none;
        else
            return Fault::none;
    }
};

} // namespace

const Operation* find_decimal(Op op, Operand second) {
    switch (op) {
    case Op::add:
        return binary<AddDecimals, Decimal>(second);
    case Op::subtract:
        return binary<SubtractDecimals, Decimal>(second);
    case Op::multiply:
        return binary<MultiplyDecimals, Decimal>(second);
    case Op::negate:
        return unary<NegateDecimal, Decimal>();
    case Op::absolute:
        return unary<AbsoluteDecimal, Decimal>();
    case Op::average:
        return binary<Average, Decimal, std::int64_t>(second);
    default:
        return nullptr;
    }
}

const Operation* find_cast_to_decimal(ColumnType from) {
    switch (from) {
    case ColumnType::i16:
        return unary<FromInteger, std::int16_t>();
    case ColumnType::i32:
        return unary<FromInteger, std::int32_t>();
    case ColumnType::i64:
        return unary<FromInteger, std::int64_t>();
    default:
        return nullptr;
    }
}

const Operation* find_cast_of_decimal(ColumnType to) {
    switch (to) {
    case ColumnType::i16:
        return unary<FromDecimal<std::int16_t>, Decimal>();
    case ColumnType::i32:
        return unary<FromDecimal<std::int32_t>, Decimal>();
    case ColumnType::i64:
        return unary<FromDecimal<std::int64_t>, Decimal>();
    case ColumnType::f32:
        return unary<FromDecimal<float>, Decimal>();
    case ColumnType::f64:
        return unary<FromDecimal<double>, Decimal>();
    default:
        return nullptr;
    }
}

} // namespace gamelan::kernel
