// Masks against Postgres's comparisons written out one value at a time.
#include "core/query/predicate.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gamelan::query {
namespace {

constexpr std::uint32_t words = 4;
constexpr std::uint32_t slots = words * 64;

template <class T>
struct TypeOf;
template <>
struct TypeOf<std::int8_t> {
    static constexpr ColumnType value = ColumnType::i8;
};
template <>
struct TypeOf<std::int16_t> {
    static constexpr ColumnType value = ColumnType::i16;
};
template <>
struct TypeOf<std::int32_t> {
    static constexpr ColumnType value = ColumnType::i32;
};
template <>
struct TypeOf<std::int64_t> {
    static constexpr ColumnType value = ColumnType::i64;
};
template <>
struct TypeOf<float> {
    static constexpr ColumnType value = ColumnType::f32;
};
template <>
struct TypeOf<double> {
    static constexpr ColumnType value = ColumnType::f64;
};

// -1, 0 or 1, as the default btree operator class of Postgres compares (float_cmp_internal and friends).
template <class T>
int compare(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(a))
            return std::isnan(b) ? 0 : 1;
        if (std::isnan(b))
            return -1;
    }
    return a > b ? 1 : a < b ? -1 : 0;
}

template <class T>
bool holds(Condition condition, T value, T operand) {
    const int order = compare(value, operand);
    switch (condition) {
    case Condition::equal:
        return order == 0;
    case Condition::not_equal:
        return order != 0;
    case Condition::less:
        return order < 0;
    case Condition::less_equal:
        return order <= 0;
    case Condition::greater:
        return order > 0;
    case Condition::greater_equal:
        return order >= 0;
    default:
        return false;
    }
}

// Few different values, so that they meet; and the ends of the type.
template <class T>
rc::Gen<T> some_value() {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_floating_point_v<T>)
        return rc::gen::element<T>(T(0), -T(0), T(1), T(-1), T(1.5), Limits::quiet_NaN(), Limits::infinity(),
                                   -Limits::infinity(), Limits::denorm_min(), Limits::max(), T(0.1));
    else
        return rc::gen::element<T>(0, 1, -1, 2, 7, Limits::min(), Limits::max(), Limits::max() - 1);
}

rc::Gen<Condition> some_comparison() {
    return rc::gen::element(Condition::equal, Condition::not_equal, Condition::less, Condition::less_equal,
                            Condition::greater, Condition::greater_equal);
}

std::vector<std::uint64_t> some_bits() {
    return *rc::gen::container<std::vector<std::uint64_t>>(
        words, rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(), rc::gen::just<std::uint64_t>(0),
                              rc::gen::just(~std::uint64_t{0})));
}

template <class T>
const std::byte* bytes_of(const T* values) {
    return reinterpret_cast<const std::byte*>(values);
}

bool bit(const std::vector<std::uint64_t>& bits, std::uint32_t slot) {
    return (bits[slot / 64] >> slot % 64 & 1) != 0;
}

// Narrows random slots by `predicate`, and checks each against `expected` and against passes().
template <class T, class F>
void check_narrow(const Predicate& predicate, F&& expected) {
    const auto values = *rc::gen::container<std::vector<T>>(slots, some_value<T>());
    const auto before = some_bits();
    const auto nulls = some_bits();
    const bool has_nulls = *rc::gen::arbitrary<bool>();
    const bool has_values = *rc::gen::weightedElement<bool>({{5, true}, {1, false}});
    auto mask = before;
    predicate.narrow(mask.data(), words, has_values ? bytes_of(values.data()) : nullptr,
                     has_nulls ? nulls.data() : nullptr);
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        const T value = has_values ? values[slot] : T(0);
        const bool is_null = has_nulls && bit(nulls, slot);
        RC_ASSERT(bit(mask, slot) == (bit(before, slot) && !is_null && expected(value)));
        RC_ASSERT(predicate.passes(bytes_of(&value)) == expected(value));
    }
}

