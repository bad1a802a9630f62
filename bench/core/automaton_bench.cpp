// What a tick of the automaton costs per cell, beside a plain copy of the same planes.
// Arguments of BM_Advance: frequency, SIMD level (0 baseline, 1 AVX2, 2 AVX-512; skipped where the processor
// lacks it).
#include "core/automaton/resource_rule.hpp"

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace gamelan::automaton;
using gamelan::grid::HexSphere;

constexpr std::uint32_t block_slots = 1024;

// Two planes in blocks, as the store holds them.
class Planes {
  public:
    explicit Planes(std::uint32_t blocks) : bytes_(std::size_t{2} * blocks * block_slots) {
        for (std::uint32_t block = 0; block < 2 * blocks; ++block) {
            auto& pointers = block < blocks ? types_ : amounts_;
            pointers.push_back(bytes_.data() + std::size_t{block} * block_slots);
        }
        types_in_.assign(types_.begin(), types_.end());
        amounts_in_.assign(amounts_.begin(), amounts_.end());
    }

    void fill(const GeneratedLayer& layer) {
        for (std::size_t cell = 0; cell < layer.types.size(); ++cell) {
            types_[cell / block_slots][cell % block_slots] = layer.types[cell];
            amounts_[cell / block_slots][cell % block_slots] = layer.amounts[cell];
        }
    }

    PlaneIn types_in() const { return {types_in_, block_slots}; }
    PlaneIn amounts_in() const { return {amounts_in_, block_slots}; }
    PlaneOut types_out() const { return {types_, block_slots}; }
    PlaneOut amounts_out() const { return {amounts_, block_slots}; }
    std::size_t block_total() const { return types_.size(); }

  private:
    std::vector<std::uint8_t> bytes_;
    std::vector<std::uint8_t*> types_, amounts_;
    std::vector<const std::uint8_t*> types_in_, amounts_in_;
};

void count_cells(benchmark::State& state, const HexSphere& sphere) {
    const double cells = static_cast<double>(state.iterations()) * sphere.cell_count();
    state.counters["cells/s"] = benchmark::Counter(cells, benchmark::Counter::kIsRate);
    // Seconds for 10^9 cells: the same number as nanoseconds for one.
    state.counters["per_1e9_cells"] =
        benchmark::Counter(cells * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_Advance(benchmark::State& state) {
    const HexSphere sphere(static_cast<std::uint32_t>(state.range(0)));
    const auto level = static_cast<SimdLevel>(state.range(1));
    if (level > best_simd_level()) {
        state.SkipWithError("this processor lacks the instruction set");
        return;
    }
    state.SetLabel(std::string(name_of(level)));
    Planes old_planes(block_count(sphere.cell_count(), block_slots));
    Planes new_planes(block_count(sphere.cell_count(), block_slots));
    old_planes.fill(generate(sphere, 42, 0));
    const ResourceRule rule;
    ChangedBlocks changed;
    std::uint64_t tick = 0;
    for (auto _ : state) {
        advance_layer(sphere, rule, 42, tick++, 0, old_planes.types_in(), old_planes.amounts_in(),
                      new_planes.types_out(), new_planes.amounts_out(), changed, all_rows(sphere), level);
        benchmark::DoNotOptimize(changed);
        std::swap(old_planes, new_planes);
    }
    count_cells(state, sphere);
}

void BM_Copy(benchmark::State& state) {
    const HexSphere sphere(static_cast<std::uint32_t>(state.range(0)));
    Planes old_planes(block_count(sphere.cell_count(), block_slots));
    Planes new_planes(block_count(sphere.cell_count(), block_slots));
    old_planes.fill(generate(sphere, 42, 0));
    for (auto _ : state) {
        for (std::size_t block = 0; block < old_planes.block_total(); ++block) {
            std::memcpy(new_planes.types_out().blocks[block], old_planes.types_in().blocks[block],
                        block_slots);
            std::memcpy(new_planes.amounts_out().blocks[block], old_planes.amounts_in().blocks[block],
                        block_slots);
        }
        benchmark::ClobberMemory();
        std::swap(old_planes, new_planes);
    }
    count_cells(state, sphere);
}

void BM_Generate(benchmark::State& state) {
    const HexSphere sphere(static_cast<std::uint32_t>(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(generate(sphere, 42, 0));
    }
    count_cells(state, sphere);
}

BENCHMARK(BM_Advance)->ArgNames({"n", "level"})->ArgsProduct({{64, 128, 256, 1024}, {0, 1, 2}});
BENCHMARK(BM_Copy)->ArgName("n")->Arg(64)->Arg(128)->Arg(256)->Arg(1024);
BENCHMARK(BM_Generate)->ArgName("n")->Arg(64)->Arg(128);

} // namespace
