// Each loop of each instruction set, lane by lane, against the interpreter: results to the bit, and how each
// lane fails.
#include "kernel_world.hpp"

#include "core/automaton/simd_level.hpp"
#include "core/kernel/machine.hpp"

#include <gtest/gtest.h>

namespace gamelan::kernel {
namespace {

constexpr std::uint32_t lanes = 1024;
constexpr std::size_t widest_bytes = 16; // of a value

struct Column {
    alignas(64) std::byte bytes[lanes * widest_bytes];
    std::vector<Value> values;

    Column(ColumnType type, std::uint64_t seed, bool is_fixed) {
        std::mt19937_64 random(seed);
        const std::uint32_t width = width_of(type);
        for (std::uint32_t i = 0; i < lanes; ++i) {
            values.push_back(is_fixed && i > 0 ? values[0] : random_value(type, random, 2));
            values[i].copy_to(bytes + std::size_t{i} * width);
        }
    }
};

// The expression that the operation is, over columns 0, 1, 2.
struct Trial {
    const Operation* operation;
    Expressions expressions;
    NodeId root{};
    std::vector<ColumnType> types;
    int fixed = -1;
};

void expect_equal(const Trial& trial, std::uint64_t seed, std::size_t level) {
    std::vector<Column> columns;
    for (std::size_t i = 0; i < trial.types.size(); ++i)
        columns.emplace_back(trial.types[i], seed + i, static_cast<int>(i) == trial.fixed);
    alignas(64) std::byte out[lanes * widest_bytes];
    std::uint8_t mask[lanes] = {};
    Lanes call{out, {}, lanes / group_lanes, nullptr};
    for (std::size_t i = 0; i < columns.size(); ++i)
        call.inputs[i] = columns[i].bytes;
    const bool is_suspect = trial.operation->loops[level](call);
    call.mask = mask;
    const std::uint32_t width = width_of(trial.expressions[trial.root].type);
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
        mask[lane] = 1;
        RowFault found{lanes, Fault::none};
        if (is_suspect && trial.operation->inspect)
            found = trial.operation->inspect(call, lanes, nullptr);
        mask[lane] = 0;
        reference::Row row;
        for (std::uint32_t i = 0; i < columns.size(); ++i)
            row.values[i] = columns[i].values[lane];
        try {
            const Value expected = reference::evaluate(trial.expressions, trial.root, row, {});
            ASSERT_EQ(found.fault, Fault::none) << "lane " << lane << " " << message_of(found.fault);
            std::byte bytes[widest_bytes];
            expected.copy_to(bytes);
            ASSERT_EQ(std::memcmp(out + std::size_t{lane} * width, bytes, width), 0) << "lane " << lane;
        } catch (const reference::Failed& failed) {
            ASSERT_EQ(message_of(found.fault), failed.message) << "lane " << lane;
            ASSERT_EQ(sqlstate_of(found.fault), failed.code);
        }
    }
}

void expect_equal_at_all_levels(const Trial& trial) {
    for (std::size_t level = 0; level <= static_cast<std::size_t>(automaton::best_simd_level()); ++level)
        for (const std::uint64_t seed : {1U, 20U, 300U})
            expect_equal(trial, seed, level);
}

Trial trial_of(Op op, const std::vector<ColumnType>& types, Operand second) {
    Trial out{};
    std::vector<NodeId> arguments;
    for (std::uint32_t i = 0; i < types.size(); ++i)
        arguments.push_back(out.expressions.column({i}, types[i]));
    out.root = out.expressions.make(op, arguments);
    out.types = types;
    out.fixed = second == Operand::fixed ? 1 : -1;
    out.operation = find_operation(op, types[0], types[0], second);
    return out;
}

class KernelOperation : public testing::TestWithParam<int> {};

TEST_P(KernelOperation, DoesWhatTheInterpreterDoes) {
    const auto op = static_cast<Op>(GetParam());
    int tried = 0;
    for (const ColumnType type : kernel_types) {
        const bool is_shift = op == Op::shift_left || op == Op::shift_right;
        for (const auto& types : {std::vector{type}, std::vector{type, is_shift ? ColumnType::i32 : type}})
            for (const Operand second : {Operand::lanes, Operand::fixed}) {
                if (types.size() == 1 && second == Operand::fixed)
                    continue;
                Trial trial{};
                try {
                    trial = trial_of(op, types, second);
                } catch (const Error&) {
                    continue; // not for this type
                }
                if (!trial.operation) {
                    ASSERT_EQ(second, Operand::fixed) << "no loop for type " << name_of(type);
                    continue;
                }
                SCOPED_TRACE(std::string(name_of(type)) + (second == Operand::fixed ? " fixed" : ""));
                expect_equal_at_all_levels(trial);
                ++tried;
            }
    }
    EXPECT_GT(tried, 0);
}

INSTANTIATE_TEST_SUITE_P(Arithmetic, KernelOperation,
                         testing::Range(static_cast<int>(Op::add), static_cast<int>(Op::random)));
INSTANTIATE_TEST_SUITE_P(Comparisons, KernelOperation,
                         testing::Range(static_cast<int>(Op::equal), static_cast<int>(Op::is_null)));
INSTANTIATE_TEST_SUITE_P(Extremes, KernelOperation,
                         testing::Values(static_cast<int>(Op::greatest), static_cast<int>(Op::least)));

TEST(KernelLoops, CastsAsTheInterpreterDoes) {
    for (const ColumnType from : kernel_types)
        for (const ColumnType to : kernel_types) {
            Trial trial{};
            try {
                trial.root = trial.expressions.cast(trial.expressions.column({0}, from), to);
            } catch (const Error&) {
                continue;
            }
            if (from == to)
                continue;
            SCOPED_TRACE(std::string(name_of(from)) + " to " + std::string(name_of(to)));
            trial.types = {from};
            trial.operation = find_operation(Op::cast, from, to, Operand::lanes);
            ASSERT_NE(trial.operation, nullptr);
            expect_equal_at_all_levels(trial);
        }
}

TEST(KernelLoops, MultipliesAndAddsWithBothRoundings) {
    for (const ColumnType type : {ColumnType::f32, ColumnType::f64})
        for (const bool is_subtracted : {false, true})
            for (const Operand multiplier : {Operand::lanes, Operand::fixed}) {
                Trial trial{};
                Expressions& e = trial.expressions;
                const NodeId product = e.make(Op::multiply, {e.column({1}, type), e.column({2}, type)});
                trial.root = e.make(is_subtracted ? Op::subtract : Op::add, {e.column({0}, type), product});
                trial.types = {type, type, type};
                trial.fixed = multiplier == Operand::fixed ? 2 : -1;
                trial.operation = find_multiply_add(type, is_subtracted, multiplier);
                expect_equal_at_all_levels(trial);
            }
}

TEST(KernelLoops, SelectsByComparison) {
    for (const ColumnType type : {ColumnType::i32, ColumnType::i64, ColumnType::f32, ColumnType::f64})
        for (int op = static_cast<int>(Op::equal); op <= static_cast<int>(Op::greater_equal); ++op)
            for (const Operand second : {Operand::lanes, Operand::fixed}) {
                Trial trial{};
                Expressions& e = trial.expressions;
                const NodeId test = e.make(static_cast<Op>(op), {e.column({0}, type), e.column({1}, type)});
                trial.root = e.make(Op::choose, {test, e.column({2}, type), e.column({3}, type)});
                trial.types = {type, type, type, type};
                trial.fixed = second == Operand::fixed ? 1 : -1;
                trial.operation = find_compare_select(static_cast<Op>(op), type, second);
                expect_equal_at_all_levels(trial);
            }
}

TEST(KernelMasks, BitsAndBytesSayTheSame) {
    std::mt19937_64 random(3);
    Words words{};
    for (std::uint64_t& word : words)
        word = random() & random();
    Byte bytes[max_lanes];
    bits_to_bytes(words.data(), bytes, max_lanes);
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < max_lanes; ++i) {
        ASSERT_EQ(bytes[i], words[i / 64] >> i % 64 & 1);
        count += bytes[i];
    }
    Words back{};
    bytes_to_bits(bytes, back.data(), max_lanes);
    EXPECT_EQ(back, words);
    EXPECT_EQ(count_bytes(bytes, max_lanes), count);
    std::fill_n(bytes, max_lanes, Byte{1});
    EXPECT_EQ(count_bytes(bytes, max_lanes), max_lanes);
}

} // namespace
} // namespace gamelan::kernel
