// Aggregates over rows that are found by their place, against an interpreter that looks at every row.
#include "kernel_expect.hpp"

#include "core/spatial/kept_grids.hpp"

#include <gtest/gtest.h>

namespace gamelan::kernel {
namespace {

enum class Own { entities, cells };

// An update of `own` rows by an aggregate over the rows of the second component, and perhaps the first one's
// too, that lie somewhere around.
class Asking {
  public:
    Asking(const KernelWorld& world, Own own, SourceKind kind, std::uint64_t seed)
        : world_(world), target_(own == Own::cells ? 2 : 0), random_(seed) {
        statement_.target = world.component(target_);
        statement_.target_name = "target";
        statement_.components = {statement_.target};
        RowSource source;
        source.kind = kind;
        source.components = {world.component(1)};
        if (random_() % 3 == 0)
            source.components.push_back(world.component(0));
        source.coordinates = {world.column(1, ColumnType::f32), world.column(1, ColumnType::f64)};
        if (kind != SourceKind::within && random_() % 4 == 0)
            source.coordinates.pop_back();
        for (std::size_t i = 0; i < argument_count(kind, source.coordinates.size()); ++i)
            source.arguments.push_back(argument(kind, i, source.coordinates.size()));
        statement_.sources.push_back(source);
    }

    Statement with(AggregateFunction function, ColumnType type) {
        Expressions& e = statement_.expressions;
        Aggregate aggregate{function, {1}, where(), std::nullopt};
        if (function != AggregateFunction::exists)
            aggregate.argument = e.column(world_.column(1, type), type, {1});
        if (function == AggregateFunction::least && type == ColumnType::f64 &&
            statement_.sources[1].kind != SourceKind::in_box &&
            statement_.sources[1].kind != SourceKind::within)
            aggregate.argument = e.distance({1});
        statement_.aggregates.push_back(aggregate);
        const ColumnType result = *result_type(function, type);
        statement_.assignments.push_back(
            {world_.column(target_, result), e.aggregate(0, result), false, "result"});
        return std::move(statement_);
    }

  private:
    NodeId real(ColumnType type) {
        return statement_.expressions.cast(statement_.expressions.column(world_.column(target_, type), type),
                                           ColumnType::f64);
    }
    NodeId number(double value) { return statement_.expressions.constant(Value::of(ColumnType::f64, value)); }

    NodeId argument(SourceKind kind, std::size_t place, std::size_t dimensions) {
        Expressions& e = statement_.expressions;
        if (place % dimensions == 0 && place < 2 * dimensions && (kind == SourceKind::in_box || place == 0))
            return real(ColumnType::f32);
        if (kind == SourceKind::in_box || place < dimensions)
            return place < dimensions ? real(ColumnType::f64) : number(1.5);
        if (kind == SourceKind::nearest)
            return e.constant(Value::of(ColumnType::i32, static_cast<std::int32_t>(random_() % 5)));
        radius_ = random_() % 4 == 0   ? e.make(Op::absolute, {real(ColumnType::f64)})
                  : random_() % 8 == 0 ? real(ColumnType::f64)
                                       : number(std::array{0.0, 0.5, 1.0, 40.0}[random_() % 4]);
        return radius_;
    }

    std::optional<NodeId> where() {
        Expressions& e = statement_.expressions;
        std::vector<NodeId> conditions;
        if (random_() % 2 == 0)
            conditions.push_back(e.make(Op::not_equal, {e.entity({1}), e.entity()}));
        if (statement_.sources[1].kind == SourceKind::within)
            conditions.push_back(within());
        if (random_() % 3 == 0)
            conditions.push_back(
                e.make(Op::less, {e.column(world_.column(1, ColumnType::i32), ColumnType::i32, {1}),
                                  e.column(world_.column(target_, ColumnType::i32), ColumnType::i32)}));
        // Fails for some pairs.
        if (random_() % 8 == 0 && statement_.sources[1].kind != SourceKind::within)
            conditions.push_back(e.make(
                Op::less,
                {e.make(Op::divide, {e.constant(Value::of(ColumnType::i32, std::int32_t{9})),
                                     e.column(world_.column(target_, ColumnType::i32), ColumnType::i32)}),
                 e.column(world_.column(1, ColumnType::i32), ColumnType::i32, {1})}));
        if (conditions.empty())
            return std::nullopt;
        return conditions.size() == 1 ? conditions[0] : e.make(Op::logical_and, conditions);
    }

