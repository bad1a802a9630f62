// + − × ÷ of all numbers and what builds on them. Integers wrap and floats go where IEEE 754 takes them; what
// Postgres calls an error is found afterwards.
#include "core/kernel/loops.hpp"

namespace gamelan::kernel {

namespace {

template <class T>
inline constexpr bool is_real = std::is_floating_point_v<T>;

// The result of a sum or product is infinite though the operands are not.
template <class T>
Fault overflow_of(T result, bool has_infinite_operand) {
    return is_infinite(result) && !has_infinite_operand ? Fault::overflow : Fault::none;
}

struct Add {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        if constexpr (is_real<T>)
            return a + b;
        else
            return wrapped(a, b, [](auto x, auto y) { return x + y; });
    }
    template <class T>
    GAMELAN_INLINE Mark<T> suspect(T a, T b, T r) {
        if constexpr (is_real<T>)
            return mark_special(r);
        else
            return static_cast<Mark<T>>(((a ^ r) & (b ^ r)) & sign_bit<T>);
    }
    template <class T>
    static Fault fault(T a, T b) {
        T sum{};
        if constexpr (is_real<T>)
            return overflow_of(a + b, is_infinite(a) || is_infinite(b));
        else
            return __builtin_add_overflow(a, b, &sum) ? range_fault<T>() : Fault::none;
    }
};

struct Subtract {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        if constexpr (is_real<T>)
            return a - b;
        else
            return wrapped(a, b, [](auto x, auto y) { return x - y; });
    }
    template <class T>
    GAMELAN_INLINE Mark<T> suspect(T a, T b, T r) {
        if constexpr (is_real<T>)
            return mark_special(r);
        else
            return static_cast<Mark<T>>(((a ^ b) & (a ^ r)) & sign_bit<T>);
    }
    template <class T>
    static Fault fault(T a, T b) {
        T difference{};
        if constexpr (is_real<T>)
            return overflow_of(a - b, is_infinite(a) || is_infinite(b));
        else
            return __builtin_sub_overflow(a, b, &difference) ? range_fault<T>() : Fault::none;
    }
};

struct Multiply {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        if constexpr (is_real<T>)
            return a * b;
        else
            return wrapped(a, b, [](auto x, auto y) { return x * y; });
    }
    template <class T>
    GAMELAN_INLINE Mark<T> suspect(T a, T b, T r) {
        if constexpr (is_real<T>) {
            return mark_special(r) | (r == 0 ? mark_not_zero(a) & mark_not_zero(b) : Mark<T>{0});
        } else if constexpr (sizeof(T) == 8) {
            // No wider integer, but the product of the rounded factors is near enough to clear most.
            const double product = static_cast<double>(a) * static_cast<double>(b);
            return mark<T>(!(product > -9.2e18)) | mark<T>(!(product < 9.2e18));
        } else {
            using Wide = std::conditional_t<sizeof(T) == 4, std::int64_t, std::int32_t>;
            return mark<T>(static_cast<Wide>(a) * static_cast<Wide>(b) != static_cast<Wide>(r));
        }
    }
    template <class T>
    static Fault fault(T a, T b) {
        T product{};
        if constexpr (is_real<T>) {
            product = a * b;
            if (product == 0 && a != 0 && b != 0)
                return Fault::underflow;
            return overflow_of(product, is_infinite(a) || is_infinite(b));
        } else {
            return __builtin_mul_overflow(a, b, &product) ? range_fault<T>() : Fault::none;
        }
    }
};

template <class T>
Fault real_division_fault(T a, T b) {
    if (b == 0 && !is_nan(a))
        return Fault::division_by_zero;
    const T quotient = a / b;
    if (is_infinite(quotient) && !is_infinite(a))
        return Fault::overflow;
    return quotient == 0 && a != 0 && !is_infinite(b) ? Fault::underflow : Fault::none;
}

struct Divide {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        if constexpr (is_real<T>) {
            return a / b;
        } else if constexpr (sizeof(T) == 8) {
            const bool is_undefined = b == 0 || b == -1;
            const T quotient = a / (is_undefined ? T{1} : b);
            return b == -1 ? wrapped(T{0}, a, [](auto x, auto y) { return x - y; }) : quotient;
        } else {
            // Exact: a double holds both, and a quotient that is no integer lies far enough from one.
            const double quotient = static_cast<double>(a) / static_cast<double>(b == 0 ? T{1} : b);
            return static_cast<T>(static_cast<std::int64_t>(quotient));
        }
    }
    template <class T>
    GAMELAN_INLINE Mark<T> suspect(T a, T b, T r) {
        if constexpr (is_real<T>)
            return mark_special(r) | (r == 0 ? mark_not_zero(a) : Mark<T>{0}); // a zero b makes it special
        else
            return mark<T>(b == 0) | (mark<T>(b == -1) & mark<T>(a == std::numeric_limits<T>::min()));
    }
    template <class T>
    static Fault fault(T a, T b) {
        if constexpr (is_real<T>)
            return real_division_fault(a, b);
        if (b == 0)
            return Fault::division_by_zero;
        return b == -1 && a == std::numeric_limits<T>::min() ? range_fault<T>() : Fault::none;
    }
};

