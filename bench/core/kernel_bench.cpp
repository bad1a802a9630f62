// Systems as compiled kernels, in nanoseconds per entity, beside loops written by hand: over plain arrays in
// place, and over blocks that are copied on write with nothing else of a store. Figures named "tick" include
// beginning, sealing and publishing the version.
#include "test/unit/store_memory.hpp"

#include "core/kernel/executor.hpp"
#include "core/store/layout_change.hpp"

#include <benchmark/benchmark.h>

#include <ctime>
#include <random>
#include <utility>

namespace {

using namespace gamelan::kernel;
using namespace gamelan::store;
using gamelan::ColumnType;

constexpr float tick_seconds = 1.0F / 60;
constexpr std::uint32_t block_rows = 1024;

const std::vector<ComponentDefinition> definitions = [] {
    const std::string space(entity_space);
    const auto column = [](const char* name, ColumnType type) {
        return ColumnDefinition{name, type, IndexKind::none, 0, std::nullopt};
    };
    constexpr ColumnType f32 = ColumnType::f32;
    constexpr ColumnType i32 = ColumnType::i32;
    return std::vector<ComponentDefinition>{
        {"position", space, 1, {column("x", f32), column("y", f32), column("z", f32)}},
        {"velocity", space, 2, {column("x", f32), column("y", f32), column("z", f32)}},
        {"health", space, 3, {column("hp", i32), column("shield", i32), column("poison", i32)}},
        {"weapon", space, 4, {column("cooldown", f32), column("heat", f32), column("shots", i32)}},
        {"score", space, 5, {column("points", i32), column("deaths", i32)}},
    };
}();

Layout entity_layout() {
    Layout layout;
    layout.add_space(entity_space, 0);
    add_entity_components(layout);
    return layout;
}

// A world of `count` entities in slots 1 …, each with every component.
class Arena {
  public:
    explicit Arena(std::uint32_t count)
        : region_(std::size_t{1200} << 20), count_(count),
          store_(WorldStore::create(*region_, region_->claim_slot(1), entity_layout(), region_.limit())) {
        store_.begin_tick();
        store_.change_layout(*plan_layout_change(store_.working(), {1, definitions}));
        const EntityPlanes planes = *entity_planes(store_.working());
        store_.extend_space(planes.space, count + 1);
        std::mt19937 random(1);
        for (std::uint32_t slot = 1; slot <= count; ++slot) {
            store_.insert_row(planes.component, slot);
            for (const ComponentDefinition& definition : definitions)
                fill_row(*store_.working().find_component(definition.name), slot, random);
        }
        store_.seal(1);
        store_.publish();
    }

    Executor executor(std::vector<System> systems) const { return {store_.newest(), std::move(systems)}; }
    WorldStore& store() { return store_; }
    std::uint32_t count() const { return count_; }
    ColumnType type(ColumnId column) const { return store_.newest().column(column).type; }
    ComponentId component(const char* name) const { return *store_.newest().find_component(name); }
    ColumnId column(const char* component_name, const char* name) const {
        return *store_.newest().find_column(component(component_name), name);
    }

  private:
    void fill_row(ComponentId id, std::uint32_t slot, std::mt19937& random) {
        store_.insert_row(id, slot);
        const ComponentSpec spec = store_.working().component(id);
        for (std::uint32_t i = 0; i < spec.column_count; ++i) {
            const ColumnId column{spec.first_column + 2 * i};
            const auto number = static_cast<std::int32_t>(random() % 100);
            if (store_.working().column(column).type == ColumnType::f32)
                store_.set(column, slot, static_cast<float>(number));
            else
                store_.set(column, slot, number);
        }
    }

    TestRegion region_;
    std::uint32_t count_;
    WorldStore store_;
};

// A statement that is written as one would say it.
class Update {
  public:
    Update(const Arena& arena, const char* target, std::vector<const char*> others = {}) : arena_(arena) {
        statement_.target = arena.component(target);
        statement_.target_name = target;
        statement_.components = {statement_.target};
        for (const char* other : others)
            statement_.components.push_back(arena.component(other));
    }

