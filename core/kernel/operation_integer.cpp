// What only integers have: remainders, bits, dates.
#include "core/kernel/loops.hpp"

namespace gamelan::kernel {

namespace {

struct Modulo {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        const T divisor = b == 0 || b == -1 ? T{1} : b;
        if constexpr (sizeof(T) == 8) {
            return a % divisor;
        } else {
            const auto quotient =
                static_cast<std::int64_t>(static_cast<double>(a) / static_cast<double>(divisor));
            return static_cast<T>(std::int64_t{a} - quotient * std::int64_t{divisor});
        }
    }
    template <class T>
    GAMELAN_INLINE Mark<T> suspect(T, T b, T) {
        return mark<T>(b == 0);
    }
    template <class T>
    static Fault fault(T, T b) {
        return b == 0 ? Fault::division_by_zero : Fault::none;
    }
};

struct BitAnd {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        return static_cast<T>(a & b);
    }
};
struct BitOr {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        return static_cast<T>(a | b);
    }
};
struct BitXor {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        return static_cast<T>(a ^ b);
    }
};
struct BitNot {
    template <class T>
    GAMELAN_INLINE T value(T a) {
        return static_cast<T>(~a);
    }
};

// Postgres leaves the count to the machine, which looks at its last five or six bits; a smallint is shifted
// as an integer.
template <class T>
inline constexpr std::int32_t count_mask = sizeof(T) == 8 ? 63 : 31;

struct ShiftLeft {
    template <class T>
    GAMELAN_INLINE T value(T a, std::int32_t count) {
        using U = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
        return static_cast<T>(static_cast<U>(a) << (count & count_mask<T>));
    }
};
struct ShiftRight {
    template <class T>
    GAMELAN_INLINE T value(T a, std::int32_t count) {
        return static_cast<T>(a >> (count & count_mask<T>));
    }
};

// Dates are days since 2000-01-01, from 4714 BC to 5874897 AD; the extremes stand for the infinities.
constexpr std::int32_t first_date = -2451545;
constexpr std::int32_t dates_end = 2145031949;

GAMELAN_INLINE bool is_infinite_date(std::int32_t date) {
    return date == std::numeric_limits<std::int32_t>::min() ||
           date == std::numeric_limits<std::int32_t>::max();
}
bool is_date(std::int64_t day) {
    return day >= first_date && day < dates_end;
}

template <int sign>
struct DateShift {
    GAMELAN_INLINE std::int32_t value(std::int32_t date, std::int32_t days) {
        const auto moved =
            static_cast<std::int32_t>(static_cast<std::uint32_t>(date) +
                                      static_cast<std::uint32_t>(sign) * static_cast<std::uint32_t>(days));
        return is_infinite_date(date) ? date : moved;
    }
    GAMELAN_INLINE std::uint32_t suspect(std::int32_t date, std::int32_t days, std::int32_t moved) {
        const std::uint32_t is_wrapped = sign > 0
                                             ? static_cast<std::uint32_t>((date ^ moved) & (days ^ moved))
                                             : static_cast<std::uint32_t>((date ^ days) & (date ^ moved));
        return is_wrapped | mark<std::int32_t>(moved < first_date) | mark<std::int32_t>(moved >= dates_end);
    }
    static Fault fault(std::int32_t date, std::int32_t days) {
        if (is_infinite_date(date))
            return Fault::none;
        return is_date(std::int64_t{date} + sign * std::int64_t{days}) ? Fault::none : Fault::date_range;
    }
};

struct DateDifference {
    GAMELAN_INLINE std::int32_t value(std::int32_t a, std::int32_t b) {
        return wrapped(a, b, [](auto x, auto y) { return x - y; });
    }
    GAMELAN_INLINE std::uint32_t suspect(std::int32_t a, std::int32_t b, std::int32_t) {
        return mark<std::int32_t>(is_infinite_date(a)) | mark<std::int32_t>(is_infinite_date(b));
    }
    static Fault fault(std::int32_t a, std::int32_t b) {
        return is_infinite_date(a) || is_infinite_date(b) ? Fault::infinite_dates : Fault::none;
    }
};

template <class T>
const Operation* integer_of(Op op, Operand second) {
    switch (op) {
    case Op::modulo:
        return binary<Modulo, T>(second);
    case Op::bit_and:
        return binary<BitAnd, T>(second);
    case Op::bit_or:
        return binary<BitOr, T>(second);
    case Op::bit_xor:
        return binary<BitXor, T>(second);
    case Op::bit_not:
        return unary<BitNot, T>();
    case Op::shift_left:
        return binary<ShiftLeft, T, std::int32_t>(second);
    case Op::shift_right:
        return binary<ShiftRight, T, std::int32_t>(second);
    default:
        return nullptr;
    }
}

} // namespace

const Operation* find_integer(Op op, ColumnType type, Operand second) {
    switch (op) {
    case Op::date_add:
        return binary<DateShift<1>, std::int32_t>(second);
    case Op::date_subtract:
        return binary<DateShift<-1>, std::int32_t>(second);
    case Op::date_difference:
        return binary<DateDifference, std::int32_t>(second);
    default:
        break;
    }
    switch (type) {
    case ColumnType::i16:
        return integer_of<std::int16_t>(op, second);
    case ColumnType::i32:
        return integer_of<std::int32_t>(op, second);
    case ColumnType::i64:
        return integer_of<std::int64_t>(op, second);
    default:
        return nullptr;
    }
}

} // namespace gamelan::kernel
