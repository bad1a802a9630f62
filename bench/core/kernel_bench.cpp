// Systems as compiled kernels, in nanoseconds per entity, beside loops written by hand: over plain arrays in
// place, and over blocks that are copied on write with nothing else of a store. Figures named "tick" include
// beginning, sealing and publishing the version.
#include "bench/core/fighters.hpp"

#include <benchmark/benchmark.h>

#include <ctime>
#include <utility>

namespace {

using namespace gamelan::bench;

void report(benchmark::State& state, double entities) {
    state.counters["ns_per_entity"] = benchmark::Counter(
        entities * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

using MakeSystems = std::vector<System> (*)(const Fight&);

double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// The version is sealed and published between two samples: `whole_tick` counts that too.
void run_systems(benchmark::State& state, MakeSystems make, Order order, bool whole_tick) {
    Fight arena(static_cast<std::uint32_t>(state.range(0)));
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

std::vector<System> one_movement(const Fight& arena) {
    return {movement(arena)};
}
std::vector<System> one_movement_of_the_healthy(const Fight& arena) {
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
std::vector<System> idle(const Fight& arena) {
    return {counting(arena, "health", "hp", Op::greater, 1000, Op::add, 1)};
}
void BM_Idle(benchmark::State& state) {
    run_systems(state, idle, Order::block_major, false);
}

// Of 64 systems together, and of 64 executors with one each: nothing else than what a system costs at least.
constexpr std::size_t idle_systems = 64;
void BM_FixedCost(benchmark::State& state) {
    Fight fight(1);
    const bool is_together = state.range(0) != 0;
    std::vector<Executor> executors;
    if (is_together)
        executors.push_back(fight.executor(std::vector<System>(idle_systems, idle(fight)[0])));
    for (std::size_t i = 0; !is_together && i < idle_systems; ++i)
        executors.push_back(fight.executor(idle(fight)));
    fight.store().begin_tick();
    for (auto _ : state)
        for (Executor& executor : executors)
            benchmark::DoNotOptimize(executor.run(fight.store(), {tick_seconds, 1, 0, 1}));
    fight.store().abandon();
    state.counters["ns_per_system"] = benchmark::Counter(
        idle_systems * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
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
BENCHMARK(BM_FixedCost)->ArgName("together")->Arg(0)->Arg(1);
BENCHMARK(BM_Idle)->ArgName("entities")->Arg(1)->Arg(1000000)->UseManualTime();

} // namespace
