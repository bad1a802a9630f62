// Rows, NULLs, versions, values of the heap, indexes and zones: one fact a test. What random lives find is in
// store_program_test.cpp.
#include "store_memory.hpp"

#include "core/store/layout_change.hpp"
#include "core/store/ordered_index.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gamelan::store {
namespace {

constexpr std::uint64_t largest = ~std::uint64_t{0};

ColumnDefinition column(std::string name, ColumnType type, IndexKind index = IndexKind::none) {
    ColumnDefinition out;
    out.name = std::move(name);
    out.type = type;
    out.index = index;
    return out;
}

// A world of entities with a component "hero" (row-wise) and of cells with a component "soil" (everywhere).
struct World {
    explicit World(Definition wanted, std::size_t bytes = 8u << 20, std::uint32_t cell_count = 130)
        : region(bytes), definition(std::move(wanted)), store(make(cell_count)) {
        hero = *store.newest().find_component("hero");
        soil = *store.newest().find_component("soil");
    }
    static Definition plain() {
        return {
            1,
            {{"hero",
              std::string(entity_space),
              0,
              {column("hp", ColumnType::i32, IndexKind::ordered), column("name", ColumnType::value),
               column("speed", ColumnType::f64)}},
             {"soil", std::string(cell_space), 0, {column("kind", ColumnType::i32, IndexKind::ordered)}}}};
    }
    WorldStore make(std::uint32_t cell_count) {
        Layout layout;
        layout.add_space(entity_space, 0, 64);
        layout.add_space(cell_space, cell_count);
        WorldStore out = WorldStore::create(*region, region->claim_slot(1), layout, region.limit());
        out.begin_tick();
        out.change_layout(*plan_layout_change(out.working(), definition));
        out.extend_space(*out.working().find_space(entity_space), 60);
        out.seal(0);
        out.publish();
        return out;
    }
    void change(const Definition& next) { store.change_layout(*plan_layout_change(store.working(), next)); }
    ColumnId of(ComponentId component, std::string_view name) const {
        return *store.newest().find_column(component, name);
    }
    void commit() {
        store.seal(store.working_tick());
        store.publish();
    }
    std::vector<std::uint32_t> slots_of(ColumnId id, std::uint64_t low, std::uint64_t high) const {
        const Snapshot state = store.newest();
        std::vector<std::uint32_t> out;
        auto cursor = OrderedIndex(*region, state.index(state.column(id).index)).range(low, high);
        for (IndexEntry entry{}; cursor.next(entry);)
            out.push_back(entry.slot);
        return out;
    }

