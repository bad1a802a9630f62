// Random programs over random rows: the executor against the interpreter that takes a row at a time.
#include "kernel_world.hpp"

#include "core/automaton/simd_level.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gamelan::kernel {
namespace {

using automaton::SimdLevel;

struct Outcome {
    std::vector<reference::Row> rows;
    std::vector<Failure> failures;
};

const TickInputs inputs{0.125, 77, 123456789, 42};

Outcome play(std::uint64_t seed, std::uint32_t block_slots, std::uint32_t wildness, Order order) {
    KernelWorld world(seed, 700, block_slots, wildness);
    Executor executor(world.store().working(), random_systems(seed + 1, world, wildness));
    RunReport report = executor.run(world.store(), inputs, order);
    Outcome out{world.read(), std::move(report.failures)};
    world.store().seal(2);
    world.store().publish();
    RC_ASSERT(world.store().lost_blocks() == 0);
    return out;
}

void compare(const Outcome& outcome, const std::vector<reference::SystemFailure>& failures,
             const std::vector<reference::Row>& rows) {
    RC_ASSERT(outcome.failures.size() == failures.size());
    for (std::size_t i = 0; i < failures.size(); ++i) {
        RC_ASSERT(outcome.failures[i].error.code() == failures[i].failed.code);
        RC_ASSERT(outcome.failures[i].error.message() == failures[i].failed.message);
        RC_ASSERT(outcome.failures[i].system == failures[i].system);
        RC_ASSERT(outcome.failures[i].statement == failures[i].statement);
        RC_ASSERT(outcome.failures[i].slot == failures[i].slot);
        RC_ASSERT(outcome.failures[i].entity->handle == rows[failures[i].slot].entity);
    }
    RC_ASSERT(difference(rows, outcome.rows) == "");
}

class SimdGuard {
  public:
    ~SimdGuard() { automaton::force_simd_level(automaton::best_simd_level()); }
};

RC_GTEST_PROP(KernelExecutor, DoesWhatTheInterpreterDoes, (std::uint64_t seed)) {
    const SimdGuard guard;
    const std::uint32_t wildness = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 400 : 20;
    const KernelWorld model(seed, 700, 64, wildness);
    std::vector<reference::Row> rows = model.rows();
    const auto failures = reference::run(random_systems(seed + 1, model, wildness), rows, inputs);
    RC_TAG(failures.empty() ? "ends well" : "has failures");
    for (const std::uint32_t block_slots : {64U, 256U, 1024U})
        for (const SimdLevel level : {SimdLevel::baseline, SimdLevel::avx2, SimdLevel::avx512}) {
            automaton::force_simd_level(level);
            compare(play(seed, block_slots, wildness, Order::block_major), failures, rows);
        }
    compare(play(seed, 1024, wildness, Order::system_major), failures, rows);
}

// Adds to a column of the first component what an expression says.
System adding(const KernelWorld& world, ColumnType type, std::int64_t amount) {
    Statement statement;
    statement.target = world.component(0);
    statement.target_name = "first";
    statement.components = {world.component(0)};
    Expressions& e = statement.expressions;
    const ColumnId column = world.column(0, type);
    const NodeId value = e.column(column, type);
    const NodeId change = type == ColumnType::i32
                              ? e.constant(Value::of(type, static_cast<std::int32_t>(amount)))
                              : e.constant(Value::of(type, amount));
    statement.assignments.push_back({column, e.make(Op::add, {value, change}), false, "value"});
    return {"adding", {statement}};
}

TEST(KernelSystems, AFailingSystemLosesItsWritesAlone) {
    KernelWorld world(1, 300, 64, 0);
    std::vector<reference::Row> rows = world.rows();
    const std::vector<System> systems{adding(world, ColumnType::i64, 5),
                                      adding(world, ColumnType::i32, std::int64_t{1} << 31 | 1),
                                      adding(world, ColumnType::i64, 7)};
    Executor executor(world.store().working(), systems);
    const RunReport report = executor.run(world.store(), inputs);
    ASSERT_EQ(report.failures.size(), 1U);
    EXPECT_EQ(report.failures[0].system, 1U);
    EXPECT_EQ(report.failures[0].error.code(), "22003");
    EXPECT_EQ(report.failures[0].error.message(), "integer out of range");
    EXPECT_EQ(report.rows[1], 0U);
    EXPECT_EQ(report.rows[0], report.rows[2]);
    reference::run({systems[0], systems[2]}, rows, inputs);
    EXPECT_EQ(difference(rows, world.read()), "");
}

TEST(KernelSystems, WhatSelectsNothingCopiesNothing) {
    KernelWorld world(2, 300, 64, 0);
    System system = adding(world, ColumnType::i64, 5);
    Statement& statement = system.statements[0];
    Expressions& e = statement.expressions;
    statement.where = e.make(Op::greater, {e.column(world.column(0, ColumnType::i64), ColumnType::i64),
                                           e.constant(Value::of(ColumnType::i64, std::int64_t{1000}))});
    Executor executor(world.store().working(), {system});
    const RunReport report = executor.run(world.store(), inputs);
    EXPECT_EQ(report.blocks_written, 0U);
    EXPECT_EQ(report.rows[0], 0U);
    EXPECT_EQ(difference(world.rows(), world.read()), "");
}

TEST(KernelSystems, SystemsThatRunAgainInATickGoOnFromWhatIsThere) {
    KernelWorld world(3, 300, 64, 0);
    std::vector<reference::Row> rows = world.rows();
    const std::vector<System> systems{adding(world, ColumnType::i64, 5)};
    Executor executor(world.store().working(), systems);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(executor.run(world.store(), inputs).failures.empty());
        reference::run(systems, rows, inputs);
    }
    EXPECT_EQ(difference(rows, world.read()), "");
    world.store().seal(2);
    world.store().publish();
    EXPECT_EQ(world.store().lost_blocks(), 0U);
}

TEST(KernelSystems, RefuseAWorldWhoseLayoutHasChanged) {
    KernelWorld world(4, 100, 64, 0);
    KernelWorld other(4, 100, 256, 0);
    Executor executor(world.store().working(), {adding(world, ColumnType::i64, 5)});
    EXPECT_FALSE(executor.is_for(other.store().working()));
    EXPECT_THROW(executor.run(other.store(), inputs), Error);
}

} // namespace
} // namespace gamelan::kernel
