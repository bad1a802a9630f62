// The ordered index: entries in order, old versions that stay as they were, nodes that all come back, and
// readers of garbage that end.
#include "store_memory.hpp"
#include "store_nodes.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace gamelan::store {
namespace {

using Kind = IndexChange::Kind;
constexpr std::uint64_t largest = ~std::uint64_t{0};

std::vector<IndexEntry> entries_of(const Region& region, const IndexState& state, std::uint64_t low = 0,
                                   std::uint64_t high = largest) {
    std::vector<IndexEntry> out;
    OrderedIndex::Cursor cursor = OrderedIndex(region, state).range(low, high);
    for (IndexEntry entry{}; cursor.next(entry);)
        out.push_back(entry);
    return out;
}

std::vector<IndexEntry> ascending(std::uint32_t count, std::uint64_t step = 1) {
    std::vector<IndexEntry> out;
    for (std::uint32_t i = 0; i < count; ++i)
        out.push_back({i * step, i});
    return out;
}

struct Fixture {
    TestRegion region{16u << 20};
    TestNodes nodes{*region, region->claim_slot(1), region.limit()};
    IndexWriter writer{nodes, {}};
};

TEST(OrderedIndex, AnEmptyOneHasNoNodesAndNoEntries) {
    const Fixture f;
    EXPECT_TRUE(entries_of(*f.region, f.writer.state()).empty());
    EXPECT_EQ(f.nodes.living(), 0u);
    EXPECT_EQ(OrderedIndex(*f.region, f.writer.state()).count(), 0u);
}

TEST(OrderedIndex, KeepsTheOrderOfInsertionsInAnyOrder) {
    for (const int order : {0, 1, 2}) {
        Fixture f;
        std::vector<IndexEntry> entries = ascending(20000, 3);
        std::vector<IndexEntry> inserted = entries;
        if (order == 1)
            std::reverse(inserted.begin(), inserted.end());
        if (order == 2)
            std::shuffle(inserted.begin(), inserted.end(), std::mt19937(5));
        for (const IndexEntry& entry : inserted)
            f.writer.insert(entry);
        EXPECT_EQ(entries_of(*f.region, f.writer.state()), entries);
        EXPECT_EQ(f.nodes.living(), nodes_of(*f.region, f.writer.state()).size());
        EXPECT_EQ(f.writer.state().entries, entries.size());
    }
}

TEST(OrderedIndex, FindsEqualKeysInTheOrderOfTheirSlots) {
    Fixture f;
    for (std::uint32_t slot = 5000; slot-- > 0;)
        f.writer.insert({slot % 3, slot});
    const std::vector<IndexEntry> ones = entries_of(*f.region, f.writer.state(), 1, 1);
    ASSERT_EQ(ones.size(), 1667u);
    for (std::uint32_t i = 0; i < ones.size(); ++i)
        EXPECT_EQ(ones[i], (IndexEntry{1, i * 3 + 1}));
    EXPECT_TRUE(entries_of(*f.region, f.writer.state(), 7, 7).empty());
}

TEST(OrderedIndex, ReachesTheSmallestAndTheLargestKeys) {
    Fixture f;
    const std::vector<IndexEntry> entries = {{0, 0}, {0, 0xffffffff}, {largest, 0}, {largest, 0xffffffff}};
    f.writer.build(entries);
    EXPECT_EQ(entries_of(*f.region, f.writer.state()), entries);
    EXPECT_EQ(entries_of(*f.region, f.writer.state(), largest, largest).size(), 2u);
    EXPECT_TRUE(entries_of(*f.region, f.writer.state(), 5, 4).empty());
}

TEST(OrderedIndex, IsEmptyAgainWhenAllIsErasedInAnyOrder) {
    for (const std::uint32_t seed : {1u, 2u}) {
        Fixture f;
        std::vector<IndexEntry> entries = ascending(10000);
        f.writer.build(entries);
        if (seed == 2)
            std::shuffle(entries.begin(), entries.end(), std::mt19937(seed));
        for (const IndexEntry& entry : entries)
            f.writer.erase(entry);
        EXPECT_EQ(f.nodes.living(), 0u);
        EXPECT_EQ(f.writer.state().height, 0u);
        f.writer.insert({1, 1});
        EXPECT_EQ(entries_of(*f.region, f.writer.state()).size(), 1u);
    }
}

TEST(OrderedIndex, ContradictionsAreErrors) {
    Fixture f;
    f.writer.build(ascending(1000, 2));
    EXPECT_THROW(f.writer.insert({4, 2}), Error);
    EXPECT_THROW(f.writer.erase({5, 2}), Error);
    const std::vector<IndexChange> many(
        {{{1, 0}, Kind::insert}, {{3, 0}, Kind::insert}, {{5, 0}, Kind::insert}, {{7, 0}, Kind::erase}});
    EXPECT_THROW(f.writer.apply(many), Error);
    EXPECT_THROW((IndexWriter{f.nodes, {}}.erase({1, 1})), Error);
}

TEST(OrderedIndex, AChangeCopiesTheWayToALeafAndNothingElse) {
    Fixture f;
    f.writer.build(ascending(30000));
    f.nodes.freeze();
    const IndexState before = f.writer.state();
    f.writer.insert({15000, 40000});
    EXPECT_EQ(f.nodes.replaced_count(), before.height);
    f.writer.insert({15000, 40001});
    EXPECT_EQ(f.nodes.replaced_count(), before.height) << "the second time the nodes are the tick's own";
    EXPECT_EQ(entries_of(*f.region, before), ascending(30000));
    EXPECT_EQ(f.writer.state().entries, 30002u);
}

// Nodes of a tree: levels from the root down, and how full they are.
TEST(OrderedIndex, StaysFlatWhileEntriesComeAndGo) {
    Fixture f;
    std::mt19937 random(11);
    std::vector<IndexEntry> entries;
    for (std::uint32_t i = 0; i < 20000; ++i) {
        entries.push_back({random(), i});
        f.writer.insert(entries.back());
    }
    for (int round = 0; round < 60000; ++round) {
        IndexEntry& entry = entries[random() % entries.size()];
        f.writer.erase(entry);
        entry.key = random();
        f.writer.insert(entry);
    }
    EXPECT_EQ(f.writer.state().height, 3u);
    EXPECT_LT(f.nodes.living(), 20000u / 84 * 4);
    while (entries.size() > 100) {
        f.writer.erase(entries.back());
        entries.pop_back();
    }
    EXPECT_LE(f.writer.state().height, 2u);
    EXPECT_LE(f.nodes.living(), 7u);
}

// Versions against sets: single changes, batches and whole builds; each version is read again when later ones
// exist, and at last all nodes are accounted for.
RC_GTEST_PROP(OrderedIndexProperty, BehavesLikeASetInEveryVersion, ()) {
    Fixture f;
    const auto key_range = *rc::gen::element(std::uint64_t{3}, std::uint64_t{500}, std::uint64_t{1} << 40);
    std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
    const auto random_entry = [&] {
        return IndexEntry{random() % key_range, static_cast<std::uint32_t>(random() % 3000)};
    };
    std::set<IndexEntry> model;
    const int versions = *rc::gen::inRange(1, 12);
    for (int version = 0; version < versions; ++version) {
        const IndexState before = f.writer.state();
        const std::set<IndexEntry> model_before = model;
        const auto mode = *rc::gen::weightedElement<int>({{2, 0}, {4, 1}, {1, 2}});
        const auto amount = *rc::gen::element(0, 1, 7, 100, 3000);
        if (mode == 0) {
            for (int i = 0; i < amount; ++i) {
                const IndexEntry entry = random_entry();
                if (model.insert(entry).second) {
                    f.writer.insert(entry);
                } else {
                    model.erase(entry);
                    f.writer.erase(entry);
                }
            }
        } else if (mode == 1) {
            std::map<IndexEntry, Kind> changes;
            const bool is_mostly_erasing = random() % 2 == 0;
            for (int i = 0; i < amount; ++i)
                if (const IndexEntry entry = random_entry(); !is_mostly_erasing || model.contains(entry))
                    changes[entry] = model.contains(entry) ? Kind::erase : Kind::insert;
            // Whole ranges too, so that nodes run empty.
            if (is_mostly_erasing && !model.empty()) {
                const auto from = model.lower_bound(random_entry());
                for (auto entry = from; entry != model.end() && random() % 200 != 0; ++entry)
                    changes[*entry] = Kind::erase;
            }
            std::vector<IndexChange> batch;
            for (const auto& [entry, kind] : changes) {
                batch.push_back({entry, kind});
                if (kind == Kind::insert)
                    model.insert(entry);
                else
                    model.erase(entry);
            }
            f.writer.apply(batch);
        } else {
            model.clear();
            for (int i = 0; i < amount; ++i)
                model.insert(random_entry());
            f.writer.build(std::vector<IndexEntry>(model.begin(), model.end()));
        }
        const IndexState after = f.writer.state();
        RC_ASSERT(after.entries == model.size());
        RC_ASSERT(entries_of(*f.region, after) == std::vector<IndexEntry>(model.begin(), model.end()));
        RC_ASSERT(entries_of(*f.region, before) ==
                  std::vector<IndexEntry>(model_before.begin(), model_before.end()));
        RC_ASSERT(nodes_of(*f.region, after).size() == f.nodes.living());
        for (int i = 0; i < 20; ++i) {
            const auto [low, high] = std::minmax({random() % (key_range + 2), random() % (key_range + 2)});
            const auto first = model.lower_bound({low, 0});
            const auto last = model.upper_bound({high, 0xffffffff});
            RC_ASSERT(entries_of(*f.region, after, low, high) == std::vector<IndexEntry>(first, last));
        }
        f.nodes.freeze();
        f.nodes.drop_replaced();
    }
    f.writer.clear();
    f.nodes.drop_replaced();
    RC_ASSERT(f.nodes.living() == 0);
}

// What a reader may meet whose pin was taken away: blocks that hold anything by now.
TEST(OrderedIndex, ReadingGarbageEndsWithoutAFault) {
    std::mt19937_64 random(99);
    int errors = 0;
    for (int round = 0; round < 300; ++round) {
        Fixture f;
        f.writer.build(ascending(20000, 5));
        IndexState state = f.writer.state();
        const std::vector<Ref> nodes = nodes_of(*f.region, state);
        for (int i = 0; i < 40; ++i) {
            std::byte* data = f.nodes.data(nodes[random() % nodes.size()]);
            const std::uint64_t garbage = random() % 4 == 0 ? random() : random() % nodes.size();
            std::memcpy(data + random() % (index_node_bytes - 8), &garbage, 1 + random() % 8);
        }
        if (round % 10 == 0)
            state.root = {static_cast<std::uint32_t>(random())};
        if (round % 11 == 0)
            state.height = static_cast<std::uint32_t>(random() % 20);
        try {
            OrderedIndex::Cursor cursor = OrderedIndex(*f.region, state).range(random() % 50000, largest);
            std::uint64_t count = 0;
            for (IndexEntry entry{}; cursor.next(entry);)
                ASSERT_LE(++count, state.entries);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), sqlstate::snapshot_too_old);
            ++errors;
        }
    }
    EXPECT_GT(errors, 100);
}

} // namespace
} // namespace gamelan::store
