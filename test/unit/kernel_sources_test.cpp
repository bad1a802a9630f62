// Statements that read other rows, one feature at a time; kernel_executor_test.cpp mixes them at random.
#include "kernel_expect.hpp"

#include <gtest/gtest.h>

namespace gamelan::kernel {
namespace {

Statement update_of(const KernelWorld& world, std::size_t target) {
    Statement out;
    out.target = world.component(target);
    out.target_name = "target";
    out.components = {out.target};
    return out;
}

// What a column of the type gets from an aggregate over a source.
Statement aggregating(const KernelWorld& world, SourceKind kind, AggregateFunction function, ColumnType type,
                      bool has_where, bool has_own_row) {
    Statement out = update_of(world, 2);
    Expressions& e = out.expressions;
    out.sources.push_back({kind, {world.component(2)}, std::nullopt, false});
    Aggregate aggregate{function, {1}, std::nullopt, std::nullopt};
    if (has_where)
        aggregate.where =
            e.make(Op::less, {e.column(world.column(2, ColumnType::i32), ColumnType::i32, {1}),
                              has_own_row ? e.column(world.column(2, ColumnType::i32), ColumnType::i32)
                                          : e.constant(Value::of(ColumnType::i32, std::int32_t{0}))});
    if (function != AggregateFunction::exists)
        aggregate.argument = e.column(world.column(2, type), type, {1});
    out.aggregates.push_back(aggregate);
    const ColumnType result = *result_type(function, type);
    const NodeId value = e.aggregate(0, result);
    if (result == ColumnType::decimal) {
        // As it is, and compared with what each row has.
        const NodeId own = e.cast(e.column(world.column(2, ColumnType::i16), ColumnType::i16), result);
        out.assignments.push_back(
            {world.column(2, ColumnType::boolean), e.make(Op::less, {own, value}), false, "result"});
        out.assignments.push_back(
            {world.column(2, ColumnType::f64), e.cast(value, ColumnType::f64), false, "result"});
        out.assignments.push_back(
            {world.column(2, ColumnType::i32), e.cast(value, ColumnType::i32), false, "result"});
    } else {
        out.assignments.push_back({world.column(2, result), value, false, "result"});
    }
    return out;
}

using Arguments = std::vector<std::pair<AggregateFunction, std::vector<ColumnType>>>;
const Arguments arguments{
    {AggregateFunction::count, {ColumnType::code, ColumnType::f32}},
    {AggregateFunction::sum,
     {ColumnType::i16, ColumnType::i32, ColumnType::i64, ColumnType::f32, ColumnType::f64}},
    {AggregateFunction::average,
     {ColumnType::i16, ColumnType::i32, ColumnType::i64, ColumnType::f32, ColumnType::f64}},
    {AggregateFunction::least, {ColumnType::i16, ColumnType::i32, ColumnType::i64, ColumnType::f32}},
    {AggregateFunction::greatest, {ColumnType::i16, ColumnType::f64, ColumnType::f32}},
    {AggregateFunction::every, {ColumnType::boolean}},
    {AggregateFunction::any, {ColumnType::boolean}},
    {AggregateFunction::exists, {ColumnType::boolean}},
};

TEST(KernelSources, EveryAggregateOverNeighboursAndOverAll) {
    for (const std::uint32_t frequency : {1U, 2U, 4U, 16U})
        for (const auto& [function, types] : arguments)
            for (const ColumnType type : types)
                for (const int shape : {0, 1, 2, 3}) {
                    SCOPED_TRACE("n " + std::to_string(frequency) + ", function " +
                                 std::to_string(static_cast<int>(function)) + " of " +
                                 std::string(name_of(type)) + ", shape " + std::to_string(shape));
                    KernelWorld world(frequency, 70, 64, 0, frequency);
                    const SourceKind kind = shape == 3 ? SourceKind::all : SourceKind::neighbours;
                    if (function == AggregateFunction::average && shape != 3)
                        continue; // the compiler makes a sum and a count of it
                    const RunReport report = expect_same(
                        world, {{"s", {aggregating(world, kind, function, type, shape != 0, shape == 2)}}});
                    EXPECT_TRUE(report.failures.empty());
                    EXPECT_EQ(report.rows[0], 2 * world.planet().sphere().cell_count());
                }
}

// Sums that are too large on the way fail at the first cell that has them around it.
TEST(KernelSources, AnAverageOfRealsFailsWhereItsSquaresOverflow) {
    for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
        KernelWorld world(seed, 70, 64, 20, 4);
        const Statement average =
            aggregating(world, SourceKind::all, AggregateFunction::average, ColumnType::f64, true, false);
        expect_same(world, {{"s", {average}}});
    }
}

// A sum of bigint is no bigint: only what it is cast to may be too small.
TEST(KernelSources, ASumOfBigintIsExact) {
    for (const SourceKind kind : {SourceKind::neighbours, SourceKind::all})
        for (const std::uint64_t seed : {1U, 2U, 3U}) {
            KernelWorld world(seed, 70, 64, 4, 4);
            Statement sum = aggregating(world, kind, AggregateFunction::sum, ColumnType::i64, false, false);
            expect_same(world, {{"s", {sum}}});
            sum.assignments.pop_back();
            EXPECT_TRUE(expect_same(world, {{"s", {sum}}}).failures.empty());
        }
}

TEST(KernelSources, AFloatSumOverflowsWhereItDoes) {
    for (const SourceKind kind : {SourceKind::neighbours, SourceKind::all})
        for (const std::uint64_t seed : {1U, 2U, 3U}) {
            KernelWorld world(seed, 70, 64, 6, 4);
            expect_same(
                world,
                {{"s", {aggregating(world, kind, AggregateFunction::sum, ColumnType::f32, false, false)}}});
        }
}

// i64 = that of the row that the key names
Statement following(const KernelWorld& world, std::size_t target, std::size_t source, bool is_optional) {
    Statement out = update_of(world, target);
    Expressions& e = out.expressions;
    out.sources.push_back({SourceKind::reference,
                           {world.component(source)},
                           e.column(world.key(target), ColumnType::i64),
                           is_optional});
    const ColumnType type = ColumnType::i64;
    out.assignments.push_back(
        {world.column(target, type), e.column(world.column(source, type), type, {1}), false, "i64"});
    return out;
}

TEST(KernelSources, ReferencesFindEntitiesAndCells) {
    for (const std::size_t target : {0, 2})
        for (const std::size_t source : {0, 1, 2})
            for (const bool is_optional : {false, true}) {
                KernelWorld world(5, 700, 64, 0, 4);
                const RunReport report =
                    expect_same(world, {{"s", {following(world, target, source, is_optional)}}});
                EXPECT_TRUE(report.failures.empty());
                EXPECT_GT(report.rows[0], 0U);
            }
}

// All rows take the old value of another, though blocks are rewritten one after the other.
TEST(KernelSources, AStatementSeesTheRowsAsTheyWereBeforeIt) {
    KernelWorld world(6, 700, 64, 0);
    const Statement follow = following(world, 0, 0, false);
    expect_same(world, {{"one", {follow, follow}}, {"two", {follow}}, {"three", {follow}}});
}

Statement dividing_by(const KernelWorld& world, std::int64_t divisor) {
    Statement out = update_of(world, 0);
    Expressions& e = out.expressions;
    const ColumnId column = world.column(0, ColumnType::i64);
    const NodeId value = e.column(column, ColumnType::i64);
    out.assignments.push_back(
        {column,
         e.make(Op::divide,
                {value, e.make(Op::subtract, {value, e.constant(Value::of(ColumnType::i64, divisor))})}),
         false, "i64"});
    return out;
}

// The second statement reads elsewhere what the first has written: it begins when the first is through with
// all blocks. When it or a third one fails, the first one's writes go too, and only those of this system.
TEST(KernelSources, ASystemOfSeveralPassesIsAtomic) {
    KernelWorld world(7, 700, 64, 0);
    Statement rise = update_of(world, 0);
    Expressions& e = rise.expressions;
    const ColumnId column = world.column(0, ColumnType::i64);
    rise.assignments.push_back({column,
                                e.make(Op::add, {e.column(column, ColumnType::i64),
                                                 e.constant(Value::of(ColumnType::i64, std::int64_t{100}))}),
                                false, "i64"});
    const Statement follow = following(world, 0, 0, false);
    const RunReport report = expect_same(
        world,
        {{"before", {rise}}, {"fails", {rise, follow, dividing_by(world, 203)}}, {"behind", {rise, follow}}});
    ASSERT_EQ(report.failures.size(), 1U);
    EXPECT_EQ(report.failures[0].system, 1U);
    EXPECT_EQ(report.failures[0].statement, 2U);
    world.store().seal(2);
    world.store().publish();
    EXPECT_EQ(world.store().lost_blocks(), 0U);
}

// The second pass replaces blocks of the first: they are nobody's, neither published nor of the next version.
TEST(KernelSources, PassesOfOneSystemLeaveNoBlocksBehind) {
    KernelWorld world(12, 700, 64, 0);
    const Statement follow = following(world, 0, 0, true);
    Executor executor(world.layout(), {{"s", {follow, follow, follow}}});
    store::WorldStore& store = world.store();
    for (const bool is_kept : {true, false, true, true}) {
        EXPECT_TRUE(executor.run(store, inputs_of(world)).failures.empty());
        if (is_kept) {
            store.seal(store.working_tick());
            store.publish();
        } else {
            store.abandon();
        }
        EXPECT_EQ(store.lost_blocks(), 0U);
        EXPECT_EQ(store.newest().state_hash(), store.newest().state_hash_kept());
        store.begin_tick();
    }
    store.abandon();
    store.trim();
    EXPECT_EQ(store.lost_blocks(), 0U);
}

// Entities, then cells, then entities again.
TEST(KernelSources, ASystemMayGoOverSeveralSpaces) {
    KernelWorld world(8, 300, 64, 0, 4);
    expect_same(world, {{"all",
                         {following(world, 0, 2, false), following(world, 2, 0, false),
                          following(world, 0, 2, true)}}});
}

TEST(KernelSources, ObservedRowsAreThoseOfTheMask) {
    KernelWorld world(9, 300, 64, 0);
    Statement mark = update_of(world, 0);
    Expressions& e = mark.expressions;
    mark.where = e.observed();
    mark.assignments.push_back({world.column(0, ColumnType::i16),
                                e.constant(Value::of(ColumnType::i16, std::int16_t{99})), false, "i16"});
    const std::uint64_t observed[] = {0b1010};
    TickInputs inputs = inputs_of(world);
    inputs.observed = observed;
    reference::World model = world.model();
    const std::vector<System> systems{{"s", {mark}}};
    EXPECT_TRUE(reference::run(systems, model, inputs).empty());
    EXPECT_EQ(Executor(world.layout(), systems).run(world.store(), inputs).rows[0], 2U);
    EXPECT_EQ(difference(model.rows, world.read()), "");
}

// Between the layers of a planet lie slots that are no cells: nothing happens there.
TEST(KernelSources, OnlyCellsAreRows) {
    KernelWorld world(10, 70, 64, 0, 2);
    Statement count = update_of(world, 2);
    Expressions& e = count.expressions;
    const ColumnId column = world.column(2, ColumnType::i64);
    count.assignments.push_back({column, e.entity(), false, "i64"});
    EXPECT_EQ(expect_same(world, {{"s", {count}}}).rows[0], 84U);
    const store::Snapshot& view = world.layout();
    EXPECT_EQ(view.get<std::int64_t>(column, 41), world.planet().cell_id_of(41));
    EXPECT_EQ(view.get<std::int64_t>(column, 42), 0);
    EXPECT_EQ(view.row_version(world.component(2), 42), 0U);
}

TEST(KernelSources, NeighboursNeedAPlanet) {
    KernelWorld world(11, 70, 64, 0, 2);
    Executor executor(world.layout(), {{"s",
                                        {aggregating(world, SourceKind::neighbours, AggregateFunction::count,
                                                     ColumnType::f32, false, false)}}});
    EXPECT_THROW(executor.run(world.store(), {0.125, 77, 0, 42}), Error);
}

} // namespace
} // namespace gamelan::kernel
