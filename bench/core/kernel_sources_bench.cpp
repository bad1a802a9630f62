// Kernels that read other rows than their own: references between entities, aggregates over all of them, and
// automata over the cells of a planet; in nanoseconds per row, beside loops written by hand over plain
// arrays.
#include "test/unit/store_memory.hpp"

#include "core/grid/planet.hpp"
#include "core/kernel/executor.hpp"

#include <benchmark/benchmark.h>

#include <ctime>
#include <numeric>
#include <random>

namespace {

using namespace gamelan;
using namespace gamelan::kernel;
using store::ComponentDefinition;
using store::EntityPlanes;
using store::IndexKind;
using store::Layout;
using store::WorldStore;

ComponentDefinition definition(const char* name, std::string_view space,
                               std::vector<std::pair<const char*, ColumnType>> columns) {
    ComponentDefinition out{name, std::string(space), 0, {}};
    for (const auto& [column, type] : columns)
        out.columns.push_back({column, type, IndexKind::none, 0, std::nullopt});
    return out;
}

// A world of units, each with a target among them, or of the cells of a planet.
class World {
  public:
    World(std::uint32_t units, std::uint32_t frequency)
        : planet_(1, frequency), region_(std::size_t{1200} << 20),
          store_(WorldStore::create(*region_, region_->claim_slot(1), layout(units), region_.limit())) {
        store_.begin_tick();
        unit_ = *store_.working().find_component("unit");
        soil_ = *store_.working().find_component("soil");
        const EntityPlanes planes = *store::entity_planes(store_.working());
        for (std::uint32_t slot = 1; slot <= units; ++slot) {
            store_.insert_row(planes.component, slot);
            store_.insert_row(unit_, slot);
            store_.set(column(unit_, "x"), slot, static_cast<float>(slot));
            store_.set(column(unit_, "hp"), slot, static_cast<std::int32_t>(slot % 100));
        }
        std::mt19937 random(1);
        for (std::uint32_t slot = 0; frequency > 1 && slot < planet_.slot_count(); ++slot) {
            store_.set(column(soil_, "kind"), slot, static_cast<std::int16_t>(random() % 4));
            store_.set(column(soil_, "heat"), slot, static_cast<float>(random() % 100));
        }
        seal();
    }

    // Of each unit another: all of them once, at random, or the next ones.
    void aim(bool at_random) {
        const std::uint32_t count = store_.newest().slot_count(store_.newest().find_space("entity").value());
        std::vector<std::int64_t> targets(count - 1);
        std::iota(targets.begin(), targets.end(), 1);
        std::mt19937 random(2);
        if (at_random)
            std::shuffle(targets.begin(), targets.end(), random);
        store_.begin_tick();
        for (std::uint32_t slot = 1; slot < count; ++slot)
            store_.set(column(unit_, "target"), slot, targets[slot % targets.size()]);
        seal();
    }
    void seal() {
        store_.seal(store_.working_tick());
        store_.publish();
    }

    WorldStore& store() { return store_; }
    const grid::Planet& planet() const { return planet_; }
    ComponentId unit() const { return unit_; }
    ComponentId soil() const { return soil_; }
    ColumnId column(ComponentId component, const char* name) const {
        const store::Snapshot& view = store_.in_tick() ? store_.working() : newest_.emplace(store_.newest());
        return *view.find_column(component, name);
    }

  private:
    struct PlanetOf : grid::Planet {
        PlanetOf(std::int64_t world, std::uint32_t frequency) : grid::Planet(world, frequency, 1) {}
    };
    Layout layout(std::uint32_t units) const {
        Layout out;
        out.add_space(store::entity_space, units + 1);
        out.add_space(store::cell_space, planet_.slot_count(), planet_.block_slots());
        store::add_entity_components(out);
        out.add_component(
            definition("unit", store::entity_space,
                       {{"x", ColumnType::f32}, {"hp", ColumnType::i32}, {"target", ColumnType::i64}}),
            false);
        out.add_component(
            definition("soil", store::cell_space, {{"kind", ColumnType::i16}, {"heat", ColumnType::f32}}),
            true);
        return out;
    }

