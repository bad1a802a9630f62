// Units, pins and epochs of the region, and the arena's blocks.
#include "store_memory.hpp"

#include <gtest/gtest.h>

#include <set>

namespace gamelan::store {
namespace {

TEST(Region, RefusesToBeTooSmallAndSaysWhichSettingHelps) {
    alignas(64) static std::byte memory[64 * 1024];
    try {
        Region::format(memory, sizeof memory, {1024, 128});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::invalid_parameter);
        EXPECT_NE(error.hint().find("gamelan.memory"), std::string::npos);
    }
}

TEST(Region, AttachChecksTheMagic) {
    alignas(64) static std::byte memory[1024] = {};
    EXPECT_THROW(Region::attach(memory), Error);
}

TEST(Region, UnitsGoToOneOwnerAndComeBack) {
    const TestRegion region;
    const WorldSlot owner = region->claim_slot(7);
    const auto first = region->take_units(owner, 3, 2);
    const auto second = region->take_units(owner, 1, 2);
    ASSERT_TRUE(first && second);
    EXPECT_NE(*first, *second);
    EXPECT_EQ(region->units_used(), 4u);
    EXPECT_EQ(region->control(owner).units_used.load(), 4u);
    region->give_back_units(owner, *first);
    EXPECT_EQ(region->units_used(), 1u);
    EXPECT_EQ(region->take_units(owner, 3, 2), first) << "the gap is used again";
}

TEST(Region, UnitsNeverOverlapUntilNoneAreLeft) {
    const TestRegion region;
    const WorldSlot owner = region->claim_slot(1);
    std::set<std::uint32_t> taken;
    for (std::uint32_t count = 1;; count = count % 5 + 1) {
        const auto first = region->take_units(owner, count, 0);
        if (!first)
            break;
        for (std::uint32_t i = 0; i < count; ++i)
            EXPECT_TRUE(taken.insert(*first + i).second);
    }
    EXPECT_EQ(taken.size(), region->units_used());
    EXPECT_GE(taken.size() + 5, region->units_total());
}

TEST(Region, ClaimsAsManySlotsAsThereAre) {
    const TestRegion region;
    for (std::int64_t id = 1; id <= 16; ++id)
        region->claim_slot(id);
    EXPECT_THROW(region->claim_slot(17), Error);
    region->release_slot(*region->find(5));
    EXPECT_EQ(region->find(5), std::nullopt);
    const WorldSlot slot = region->claim_slot(17);
    EXPECT_EQ(slot, *region->find(17));
}

TEST(Region, AReferenceOutsideIsAnErrorAndNotAFault) {
    const TestRegion region;
    EXPECT_THROW(region->resolve({0}, 1), Error);
    EXPECT_THROW(region->resolve({~0u}, 1), Error);
}

TEST(Region, OldestPinDecidesWhatMayBeReused) {
    const TestRegion region;
    const std::uint64_t none = region->oldest_pinned_epoch();
    region->pin({1});
    const std::uint64_t pinned = region->current_epoch();
    region->advance_epoch();
    region->pin({2});
    EXPECT_EQ(region->oldest_pinned_epoch(), pinned);
    region->unpin({1});
    EXPECT_EQ(region->oldest_pinned_epoch(), pinned + 1);
    region->unpin({2});
    EXPECT_EQ(region->oldest_pinned_epoch(), none);
}

TEST(Region, RevokingTakesOldPinsOnly) {
    const TestRegion region;
    region->pin({1});
    region->advance_epoch();
    region->pin({2});
    EXPECT_EQ(region->revoke_old_pins(), 1u);
    EXPECT_FALSE(region->pin_is_valid({1}));
    EXPECT_TRUE(region->pin_is_valid({2}));
    EXPECT_EQ(region->oldest_pinned_epoch(), region->current_epoch());
}

TEST(Arena, BlocksOfAllSizesAreAlignedAndApart) {
    const TestRegion region;
    Arena arena(*region, region->claim_slot(1), region.limit());
    std::set<std::byte*> seen;
    for (const std::uint32_t bytes :
         {1u, 64u, 65u, 1000u, 1024u, 4096u, 5000u, 8192u, 16384u, 16385u, 100000u}) {
        const Ref block = arena.allocate(bytes, 1);
        std::byte* data = arena.data(block);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0u);
        EXPECT_EQ(arena.header(block).data_bytes, bytes);
        std::memset(data, 0xab, bytes);
        EXPECT_TRUE(seen.insert(data).second);
    }
}

TEST(Arena, AFreedBlockIsTheNextOneHandedOut) {
    const TestRegion region;
    Arena arena(*region, region->claim_slot(1), region.limit());
    const Ref first = arena.allocate(4096, 1);
    arena.free(first);
    EXPECT_EQ(arena.allocate(4096, 2), first);
}

TEST(Arena, ARetiredBlockWaitsForItsReaders) {
    const TestRegion region;
    Arena arena(*region, region->claim_slot(1), region.limit());
    region->pin({0});
    const Ref block = arena.allocate(4096, 1);
    arena.retire(block, region->advance_epoch());
    arena.reclaim();
    EXPECT_EQ(arena.retired_blocks(), 1u);
    region->unpin({0});
    arena.reclaim();
    EXPECT_EQ(arena.retired_blocks(), 0u);
}

TEST(Arena, TheWorldsLimitIsNamedInTheError) {
    const TestRegion region;
    Arena arena(*region, region->claim_slot(1), 4);
    try {
        for (;;)
            arena.allocate(16384, 1);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::out_of_memory);
    }
    Arena tight(*region, region->claim_slot(2), 1);
    try {
        tight.allocate(16384, 1);
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(error.hint().find("gamelan."), std::string::npos);
    }
}

TEST(Arena, WhenMemoryIsShortTheSlowestReaderLosesItsPin) {
    const TestRegion region(1u << 20, {2, 2});
    Arena arena(*region, region->claim_slot(1), region.limit());
    std::vector<Ref> blocks;
    try {
        for (;;)
            blocks.push_back(arena.allocate(4096, 1));
    } catch (const Error&) {
    }
    region->pin({0});
    for (const Ref block : blocks)
        arena.retire(block, region->current_epoch());
    region->advance_epoch();
    EXPECT_NO_THROW(arena.allocate(4096, 2));
    EXPECT_FALSE(region->pin_is_valid({0}));
}

} // namespace
} // namespace gamelan::store
