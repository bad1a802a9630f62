// Versions of a world: copy on write, publishing, abandoning, savepoints, take-over; against a plain model.
#include "store_memory.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <random>
#include <thread>

namespace gamelan::store {
namespace {

struct Columns {
    Layout layout;
    SpaceId things;
    SpaceId few;
    ColumnId bytes;
    ColumnId numbers;
    ColumnId names;
};

Columns make_columns(std::uint32_t slots = 5000) {
    Columns out{{}, {0}, {0}, {0}, {0}, {0}};
    out.things = out.layout.add_space("thing", slots);
    out.few = out.layout.add_space("few", 0);
    out.bytes = out.layout.add_column(out.things, "byte", ColumnType::u8);
    out.numbers = out.layout.add_column(out.things, "number", ColumnType::i64);
    out.names = out.layout.add_column(out.few, "name", ColumnType::text32);
    return out;
}

WorldStore make_store(const TestRegion& region, const Columns& columns, std::int64_t id = 1) {
    WorldStore store = WorldStore::create(*region, region->claim_slot(id), columns.layout, region.limit());
    store.begin_tick();
    store.seal(0);
    store.publish();
    return store;
}

void commit(WorldStore& store, std::uint64_t tick) {
    store.seal(tick);
    store.publish();
}

TEST(WorldStore, BeginsWithZerosAndTakesNoBlocksForThem) {
    const TestRegion region;
    const Columns columns = make_columns();
    const WorldStore store = make_store(region, columns);
    const Snapshot state = *Snapshot::current(*region, store.slot());
    EXPECT_EQ(state.tick(), 0u);
    EXPECT_EQ(state.slot_count(columns.things), 5000u);
    EXPECT_EQ(state.get<std::int64_t>(columns.numbers, 4999), 0);
    EXPECT_FALSE(state.block_ref(columns.numbers, 4));
}

TEST(WorldStore, IsNotThereForOthersBeforeItsFirstPublish) {
    const TestRegion region;
    const Columns columns = make_columns();
    const WorldSlot slot = region->claim_slot(1);
    WorldStore store = WorldStore::create(*region, slot, columns.layout, region.limit());
    EXPECT_EQ(Snapshot::current(*region, slot), std::nullopt);
    EXPECT_THROW(WorldStore::take_over(*region, slot, region.limit()), Error);
    EXPECT_TRUE(store.release());
    EXPECT_EQ(region->units_used(), 0u);
}

TEST(WorldStore, ReadersSeeATickOnlyOnceItIsPublished) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    store.begin_tick();
    store.set<std::int64_t>(columns.numbers, 17, 42);
    EXPECT_EQ(Snapshot::current(*region, store.slot())->get<std::int64_t>(columns.numbers, 17), 0);
    store.seal(1);
    EXPECT_EQ(Snapshot::current(*region, store.slot())->tick(), 0u);
    store.publish();
    EXPECT_EQ(Snapshot::current(*region, store.slot())->get<std::int64_t>(columns.numbers, 17), 42);
    EXPECT_EQ(Snapshot::current(*region, store.slot())->tick(), 1u);
}

TEST(WorldStore, SharesWhatDidNotChange) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    store.begin_tick();
    store.set<std::uint8_t>(columns.bytes, 0, 1);
    store.set<std::uint8_t>(columns.bytes, 2000, 1);
    commit(store, 1);
    const Snapshot before = store.newest();
    const Ref kept = before.block_ref(columns.bytes, 1);
    const Ref old = before.block_ref(columns.bytes, 0);
    store.begin_tick();
    store.set<std::uint8_t>(columns.bytes, 1, 2);
    commit(store, 2);
    EXPECT_EQ(store.newest().block_ref(columns.bytes, 1), kept);
    EXPECT_FALSE(store.newest().block_ref(columns.bytes, 0) == old);
}

