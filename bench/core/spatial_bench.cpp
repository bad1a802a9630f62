// Points by place: building the index, and what it finds, beside looking at every point.
#include "core/spatial/grid_index.hpp"

#include <benchmark/benchmark.h>

#include <random>

namespace {

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