    // game.within(own x, own y, x, y, radius)
    NodeId within() {
        Expressions& e = statement_.expressions;
        const auto square = [&](ColumnType type) {
            const NodeId other = e.cast(e.column(world_.column(1, type), type, {1}), ColumnType::f64);
            const NodeId away = e.make(Op::subtract, {real(type), other});
            return e.make(Op::multiply, {away, away});
        };
        const NodeId near =
            e.make(Op::less_equal, {e.make(Op::add, {square(ColumnType::f32), square(ColumnType::f64)}),
                                    e.make(Op::multiply, {radius_, radius_})});
        return e.make(Op::logical_and, {e.make(Op::greater_equal, {radius_, number(0)}), near});
    }

    const KernelWorld& world_;
    std::size_t target_;
    std::mt19937_64 random_;
    Statement statement_;
    NodeId radius_{};
};

using Arguments = std::vector<std::pair<AggregateFunction, std::vector<ColumnType>>>;
const Arguments arguments{
    {AggregateFunction::count, {ColumnType::code, ColumnType::f32}},
    {AggregateFunction::sum, {ColumnType::i16, ColumnType::i32, ColumnType::f32, ColumnType::f64}},
    {AggregateFunction::least, {ColumnType::i16, ColumnType::i64, ColumnType::f32, ColumnType::f64}},
    {AggregateFunction::greatest, {ColumnType::i32, ColumnType::f64, ColumnType::f32}},
    {AggregateFunction::every, {ColumnType::boolean}},
    {AggregateFunction::any, {ColumnType::boolean}},
    {AggregateFunction::exists, {ColumnType::boolean}},
    {AggregateFunction::first, {ColumnType::i16, ColumnType::f64, ColumnType::boolean, ColumnType::code}},
    {AggregateFunction::only, {ColumnType::i64, ColumnType::f32}},
};

TEST(KernelPlaces, EveryAggregateOverEveryKindOfPlace) {
    std::uint64_t seed = 0;
    std::uint64_t succeeded = 0;
    for (const SourceKind kind :
         {SourceKind::near, SourceKind::nearest, SourceKind::in_box, SourceKind::within})
        for (const Own own : {Own::entities, Own::cells})
            for (const std::uint32_t wildness : {0U, 40U})
                for (const auto& [function, types] : arguments)
                    for (const ColumnType type : types) {
                        SCOPED_TRACE("seed " + std::to_string(++seed) + ", kind " +
                                     std::to_string(static_cast<int>(kind)) + ", function " +
                                     std::to_string(static_cast<int>(function)) + " of " +
                                     std::string(name_of(type)));
                        KernelWorld world(seed, 200, 64, wildness, 2);
                        const RunReport report = expect_same(
                            world, {{"s", {Asking(world, own, kind, seed).with(function, type)}}});
                        succeeded += report.failures.empty();
                        if (testing::Test::HasFailure())
                            return;
                    }
    EXPECT_GT(succeeded, seed / 2);
}

// An event for each row near the own row that comes after it.
Statement telling_of_pairs(const KernelWorld& world, std::uint64_t seed) {
    Statement out;
    out.kind = StatementKind::emit;
    out.target = ComponentId{store::none};
    out.target_name = "met";
    out.components = {world.component(1)};
    Expressions& e = out.expressions;
    RowSource source;
    source.kind = SourceKind::near;
    source.components = {world.component(1)};
    for (const ColumnType type : {ColumnType::f32, ColumnType::f64}) {
        source.coordinates.push_back(world.column(1, type));
        source.arguments.push_back(e.cast(e.column(world.column(1, type), type), ColumnType::f64));
    }
    source.arguments.push_back(e.constant(Value::of(ColumnType::f64, 1.0)));
    if (seed % 2 == 0)
        source.components.push_back(world.component(0));
    out.sources.push_back(source);
    out.each = SourceId{1};
    out.each_where = e.make(Op::greater, {e.entity({1}), e.entity()});
    const NodeId number = e.column(world.column(1, ColumnType::i32), ColumnType::i32, {1});
    if (seed % 3 == 0)
        out.each_where =
            e.make(Op::logical_and,
                   {*out.each_where,
                    e.make(Op::less, {e.distance({1}), e.constant(Value::of(ColumnType::f64, 0.6))})});
    out.each_limit = 100000;
    out.event_entity = e.entity();
    const NodeId divided =
        e.make(Op::divide, {e.constant(Value::of(ColumnType::i32, std::int32_t{60})), number});
    out.fields = {{"n", e.entity({1})}};
    if (seed % 5 == 0)
        out.fields.push_back({"m", divided});
    return out;
}

TEST(KernelPlaces, EventsOfEachPairComeByRowThenByHandle) {
    std::size_t told = 0;
    std::size_t failed = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        KernelWorld world(seed, 200, 64, 0);
        const std::vector<System> systems{{"s", {telling_of_pairs(world, seed)}}};
        reference::World model = world.model();
        const auto expected = reference::run(systems, model, inputs_of(world));
        const RunReport report = Executor(world.layout(), systems).run(world.store(), inputs_of(world));
        ASSERT_EQ(report.failures.size(), expected.size());
        ASSERT_EQ(report.events.size(), model.events.size());
        failed += expected.size();
        told += report.events.size();
        for (std::size_t i = 0; i < report.events.size(); ++i) {
            EXPECT_EQ(report.events[i].slot, model.events[i].slot);
            EXPECT_EQ(report.events[i].entity->handle, model.events[i].entity.bits);
            EXPECT_TRUE(report.events[i].payload.find(
                            "\"n\": " + std::to_string(model.events[i].fields[0].second.bits)) !=
                        std::string::npos);
        }
    }
    EXPECT_GT(told, 1000U);
    EXPECT_GT(failed, 0U);
}

TEST(KernelPlaces, MorePairsThanTheLimitFail) {
    KernelWorld world(1, 200, 64, 0);
    Statement tell = telling_of_pairs(world, 1);
    tell.each_limit = 3;
    const RunReport report = Executor(world.layout(), {{"s", {tell}}}).run(world.store(), inputs_of(world));
    ASSERT_EQ(report.failures.size(), 1U);
    EXPECT_EQ(report.failures[0].error.code(), "54000");
    EXPECT_TRUE(report.events.empty());
}

// Positions that a statement before has changed are those that the next one looks at.
TEST(KernelPlaces, AStatementSeesWhereRowsAreNow) {
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
        KernelWorld world(seed, 300, 64, 0);
        Statement move;
        move.target = world.component(1);
        move.target_name = "target";
        move.components = {move.target};
        Expressions& e = move.expressions;
        const ColumnId x = world.column(1, ColumnType::f32);
        move.assignments.push_back(
            {x,
             e.make(Op::add, {e.column(x, ColumnType::f32), e.constant(Value::of(ColumnType::f32, 0.75F))}),
             false, "x"});
        const auto ask = [&](std::uint64_t number) {
            return Asking(world, Own::entities, SourceKind::near, number)
                .with(AggregateFunction::count, ColumnType::code);
        };
        expect_same(world, {{"one", {ask(seed), move, ask(seed + 1)}}, {"two", {move, ask(seed + 2)}}});
    }
}

TEST(KernelPlaces, AreKeptFromTickToTick) {
    KernelWorld world(3, 300, 64, 0);
    const Statement ask =
        Asking(world, Own::entities, SourceKind::near, 5).with(AggregateFunction::count, ColumnType::code);
    Executor executor(world.layout(), {{"s", {ask}}});
    store::WorldStore& store = world.store();
    const spatial::PositionPlanes planes{store.working().component(world.component(1)).presence,
                                         ask.sources[1].coordinates};
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(executor.run(store, inputs_of(world)).failures.empty());
        store.seal(store.working_tick());
        store.publish();
        store.begin_tick();
    }
    EXPECT_EQ(spatial::KeptGrids::of(store).get(store.working(), planes)->rebuild_count(), 1U);
}

} // namespace
} // namespace gamelan::kernel
