// Readers beside the owner who publishes: values of the heap and indexes must belong to the tick that a
// reader pinned. Run under ThreadSanitizer too.
#include "store_memory.hpp"

#include "core/store/layout_change.hpp"
#include "core/store/ordered_index.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace gamelan::store {
namespace {

constexpr std::uint32_t rows = 300;

// What everything in the world says at a tick: numbers, values of all lengths, and the index of the numbers.
std::string value_at(std::uint64_t tick, std::uint32_t slot) {
    constexpr std::uint32_t lengths[] = {3, 40, 700, 20000};
    return std::string(lengths[(tick + slot) % 4], static_cast<char>('a' + tick % 26));
}

struct Planes {
    ComponentId component;
    ColumnId number;
    ColumnId value;
};

Planes planes_of(const Snapshot& state) {
    const ComponentId component = *state.find_component("hero");
    return {component, *state.find_column(component, "number"), *state.find_column(component, "value")};
}

WorldStore make_store(const TestRegion& region) {
    Layout layout;
    layout.add_space(entity_space, 0, 64);
    WorldStore store = WorldStore::create(*region, region->claim_slot(1), layout, region.limit());
    ComponentDefinition hero{"hero", std::string(entity_space), 0, {}};
    hero.columns.push_back({"number", ColumnType::i64, IndexKind::ordered, 0, std::nullopt});
    hero.columns.push_back({"value", ColumnType::value, IndexKind::hash, 0, std::nullopt});
    store.begin_tick();
    store.change_layout(*plan_layout_change(store.working(), {1, {hero}}));
    store.extend_space(*store.working().find_space(entity_space), rows);
    return store;
}

// Every third row is there in every third tick only.
bool is_there(std::uint64_t tick, std::uint32_t slot) {
    return slot % 3 != tick % 3;
}

void play_tick(WorldStore& store, std::uint64_t tick) {
    const Planes planes = planes_of(store.working());
    for (std::uint32_t slot = 0; slot < rows; ++slot) {
        const bool was_there = store.working().has_row(planes.component, slot);
        if (was_there && !is_there(tick, slot))
            store.delete_row(planes.component, slot);
        if (!is_there(tick, slot))
            continue;
        if (!was_there)
            store.insert_row(planes.component, slot);
        store.set(planes.number, slot, static_cast<std::int64_t>(tick * 1000 + slot));
        store.set_value(planes.value, slot, value_at(tick, slot));
        store.touch_row(planes.component, slot);
    }
    store.seal(tick);
    store.publish();
}

// What in the version is not of its tick.
int count_wrong(const Snapshot& state) {
    const Planes planes = planes_of(state);
    const std::uint64_t tick = state.tick();
    int wrong = 0;
    std::uint64_t count = 0;
    for (std::uint32_t slot = 0; slot < rows; ++slot) {
        wrong += state.has_row(planes.component, slot) != is_there(tick, slot);
        if (!is_there(tick, slot))
            continue;
        ++count;
        wrong += state.row_version(planes.component, slot) != tick;
        wrong += state.get_value(planes.value, slot) != value_at(tick, slot);
    }
    const auto zone = state.zone(planes.number, 0);
    wrong += !zone || zone->least < (std::uint64_t{1} << 63 | tick * 1000);
    const OrderedIndex index(state.region(), state.index(state.column(planes.number).index));
    wrong += index.count() != count;
    OrderedIndex::Cursor cursor = index.range(0, ~std::uint64_t{0});
    for (IndexEntry entry{}; cursor.next(entry); --count)
        wrong += entry.key != (std::uint64_t{1} << 63 | (tick * 1000 + entry.slot));
    return wrong + (count != 0);
}

TEST(StoreThreads, ReadersSeeValuesAndIndexesOfOneTick) {
    const TestRegion region(64u << 20);
    WorldStore store = make_store(region);
    play_tick(store, 1);
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::atomic<int> reads{0};
    std::vector<std::thread> readers;
    for (std::uint32_t id = 0; id < 2; ++id)
        readers.emplace_back([&, id] {
            while (!stop) {
                region->pin({id});
                wrong += count_wrong(*Snapshot::current(*region, store.slot()));
                region->unpin({id});
                ++reads;
            }
        });
    for (std::uint64_t tick = 2; tick <= 150 || reads < 100; ++tick) {
        store.begin_tick();
        play_tick(store, tick);
    }
    stop = true;
    for (std::thread& reader : readers)
        reader.join();
    EXPECT_EQ(wrong.load(), 0);
    store.begin_tick();
    store.abandon();
    EXPECT_EQ(store.lost_blocks(), 0u);
    EXPECT_EQ(store.retired_blocks(), 0u);
}

} // namespace
} // namespace gamelan::store