    NodeId column(const char* component, const char* name) {
        const ColumnId id = arena_.column(component, name);
        return e().column(id, arena_.type(id));
    }
    NodeId real(float value) { return e().constant(Value::of(ColumnType::f32, value)); }
    NodeId number(std::int32_t value) { return e().constant(Value::of(ColumnType::i32, value)); }
    NodeId dt() { return e().parameter(Parameter::dt_real); }
    NodeId make(Op op, std::vector<NodeId> arguments) { return e().make(op, std::move(arguments)); }
    Update& where(NodeId condition) {
        statement_.where = condition;
        return *this;
    }
    Update& set(const char* name, NodeId value) {
        statement_.assignments.push_back(
            {arena_.column(statement_.target_name.c_str(), name), value, false, name});
        return *this;
    }
    System system(const char* name) { return {name, {statement_}}; }
    Expressions& e() { return statement_.expressions; }

  private:
    const Arena& arena_;
    Statement statement_;
};

System movement(const Arena& arena) {
    Update u(arena, "position", {"velocity"});
    for (const char* axis : {"x", "y", "z"})
        u.set(axis, u.make(Op::add, {u.column("position", axis),
                                     u.make(Op::multiply, {u.column("velocity", axis), u.dt()})}));
    return u.system("movement");
}

System movement_of_the_healthy(const Arena& arena) {
    Update u(arena, "position", {"velocity", "health"});
    for (const char* axis : {"x", "y", "z"})
        u.set(axis, u.make(Op::add, {u.column("position", axis),
                                     u.make(Op::multiply, {u.column("velocity", axis), u.dt()})}));
    u.where(u.make(Op::greater, {u.column("health", "hp"), u.number(49)}));
    return u.system("movement of the healthy");
}

System drag(const Arena& arena) {
    Update u(arena, "velocity");
    for (const char* axis : {"x", "y", "z"})
        u.set(axis, u.make(Op::multiply, {u.column("velocity", axis), u.real(0.999F)}));
    return u.system("drag");
}

System gravity(const Arena& arena) {
    Update u(arena, "velocity");
    const NodeId fall =
        u.make(Op::subtract, {u.column("velocity", "z"), u.make(Op::multiply, {u.real(9.81F), u.dt()})});
    u.set("z", u.make(Op::greatest, {fall, u.real(-50)}));
    return u.system("gravity");
}

// Positions beyond the border come in again at the other side.
System wrap(const Arena& arena) {
    Update u(arena, "position");
    for (const char* axis : {"x", "y", "z"}) {
        const NodeId at = u.column("position", axis);
        const NodeId lower = u.make(Op::choose, {u.make(Op::greater, {at, u.real(1000)}),
                                                 u.make(Op::subtract, {at, u.real(1000)}), at});
        u.set(axis, lower);
    }
    return u.system("wrap");
}

// `column` of the integers goes up or down by a step where a condition on it holds.
System counting(const Arena& arena, const char* component, const char* column, Op test, std::int32_t bound,
                Op change, std::int32_t step) {
    Update u(arena, component);
    const NodeId value = u.column(component, column);
    u.set(column, u.make(change, {value, u.number(step)}));
    u.where(u.make(test, {value, u.number(bound)}));
    return u.system("counting");
}

System cooling(const Arena& arena, const char* column) {
    Update u(arena, "weapon");
    u.set(column,
          u.make(Op::greatest, {u.make(Op::subtract, {u.column("weapon", column), u.dt()}), u.real(0)}));
    return u.system("cooling");
}

System damage_over_time(const Arena& arena) {
    Update u(arena, "health");
    u.set("hp", u.make(Op::subtract,
                       {u.column("health", "hp"),
                        u.make(Op::choose, {u.make(Op::greater, {u.column("health", "poison"), u.number(90)}),
                                            u.number(1), u.number(0)})}));
    return u.system("damage over time");
}

System firing(const Arena& arena) {
    Update u(arena, "weapon", {"health"});
    u.set("cooldown", u.real(0.5F));
    u.set("shots", u.make(Op::add, {u.column("weapon", "shots"), u.number(1)}));
    u.where(u.make(Op::logical_and, {u.make(Op::less_equal, {u.column("weapon", "cooldown"), u.real(0)}),
                                     u.make(Op::greater, {u.column("health", "hp"), u.number(0)})}));
    return u.system("firing");
}

System scoring(const Arena& arena) {
    Update u(arena, "score", {"weapon"});
    u.set("points", u.make(Op::add, {u.column("score", "points"),
                                     u.make(Op::bit_and, {u.column("weapon", "shots"), u.number(1)})}));
    return u.system("scoring");
}

System death(const Arena& arena) {
    Update u(arena, "score", {"health"});
    u.set("deaths", u.make(Op::add, {u.column("score", "deaths"), u.number(1)}));
    u.where(u.make(Op::less_equal, {u.column("health", "hp"), u.number(0)}));
    return u.system("death");
}

System revival(const Arena& arena) {
    Update u(arena, "health");
    u.set("hp", u.number(100)).set("shield", u.number(50)).set("poison", u.number(0));
    u.where(u.make(Op::less_equal, {u.column("health", "hp"), u.number(0)}));
    return u.system("revival");
}

System bounce(const Arena& arena, const char* axis) {
    Update u(arena, "velocity", {"position"});
    const NodeId speed = u.column("velocity", axis);
    u.set(axis, u.make(Op::choose, {u.make(Op::less, {u.column("position", axis), u.real(0)}),
                                    u.make(Op::absolute, {speed}), speed}));
    return u.system("bounce");
}

std::vector<System> four_systems(const Arena& arena) {
    return {movement(arena), drag(arena), gravity(arena), wrap(arena)};
}

std::vector<System> twenty_systems(const Arena& arena) {
    std::vector<System> out = four_systems(arena);
    for (const char* axis : {"x", "y", "z"})
        out.push_back(bounce(arena, axis));
    out.push_back(cooling(arena, "cooldown"));
    out.push_back(cooling(arena, "heat"));
    out.push_back(firing(arena));
    out.push_back(counting(arena, "health", "hp", Op::less, 100, Op::add, 1));
    out.push_back(counting(arena, "health", "shield", Op::less, 50, Op::add, 1));
    out.push_back(counting(arena, "health", "poison", Op::greater, 0, Op::subtract, 1));
    out.push_back(damage_over_time(arena));
    out.push_back(death(arena));
    out.push_back(revival(arena));
    out.push_back(scoring(arena));
    out.push_back(counting(arena, "score", "points", Op::greater, 1000000, Op::subtract, 1000000));
    out.push_back(counting(arena, "weapon", "shots", Op::greater, 1000000, Op::subtract, 1000000));
    out.push_back(counting(arena, "score", "deaths", Op::greater, 1000000, Op::subtract, 1000000));
    return out;
}

void report(benchmark::State& state, double entities) {
    state.counters["ns_per_entity"] = benchmark::Counter(
        entities * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

using MakeSystems = std::vector<System> (*)(const Arena&);

double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// The version is sealed and published between two samples: `whole_tick` counts that too.
void run_systems(benchmark::State& state, MakeSystems make, Order order, bool whole_tick) {
    Arena arena(static_cast<std::uint32_t>(state.range(0)));
    Executor executor = arena.executor(make(arena));
    const TickInputs inputs{tick_seconds, 1, 0, 1};
    WorldStore& store = arena.store();
    for (auto _ : state) {
        const double begin = thread_seconds();
        store.begin_tick();
        const double run_begin = thread_seconds();
        const RunReport done = executor.run(store, inputs, order);
        const double run_end = thread_seconds();
        store.seal(store.working_tick());
        store.publish();
        const double end = thread_seconds();
        if (!done.failures.empty())
            state.SkipWithError(done.failures[0].error.what());
        state.SetIterationTime(whole_tick ? end - begin : run_end - run_begin);
    }
    report(state, static_cast<double>(arena.count()));
}

std::vector<System> one_movement(const Arena& arena) {
    return {movement(arena)};
}
std::vector<System> one_movement_of_the_healthy(const Arena& arena) {
    return {movement_of_the_healthy(arena)};
}

void BM_Movement(benchmark::State& state) {
    run_systems(state, one_movement, Order::block_major, false);
}
void BM_MovementTick(benchmark::State& state) {
    run_systems(state, one_movement, Order::block_major, true);
}
void BM_MovementWhere(benchmark::State& state) {
    run_systems(state, one_movement_of_the_healthy, Order::block_major, false);
}
void BM_FourBlockMajor(benchmark::State& state) {
    run_systems(state, four_systems, Order::block_major, false);
}
void BM_FourSystemMajor(benchmark::State& state) {
    run_systems(state, four_systems, Order::system_major, false);
}
void BM_TwentyBlockMajor(benchmark::State& state) {
    run_systems(state, twenty_systems, Order::block_major, false);
}
void BM_TwentySystemMajor(benchmark::State& state) {
    run_systems(state, twenty_systems, Order::system_major, false);
}
void BM_TwentyTick(benchmark::State& state) {
    run_systems(state, twenty_systems, Order::block_major, true);
}

// What any system costs, whose WHERE selects nothing.
std::vector<System> idle(const Arena& arena) {
    return {counting(arena, "health", "hp", Op::greater, 1000, Op::add, 1)};
}
void BM_Idle(benchmark::State& state) {
    run_systems(state, idle, Order::block_major, false);
}

// --- written by hand ---

void move(float* __restrict out, const float* in, const float* speed, float dt, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        out[i] = in[i] + speed[i] * dt;
}

void BM_HandInPlace(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    std::vector<std::vector<float>> at(3, std::vector<float>(count, 1));
    const std::vector<std::vector<float>> speed(3, std::vector<float>(count, 2));
    float dt = tick_seconds;
    for (auto _ : state) {
        benchmark::DoNotOptimize(dt);
        for (std::size_t axis = 0; axis < 3; ++axis) {
            float* values = at[axis].data();
            const float* by = speed[axis].data();
            for (std::size_t i = 0; i < count; ++i)
                values[i] += by[i] * dt;
        }
        benchmark::ClobberMemory();
    }
    report(state, static_cast<double>(count));
}

// Blocks of 1,024 floats behind pointers; what was replaced is reused, last first, after the tick.
void BM_HandCopyOnWrite(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    const std::size_t blocks = (count + block_rows - 1) / block_rows;
    constexpr std::size_t stride = block_rows + 16;
    std::vector<float> memory(9 * blocks * stride, 1);
    std::vector<float*> free;
    for (std::size_t i = 0; i < 9 * blocks; ++i)
        free.push_back(memory.data() + i * stride);
    std::vector<float*> table(6 * blocks);
    for (float*& block : table) {
        block = free.back();
        free.pop_back();
    }
    float dt = tick_seconds;
    std::vector<float*> replaced;
    for (auto _ : state) {
        benchmark::DoNotOptimize(dt);
        for (std::size_t b = 0; b < blocks; ++b)
            for (std::size_t axis = 0; axis < 3; ++axis) {
                float*& place = table[axis * blocks + b];
                float* fresh = free.back();
                free.pop_back();
                move(fresh, place, table[(3 + axis) * blocks + b], dt, block_rows);
                replaced.push_back(std::exchange(place, fresh));
            }
        free.insert(free.end(), replaced.begin(), replaced.end());
        replaced.clear();
        benchmark::ClobberMemory();
    }
    report(state, static_cast<double>(count));
}

void sizes(benchmark::internal::Benchmark* bench) {
    bench->ArgName("entities")->Arg(10000)->Arg(100000)->Arg(1000000);
}
void timed(benchmark::internal::Benchmark* bench) {
    sizes(bench);
    bench->UseManualTime();
}
void large(benchmark::internal::Benchmark* bench) {
    bench->ArgName("entities")->Arg(1000000)->UseManualTime();
}

BENCHMARK(BM_HandInPlace)->Apply(sizes);
BENCHMARK(BM_HandCopyOnWrite)->Apply(sizes);
BENCHMARK(BM_Movement)->Apply(timed);
BENCHMARK(BM_MovementTick)->Apply(timed);
BENCHMARK(BM_MovementWhere)->Apply(timed);
BENCHMARK(BM_FourBlockMajor)->Apply(timed);
BENCHMARK(BM_FourSystemMajor)->Apply(timed);
BENCHMARK(BM_TwentyBlockMajor)->Apply(large);
BENCHMARK(BM_TwentySystemMajor)->Apply(large);
BENCHMARK(BM_TwentyTick)->Apply(large);
BENCHMARK(BM_Idle)->ArgName("entities")->Arg(1)->Arg(1000000)->UseManualTime();

} // namespace