TEST(WorldStore, AbandonLeavesNoTraceAndNoMemoryBehind) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    store.begin_tick();
    for (std::uint32_t slot = 0; slot < 5000; slot += 100)
        store.set<std::int64_t>(columns.numbers, slot, 5);
    commit(store, 1);
    const std::uint64_t hash = store.newest().state_hash();
    std::uint32_t used = 0;
    for (int round = 0; round < 200; ++round) {
        store.begin_tick();
        for (std::uint32_t slot = 0; slot < 5000; slot += 7)
            store.set<std::int64_t>(columns.numbers, slot, round);
        store.append_slot(columns.few);
        store.abandon();
        if (round == 3)
            used = region->units_used();
    }
    EXPECT_EQ(region->units_used(), used);
    EXPECT_EQ(store.newest().state_hash(), hash);
}

TEST(WorldStore, SeveralSealedVersionsMayWaitAndAreDroppedTogether) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    for (std::uint64_t tick = 1; tick <= 3; ++tick) {
        store.begin_tick();
        store.set<std::int64_t>(columns.numbers, 0, static_cast<std::int64_t>(tick));
        store.seal(tick);
    }
    EXPECT_TRUE(store.publish());
    EXPECT_EQ(Snapshot::current(*region, store.slot())->get<std::int64_t>(columns.numbers, 0), 1);
    store.abandon_sealed();
    EXPECT_EQ(store.newest().tick(), 1u);
    EXPECT_FALSE(store.publish());
}

TEST(WorldStore, TheNewestSealedVersionCanBeDroppedAlone) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    const auto tick = [&](std::uint64_t number, std::int64_t value) {
        store.begin_tick();
        store.set<std::int64_t>(columns.numbers, 0, value);
        store.seal(number);
    };
    tick(1, 10);
    tick(2, 20);
    EXPECT_TRUE(store.abandon_newest());
    EXPECT_EQ(store.newest().tick(), 1u);
    tick(2, 21);
    while (store.publish()) {
    }
    EXPECT_EQ(Snapshot::current(*region, store.slot())->get<std::int64_t>(columns.numbers, 0), 21);
    EXPECT_FALSE(store.abandon_newest()) << "what is published stays";
    EXPECT_EQ(store.lost_blocks(), 0u);
}

TEST(WorldStore, RollingBackASavepointRestoresValuesAndSlots) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    store.begin_tick();
    store.set<std::int64_t>(columns.numbers, 3, 1);
    const std::uint32_t kept = store.append_slot(columns.few);
    store.set_text(columns.names, kept, "kept");
    store.begin_savepoint();
    store.set<std::int64_t>(columns.numbers, 3, 2);
    store.set<std::int64_t>(columns.numbers, 3, 3);
    store.set_text(columns.names, store.append_slot(columns.few), "gone");
    store.rollback_savepoint();
    EXPECT_EQ(store.get<std::int64_t>(columns.numbers, 3), 1);
    EXPECT_EQ(store.working().slot_count(columns.few), 1u);
    EXPECT_EQ(store.append_slot(columns.few), 1u);
    EXPECT_EQ(store.working().get_text(columns.names, 1), "") << "a slot handed out again is empty";
    EXPECT_EQ(store.working().get_text(columns.names, 0), "kept");
}

TEST(WorldStore, AppendedSlotsGrowPastOneBlock) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    for (std::uint64_t tick = 1; tick <= 10; ++tick) {
        store.begin_tick();
        for (int i = 0; i < 50; ++i) {
            const std::uint32_t slot = store.append_slot(columns.few);
            store.set_text(columns.names, slot, "n" + std::to_string(slot));
        }
        commit(store, tick);
    }
    const Snapshot state = store.newest();
    ASSERT_EQ(state.slot_count(columns.few), 500u);
    for (std::uint32_t slot = 0; slot < 500; ++slot)
        EXPECT_EQ(state.get_text(columns.names, slot), "n" + std::to_string(slot));
}