    PlanetOf planet_;
    store::TestRegion region_;
    WorldStore store_;
    mutable std::optional<store::Snapshot> newest_;
    ComponentId unit_{};
    ComponentId soil_{};
};

double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void report(benchmark::State& state, double rows) {
    state.counters["ns_per_row"] = benchmark::Counter(
        rows * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void run(benchmark::State& state, World& world, const Statement& statement, std::uint32_t rows) {
    Executor executor(world.store().newest(), {{"measured", {statement}}});
    const TickInputs inputs{1.0 / 60, 1, 0, 1, &world.planet()};
    for (auto _ : state) {
        world.store().begin_tick();
        const double begin = thread_seconds();
        const RunReport done = executor.run(world.store(), inputs);
        const double end = thread_seconds();
        world.seal();
        if (!done.failures.empty())
            state.SkipWithError(done.failures[0].error.what());
        state.SetIterationTime(end - begin);
    }
    report(state, rows);
}

Statement update_of(ComponentId component, const char* name) {
    Statement out;
    out.target = component;
    out.target_name = name;
    out.components = {component};
    return out;
}

// UPDATE unit u SET x = t.x FROM unit t WHERE t.entity = u.target
void BM_Reference(benchmark::State& state) {
    const auto count = static_cast<std::uint32_t>(state.range(0));
    World world(count, 1);
    world.aim(state.range(1) != 0);
    Statement follow = update_of(world.unit(), "unit");
    const ColumnId x = world.column(world.unit(), "x");
    Expressions& e = follow.expressions;
    follow.sources.push_back({SourceKind::reference,
                              {world.unit()},
                              e.column(world.column(world.unit(), "target"), ColumnType::i64),
                              false});
    follow.assignments.push_back({x, e.column(x, ColumnType::f32, {1}), false, "x"});
    run(state, world, follow, count);
}

// The same over plain arrays: whether the target lives, its generation, its value.
void BM_ReferenceByHand(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    std::vector<std::uint64_t> targets(count);
    std::iota(targets.begin(), targets.end(), 0);
    std::mt19937 random(2);
    if (state.range(1) != 0)
        std::shuffle(targets.begin(), targets.end(), random);
    const std::vector<std::uint64_t> alive(count / 64 + 1, ~std::uint64_t{0});
    const std::vector<std::uint32_t> generations(count, 0);
    const std::vector<float> x(count, 1);
    std::vector<float> out(count, 0);
    for (auto _ : state) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto slot = static_cast<std::uint32_t>(targets[i]);
            if ((alive[slot / 64] >> slot % 64 & 1) != 0 && generations[slot] == targets[i] >> 32)
                out[i] = x[slot];
        }
        benchmark::ClobberMemory();
    }
    report(state, static_cast<double>(count));
}

// UPDATE unit SET hp = hp + 1 WHERE (SELECT sum(hp) FROM unit WHERE hp > 10) < 0
void BM_SumOfAll(benchmark::State& state) {
    const auto count = static_cast<std::uint32_t>(state.range(0));
    World world(count, 1);
    Statement rise = update_of(world.unit(), "unit");
    const ColumnId hp = world.column(world.unit(), "hp");
    Expressions& e = rise.expressions;
    rise.sources.push_back({SourceKind::all, {world.unit()}, std::nullopt, false});
    const NodeId theirs = e.column(hp, ColumnType::i32, {1});
    const NodeId ten = e.constant(Value::of(ColumnType::i32, std::int32_t{10}));
    rise.aggregates.push_back({AggregateFunction::sum, {1}, e.make(Op::greater, {theirs, ten}), theirs});
    rise.where = e.make(
        Op::less, {e.aggregate(0, ColumnType::i64), e.constant(Value::of(ColumnType::i64, std::int64_t{0}))});
    rise.assignments.push_back({hp, e.column(hp, ColumnType::i32), false, "hp"});
    run(state, world, rise, count);
}

// How many neighbours are of a kind.
NodeId count_around(Statement& statement, ColumnId kind, std::int16_t wanted) {
    Expressions& e = statement.expressions;
    if (statement.sources.size() == 1)
        statement.sources.push_back({SourceKind::neighbours, statement.components, std::nullopt, false});
    const NodeId is_wanted = e.make(
        Op::equal, {e.column(kind, ColumnType::i16, {1}), e.constant(Value::of(ColumnType::i16, wanted))});
    statement.aggregates.push_back({AggregateFunction::count, {1}, is_wanted, std::nullopt});
    return e.aggregate(static_cast<std::uint32_t>(statement.aggregates.size() - 1), ColumnType::i64);
}

// kind = CASE WHEN two neighbours are of kind 1 THEN 1 ELSE 0 END
void BM_Life(benchmark::State& state) {
    World world(1, static_cast<std::uint32_t>(state.range(0)));
    Statement live = update_of(world.soil(), "soil");
    const ColumnId kind = world.column(world.soil(), "kind");
    Expressions& e = live.expressions;
    const NodeId count = count_around(live, kind, 1);
    const auto number = [&](std::int16_t value) { return e.constant(Value::of(ColumnType::i16, value)); };
    const NodeId is_born =
        e.make(Op::equal, {count, e.constant(Value::of(ColumnType::i64, std::int64_t{2}))});
    live.assignments.push_back({kind, e.make(Op::choose, {is_born, number(1), number(0)}), false, "kind"});
    run(state, world, live, world.planet().sphere().cell_count());
}

// Three counts, of which the largest wins: about what the native automaton reads.
void BM_ThreeKinds(benchmark::State& state) {
    World world(1, static_cast<std::uint32_t>(state.range(0)));
    Statement spread = update_of(world.soil(), "soil");
    const ColumnId kind = world.column(world.soil(), "kind");
    Expressions& e = spread.expressions;
    const NodeId one = count_around(spread, kind, 1);
    const NodeId two = count_around(spread, kind, 2);
    const NodeId three = count_around(spread, kind, 3);
    const auto number = [&](std::int16_t value) { return e.constant(Value::of(ColumnType::i16, value)); };
    const NodeId own = e.column(kind, ColumnType::i16);
    const NodeId limit = e.constant(Value::of(ColumnType::i64, std::int64_t{3}));
    spread.assignments.push_back(
        {kind,
         e.make(Op::choose, {e.make(Op::greater, {one, limit}), number(1), e.make(Op::greater, {two, limit}),
                             number(2), e.make(Op::greater, {three, limit}), number(3), own}),
         false, "kind"});
    run(state, world, spread, world.planet().sphere().cell_count());
}

// heat = heat + 0.1 × (sum of the neighbours' − 6 × heat)
void BM_Heat(benchmark::State& state) {
    World world(1, static_cast<std::uint32_t>(state.range(0)));
    Statement flow = update_of(world.soil(), "soil");
    const ColumnId heat = world.column(world.soil(), "heat");
    Expressions& e = flow.expressions;
    flow.sources.push_back({SourceKind::neighbours, {world.soil()}, std::nullopt, false});
    flow.aggregates.push_back(
        {AggregateFunction::sum, {1}, std::nullopt, e.column(heat, ColumnType::f32, {1})});
    const auto number = [&](float value) { return e.constant(Value::of(ColumnType::f32, value)); };
    const NodeId own = e.column(heat, ColumnType::f32);
    const NodeId difference =
        e.make(Op::subtract, {e.aggregate(0, ColumnType::f32), e.make(Op::multiply, {own, number(6)})});
    flow.assignments.push_back(
        {heat, e.make(Op::add, {own, e.make(Op::multiply, {difference, number(0.1F)})}), false, "heat"});
    run(state, world, flow, world.planet().sphere().cell_count());
}

// The same by a table of neighbours.
void BM_HeatByHand(benchmark::State& state) {
    const grid::HexSphere sphere(static_cast<std::uint32_t>(state.range(0)));
    const std::uint32_t count = sphere.cell_count();
    std::vector<std::uint32_t> around(6 * std::size_t{count}, count);
    for (std::uint32_t cell = 0; cell < count; ++cell) {
        const grid::Neighbours neighbours = sphere.neighbours(cell);
        std::copy(neighbours.begin(), neighbours.end(), around.begin() + 6 * std::ptrdiff_t{cell});
    }
    std::vector<float> heat(count + 1, 1);
    std::vector<float> next(count + 1, 0);
    heat[count] = 0;
    for (auto _ : state) {
        for (std::uint32_t cell = 0; cell < count; ++cell) {
            float sum = 0;
            for (std::uint32_t d = 0; d < 6; ++d)
                sum += heat[around[6 * std::size_t{cell} + d]];
            next[cell] = heat[cell] + 0.1F * (sum - 6 * heat[cell]);
        }
        benchmark::ClobberMemory();
    }
    report(state, count);
}

void references(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"entities", "at_random"});
    for (const std::int64_t count : {100000, 1000000})
        for (const std::int64_t at_random : {0, 1})
            bench->Args({count, at_random});
}

BENCHMARK(BM_Reference)->Apply(references)->UseManualTime();
BENCHMARK(BM_ReferenceByHand)->Apply(references);
BENCHMARK(BM_SumOfAll)->ArgName("entities")->Arg(1000000)->UseManualTime();
BENCHMARK(BM_Life)->ArgName("n")->Arg(64)->Arg(256)->UseManualTime();
BENCHMARK(BM_ThreeKinds)->ArgName("n")->Arg(64)->Arg(256)->UseManualTime();
BENCHMARK(BM_Heat)->ArgName("n")->Arg(64)->Arg(256)->UseManualTime();
BENCHMARK(BM_HeatByHand)->ArgName("n")->Arg(64)->Arg(256);

} // namespace