    TestRegion region;
    Definition definition;
    WorldStore store;
    ComponentId hero{none};
    ComponentId soil{none};
};

template <class T>
std::uint64_t key(ColumnType type, T value) {
    return order_key(type, reinterpret_cast<const std::byte*>(&value));
}
std::uint64_t key32(std::int32_t value) {
    return key(ColumnType::i32, value);
}

TEST(StoreRows, ARowIsThereFromItsInsertionToItsDeletion) {
    World w(World::plain());
    w.store.begin_tick();
    w.store.insert_row(w.hero, 7);
    EXPECT_THROW(w.store.insert_row(w.hero, 7), Error);
    EXPECT_THROW(w.store.insert_row(w.hero, 60), Error);
    w.store.set(w.of(w.hero, "hp"), 7, std::int32_t{5});
    w.commit();
    EXPECT_TRUE(w.store.newest().has_row(w.hero, 7));
    EXPECT_EQ(w.store.newest().row_version(w.hero, 7), 1u);
    w.store.begin_tick();
    w.store.delete_row(w.hero, 7);
    EXPECT_THROW(w.store.delete_row(w.hero, 7), Error);
    w.commit();
    EXPECT_FALSE(w.store.newest().has_row(w.hero, 7));
    EXPECT_EQ(w.store.newest().get<std::int32_t>(w.of(w.hero, "hp"), 7), 0);
    EXPECT_EQ(w.store.newest().row_version(w.hero, 7), 0u);
}

TEST(StoreRows, VersionsAreThoseOfEachRowsLastChange) {
    World w(World::plain());
    for (std::uint32_t slot = 1; slot <= 3; ++slot) {
        w.store.begin_tick();
        w.store.insert_row(w.hero, slot);
        w.commit();
    }
    w.store.begin_tick();
    w.store.touch_row(w.hero, 1);
    w.commit();
    EXPECT_EQ(w.store.newest().row_version(w.hero, 1), 4u);
    EXPECT_EQ(w.store.newest().row_version(w.hero, 2), 2u);
    EXPECT_EQ(w.store.newest().row_version(w.hero, 3), 3u);
    EXPECT_EQ(w.store.newest().row_version(w.hero, 4), 0u);
}

TEST(StoreRows, RollingBackBringsADeletedRowBackWithAllItHeld) {
    World w(World::plain());
    const std::string long_name(5000, 'n');
    w.store.begin_tick();
    w.store.insert_row(w.hero, 7);
    w.store.set(w.of(w.hero, "hp"), 7, std::int32_t{5});
    w.store.set_value(w.of(w.hero, "name"), 7, long_name);
    w.store.set_null(w.of(w.hero, "speed"), 7, true);
    w.commit();
    const std::uint64_t before = w.store.newest().state_hash();
    w.store.begin_tick();
    w.store.begin_savepoint();
    w.store.delete_row(w.hero, 7);
    w.store.insert_row(w.hero, 7);
    w.store.set_value(w.of(w.hero, "name"), 7, "other");
    w.store.rollback_savepoint();
    const Snapshot state = w.store.seal(1);
    EXPECT_EQ(state.get_value(w.of(w.hero, "name"), 7), long_name);
    EXPECT_TRUE(state.is_null(w.of(w.hero, "speed"), 7));
    EXPECT_EQ(state.state_hash(), before);
    EXPECT_EQ(w.store.lost_blocks(), 0u);
}

TEST(StoreValues, OfEveryLengthComeBackAsTheyWere) {
    World w(World::plain());
    const ColumnId name = w.of(w.hero, "name");
    const std::uint32_t lengths[] = {0, 1, 12, 13, 64, 16320, 16384, 16385, 100000};
    w.store.begin_tick();
    for (std::uint32_t i = 0; i < std::size(lengths); ++i) {
        w.store.insert_row(w.hero, i);
        w.store.set_value(name, i, std::string(lengths[i], static_cast<char>('a' + i)));
    }
    w.commit();
    for (std::uint32_t i = 0; i < std::size(lengths); ++i)
        EXPECT_EQ(w.store.newest().get_value(name, i), std::string(lengths[i], static_cast<char>('a' + i)));
}

TEST(StoreValues, WritingTheSameContentsChangesNothing) {
    World w(World::plain());
    const ColumnId name = w.of(w.hero, "name");
    w.store.begin_tick();
    w.store.insert_row(w.hero, 0);
    w.store.set_value(name, 0, std::string(300, 'x'));
    w.commit();
    const Ref before = w.store.newest().block_ref(name, 0);
    w.store.begin_tick();
    w.store.set_value(name, 0, std::string(300, 'x'));
    w.commit();
    EXPECT_EQ(w.store.newest().block_ref(name, 0), before);
}

TEST(StoreValues, ReadersKeepTheirValueAndItsMemoryComesBackWhenTheyGo) {
    World w(World::plain());
    const ColumnId name = w.of(w.hero, "name");
    w.store.begin_tick();
    w.store.insert_row(w.hero, 0);
    w.store.set_value(name, 0, std::string(100000, 'x'));
    w.commit();
    const std::uint32_t used = w.region->units_used();
    w.region->pin({0});
    const Snapshot old = *Snapshot::current(*w.region, w.store.slot());
    w.store.begin_tick();
    w.store.set_value(name, 0, "short");
    w.commit();
    w.store.begin_tick();
    w.commit();
    EXPECT_EQ(old.get_value(name, 0), std::string(100000, 'x'));
    EXPECT_GE(w.region->units_used(), used);
    w.region->unpin({0});
    w.store.begin_tick();
    w.commit();
    EXPECT_LT(w.region->units_used(), used);
}

TEST(StoreEntities, AStaleHandleNamesNobody) {
    const TestRegion region;
    Layout layout;
    layout.add_space(entity_space, 10);
    layout.add_component({std::string(entity_component),
                          std::string(entity_space),
                          0,
                          {column("created", ColumnType::i64), column("template", ColumnType::value)}},
                         false);
    layout.add_component({std::string(entity_slot_component),
                          std::string(entity_space),
                          0,
                          {column("generation", ColumnType::i32)}},
                         true);
    WorldStore store = WorldStore::create(*region, region->claim_slot(1), layout, region.limit());
    const EntityPlanes planes = *entity_planes(store.newest());
    store.begin_tick();
    store.insert_row(planes.component, 3);
    store.set(planes.generation, 3, std::uint32_t{4});
    EXPECT_EQ(find_entity(store.working(), planes, Entity::of(3, 4)), 3u);
    EXPECT_EQ(find_entity(store.working(), planes, Entity::of(3, 3)), std::nullopt);
    EXPECT_EQ(find_entity(store.working(), planes, Entity::of(0, 0)), std::nullopt);
    EXPECT_EQ(find_entity(store.working(), planes, Entity::of(900, 0)), std::nullopt);
    store.delete_row(planes.component, 3);
    EXPECT_EQ(find_entity(store.working(), planes, Entity::of(3, 4)), std::nullopt);
}

TEST(StoreIndexes, AnswerForThePublishedVersion) {
    World w(World::plain());
    const ColumnId hp = w.of(w.hero, "hp");
    w.store.begin_tick();
    for (std::uint32_t slot = 1; slot <= 5; ++slot) {
        w.store.insert_row(w.hero, slot);
        w.store.set(hp, slot, static_cast<std::int32_t>(slot) * -10);
    }
    w.store.set_null(hp, 5, true);
    w.commit();
    EXPECT_EQ(w.slots_of(hp, key32(-20), key32(-20)), (std::vector<std::uint32_t>{2}));
    EXPECT_EQ(w.slots_of(hp, key32(-35), key32(0)), (std::vector<std::uint32_t>{3, 2, 1}));
    w.store.begin_tick();
    w.store.set(hp, 1, std::int32_t{-35});
    w.store.delete_row(w.hero, 2);
    w.store.set_null(hp, 5, false);
    w.commit();
    EXPECT_EQ(w.slots_of(hp, 0, largest), (std::vector<std::uint32_t>{4, 1, 3, 5}));
}

TEST(StoreIndexes, OfCellsHoldEveryCellFromTheStart) {
    const World w(World::plain());
    const ColumnId kind = w.of(w.soil, "kind");
    // No fill: all are NULL.
    EXPECT_EQ(w.slots_of(kind, 0, largest).size(), 0u);
    Definition filled = World::plain();
    filled.components[1].columns[0].fill = std::string(4, '\0');
    const World zeros(filled);
    EXPECT_EQ(zeros.slots_of(kind, key32(0), key32(0)).size(), 130u);
}

TEST(StoreIndexes, StayWhatTheyAreWhenOtherColumnsComeAndGo) {
    World w(World::plain());
    const ColumnId hp = w.of(w.hero, "hp");
    w.store.begin_tick();
    w.store.insert_row(w.hero, 1);
    w.store.set(hp, 1, std::int32_t{7});
    w.commit();
    const Ref before = w.store.newest().index(w.store.newest().column(hp).index).root;
    Definition next = World::plain();
    next.components[0].columns.insert(next.components[0].columns.begin(),
                                      column("armour", ColumnType::i16, IndexKind::ordered));
    w.store.begin_tick();
    w.change(next);
    w.commit();
    const ColumnId moved = w.of(w.hero, "hp");
    EXPECT_FALSE(moved == hp);
    EXPECT_EQ(w.store.newest().index(w.store.newest().column(moved).index).root, before);
    next.components[0].columns.clear();
    w.store.begin_tick();
    w.change(next);
    w.commit();
    w.store.begin_tick();
    w.commit();
    EXPECT_EQ(w.store.lost_blocks(), 0u);
}

// Fills the region with values, so that an index cannot grow; then makes room again.
TEST(StoreIndexes, AreGivenUpWhenMemoryIsShortAndBuiltAgainWhenItIsNot) {
    World w(World::plain(), 3u << 20, 20000);
    const ColumnId kind = w.of(w.soil, "kind");
    const ColumnId name = w.of(w.hero, "name");
    w.store.begin_tick();
    for (std::uint32_t slot = 0; slot < 20000; ++slot) {
        w.store.set_null(kind, slot, false);
        w.store.set(kind, slot, static_cast<std::int32_t>(slot));
    }
    w.commit();
    EXPECT_EQ(w.slots_of(kind, 0, largest).size(), 20000u);
    w.store.begin_tick();
    w.commit();
    w.store.begin_tick();
    for (std::uint32_t slot = 0; slot < 60; ++slot)
        w.store.insert_row(w.hero, slot);
    for (std::uint32_t slot = 0; slot < 20000; slot += 1000)
        w.store.set(kind, slot, std::int32_t{-1});
    for (std::uint32_t slot = 0; slot < 20000; slot += 50)
        w.store.set(kind, slot, std::int32_t{-1});
    for (const std::uint32_t bytes : {100000u, 16000u, 4000u, 1000u, 500u, 200u, 100u})
        for (std::uint32_t slot = 0; slot < 60; ++slot)
            try {
                if (w.store.working().get<ValueSlot>(name, slot).bytes == 0)
                    w.store.set_value(name, slot, std::string(bytes, 'x'));
            } catch (const Error& error) {
                ASSERT_EQ(error.code(), sqlstate::out_of_memory);
                break;
            }
    w.commit();
    const std::uint32_t number = w.store.newest().column(kind).index;
    EXPECT_FALSE(OrderedIndex(*w.region, w.store.newest().index(number)).is_built());
    EXPECT_THROW(w.slots_of(kind, 0, largest), Error);
    EXPECT_EQ(w.store.lost_blocks(), 0u);
    w.store.begin_tick();
    for (std::uint32_t slot = 0; slot < 60; ++slot)
        w.store.delete_row(w.hero, slot);
    w.commit();
    for (int tick = 0; tick < 3; ++tick) {
        w.store.begin_tick();
        w.commit();
    }
    EXPECT_TRUE(OrderedIndex(*w.region, w.store.newest().index(number)).is_built());
    EXPECT_EQ(w.slots_of(kind, key32(-1), key32(-1)).size(), 400u);
    EXPECT_EQ(w.store.lost_blocks(), 0u);
}

TEST(StoreZones, HoldTheValuesOfRowsAndNothingElse) {
    World w(World::plain());
    const ColumnId hp = w.of(w.hero, "hp");
    w.store.begin_tick();
    for (const std::int32_t value : {5, -3, 9}) {
        const auto slot = static_cast<std::uint32_t>(10 + value);
        w.store.insert_row(w.hero, slot);
        w.store.set(hp, slot, value);
    }
    w.commit();
    EXPECT_EQ(w.store.newest().zone(hp, 0)->least, key32(-3));
    EXPECT_EQ(w.store.newest().zone(hp, 0)->greatest, key32(9));
    w.store.begin_tick();
    w.store.delete_row(w.hero, 7);
    w.store.set_null(hp, 19, true);
    w.commit();
    EXPECT_EQ(w.store.newest().zone(hp, 0)->least, key32(5));
    EXPECT_EQ(w.store.newest().zone(hp, 0)->greatest, key32(5));
}

// The block of values stays as it is when a row comes whose value nobody writes.
TEST(StoreZones, LearnOfRowsThatHoldTheZeroThatWasThere) {
    World w(World::plain());
    const ColumnId hp = w.of(w.hero, "hp");
    w.store.begin_tick();
    w.store.insert_row(w.hero, 1);
    w.store.set(hp, 1, std::int32_t{50});
    w.commit();
    w.store.begin_tick();
    w.store.insert_row(w.hero, 2);
    w.commit();
    const auto zone = w.store.newest().zone(hp, 0);
    EXPECT_TRUE(!zone || zone->least <= key32(0));
    EXPECT_EQ(w.slots_of(hp, key32(0), key32(0)), (std::vector<std::uint32_t>{2}));
}

TEST(StoreZones, OfFloatingPointPutNanLast) {
    World w(World::plain());
    const ColumnId speed = w.of(w.hero, "speed");
    const auto zone_with = [&](double value) {
        w.store.begin_tick();
        w.store.set(speed, 1, value);
        w.commit();
        return *w.store.newest().zone(speed, 0);
    };
    w.store.begin_tick();
    for (std::uint32_t slot = 0; slot < 60; ++slot) {
        w.store.insert_row(w.hero, slot);
        w.store.set(speed, slot, -1.5);
    }
    w.commit();
    const double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(zone_with(0.0).greatest, key(ColumnType::f64, 0.0));
    EXPECT_EQ(zone_with(-0.0).greatest, key(ColumnType::f64, 0.0));
    EXPECT_EQ(zone_with(infinity).greatest, key(ColumnType::f64, infinity));
    EXPECT_EQ(zone_with(-infinity).least, key(ColumnType::f64, -infinity));
    EXPECT_EQ(zone_with(std::nan("")).greatest, largest);
    EXPECT_EQ(zone_with(std::nan("")).least, key(ColumnType::f64, -1.5));
}

// What is rewritten whole in each tick would have a zone for nobody.
TEST(StoreZones, OfBlocksThatSystemsRewriteWaitUntilTheyLeaveThemAlone) {
    World w(World::plain());
    const ColumnId hp = w.of(w.hero, "hp");
    w.store.begin_tick();
    w.store.insert_row(w.hero, 3);
    w.store.insert_row(w.hero, 4);
    w.commit();
    const auto rewrite = [&](std::int32_t value) {
        w.store.begin_tick();
        w.store.begin_block_savepoint();
        auto* values = reinterpret_cast<std::int32_t*>(w.store.renew_block(hp, 0));
        std::fill_n(values, w.store.working().block_slots(hp), 0);
        values[3] = value;
        values[4] = value + 1;
        w.store.release_block_savepoint();
    };
    rewrite(7);
    w.commit();
    EXPECT_FALSE(w.store.newest().zone(hp, 0));
    const Snapshot reader = w.store.newest();
    rewrite(20);
    w.commit();
    EXPECT_FALSE(reader.zone(hp, 0));
    const Snapshot last = w.store.newest();
    w.store.begin_tick();
    w.commit();
    EXPECT_EQ(last.zone(hp, 0)->least, key32(20));
    EXPECT_EQ(last.zone(hp, 0)->greatest, key32(21));
    rewrite(30);
    w.store.set(hp, 4, std::int32_t{40});
    w.commit();
    EXPECT_EQ(w.store.newest().zone(hp, 0)->greatest, key32(40));
}

// A row that became NULL is still there for readers of the version before.
TEST(StoreZones, ThatCameLateHoldForTheVersionBefore) {
    World w(World::plain());
    const ColumnId hp = w.of(w.hero, "hp");
    w.store.begin_tick();
    for (const std::uint32_t slot : {3U, 4U})
        w.store.insert_row(w.hero, slot);
    w.store.begin_block_savepoint();
    auto* values = reinterpret_cast<std::int32_t*>(w.store.renew_block(hp, 0));
    std::fill_n(values, w.store.working().block_slots(hp), 0);
    values[3] = 7;
    w.store.release_block_savepoint();
    w.commit();
    const Snapshot before = w.store.newest();
    w.store.begin_tick();
    w.store.begin_block_savepoint();
    const ColumnId nulls{w.store.working().column(hp).nulls};
    auto* words = reinterpret_cast<std::uint64_t*>(w.store.renew_block(nulls, 0));
    std::fill_n(words, w.store.working().block_slots(hp) / 64, 0);
    words[0] = 1U << 4;
    w.store.release_block_savepoint();
    w.commit();
    ASSERT_TRUE(before.zone(hp, 0));
    EXPECT_EQ(before.zone(hp, 0)->least, key32(0));
    EXPECT_EQ(before.zone(hp, 0)->greatest, key32(7));
}

TEST(StoreKeys, SortAsTheValuesDo) {
    EXPECT_LT(key32(-1), key32(0));
    EXPECT_LT(key(ColumnType::f32, -1e30F), key(ColumnType::f32, -1.0F));
    EXPECT_EQ(key(ColumnType::f32, -0.0F), key(ColumnType::f32, 0.0F));
    EXPECT_LT(key(ColumnType::f64, std::numeric_limits<double>::infinity()),
              key(ColumnType::f64, std::nan("")));
    EXPECT_LT(key(ColumnType::i8, std::int8_t{-128}), key(ColumnType::i8, std::int8_t{127}));
}

// One month equals thirty days equals 720 hours, as Postgres compares intervals.
TEST(StoreKeys, OfIntervalsAreEqualWhenPostgresSaysSo) {
    struct Span {
        std::int64_t microseconds;
        std::int32_t days;
        std::int32_t months;
    };
    const std::uint64_t month = key(ColumnType::span, Span{0, 0, 1});
    EXPECT_EQ(month, key(ColumnType::span, Span{0, 30, 0}));
    EXPECT_EQ(month, key(ColumnType::span, Span{std::int64_t{30} * 86400 * 1000000, 0, 0}));
    EXPECT_NE(month, key(ColumnType::span, Span{0, 31, 0}));
}

// Units of small blocks stay the world's; what counts is whether anything is in them.
TEST(StoreMemory, ThereIsHeadroomAgainOnceRowsAreGone) {
    World w(World::plain(), 2u << 20);
    const ColumnId name = w.of(w.hero, "name");
    w.store.begin_tick();
    bool is_short = false;
    for (std::uint32_t slot = 0; slot < 60 && !is_short; ++slot) {
        w.store.insert_row(w.hero, slot);
        for (std::uint32_t bytes = 4000; bytes <= 16000; bytes *= 2)
            try {
                w.store.require_headroom();
                w.store.set_value(name, slot, std::string(bytes, 'x'));
            } catch (const Error& error) {
                ASSERT_EQ(error.code(), sqlstate::out_of_memory);
                is_short = true;
            }
    }
    EXPECT_TRUE(is_short);
    w.commit();
    w.store.begin_tick();
    for (std::uint32_t slot = 0; slot < 60; ++slot)
        if (w.store.working().has_row(w.hero, slot))
            w.store.delete_row(w.hero, slot);
    w.commit();
    w.store.begin_tick();
    EXPECT_NO_THROW(w.store.require_headroom());
}

// Found by random lives.

TEST(StoreFound, ABlockMayBeKeptInATickThatChangedTheLayout) {
    World w(World::plain());
    w.store.begin_tick();
    Definition next = World::plain();
    next.components[1].columns.push_back(column("depth", ColumnType::i32));
    w.change(next);
    const ColumnId depth = *w.store.working().find_column(w.soil, "depth");
    std::memset(w.store.replace_block(depth, 0), 1, 1024);
    w.store.keep_block(depth, 0);
    w.commit();
    EXPECT_EQ(w.store.newest().get<std::int32_t>(depth, 0), 0);
}

TEST(StoreFound, AVersionOfAllRowsEndsWithTheLastSlot) {
    World w(World::plain());
    w.store.begin_tick();
    const std::uint32_t blocks = w.store.working().block_count(w.of(w.soil, "kind"));
    for (std::uint32_t block = 0; block < blocks; ++block)
        w.store.mark_block(w.soil, block);
    const std::uint64_t at_once = w.store.seal(1).state_hash();
    w.store.abandon_sealed();
    w.store.begin_tick();
    for (std::uint32_t slot = 0; slot < 130; ++slot)
        w.store.touch_row(w.soil, slot);
    EXPECT_EQ(w.store.seal(1).state_hash(), at_once);
}

TEST(StoreFound, KeptSharesOfTheHashFollowDeletedRowsAndRenamedColumns) {
    Definition keyed = World::plain();
    keyed.components[0].columns[0].key = 1;
    World w(keyed);
    w.store.begin_tick();
    w.store.insert_row(w.hero, 1);
    w.store.insert_row(w.hero, 2);
    w.store.set(w.of(w.hero, "hp"), 1, std::int32_t{5});
    w.commit();
    EXPECT_EQ(w.store.newest().state_hash_kept(), w.store.newest().state_hash());
    w.store.begin_tick();
    w.store.delete_row(w.hero, 2);
    w.commit();
    EXPECT_EQ(w.store.newest().state_hash_kept(), w.store.newest().state_hash());
    w.store.begin_tick();
    keyed.components[0].columns[0].name = "health";
    w.change(keyed);
    w.commit();
    EXPECT_EQ(w.store.newest().get<std::int32_t>(w.of(w.hero, "health"), 1), 5);
    EXPECT_EQ(w.store.newest().state_hash_kept(), w.store.newest().state_hash());
}

TEST(StoreFound, BlocksThatARolledBackSavepointAddedAreNotForgotten) {
    World w(World::plain());
    const SpaceId space = *w.store.newest().find_space(entity_space);
    w.store.begin_tick();
    w.store.begin_savepoint();
    w.store.extend_space(space, 1000);
    w.store.insert_row(w.hero, 999);
    w.store.rollback_savepoint();
    Definition next = World::plain();
    next.components[0].columns.pop_back();
    w.change(next);
    w.commit();
    EXPECT_EQ(w.store.lost_blocks(), 0u);
    // Larger blocks, with the ones beyond the end among those that are copied.
    w.store.begin_tick();
    w.store.extend_space(space, 1500);
    w.commit();
    EXPECT_EQ(w.store.lost_blocks(), 0u);
    EXPECT_FALSE(w.store.newest().has_row(w.hero, 999));
}

} // namespace
} // namespace gamelan::store