TEST(WorldStore, AReplacedBlockMayBeKept) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    store.begin_tick();
    store.set<std::uint8_t>(columns.bytes, 5, 9);
    commit(store, 1);
    const Ref old = store.newest().block_ref(columns.bytes, 0);
    store.begin_tick();
    std::memset(store.replace_block(columns.bytes, 0), 7, 1024);
    store.keep_block(columns.bytes, 0);
    commit(store, 2);
    EXPECT_EQ(store.newest().block_ref(columns.bytes, 0), old);
    // Also when an action had written the block earlier in the tick.
    store.begin_tick();
    store.set<std::uint8_t>(columns.bytes, 6, 8);
    std::memset(store.replace_block(columns.bytes, 0), 7, 1024);
    store.keep_block(columns.bytes, 0);
    commit(store, 3);
    EXPECT_EQ(store.newest().get<std::uint8_t>(columns.bytes, 6), 8);
    EXPECT_EQ(store.newest().get<std::uint8_t>(columns.bytes, 5), 9);
}

TEST(WorldStore, WritingOutsideAColumnIsRefused) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    store.begin_tick();
    EXPECT_THROW(store.set<std::int64_t>(columns.numbers, 5000, 1), Error);
    EXPECT_THROW(store.set<std::int32_t>(columns.numbers, 0, 1), Error);
    EXPECT_THROW(store.set_text(columns.names, 0, "no such slot"), Error);
    store.append_slot(columns.few);
    EXPECT_THROW(store.set_text(columns.names, 0, std::string(33, 'x')), Error);
}

TEST(WorldStore, ASuccessorGoesOnFromThePublishedVersion) {
    const TestRegion region;
    const Columns columns = make_columns();
    std::uint64_t hash = 0;
    std::uint32_t used = 0;
    for (int life = 0; life < 20; ++life) {
        WorldStore store = life == 0 ? make_store(region, columns)
                                     : WorldStore::take_over(*region, *region->find(1), region.limit());
        if (life > 0) {
            EXPECT_EQ(store.newest().tick(), static_cast<std::uint64_t>(life));
            EXPECT_EQ(store.newest().state_hash(), hash);
        }
        store.begin_tick();
        for (std::uint32_t slot = 0; slot < 5000; slot += 11)
            store.set<std::int64_t>(columns.numbers, slot, life);
        commit(store, static_cast<std::uint64_t>(life) + 1);
        hash = store.newest().state_hash();
        // Dies in the middle of the next tick, with one version sealed.
        store.begin_tick();
        store.set<std::int64_t>(columns.numbers, 1, -1);
        store.seal(99);
        store.begin_tick();
        store.set<std::int64_t>(columns.numbers, 2, -1);
        if (life == 3)
            used = region->units_used();
    }
    EXPECT_EQ(region->units_used(), used) << "what the dead left behind is found again";
}

TEST(WorldStore, ReleaseWaitsForReadersAndReturnsAllMemory) {
    const TestRegion region;
    const Columns columns = make_columns();
    const std::uint32_t before = region->units_used();
    WorldStore store = make_store(region, columns);
    region->pin({3});
    EXPECT_FALSE(store.release());
    EXPECT_EQ(Snapshot::current(*region, store.slot()), std::nullopt);
    region->unpin({3});
    EXPECT_TRUE(store.release());
    EXPECT_EQ(region->units_used(), before);
}

TEST(StateHash, DependsOnContentNotOnBlocksOrHistory) {
    const TestRegion region;
    const auto build = [&](std::int64_t id, std::uint32_t block_slots, bool detour) {
        Layout layout;
        const SpaceId things = layout.add_space("thing", 700, block_slots);
        const ColumnId numbers = layout.add_column(things, "number", ColumnType::i32);
        WorldStore store = WorldStore::create(*region, region->claim_slot(id), layout, region.limit());
        if (detour) {
            store.begin_tick();
            for (std::uint32_t slot = 0; slot < 700; ++slot)
                store.set<std::int32_t>(numbers, slot, 1234);
            store.seal(1);
            store.publish();
        }
        store.begin_tick();
        for (std::uint32_t slot = 0; slot < 700; ++slot)
            store.set<std::int32_t>(numbers, slot, slot % 3 == 0 ? static_cast<std::int32_t>(slot) : 0);
        return store.seal(2).state_hash();
    };
    const std::uint64_t hash = build(1, 64, false);
    EXPECT_EQ(build(2, 1024, false), hash);
    EXPECT_EQ(build(3, 256, true), hash);
}

