// Random programs over random rows: the executor against the interpreter that takes a row at a time.
#include "kernel_world.hpp"

#include "core/automaton/simd_level.hpp"
#include "core/kernel/event_text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gamelan::kernel {
namespace {

using automaton::SimdLevel;

struct Outcome {
    std::vector<reference::Row> rows;
    std::vector<reference::Row> cells;
    RunReport report;
};

// Every third slot, up to some.
constexpr std::uint64_t observed[] = {0x9249249249249249, 0x4924924924924924, 0x2492492492492492, 1};
const TickInputs inputs{0.125, 77, 123456789, 42, nullptr, observed};

TickInputs inputs_of(const KernelWorld& world) {
    TickInputs out = inputs;
    out.planet = &world.planet();
    return out;
}

Outcome play(std::uint64_t seed, std::uint32_t block_slots, std::uint32_t frequency, std::uint32_t wildness,
             Order order, std::uint64_t max_events) {
    KernelWorld world(seed, 700, block_slots, wildness, frequency);
    Executor executor(world.store().working(), random_systems(seed + 1, world, wildness));
    RunReport report = executor.run(world.store(), inputs_of(world), order, nullptr, {max_events, 0});
    Outcome out{world.read(), world.read_cells(), std::move(report)};
    world.store().seal(2);
    world.store().publish();
    RC_ASSERT(world.store().lost_blocks() == 0);
    return out;
}

// Keys of jsonb: the shorter first, then by their bytes; of equal ones the last counts.
std::string payload_of(const reference::Event& event) {
    std::map<std::pair<std::size_t, std::string>, Value> fields;
    for (const auto& [name, value] : event.fields)
        fields[{name.size(), name}] = value;
    std::string out = "{";
    for (const auto& [key, value] : fields) {
        out += (out.size() == 1 ? "\"" : ", \"") + key.second + "\": ";
        if (value.is_null)
            out += "null";
        else {
            std::byte bytes[16];
            value.copy_to(bytes);
            append_json(out, value.type, bytes);
        }
    }
    return out + "}";
}

void compare_events(const std::vector<EmittedEvent>& found, const std::vector<reference::Event>& expected) {
    RC_ASSERT(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        RC_ASSERT(found[i].system == expected[i].system);
        RC_ASSERT(found[i].statement == expected[i].statement);
        RC_ASSERT(found[i].slot == expected[i].slot);
        RC_ASSERT(found[i].entity.has_value() != expected[i].entity.is_null);
        RC_ASSERT(!found[i].entity || found[i].entity->handle == expected[i].entity.bits);
        RC_ASSERT(found[i].type == expected[i].type);
        RC_ASSERT(found[i].payload == payload_of(expected[i]));
    }
}

void compare(const Outcome& outcome, const std::vector<reference::SystemFailure>& expected,
             const reference::World& world) {
    const std::vector<Failure>& failures = outcome.report.failures;
    RC_ASSERT(failures.size() == expected.size());
    for (std::size_t i = 0; i < failures.size(); ++i) {
        RC_ASSERT(failures[i].error.code() == expected[i].failed.code);
        RC_ASSERT(failures[i].error.message() == expected[i].failed.message);
        RC_ASSERT(failures[i].system == expected[i].system);
        RC_ASSERT(failures[i].statement == expected[i].statement);
        RC_ASSERT(failures[i].slot == expected[i].slot);
        if (failures[i].entity)
            RC_ASSERT(failures[i].entity->handle == world.rows[failures[i].slot].entity);
    }
    RC_ASSERT(difference(world.rows, outcome.rows) == "");
    RC_ASSERT(difference(world.cells, outcome.cells) == "");
    compare_events(outcome.report.events, world.events);
}

class SimdGuard {
  public:
    ~SimdGuard() { automaton::force_simd_level(automaton::best_simd_level()); }
};

RC_GTEST_PROP(KernelExecutor, DoesWhatTheInterpreterDoes, (std::uint64_t seed)) {
    const SimdGuard guard;
    const std::uint32_t wildness = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 400 : 20;
    const std::uint32_t frequency = 1U << seed % 4; // 12 to 642 cells a layer
    const KernelWorld like(seed, 700, 64, wildness, frequency);
    reference::World world = like.model();
    world.max_events = seed % 5 == 0 ? 100 : 1000000;
    const auto failures = reference::run(random_systems(seed + 1, like, wildness), world, inputs_of(like));
    RC_TAG(failures.empty() ? "ends well" : "has failures");
    for (const std::uint32_t block_slots : {64U, 256U, 1024U})
        for (const SimdLevel level : {SimdLevel::baseline, SimdLevel::avx2, SimdLevel::avx512}) {
            automaton::force_simd_level(level);
            compare(play(seed, block_slots, frequency, wildness, Order::block_major, world.max_events),
                    failures, world);
        }
    compare(play(seed, 1024, frequency, wildness, Order::system_major, world.max_events), failures, world);
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
    reference::World model = world.model();
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
    reference::run({systems[0], systems[2]}, model, inputs);
    EXPECT_EQ(difference(model.rows, world.read()), "");
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
    reference::World model = world.model();
    const std::vector<System> systems{adding(world, ColumnType::i64, 5)};
    Executor executor(world.store().working(), systems);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(executor.run(world.store(), inputs).failures.empty());
        reference::run(systems, model, inputs);
    }
    EXPECT_EQ(difference(model.rows, world.read()), "");
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
