// numeric as kernels have it, against what PostgreSQL 15 answers.
#include "core/kernel/decimal.hpp"
#include "core/kernel/operation.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace gamelan::kernel {
namespace {

Decimal number(std::string_view text) {
    return *read_decimal(text);
}

std::string average(std::string_view sum, std::int64_t count) {
    return text_of(average_of(digits_of(number(sum)), count));
}

TEST(KernelDecimal, ReadsWhatItPrints) {
    for (const char* text : {"0", "1.50", "-0.001", "9223372036854775807.5",
                             "-123456789012345678901234567.89", "0.000000000000000000000000000001"})
        EXPECT_EQ(text_of(number(text)), text);
    EXPECT_FALSE(read_decimal("NaN"));
    EXPECT_FALSE(read_decimal("Infinity"));
    EXPECT_FALSE(read_decimal(""));
    EXPECT_FALSE(read_decimal("0.0000000000000000000000000000001"));
    EXPECT_FALSE(read_decimal("1000000000000000000000000000000000000"));
}

TEST(KernelDecimal, DividesAsNumericDoes) {
    EXPECT_EQ(average("1", 3), "0.33333333333333333333");
    EXPECT_EQ(average("2", 3), "0.66666666666666666667");
    EXPECT_EQ(average("0", 7), "0.00000000000000000000");
    EXPECT_EQ(average("10000", 3), "3333.3333333333333333");
    EXPECT_EQ(average("9999", 10000), "0.99990000000000000000");
    EXPECT_EQ(average("-7", 2), "-3.5000000000000000");
    EXPECT_EQ(average("1", 4294967295), "0.0000000002328306437080797375");
    EXPECT_EQ(average("-9223372036854775808", 3), "-3074457345618258603");
    EXPECT_EQ(average("39614081247908796755622232065", 4294967295), "9223372036854775807");
    EXPECT_EQ(average("5", 5), "1.00000000000000000000");
    EXPECT_EQ(average("39614081257132168796771975168", 7), "5659154465304595542395996453");
    EXPECT_EQ(average("12345678901234567", 1000), "12345678901234.5670");
}

TEST(KernelDecimal, ComparesByValue) {
    const char* const ascending[] = {"-99999999999999999999999999999",
                                     "-1.5",
                                     "-1.49999",
                                     "0",
                                     "0.0000000001",
                                     "1",
                                     "1.0000000000000000000000001",
                                     "99999999999999999999999999999"};
    for (std::size_t i = 0; i < std::size(ascending); ++i)
        for (std::size_t j = 0; j < std::size(ascending); ++j)
            EXPECT_EQ(compare(number(ascending[i]), number(ascending[j])), int{i > j} - int{i < j})
                << ascending[i] << " and " << ascending[j];
    EXPECT_EQ(compare(number("1.50"), number("1.5")), 0);
    EXPECT_EQ(compare(number("-0.00"), number("0")), 0);
}

TEST(KernelDecimal, KeepsTheDigitsBehindThePoint) {
    EXPECT_EQ(text_of(sum_of(number("1.50"), number("-0.125"))), "1.375");
    EXPECT_EQ(text_of(product_of(number("-1.50"), number("0.20"))), "-0.3000");
    EXPECT_EQ(text_of(negative_of(number("0.5"))), "-0.5");
}

template <class T>
CastResult cast(std::string_view text, ColumnType to, T& out) {
    const CastResult result = cast_decimal(value_of(number(text)), to);
    result.value.copy_to(&out);
    return result;
}

TEST(KernelDecimal, CastsToTheNearest) {
    const auto integer = [](std::string_view text) {
        std::int32_t out = 0;
        EXPECT_EQ(cast(text, ColumnType::i32, out).fault, Fault::none);
        return out;
    };
    EXPECT_EQ(integer("2.5"), 3);
    EXPECT_EQ(integer("-2.5"), -3);
    EXPECT_EQ(integer("2.4999999999999999999999999999"), 2);
    EXPECT_EQ(integer("-2147483648.4"), std::numeric_limits<std::int32_t>::min());
    std::int32_t ignored = 0;
    EXPECT_EQ(cast("2147483647.5", ColumnType::i32, ignored).fault, Fault::integer_range);
    std::int64_t also_ignored = 0;
    EXPECT_EQ(cast("9223372036854775808", ColumnType::i64, also_ignored).fault, Fault::bigint_range);
    EXPECT_EQ(to_double(number("0.1")), 0.1);
    EXPECT_EQ(to_double(number("123456789012345678901234567.89")), 1.2345678901234568e26);
    EXPECT_EQ(to_double(number("9007199254740993")), 9007199254740992.0);
    // Halfway between two floats but for its end: rounding to double first would be wrong.
    EXPECT_EQ(to_float(number("1.000000059604644775390625000001")), std::nextafter(1.0F, 2.0F));
    EXPECT_EQ(to_float(number("0.3")), 0.3F);
}

// Each loop with what the header says.
TEST(KernelDecimal, LoopsDoTheSame) {
    constexpr std::uint32_t lanes = group_lanes;
    alignas(64) Decimal a[lanes];
    alignas(64) Decimal b[lanes];
    alignas(64) Decimal out[lanes];
    for (std::uint32_t i = 0; i < lanes; ++i) {
        a[i] = decimal_of(Int128{i} * 1000003 - 30000000, i % 7);
        b[i] = decimal_of(Int128{7} - i, i % 3);
    }
    const Lanes call{out, {a, b}, 1, nullptr};
    for (const auto& [op, twin] :
         {std::pair{Op::add, +[](Decimal x, Decimal y) { return sum_of(x, y); }},
          std::pair{Op::multiply, +[](Decimal x, Decimal y) { return product_of(x, y); }},
          std::pair{Op::subtract, +[](Decimal x, Decimal y) { return sum_of(x, negative_of(y)); }}}) {
        const Operation* loop = find_operation(op, ColumnType::decimal, ColumnType::decimal, Operand::lanes);
        ASSERT_NE(loop, nullptr);
        EXPECT_FALSE(loop->loops[0](call));
        for (std::uint32_t i = 0; i < lanes; ++i)
            EXPECT_EQ(text_of(out[i]), text_of(twin(a[i], b[i])));
    }
}

TEST(KernelDecimal, BoundsWhatMayBecomeOfSums) {
    Statement statement;
    Expressions& e = statement.expressions;
    const NodeId key = e.cast(e.column({0}, ColumnType::i64), ColumnType::decimal);
    EXPECT_TRUE(bound_of(statement, e.make(Op::add, {key, e.constant(value_of(number("0.25")))})).fits());
    NodeId product = e.make(Op::multiply, {key, e.constant(value_of(number("1.5")))});
    EXPECT_TRUE(bound_of(statement, product).fits());
    product = e.make(Op::multiply, {product, key});
    EXPECT_FALSE(bound_of(statement, product).fits());
    EXPECT_FALSE(
        bound_of(statement,
                 e.make(Op::add, {key, e.constant(value_of(number("0.00000000000000000000000001")))}))
            .fits());
}

} // namespace
} // namespace gamelan::kernel