TEST(StateHash, KeptSharesFollowEveryWrite) {
    const TestRegion region;
    const Columns columns = make_columns();
    WorldStore store = make_store(region, columns);
    std::mt19937 random(7);
    for (std::uint64_t tick = 1; tick <= 100; ++tick) {
        store.begin_tick();
        for (int i = 0; i < 5; ++i)
            store.set<std::uint8_t>(columns.bytes, random() % 5000, static_cast<std::uint8_t>(random()));
        store.seal(tick);
        EXPECT_EQ(store.newest().state_hash_kept(), store.newest().state_hash());
        store.publish();
    }
}

// Random histories against a map: ticks that are published or abandoned, actions that are rolled back.
RC_GTEST_PROP(WorldStoreProperty, BehavesLikeAMap, ()) {
    const TestRegion region;
    const Columns columns = make_columns(300);
    WorldStore store = make_store(region, columns);
    std::map<std::uint32_t, std::int64_t> model;
    const int ticks = *rc::gen::inRange(1, 12);
    for (int tick = 1; tick <= ticks; ++tick) {
        std::map<std::uint32_t, std::int64_t> next = model;
        store.begin_tick();
        const auto actions =
            *rc::gen::container<std::vector<std::vector<std::pair<std::uint32_t, std::int64_t>>>>(
                rc::gen::container<std::vector<std::pair<std::uint32_t, std::int64_t>>>(
                    rc::gen::pair(rc::gen::inRange(0u, 300u), rc::gen::arbitrary<std::int64_t>())));
        for (const auto& action : actions) {
            const bool fails = *rc::gen::arbitrary<bool>();
            store.begin_savepoint();
            for (const auto& [slot, value] : action)
                store.set<std::int64_t>(columns.numbers, slot, value);
            if (fails) {
                store.rollback_savepoint();
                continue;
            }
            store.release_savepoint();
            for (const auto& [slot, value] : action)
                next[slot] = value;
        }
        if (*rc::gen::arbitrary<bool>()) {
            store.abandon();
        } else {
            store.seal(static_cast<std::uint64_t>(tick));
            store.publish();
            model = next;
        }
        const Snapshot state = *Snapshot::current(*region, store.slot());
        for (std::uint32_t slot = 0; slot < 300; ++slot)
            RC_ASSERT(state.get<std::int64_t>(columns.numbers, slot) ==
                      (model.contains(slot) ? model[slot] : 0));
    }
}

// Every value of a version is the same number; a reader that sees two is reading half a tick. Run it under
// ThreadSanitizer too.
TEST(WorldStoreThreads, ReadersNeverSeeHalfATick) {
    const TestRegion region;
    const Columns columns = make_columns(3000);
    WorldStore store = make_store(region, columns);
    std::atomic<bool> stop{false};
    std::atomic<int> torn{0};
    std::atomic<std::uint64_t> reads{0};
    std::vector<std::thread> readers;
    for (std::uint32_t id = 0; id < 2; ++id)
        readers.emplace_back([&, id] {
            while (!stop) {
                region->pin({id});
                const Snapshot state = *Snapshot::current(*region, store.slot());
                const auto expected = static_cast<std::int64_t>(state.tick());
                for (std::uint32_t slot = 0; slot < 3000; slot += 97)
                    torn += state.get<std::int64_t>(columns.numbers, slot) != expected;
                region->unpin({id});
                ++reads;
            }
        });
    for (std::uint64_t tick = 1; tick <= 400 || reads < 200; ++tick) {
        store.begin_tick();
        for (std::uint32_t slot = 0; slot < 3000; ++slot)
            store.set<std::int64_t>(columns.numbers, slot, static_cast<std::int64_t>(tick));
        commit(store, tick);
    }
    stop = true;
    for (std::thread& reader : readers)
        reader.join();
    EXPECT_EQ(torn.load(), 0);
}

} // namespace
} // namespace gamelan::store
