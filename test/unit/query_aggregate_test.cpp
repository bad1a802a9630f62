// Accumulators against the same aggregates taken one value at a time.
#include "core/query/aggregate.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace gamelan::query {
namespace {

constexpr std::uint32_t words = 3;
constexpr std::uint32_t slots = words * 64;

template <class T>
constexpr ColumnType type_of = ColumnType::i16;
template <>
constexpr ColumnType type_of<std::int32_t> = ColumnType::i32;
template <>
constexpr ColumnType type_of<std::int64_t> = ColumnType::i64;
template <>
constexpr ColumnType type_of<float> = ColumnType::f32;
template <>
constexpr ColumnType type_of<double> = ColumnType::f64;

// Small numbers, extremes, and what floating point has besides numbers.
template <class T>
T a_value() {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_floating_point_v<T>)
        return *rc::gen::weightedOneOf<T>(
            {{6, rc::gen::map(rc::gen::inRange(-9, 9), [](int v) { return static_cast<T>(v) / 4; })},
             {1, rc::gen::element<T>(Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), -T{0})}});
    else
        return *rc::gen::weightedOneOf<T>(
            {{6, rc::gen::map(rc::gen::inRange(-9, 9), [](int v) { return static_cast<T>(v); })},
             {1, rc::gen::element<T>(Limits::min(), Limits::max())}});
}

std::vector<std::uint64_t> some_bits() {
    std::vector<std::uint64_t> out;
    for (std::uint32_t w = 0; w < words; ++w)
        out.push_back(*rc::gen::oneOf(rc::gen::element<std::uint64_t>(0, ~std::uint64_t{0}),
                                      rc::gen::arbitrary<std::uint64_t>()));
    return out;
}

// Greater in Postgres's order.
template <class T>
bool exceeds(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        if (std::isnan(a) || std::isnan(b))
            return std::isnan(a) && !std::isnan(b);
    return a > b;
}

template <class T>
void agrees_with_single_values() {
    std::vector<T> values(slots);
    for (T& value : values)
        value = a_value<T>();
    const std::vector<std::uint64_t> mask = some_bits();
    const std::vector<std::uint64_t> nulls = some_bits();
    const bool has_nulls = *rc::gen::arbitrary<bool>();
    const bool has_values = *rc::gen::weightedElement<bool>({{5, true}, {1, false}});
    Accumulator counted(AggregateKind::count, type_of<T>);
    Accumulator summed(AggregateKind::sum, type_of<T>);
    Accumulator least(AggregateKind::minimum, type_of<T>);
    Accumulator greatest(AggregateKind::maximum, type_of<T>);
    std::uint64_t count = 0;
    Accumulator::Sum sum = 0;
    std::optional<T> low;
    std::optional<T> high;
    for (int round = 0; round < 2; ++round) { // the second goes on where the first ended
        for (std::uint32_t i = 0; i < slots; ++i) {
            if ((mask[i / 64] >> i % 64 & 1) == 0 || (has_nulls && (nulls[i / 64] >> i % 64 & 1) != 0))
                continue;
            const T value = has_values ? values[i] : T{};
            ++count;
            if constexpr (std::is_integral_v<T>)
                sum += value;
            if (!low || !exceeds(value, *low))
                low = value;
            if (!high || !exceeds(*high, value))
                high = value;
        }
        for (Accumulator* accumulator : {&counted, &summed, &least, &greatest})
            if (supports(type_of<T>, accumulator->kind()))
                accumulator->add(mask.data(), words,
                                 has_values ? reinterpret_cast<const std::byte*>(values.data()) : nullptr,
                                 has_nulls ? nulls.data() : nullptr);
    }
    RC_ASSERT(counted.count() == count);
    RC_ASSERT(least.count() == count);
    RC_ASSERT(greatest.count() == count);
    if constexpr (std::is_integral_v<T>) {
        RC_ASSERT(summed.count() == count);
        RC_ASSERT(summed.sum() == sum);
    }
    if (count > 0) {
        RC_ASSERT(!exceeds(*low, *reinterpret_cast<const T*>(least.extreme())));
        RC_ASSERT(!exceeds(*reinterpret_cast<const T*>(least.extreme()), *low));
        RC_ASSERT(!exceeds(*high, *reinterpret_cast<const T*>(greatest.extreme())));
        RC_ASSERT(!exceeds(*reinterpret_cast<const T*>(greatest.extreme()), *high));
    }
}

RC_GTEST_PROP(Aggregate, SmallintsAreTakenAsOneByOne, ()) {
    agrees_with_single_values<std::int16_t>();
}
RC_GTEST_PROP(Aggregate, IntegersAreTakenAsOneByOne, ()) {
    agrees_with_single_values<std::int32_t>();
}
RC_GTEST_PROP(Aggregate, BigintsAreTakenAsOneByOne, ()) {
    agrees_with_single_values<std::int64_t>();
}
RC_GTEST_PROP(Aggregate, RealsAreTakenAsOneByOne, ()) {
    agrees_with_single_values<float>();
}
RC_GTEST_PROP(Aggregate, DoublesAreTakenAsOneByOne, ()) {
    agrees_with_single_values<double>();
}

TEST(Aggregate, TheSameValueManyTimesIsOneMultiplication) {
    const std::int64_t value = std::numeric_limits<std::int64_t>::max();
    Accumulator sum(AggregateKind::sum, ColumnType::i64);
    sum.add_same(0, reinterpret_cast<const std::byte*>(&value));
    EXPECT_EQ(sum.count(), 0U);
    sum.add_same(1000, reinterpret_cast<const std::byte*>(&value));
    EXPECT_EQ(sum.count(), 1000U);
    EXPECT_TRUE(sum.sum() == static_cast<Accumulator::Sum>(value) * 1000);
    Accumulator least(AggregateKind::minimum, ColumnType::i64);
    least.add_same(0, reinterpret_cast<const std::byte*>(&value));
    EXPECT_EQ(least.count(), 0U);
    least.add_same(7, reinterpret_cast<const std::byte*>(&value));
    EXPECT_EQ(least.count(), 7U);
    EXPECT_EQ(*reinterpret_cast<const std::int64_t*>(least.extreme()), value);
}

TEST(Aggregate, WhatDependsOnTheOrderOfRowsIsNotSummed) {
    EXPECT_FALSE(supports(ColumnType::f32, AggregateKind::sum));
    EXPECT_FALSE(supports(ColumnType::f64, AggregateKind::sum));
    EXPECT_FALSE(supports(ColumnType::code, AggregateKind::minimum));
    EXPECT_TRUE(supports(ColumnType::value, AggregateKind::count));
}

} // namespace
} // namespace gamelan::query