// Postgres negates zero to minus zero, and asks integers whether they can be negated.
struct Negate {
    template <class T>
    GAMELAN_INLINE T value(T a) {
        if constexpr (is_real<T>)
            return is_nan(a) ? canonical_nan<T> : -a;
        else
            return wrapped(T{0}, a, [](auto x, auto y) { return x - y; });
    }
    template <class T>
    requires std::is_integral_v<T> GAMELAN_INLINE Mark<T> suspect(T a, T) {
        return mark<T>(a == std::numeric_limits<T>::min());
    }
    template <class T>
    static Fault fault(T a) {
        return a == std::numeric_limits<T>::min() ? range_fault<T>() : Fault::none;
    }
};

struct Absolute {
    template <class T>
    GAMELAN_INLINE T value(T a) {
        if constexpr (is_real<T>)
            return is_nan(a) ? canonical_nan<T> : std::bit_cast<T>(magnitude_bits(a));
        else
            return a < 0 ? wrapped(T{0}, a, [](auto x, auto y) { return x - y; }) : a;
    }
    template <class T>
    requires std::is_integral_v<T> GAMELAN_INLINE Mark<T> suspect(T a, T) {
        return mark<T>(a == std::numeric_limits<T>::min());
    }
    template <class T>
    static Fault fault(T a) {
        return a == std::numeric_limits<T>::min() ? range_fault<T>() : Fault::none;
    }
};

// a ± b × c with both roundings and both checks.
template <class Last>
struct MultiplyThen {
    template <class T>
    GAMELAN_INLINE T value(T a, T b, T c) {
        return Last::value(a, Multiply::value(b, c));
    }
    template <class T>
    GAMELAN_INLINE Mark<T> suspect(T, T b, T c, T r) {
        const T product = Multiply::value(b, c);
        // An infinite product makes the result infinite or NaN.
        return mark_special(r) | (product == 0 ? mark_not_zero(b) & mark_not_zero(c) : Mark<T>{0});
    }
    template <class T>
    static Fault fault(T a, T b, T c) {
        const Fault fault = Multiply::fault(b, c);
        return fault != Fault::none ? fault : Last::fault(a, b * c);
    }
};

template <class T>
const Operation* arithmetic_of(Op op, Operand second) {
    switch (op) {
    case Op::add:
        return binary<Add, T>(second);
    case Op::subtract:
        return binary<Subtract, T>(second);
    case Op::multiply:
        return binary<Multiply, T>(second);
    case Op::divide:
        return binary<Divide, T>(second);
    case Op::negate:
        return unary<Negate, T>();
    case Op::absolute:
        return unary<Absolute, T>();
    default:
        return nullptr;
    }
}

template <class Last, class T>
const Operation* multiply_then(Operand multiplier) {
    return multiplier == Operand::fixed ? &lanewise<MultiplyThen<Last>, 2, T, T, T>
                                        : &lanewise<MultiplyThen<Last>, -1, T, T, T>;
}

} // namespace

const Operation* find_arithmetic(Op op, ColumnType type, Operand second) {
    switch (type) {
    case ColumnType::i16:
        return arithmetic_of<std::int16_t>(op, second);
    case ColumnType::i32:
        return arithmetic_of<std::int32_t>(op, second);
    case ColumnType::i64:
        return arithmetic_of<std::int64_t>(op, second);
    case ColumnType::f32:
        return arithmetic_of<float>(op, second);
    case ColumnType::f64:
        return arithmetic_of<double>(op, second);
    default:
        return nullptr;
    }
}

const Operation* find_multiply_add(ColumnType type, bool is_subtracted, Operand multiplier) {
    if (type == ColumnType::f32)
        return is_subtracted ? multiply_then<Subtract, float>(multiplier)
                             : multiply_then<Add, float>(multiplier);
    if (type == ColumnType::f64)
        return is_subtracted ? multiply_then<Subtract, double>(multiplier)
                             : multiply_then<Add, double>(multiplier);
    return nullptr;
}

} // namespace gamelan::kernel