template <class T>
class Comparisons : public testing::Test {};
using Numbers = testing::Types<std::int8_t, std::int16_t, std::int32_t, std::int64_t, float, double>;
TYPED_TEST_SUITE(Comparisons, Numbers);

TYPED_TEST(Comparisons, KeepTheSlotsThatPostgresWould) {
    using T = TypeParam;
    EXPECT_TRUE(rc::check([] {
        const Condition condition = *some_comparison();
        const T operand = *some_value<T>();
        Predicate predicate(TypeOf<T>::value);
        predicate.set(condition, bytes_of(&operand));
        check_narrow<T>(predicate, [&](T v) { return holds(condition, v, operand); });
    }));
}

TYPED_TEST(Comparisons, WithAListAskWhetherItHasTheValue) {
    using T = TypeParam;
    EXPECT_TRUE(rc::check([] {
        const auto list = *rc::gen::container<std::vector<T>>(some_value<T>());
        Predicate predicate(TypeOf<T>::value);
        predicate.set_list({bytes_of(list.data()), list.size() * sizeof(T)});
        check_narrow<T>(predicate, [&](T v) {
            return std::any_of(list.begin(), list.end(), [&](T element) { return compare(v, element) == 0; });
        });
    }));
}

TYPED_TEST(Comparisons, WithALongListAskTheSame) {
    using T = TypeParam;
    if constexpr (std::is_integral_v<T>) {
        EXPECT_TRUE(rc::check([] {
            std::vector<T> list;
            for (int i = 0; i < 50; ++i)
                list.push_back(static_cast<T>(*rc::gen::inRange(-60, 60)));
            Predicate predicate(TypeOf<T>::value);
            predicate.set_list({bytes_of(list.data()), list.size() * sizeof(T)});
            check_narrow<T>(predicate,
                            [&](T v) { return std::find(list.begin(), list.end(), v) != list.end(); });
        }));
    }
}

// Whatever the rows are: a block whose zone is that of its rows is skipped only when none of them passes.
TYPED_TEST(Comparisons, NeverSkipABlockThatHasAMatch) {
    using T = TypeParam;
    EXPECT_TRUE(rc::check([] {
        const auto rows =
            *rc::gen::suchThat(rc::gen::container<std::vector<T>>(some_value<T>()),
                               [](const std::vector<T>& generated) { return !generated.empty(); });
        store::Zone zone{~std::uint64_t{0}, 0};
        for (const T& row : rows) {
            const std::uint64_t key = store::order_key(TypeOf<T>::value, bytes_of(&row));
            zone.least = std::min(zone.least, key);
            zone.greatest = std::max(zone.greatest, key);
        }
        Predicate predicate(TypeOf<T>::value);
        const T operand = *some_value<T>();
        if (*rc::gen::arbitrary<bool>()) {
            predicate.set(*some_comparison(), bytes_of(&operand));
        } else {
            const T list[] = {operand, *some_value<T>()};
            predicate.set_list({bytes_of(list), sizeof list});
        }
        bool any = false;
        for (const T& row : rows)
            any |= predicate.passes(bytes_of(&row));
        RC_ASSERT(!any || predicate.may_match(zone));
        if (rows.size() == 1)
            RC_ASSERT(predicate.condition() == Condition::in_list || any == predicate.may_match(zone));
    }));
}

// For types with an order, a value passes if and only if its key lies in one of the ranges.
TYPED_TEST(Comparisons, NameTheKeysThatAnIndexHasToLookFor) {
    using T = TypeParam;
    EXPECT_TRUE(rc::check([] {
        Predicate predicate(TypeOf<T>::value);
        const T operand = *some_value<T>();
        const Condition condition =
            *rc::gen::element(Condition::equal, Condition::less, Condition::less_equal, Condition::greater,
                              Condition::greater_equal, Condition::in_list);
        if (condition == Condition::in_list) {
            const T list[] = {operand, *some_value<T>(), *some_value<T>()};
            predicate.set_list({bytes_of(list), sizeof list});
        } else {
            predicate.set(condition, bytes_of(&operand));
        }
        std::vector<Predicate::KeyRange> ranges;
        predicate.key_ranges(ranges);
        const T value = *some_value<T>();
        const std::uint64_t key = store::order_key(TypeOf<T>::value, bytes_of(&value));
        const auto has_key = [key](const Predicate::KeyRange& r) { return r.low <= key && key <= r.high; };
        RC_ASSERT(predicate.passes(bytes_of(&value)) == std::any_of(ranges.begin(), ranges.end(), has_key));
    }));
}

