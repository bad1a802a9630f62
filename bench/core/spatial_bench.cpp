// Points by place: building the index, and what it finds, beside looking at every point.
#include "core/kernel/executor.hpp"
#include "core/spatial/grid_index.hpp"
#include "core/spatial/moving_grid.hpp"

#include <benchmark/benchmark.h>

#include <random>

namespace {

using namespace gamelan;
using namespace gamelan::spatial;

// Even on a square such that a circle of radius 1 has so many others in it.
Points even_points(std::int64_t count, double neighbours) {
    std::mt19937_64 random(1);
    const double edge = std::sqrt(static_cast<double>(count) * 3.14159265 / neighbours);
    std::uniform_real_distribution<double> place(0, edge);
    Points out;
    out.dimensions = 2;
    for (std::int64_t i = 0; i < count; ++i) {
        out.handles.push_back(static_cast<std::uint64_t>(i) + 1);
        out.at[0].push_back(place(random));
        out.at[1].push_back(place(random));
    }
    return out;
}

void BM_Build(benchmark::State& state) {
    const Points points = even_points(state.range(0), 4);
    for (auto _ : state)
        benchmark::DoNotOptimize(GridIndex(points, 1.0));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_BuildAndFindPairs(benchmark::State& state) {
    const Points points = even_points(state.range(0), static_cast<double>(state.range(1)));
    std::size_t pairs = 0;
    for (auto _ : state)
        pairs = GridIndex(points, 1.0).all_pairs(100000000, [] {}).size();
    state.counters["pairs"] = static_cast<double>(pairs);
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_PairsByHand(benchmark::State& state) {
    const Points points = even_points(state.range(0), 4);
    for (auto _ : state) {
        std::size_t pairs = 0;
        for (std::uint32_t a = 0; a < points.size(); ++a)
            for (std::uint32_t b = a + 1; b < points.size(); ++b) {
                const double x = points.at[0][a] - points.at[0][b];
                const double y = points.at[1][a] - points.at[1][b];
                pairs += x * x + y * y <= 1;
            }
        benchmark::DoNotOptimize(pairs);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_Near(benchmark::State& state) {
    const Points points = even_points(state.range(0), 4);
    const GridIndex index(points);
    std::uint32_t next = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(index.near(points.position(next++ % points.size()), 1));
}

void BM_Nearest(benchmark::State& state) {
    const Points points = even_points(state.range(0), 4);
    const GridIndex index(points);
    std::uint32_t next = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(index.nearest(points.position(next++ % points.size()), 8));
}

std::vector<MovingGrid::Point> by_slot(const Points& points) {
    std::vector<MovingGrid::Point> out;
    for (std::uint32_t i = 0; i < points.size(); ++i)
        out.push_back({i, points.position(i)});
    return out;
}

// Sorting all points anew.
void BM_MovingGridRebuild(benchmark::State& state) {
    const auto points = by_slot(even_points(state.range(0), 4));
    MovingGrid grid(2);
    for (auto _ : state)
        grid.rebuild(points, static_cast<std::uint32_t>(points.size()));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

// So many of a hundred points move by a twentieth of the distance between them.
void BM_MovingGridMove(benchmark::State& state) {
    auto points = by_slot(even_points(state.range(0), 4));
    MovingGrid grid(2);
    grid.rebuild(points, static_cast<std::uint32_t>(points.size()));
    const std::size_t moving = points.size() * static_cast<std::size_t>(state.range(1)) / 100;
    double step = 0.05;
    for (auto _ : state) {
        for (std::size_t i = 0; i < moving; ++i) {
            points[i].at[0] += step;
            grid.put(points[i].slot, points[i].at);
        }
        if (grid.is_worn())
            grid.rebuild(points, static_cast<std::uint32_t>(points.size()));
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(moving));
}

// What a kernel asks for each row: how many there are around it.
void BM_MovingGridNear(benchmark::State& state) {
    const auto points = by_slot(even_points(state.range(0), 4));
    MovingGrid grid(2);
    grid.rebuild(points, static_cast<std::uint32_t>(points.size()));
    std::uint64_t found = 0;
    std::vector<std::uint32_t> slots;
    for (auto _ : state) {
        found = 0;
        for (const MovingGrid::Point& point : points) {
            slots.clear();
            grid.near(point.at, 1, slots);
            found += slots.size();
        }
    }
    state.counters["found"] = static_cast<double>(found);
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

// --- a tick ---

class Circles {
  public:
    explicit Circles(std::uint32_t count)
        : memory_(std::aligned_alloc(64, bytes)),
          region_(store::Region::format(memory_.get(), bytes, {16, 8})) {
        store::Layout layout;
        layout.add_space(store::entity_space, count + 1, store::max_block_slots);
        store::add_entity_components(layout);
        const auto add = [&](const char* name, std::initializer_list<const char*> columns) {
            store::ComponentDefinition definition{name, std::string(store::entity_space), 0, {}};
            for (const char* column : columns)
                definition.columns.push_back(
                    {column, ColumnType::f32, store::IndexKind::none, 0, std::nullopt});
            definition.columns.push_back({"n", ColumnType::i64, store::IndexKind::none, 0, std::nullopt});
            return layout.add_component(definition, false);
        };
        position_ = add("position", {"x", "y"});
        velocity_ = add("velocity", {"dx", "dy"});
        store_.emplace(
            store::WorldStore::create(region_, region_.claim_slot(1), layout, region_.units_total()));
        store_->begin_tick();
        const Points points = even_points(count, 4);
        const store::EntityPlanes planes = *store::entity_planes(store_->working());
        for (std::uint32_t i = 0; i < count; ++i) {
            store_->insert_row(planes.component, i + 1);
            store_->insert_row(position_, i + 1);
            store_->insert_row(velocity_, i + 1);
            store_->set(column(position_, "x"), i + 1, static_cast<float>(points.at[0][i]));
            store_->set(column(position_, "y"), i + 1, static_cast<float>(points.at[1][i]));
            store_->set(column(velocity_, "dx"), i + 1, 0.01F * static_cast<float>(i % 7));
            store_->set(column(velocity_, "dy"), i + 1, 0.01F * static_cast<float>(i % 5));
        }
    }

    // x += dx, y += dy
    kernel::Statement moving() const {
        kernel::Statement out = updating(position_);
        out.components.push_back(velocity_);
        kernel::Expressions& e = out.expressions;
        for (const auto& [to, by] : {std::pair{"x", "dx"}, {"y", "dy"}})
            out.assignments.push_back(
                {column(position_, to),
                 e.make(kernel::Op::add, {e.column(column(position_, to), ColumnType::f32),
                                          e.column(column(velocity_, by), ColumnType::f32)}),
                 true, to});
        return out;
    }
    // dx = -dx, dy = -dy where another one is near
    kernel::Statement turning() const {
        kernel::Statement out = updating(velocity_);
        kernel::Expressions& e = out.expressions;
        add_others(out);
        out.aggregates.push_back({kernel::AggregateFunction::exists,
                                  {1},
                                  e.make(kernel::Op::not_equal, {e.entity({1}), e.entity()}),
                                  std::nullopt});
        out.where = e.aggregate(0, ColumnType::boolean);
        for (const char* name : {"dx", "dy"})
            out.assignments.push_back(
                {column(velocity_, name),
                 e.make(kernel::Op::negate, {e.column(column(velocity_, name), ColumnType::f32)}), true,
                 name});
        return out;
    }
    // n = how many others are near
    kernel::Statement counting() const {
        kernel::Statement out = updating(velocity_);
        kernel::Expressions& e = out.expressions;
        add_others(out);
        out.aggregates.push_back({kernel::AggregateFunction::count,
                                  {1},
                                  e.make(kernel::Op::not_equal, {e.entity({1}), e.entity()}),
                                  std::nullopt});
        out.assignments.push_back({column(velocity_, "n"), e.aggregate(0, ColumnType::i64), false, "n"});
        return out;
    }
    store::WorldStore& store() { return *store_; }

  private:
    static constexpr std::size_t bytes = 256U << 20;
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };

    store::ColumnId column(store::ComponentId component, const char* name) const {
        return *store_->working().find_column(component, name);
    }
    kernel::Statement updating(store::ComponentId target) const {
        kernel::Statement out;
        out.target = target;
        out.target_name = "target";
        out.components = {target};
        return out;
    }
    void add_others(kernel::Statement& out) const {
        kernel::Expressions& e = out.expressions;
        out.components.push_back(position_);
        kernel::RowSource source;
        source.kind = kernel::SourceKind::near;
        source.components = {position_};
        for (const char* name : {"x", "y"}) {
            source.coordinates.push_back(column(position_, name));
            source.arguments.push_back(
                e.cast(e.column(column(position_, name), ColumnType::f32), ColumnType::f64));
        }
        source.arguments.push_back(e.constant(kernel::Value::of(ColumnType::f64, 1.0)));
        out.sources.push_back(source);
    }

    std::unique_ptr<void, Free> memory_;
    store::Region region_;
    std::optional<store::WorldStore> store_;
    store::ComponentId position_{};
    store::ComponentId velocity_{};
};

void play_ticks(benchmark::State& state, Circles& circles, std::vector<kernel::System> systems) {
    store::WorldStore& store = circles.store();
    kernel::Executor executor(store.working(), std::move(systems));
    std::uint64_t rows = 0;
    for (auto _ : state) {
        rows = executor.run(store, {0.05, 1, 0, 42}).rows.back();
        store.seal(store.working_tick());
        store.publish();
        store.begin_tick();
    }
    state.counters["rows"] = static_cast<double>(rows);
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_TickMoveAndTurn(benchmark::State& state) {
    Circles circles(static_cast<std::uint32_t>(state.range(0)));
    play_ticks(state, circles, {{"move", {circles.moving()}}, {"turn", {circles.turning()}}});
}

void BM_TickMove(benchmark::State& state) {
    Circles circles(static_cast<std::uint32_t>(state.range(0)));
    play_ticks(state, circles, {{"move", {circles.moving()}}});
}

void BM_TickMoveAndCount(benchmark::State& state) {
    Circles circles(static_cast<std::uint32_t>(state.range(0)));
    play_ticks(state, circles, {{"move", {circles.moving()}}, {"count", {circles.counting()}}});
}

// Nothing moves: the grid is kept.
void BM_TickCount(benchmark::State& state) {
    Circles circles(static_cast<std::uint32_t>(state.range(0)));
    play_ticks(state, circles, {{"count", {circles.counting()}}});
}

BENCHMARK(BM_TickMove)->Arg(100000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_TickMoveAndTurn)->Arg(100000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_TickMoveAndCount)->Arg(100000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_TickCount)->Arg(100000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_MovingGridRebuild)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_MovingGridMove)
    ->Args({100000, 1})
    ->Args({100000, 10})
    ->Args({100000, 25})
    ->Args({100000, 100})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_MovingGridNear)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Build)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_BuildAndFindPairs)
    ->Args({100000, 2})
    ->Args({100000, 4})
    ->Args({100000, 16})
    ->Args({1000000, 4})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_PairsByHand)->Arg(20000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Near)->Arg(100000)->Arg(1000000);
BENCHMARK(BM_Nearest)->Arg(100000)->Arg(1000000);

} // namespace
