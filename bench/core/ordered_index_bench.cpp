// A secondary index by itself: looking up, changing within a tick, the first change after a tick, building.
// Argument: entries. To choose index_node_bytes, build with other values of it and compare.
#include "test/unit/store_memory.hpp"
#include "test/unit/store_nodes.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>

namespace {

using namespace gamelan::store;

struct Index {
    explicit Index(std::uint32_t count) {
        for (std::uint32_t slot = 0; slot < count; ++slot)
            entries.push_back({random() >> 20, slot});
        std::vector<IndexEntry> sorted = entries;
        std::sort(sorted.begin(), sorted.end());
        writer.build(sorted);
        nodes.freeze();
    }
    IndexEntry& any() { return entries[random() % entries.size()]; }
    // Moves an entry to another key, as an UPDATE of its row does.
    void move_one() {
        IndexEntry& entry = any();
        writer.erase(entry);
        entry.key = random() >> 20;
        writer.insert(entry);
    }

    std::mt19937_64 random{1};
    TestRegion region{std::size_t{256} << 20};
    TestNodes nodes{*region, region->claim_slot(1), region.limit()};
    IndexWriter writer{nodes, {}};
    std::vector<IndexEntry> entries;
};

void BM_IndexLookUp(benchmark::State& state) {
    Index index(static_cast<std::uint32_t>(state.range(0)));
    const OrderedIndex reader(*index.region, index.writer.state());
    for (auto _ : state) {
        OrderedIndex::Cursor cursor = reader.equal(index.any().key);
        IndexEntry found{};
        benchmark::DoNotOptimize(cursor.next(found));
        benchmark::DoNotOptimize(found);
    }
    state.counters["bytes_per_entry"] = static_cast<double>(index.nodes.living()) *
                                        (index_node_bytes + sizeof(BlockHeader)) /
                                        static_cast<double>(state.range(0));
    state.counters["height"] = index.writer.state().height;
}

void BM_IndexScan(benchmark::State& state) {
    const Index index(static_cast<std::uint32_t>(state.range(0)));
    const OrderedIndex reader(*index.region, index.writer.state());
    for (auto _ : state) {
        OrderedIndex::Cursor cursor = reader.range(0, ~std::uint64_t{0});
        std::uint64_t sum = 0;
        for (IndexEntry entry{}; cursor.next(entry);)
            sum += entry.slot;
        benchmark::DoNotOptimize(sum);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_IndexMoveInPlace(benchmark::State& state) {
    Index index(static_cast<std::uint32_t>(state.range(0)));
    for (auto _ : state)
        index.move_one();
}

// Each move in a tick of its own: what copying the way to the leaf costs.
void BM_IndexMoveFirstOfTick(benchmark::State& state) {
    Index index(static_cast<std::uint32_t>(state.range(0)));
    for (auto _ : state) {
        index.move_one();
        index.nodes.freeze();
        index.nodes.drop_replaced();
    }
}

// A tick in which a thousandth, a hundredth, a tenth of the rows change, as a batch.
void BM_IndexBatch(benchmark::State& state) {
    Index index(static_cast<std::uint32_t>(state.range(0)));
    const auto moved = static_cast<std::size_t>(state.range(0) / state.range(1));
    for (auto _ : state) {
        state.PauseTiming();
        std::vector<IndexChange> changes;
        const std::size_t first = index.random() % (index.entries.size() - moved);
        for (std::size_t i = first; i < first + moved; ++i) {
            changes.push_back({index.entries[i], IndexChange::Kind::erase});
            index.entries[i].key = index.random() >> 20;
            changes.push_back({index.entries[i], IndexChange::Kind::insert});
        }
        state.ResumeTiming();
        std::sort(changes.begin(), changes.end(),
                  [](const IndexChange& a, const IndexChange& b) { return a.entry < b.entry; });
        index.writer.apply(changes);
        index.nodes.freeze();
        index.nodes.drop_replaced();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(moved));
}

void BM_IndexBuild(benchmark::State& state) {
    Index index(static_cast<std::uint32_t>(state.range(0)));
    for (auto _ : state) {
        std::vector<IndexEntry> sorted = index.entries;
        std::sort(sorted.begin(), sorted.end());
        index.writer.build(sorted);
        index.nodes.drop_replaced();
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(BM_IndexLookUp)->Arg(1000)->Arg(100000)->Arg(1000000);
BENCHMARK(BM_IndexScan)->Arg(1000000);
BENCHMARK(BM_IndexMoveInPlace)->Arg(1000)->Arg(1000000);
BENCHMARK(BM_IndexMoveFirstOfTick)->Arg(1000)->Arg(1000000);
BENCHMARK(BM_IndexBatch)->Args({1000000, 1000})->Args({1000000, 100})->Args({1000000, 10});
BENCHMARK(BM_IndexBuild)->Arg(1000000);

} // namespace