TEST(Predicate, ComparesAColumnOfIntegersWithNumbersItCannotHold) {
    EXPECT_TRUE(rc::check([] {
        const Condition condition = *some_comparison();
        const auto operand = *rc::gen::oneOf(some_value<std::int64_t>(),
                                             rc::gen::element<std::int64_t>(32767, 32768, -32768, -32769));
        Predicate predicate(ColumnType::i16);
        predicate.set_integer(condition, operand);
        check_narrow<std::int16_t>(
            predicate, [&](std::int16_t v) { return holds<std::int64_t>(condition, v, operand); });
    }));
}

TEST(Predicate, ComparesAColumnOfFloatsWithDoublesAsIfItWereWidened) {
    EXPECT_TRUE(rc::check([] {
        const Condition condition = *some_comparison();
        const auto operand = *rc::gen::oneOf(
            some_value<double>(), rc::gen::element<double>(0.1f, 0.1, std::nextafter(0.1f, 1.0), 1e300,
                                                           -1e300, std::nextafter(1.5, 0.0), 1e-60, -1e-60));
        Predicate predicate(ColumnType::f32);
        predicate.set_widened(condition, operand);
        check_narrow<float>(predicate, [&](float v) { return holds<double>(condition, v, operand); });
    }));
}

TEST(Predicate, FindsNulls) {
    EXPECT_TRUE(rc::check([] {
        const auto before = some_bits();
        const auto nulls = some_bits();
        const bool wants_null = *rc::gen::arbitrary<bool>();
        Predicate predicate(ColumnType::value);
        predicate.set(wants_null ? Condition::is_null : Condition::is_not_null);
        auto mask = before;
        predicate.narrow(mask.data(), words, nullptr, nulls.data());
        for (std::uint32_t slot = 0; slot < slots; ++slot)
            RC_ASSERT(bit(mask, slot) == (bit(before, slot) && bit(nulls, slot) == wants_null));
        mask = before;
        predicate.narrow(mask.data(), words, nullptr, nullptr);
        const std::vector<std::uint64_t> expected =
            wants_null ? std::vector<std::uint64_t>(words, 0) : before;
        RC_ASSERT(mask == expected);
    }));
}

TEST(Predicate, ComparesUuidsByAllTheirBytes) {
    std::array<std::uint64_t, 2 * slots> values{};
    values[2 * 5] = 1;
    values[2 * 9 + 1] = 1;
    Predicate predicate(ColumnType::bytes16);
    predicate.set(Condition::equal, bytes_of(&values[2 * 9]));
    std::uint64_t mask[words] = {~std::uint64_t{0}, 1, 0, 1};
    predicate.narrow(mask, words, bytes_of(values.data()), nullptr);
    EXPECT_EQ(mask[0], std::uint64_t{1} << 9);
    EXPECT_EQ(mask[1], 0U);
    EXPECT_EQ(mask[3], 0U);
}

TEST(Predicate, KnowsWhatATypeCannotBeAsked) {
    EXPECT_TRUE(supports(ColumnType::i32, Condition::less));
    EXPECT_TRUE(supports(ColumnType::code, Condition::in_list));
    EXPECT_FALSE(supports(ColumnType::code, Condition::less));
    EXPECT_FALSE(supports(ColumnType::bytes16, Condition::greater));
    EXPECT_TRUE(supports(ColumnType::span, Condition::is_null));
    EXPECT_FALSE(supports(ColumnType::span, Condition::equal));
    EXPECT_FALSE(supports(ColumnType::value, Condition::equal));
}

} // namespace
} // namespace gamelan::query
