// The store through the core's own API: reading at random by entity handle and in order, inserting rows, and
// what worlds take in memory.
#include "test/unit/store_memory.hpp"

#include "core/store/column_reader.hpp"
#include "core/store/layout_change.hpp"

#include <benchmark/benchmark.h>

#include <random>

namespace {

using namespace gamelan::store;
using gamelan::ColumnType;

constexpr std::uint32_t million = 1000000;

ComponentDefinition component(std::string name, std::uint32_t columns) {
    ComponentDefinition out{std::move(name), std::string(entity_space), 0, {}};
    for (std::uint32_t i = 0; i < columns; ++i)
        out.columns.push_back({"c" + std::to_string(i), ColumnType::i32, IndexKind::none, 0, std::nullopt});
    return out;
}

// A layout as worlds of tables have it: the engine's planes of entities, and nothing else yet.
Layout entity_layout() {
    Layout layout;
    layout.add_space(entity_space, 0);
    add_entity_components(layout);
    return layout;
}

// A world with `count` entities in slots 1 .. count, each with a row of the component.
WorldStore make_world(const TestRegion& region, std::int64_t id, std::uint32_t count, std::uint32_t columns) {
    WorldStore store = WorldStore::create(*region, region->claim_slot(id), entity_layout(), region.limit());
    store.begin_tick();
    store.change_layout(*plan_layout_change(store.working(), {1, {component("health", columns)}}));
    const EntityPlanes planes = *entity_planes(store.working());
    const ComponentId health = *store.working().find_component("health");
    store.extend_space(planes.space, count + 1);
    for (std::uint32_t slot = 1; slot <= count; ++slot) {
        store.insert_row(planes.component, slot);
        store.set(planes.created, slot, std::int64_t{1});
        store.insert_row(health, slot);
        for (std::uint32_t c = 0; c < columns; ++c)
            store.set(ColumnId{store.working().component(health).first_column + 2 * c}, slot,
                      static_cast<std::int32_t>(slot + c));
    }
    store.seal(1);
    store.publish();
    return store;
}

double used_bytes(const TestRegion& region) {
    return static_cast<double>(region->units_used()) * unit_bytes;
}

std::vector<Entity> random_entities() {
    std::mt19937 random(1);
    std::vector<Entity> out(1 << 16);
    for (Entity& entity : out)
        entity = Entity::of(1 + random() % million, 0);
    return out;
}

// Aim: under 50 ns. The handle is checked, then whether the component has a row, then the value is read.
void BM_ReadByHandle(benchmark::State& state) {
    const TestRegion region(std::size_t{512} << 20);
    const WorldStore store = make_world(region, 1, million, 2);
    const Snapshot view = store.newest();
    const ComponentId health = *view.find_component("health");
    const EntityReader entities(view, *entity_planes(view));
    const ColumnReader rows(view, {view.component(health).presence});
    const ColumnReader hp(view, *view.find_column(health, "c0"));
    const std::vector<Entity> handles = random_entities();
    std::size_t next = 0;
    for (auto _ : state) {
        const auto slot = entities.find(handles[next++ % handles.size()]);
        if (!slot || !rows.bit(*slot)) {
            state.SkipWithError("an entity is missing");
            break;
        }
        benchmark::DoNotOptimize(hp.get<std::int32_t>(*slot));
    }
}

// The same through the snapshot, which finds its way anew for each value.
void BM_ReadByHandleOnce(benchmark::State& state) {
    const TestRegion region(std::size_t{512} << 20);
    const WorldStore store = make_world(region, 1, million, 2);
    const Snapshot view = store.newest();
    const EntityPlanes planes = *entity_planes(view);
    const ComponentId health = *view.find_component("health");
    const ColumnId hp = *view.find_column(health, "c0");
    const std::vector<Entity> handles = random_entities();
    std::size_t next = 0;
    for (auto _ : state) {
        const auto slot = find_entity(view, planes, handles[next++ % handles.size()]);
        if (!slot || !view.has_row(health, *slot)) {
            state.SkipWithError("an entity is missing");
            break;
        }
        benchmark::DoNotOptimize(view.get<std::int32_t>(hp, *slot));
    }
}

// Aim: under 2 ns a value.
void BM_ReadInOrder(benchmark::State& state) {
    const TestRegion region(std::size_t{512} << 20);
    const WorldStore store = make_world(region, 1, million, 2);
    const Snapshot view = store.newest();
    const ColumnId hp = *view.find_column(*view.find_component("health"), "c0");
    const std::uint32_t slots = view.block_slots(hp);
    for (auto _ : state) {
        std::int64_t sum = 0;
        for (std::uint32_t b = 0; b < view.block_count(hp); ++b)
            if (const auto* values = reinterpret_cast<const std::int32_t*>(view.block(hp, b)))
                for (std::uint32_t i = 0; i < slots; ++i)
                    sum += values[i];
        benchmark::DoNotOptimize(sum);
    }
    state.counters["per_value"] =
        benchmark::Counter(static_cast<double>(million) * 1e-9,
                           benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// Rows of a component with two columns, all in one tick; and the memory that they and their entities take.
void BM_InsertRows(benchmark::State& state) {
    const auto count = static_cast<std::uint32_t>(state.range(0));
    const auto columns = static_cast<std::uint32_t>(state.range(1));
    const TestRegion region(std::size_t{512} << 20);
    WorldStore store = WorldStore::create(*region, region->claim_slot(1), entity_layout(), region.limit());
    store.begin_tick();
    store.change_layout(*plan_layout_change(store.working(), {1, {component("health", columns)}}));
    store.extend_space(*store.working().find_space(entity_space), count);
    store.seal(0);
    store.publish();
    const ComponentId health = *store.newest().find_component("health");
    const std::uint32_t first = store.newest().component(health).first_column;
    for (auto _ : state) {
        store.begin_tick();
        for (std::uint32_t slot = 0; slot < count; ++slot) {
            store.insert_row(health, slot);
            for (std::uint32_t c = 0; c < columns; ++c)
                store.set(ColumnId{first + 2 * c}, slot, static_cast<std::int32_t>(slot));
        }
        store.seal(1);
        state.PauseTiming();
        state.counters["bytes_per_entity"] = used_bytes(region) / count;
        store.abandon_sealed();
        state.ResumeTiming();
    }
    state.SetItemsProcessed(state.iterations() * count);
}

// A tick in which some rows change: what sealing, hashing and copying cost beside them.
void BM_Tick(benchmark::State& state) {
    const TestRegion region(std::size_t{512} << 20);
    WorldStore store = make_world(region, 1, million, 2);
    const ComponentId health = *store.newest().find_component("health");
    const ColumnId hp = *store.newest().find_column(health, "c0");
    std::mt19937 random(1);
    for (auto _ : state) {
        store.begin_tick();
        for (std::int64_t i = 0; i < state.range(0); ++i) {
            const std::uint32_t slot = 1 + random() % million;
            store.set(hp, slot, static_cast<std::int32_t>(random()));
            store.touch_row(health, slot);
        }
        store.seal(store.working_tick());
        store.publish();
    }
}

// Small worlds side by side; aim: 10,000 of 64 entities and 20 columns in 2 GB.
void BM_SmallWorlds(benchmark::State& state) {
    const auto count = static_cast<std::uint32_t>(state.range(0));
    for (auto _ : state) {
        const TestRegion region(std::size_t{1600} << 20, {count + 1, 2});
        std::vector<WorldStore> worlds;
        for (std::uint32_t i = 0; i < count; ++i)
            worlds.push_back(make_world(region, i + 1, 64, 20));
        state.counters["MB"] = used_bytes(region) / 1e6;
        state.counters["kB_per_world"] = used_bytes(region) / 1e3 / count;
    }
}

BENCHMARK(BM_ReadByHandle);
BENCHMARK(BM_ReadByHandleOnce);
BENCHMARK(BM_ReadInOrder);
BENCHMARK(BM_InsertRows)->ArgNames({"rows", "columns"})->Args({million, 2})->Args({1000, 2});
BENCHMARK(BM_Tick)->ArgName("changed")->Arg(0)->Arg(1000)->Arg(100000);
BENCHMARK(BM_SmallWorlds)->ArgName("worlds")->Arg(10000)->Iterations(1)->Unit(benchmark::kMillisecond);

} // namespace
