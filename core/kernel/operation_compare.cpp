// Comparisons, and what chooses between values. NaN equals NaN and is greater than every other number.
#include "core/kernel/decimal.hpp"
#include "core/kernel/loops.hpp"

namespace gamelan::kernel {

namespace {

using Byte = std::uint8_t;

// Bytes are compared from the first one on, as memcmp does.
GAMELAN_INLINE std::uint64_t from_first_byte(std::uint64_t bytes) {
    static_assert(std::endian::native == std::endian::little);
    return __builtin_bswap64(bytes);
}

__extension__ using Microseconds = __int128;

// Months have 30 days here and days 24 hours.
GAMELAN_INLINE Microseconds length_of(Span span) {
    constexpr std::int64_t microseconds_per_day = 86400000000;
    const std::int64_t days = std::int64_t{span.months} * 30 + span.days;
    return Microseconds{days} * microseconds_per_day + span.microseconds;
}

// As integers, not bools: the compiler then keeps them in lanes.
template <class T>
GAMELAN_INLINE int equals(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return int{a == b} | (int{a != a} & int{b != b}); // NOLINT(misc-redundant-expression)
    else if constexpr (std::is_same_v<T, Wide>)
        return int{a.low == b.low} & int{a.high == b.high};
    else if constexpr (std::is_same_v<T, Span>)
        return length_of(a) == length_of(b);
    else if constexpr (std::is_same_v<T, Decimal>)
        return compare(a, b) == 0;
    else
        return a == b;
}
template <class T>
GAMELAN_INLINE int precedes(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return int{a < b} | (int{a == a} & int{b != b}); // NOLINT(misc-redundant-expression)
    else if constexpr (std::is_same_v<T, Wide>)
        return int{from_first_byte(a.low) < from_first_byte(b.low)} |
               (int{a.low == b.low} & int{from_first_byte(a.high) < from_first_byte(b.high)});
    else if constexpr (std::is_same_v<T, Span>)
        return length_of(a) < length_of(b);
    else if constexpr (std::is_same_v<T, Decimal>)
        return compare(a, b) < 0;
    else
        return a < b;
}

struct Equal {
    template <class T>
    GAMELAN_INLINE int test(T a, T b) {
        return equals(a, b);
    }
};
struct NotEqual {
    template <class T>
    GAMELAN_INLINE int test(T a, T b) {
        return equals(a, b) ^ 1;
    }
};
struct Less {
    template <class T>
    GAMELAN_INLINE int test(T a, T b) {
        return precedes(a, b);
    }
};
struct LessEqual {
    template <class T>
    GAMELAN_INLINE int test(T a, T b) {
        return precedes(b, a) ^ 1;
    }
};
struct Greater {
    template <class T>
    GAMELAN_INLINE int test(T a, T b) {
        return precedes(b, a);
    }
};
struct GreaterEqual {
    template <class T>
    GAMELAN_INLINE int test(T a, T b) {
        return precedes(a, b) ^ 1;
    }
};

template <class Test>
struct Compare {
    template <class T>
    GAMELAN_INLINE Byte value(T a, T b) {
        return static_cast<Byte>(Test::test(a, b));
    }
};
template <class Test>
struct CompareSelect {
    template <class T>
    GAMELAN_INLINE T value(T a, T b, T yes, T no) {
        return Test::test(a, b) != 0 ? yes : no;
    }
};
// Of equals the first remains: it may be the other zero.
struct Greatest {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        return precedes(a, b) != 0 ? b : a;
    }
};
struct Least {
    template <class T>
    GAMELAN_INLINE T value(T a, T b) {
        return precedes(b, a) != 0 ? b : a;
    }
};
struct Select {
    template <class T>
    GAMELAN_INLINE T value(Byte condition, T yes, T no) {
        return condition != 0 ? yes : no;
    }
};

template <class T>
const Operation* comparison_of(Op op, Operand second) {
    switch (op) {
    case Op::equal:
        return binary<Compare<Equal>, T>(second);
    case Op::not_equal:
        return binary<Compare<NotEqual>, T>(second);
    case Op::less:
        return binary<Compare<Less>, T>(second);
    case Op::less_equal:
        return binary<Compare<LessEqual>, T>(second);
    case Op::greater:
        return binary<Compare<Greater>, T>(second);
    case Op::greater_equal:
        return binary<Compare<GreaterEqual>, T>(second);
    case Op::greatest:
        return binary<Greatest, T>(second);
    case Op::least:
        return binary<Least, T>(second);
    default:
        return nullptr;
    }
}

template <class Test, class T>
const Operation* compare_select(Operand second) {
    return second == Operand::fixed ? &lanewise<CompareSelect<Test>, 1, T, T, T, T>
                                    : &lanewise<CompareSelect<Test>, -1, T, T, T, T>;
}

template <class T>
const Operation* compare_select_of(Op op, Operand second) {
    switch (op) {
    case Op::equal:
        return compare_select<Equal, T>(second);
    case Op::not_equal:
        return compare_select<NotEqual, T>(second);
    case Op::less:
        return compare_select<Less, T>(second);
    case Op::less_equal:
        return compare_select<LessEqual, T>(second);
    case Op::greater:
        return compare_select<Greater, T>(second);
    case Op::greater_equal:
        return compare_select<GreaterEqual, T>(second);
    default:
        return nullptr;
    }
}

} // namespace

const Operation* find_comparison(Op op, ColumnType type, Operand second) {
    switch (type) {
    case ColumnType::boolean:
    case ColumnType::i8: // as if it had no sign, in Postgres too
        return comparison_of<Byte>(op, second);
    case ColumnType::bytes16:
        return comparison_of<Wide>(op, second);
    case ColumnType::span:
        return comparison_of<Span>(op, second);
    case ColumnType::decimal:
        return comparison_of<Decimal>(op, second);
    case ColumnType::i16:
        return comparison_of<std::int16_t>(op, second);
    case ColumnType::i32:
        return comparison_of<std::int32_t>(op, second);
    case ColumnType::i64:
        return comparison_of<std::int64_t>(op, second);
    case ColumnType::f32:
        return comparison_of<float>(op, second);
    case ColumnType::f64:
        return comparison_of<double>(op, second);
    case ColumnType::code:
        return op == Op::equal || op == Op::not_equal ? comparison_of<std::int32_t>(op, second) : nullptr;
    default:
        return nullptr;
    }
}

const Operation* find_compare_select(Op op, ColumnType type, Operand second) {
    switch (type) {
    case ColumnType::i32:
        return compare_select_of<std::int32_t>(op, second);
    case ColumnType::i64:
        return compare_select_of<std::int64_t>(op, second);
    case ColumnType::f32:
        return compare_select_of<float>(op, second);
    case ColumnType::f64:
        return compare_select_of<double>(op, second);
    default:
        return nullptr;
    }
}

const Operation* find_select(std::uint32_t width_bytes) {
    switch (width_bytes) {
    case 1:
        return &lanewise<Select, -1, Byte, std::uint8_t, std::uint8_t>;
    case 2:
        return &lanewise<Select, -1, Byte, std::uint16_t, std::uint16_t>;
    case 4:
        return &lanewise<Select, -1, Byte, std::uint32_t, std::uint32_t>;
    case 8:
        return &lanewise<Select, -1, Byte, std::uint64_t, std::uint64_t>;
    default:
        return &lanewise<Select, -1, Byte, Wide, Wide>;
    }
}

} // namespace gamelan::kernel
