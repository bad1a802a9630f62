// The vectorised kernel against the plain rule, and its independence of blocks, instruction sets and division
// of work.
#include "automaton_planes.hpp"
#include "automaton_reference.hpp"
#include "core/automaton/resource_rule.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace gamelan::automaton;
using namespace gamelan::automaton::testing;
using gamelan::grid::HexSphere;

constexpr std::uint32_t block_sizes[] = {64, 128, 256, 512, 1024};

std::vector<SimdLevel> levels() {
    std::vector<SimdLevel> result{SimdLevel::baseline};
    for (const SimdLevel level : {SimdLevel::avx2, SimdLevel::avx512}) {
        if (level <= best_simd_level()) {
            result.push_back(level);
        }
    }
    return result;
}

// Cells as wild as bytes can be: mostly the five types, some that no rule knows, amounts often at an edge.
PlainLayer random_layer(std::uint32_t cells, std::mt19937& random) {
    PlainLayer layer;
    for (std::uint32_t cell = 0; cell < cells; ++cell) {
        const auto dice = static_cast<std::uint32_t>(random());
        layer.types.push_back(static_cast<std::uint8_t>(dice % 64 == 0 ? dice >> 8 : (dice >> 8) % 5));
        const std::uint8_t edges[] = {0, 1, 4, 5, 15, 16, 95, 96, 254, 255};
        layer.amounts.push_back(dice % 3 == 0 ? edges[(dice >> 16) % 10]
                                              : static_cast<std::uint8_t>(dice >> 16));
    }
    return layer;
}

ResourceRule random_rule(std::mt19937& random) {
    const auto below = [&random](std::uint32_t limit) {
        return static_cast<std::uint32_t>(random() % limit);
    };
    const auto chance = [&below] { return 1U << below(9); };
    ResourceRule rule;
    rule.spread_neighbours_min = below(4);
    rule.spread_neighbours_max = rule.spread_neighbours_min + below(3);
    rule.spread_rich_amount = 1 + below(255);
    rule.spread_one_in = chance();
    rule.spread_start_amount = 1 + below(255);
    rule.predation_neighbours_min = 1 + below(6);
    rule.predation_one_in = chance();
    rule.predation_bonus = below(128);
    rule.compound_one_in = chance();
    rule.compound_phase = below(rule.compound_one_in);
    rule.compound_start_amount = 1 + below(255);
    rule.stagger_ticks = chance();
    rule.growth_neighbours_min = below(4);
    rule.growth_neighbours_max = below(7);
    rule.growth_step = below(241);
    rule.decline_step = below(241);
    rule.compound_decay_one_in = chance();
    rule.compound_decay_phase = below(rule.compound_decay_one_in);
    rule.compound_decay_step = below(256);
    return rule;
}

// Where planes first differ, or an empty text.
std::string difference(const HexSphere& sphere, const PlainLayer& expected, const Layer& found) {
    for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
        if (expected.types[cell] != found.types.at(cell) ||
            expected.amounts[cell] != found.amounts.at(cell)) {
            const bool pole = sphere.is_pole(cell);
            const auto at = pole ? gamelan::grid::StripPosition{} : sphere.position_of(cell);
            return "cell " + std::to_string(cell) + " (" + std::to_string(at.strip) + "," +
                   std::to_string(at.i) + "," + std::to_string(at.J) + "): expected " +
                   std::to_string(expected.types[cell]) + "/" + std::to_string(expected.amounts[cell]) +
                   ", found " + std::to_string(found.types.at(cell)) + "/" +
                   std::to_string(found.amounts.at(cell));
        }
    }
    return "";
}

// Advances one layer for some ticks by kernel and reference and compares after each, flags and tail included.
void compare(std::uint32_t n, std::uint32_t block_slots, SimdLevel level, const ResourceRule& rule,
             std::uint32_t test_seed, int ticks) {
    const HexSphere sphere(n);
    std::mt19937 random(test_seed);
    PlainLayer expected = random_layer(sphere.cell_count(), random);
    const std::uint64_t seed = std::uint64_t{random()} << 32 | random();
    const std::uint64_t first_tick = random() % 2 == 0 ? random() % 100 : 0xffff'fffdULL + random() % 3;
    const auto layer = static_cast<std::uint32_t>(random() % 5);
    Layer old_layer(sphere.cell_count(), block_slots);
    Layer new_layer(sphere.cell_count(), block_slots);
    old_layer.types.assign(expected.types);
    old_layer.amounts.assign(expected.amounts);
    ChangedBlocks changed;
    for (std::uint64_t tick = first_tick; tick < first_tick + static_cast<std::uint64_t>(ticks); ++tick) {
        expected = reference_tick(sphere, rule, seed, tick, layer, expected);
        advance_layer(sphere, rule, seed, tick, layer, old_layer.types.in(), old_layer.amounts.in(),
                      new_layer.types.out(), new_layer.amounts.out(), changed, all_rows(sphere), level);
        ASSERT_EQ(difference(sphere, expected, new_layer), "")
            << "n=" << n << " blocks of " << block_slots << " level " << name_of(level) << " seed "
            << test_seed << " tick " << tick;
        ASSERT_TRUE(new_layer.types.tail_is_zero() && new_layer.amounts.tail_is_zero());
        ASSERT_EQ(changed.types.size(), old_layer.types.blocks());
        for (std::uint32_t block = 0; block < old_layer.types.blocks(); ++block) {
            ASSERT_EQ(changed.types[block] == 0, old_layer.types.same_block(new_layer.types, block));
            ASSERT_EQ(changed.amounts[block] == 0, old_layer.amounts.same_block(new_layer.amounts, block));
        }
        std::swap(old_layer, new_layer);
    }
}

TEST(AutomatonKernel, EqualsThePlainRuleForEveryShapeAndInstructionSet) {
    for (const SimdLevel level : levels()) {
        for (const std::uint32_t n : {1U, 2U, 3U, 4U, 5U, 8U, 16U, 63U, 64U, 65U, 128U}) {
            for (const std::uint32_t block_slots : block_sizes) {
                compare(n, block_slots, level, ResourceRule{}, n * 1000 + block_slots, n < 64 ? 8 : 2);
            }
        }
    }
}

RC_GTEST_PROP(AutomatonKernel, EqualsThePlainRuleForAnyKnobs, (std::uint32_t test_seed)) {
    std::mt19937 random(test_seed);
    const ResourceRule rule = random_rule(random);
    validate(rule);
    const std::uint32_t sizes[] = {1, 2, 3, 5, 8, 17, 33};
    const std::uint32_t n = sizes[random() % 7];
    const auto available = levels();
    compare(n, block_sizes[random() % 5], available[random() % available.size()], rule, test_seed, 4);
    RC_ASSERT(!::testing::Test::HasFailure());
}

TEST(AutomatonKernel, ACompoundThatDecaysByNothingVanishesOnlyWhenItIsEmpty) {
    ResourceRule rule;
    rule.compound_decay_one_in = 1;
    rule.compound_decay_phase = 0;
    rule.compound_decay_step = 0;
    for (const SimdLevel level : levels()) {
        compare(33, 256, level, rule, 1000977, 4);
    }
}

TEST(AutomatonKernel, MeetsEveryOutcomeInItsComparison) {
    // The comparison above would be hollow if random cells never took a branch: count the outcomes of the
    // plain rule.
    const HexSphere sphere(64);
    std::mt19937 random(5);
    const PlainLayer old = random_layer(sphere.cell_count(), random);
    const PlainLayer next = reference_tick(sphere, ResourceRule{}, 1, 1, 0, old);
    int settled = 0, eaten = 0, compounded = 0, grown = 0, starved = 0, decayed = 0;
    for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
        const int from = old.types[cell];
        const int to = next.types[cell];
        const bool is_resource = from >= 1 && from <= 3;
        settled += from == 0 && to != 0;
        eaten += is_resource && to == from % 3 + 1;
        compounded += is_resource && to == 4;
        grown += is_resource && to == from && next.amounts[cell] > old.amounts[cell];
        starved += is_resource && to == 0;
        decayed += from == 4 && next.amounts[cell] < old.amounts[cell];
    }
    EXPECT_GT(settled, 10);
    EXPECT_GT(eaten, 10);
    EXPECT_GT(compounded, 10);
    EXPECT_GT(grown, 10);
    EXPECT_GT(starved, 10);
    EXPECT_GT(decayed, 10);
}

RC_GTEST_PROP(AutomatonKernel, PartsInAnyOrderMakeTheWhole, (std::uint32_t test_seed)) {
    std::mt19937 random(test_seed);
    const std::uint32_t sizes[] = {1, 3, 8, 20, 64};
    const HexSphere sphere(sizes[random() % 5]);
    const std::uint32_t block_slots = block_sizes[random() % 5];
    const PlainLayer start = random_layer(sphere.cell_count(), random);
    Layer old_layer(sphere.cell_count(), block_slots), whole(sphere.cell_count(), block_slots),
        parts(sphere.cell_count(), block_slots);
    old_layer.types.assign(start.types);
    old_layer.amounts.assign(start.amounts);
    const ResourceRule rule;
    ChangedBlocks changed, merged, part;
    advance_layer(sphere, rule, 9, 3, 1, old_layer.types.in(), old_layer.amounts.in(), whole.types.out(),
                  whole.amounts.out(), changed);

    const std::uint32_t last = all_rows(sphere).last;
    std::vector<std::uint32_t> cuts{0, last};
    for (int cut = 0; cut < 4; ++cut) {
        cuts.push_back(static_cast<std::uint32_t>(random() % (last + 1)));
    }
    std::sort(cuts.begin(), cuts.end());
    std::vector<RowRange> ranges;
    for (std::size_t cut = 1; cut < cuts.size(); ++cut) {
        ranges.push_back({cuts[cut - 1], cuts[cut]});
    }
    std::shuffle(ranges.begin(), ranges.end(), random);
    merged.reset(old_layer.types.blocks());
    for (const RowRange& range : ranges) {
        advance_layer(sphere, rule, 9, 3, 1, old_layer.types.in(), old_layer.amounts.in(), parts.types.out(),
                      parts.amounts.out(), part, range);
        merged.merge(part);
    }
    RC_ASSERT(parts.types.cells() == whole.types.cells());
    RC_ASSERT(parts.amounts.cells() == whole.amounts.cells());
    RC_ASSERT(parts.types.tail_is_zero() && parts.amounts.tail_is_zero());
    RC_ASSERT(merged.types == changed.types);
    RC_ASSERT(merged.amounts == changed.amounts);
}

TEST(AutomatonKernel, RefusesWhatItCannotDo) {
    const HexSphere sphere(8);
    Layer from(sphere.cell_count(), 64), to(sphere.cell_count(), 64), other(sphere.cell_count(), 128);
    from.types.assign({});
    from.amounts.assign({});
    ChangedBlocks changed;
    const auto advance = [&](const ResourceRule& rule, const PlaneIn& amounts, RowRange rows) {
        advance_layer(sphere, rule, 0, 0, 0, from.types.in(), amounts, to.types.out(), to.amounts.out(),
                      changed, rows);
    };
    EXPECT_NO_THROW(advance({}, from.amounts.in(), all_rows(sphere)));
    EXPECT_THROW(advance({}, other.amounts.in(), all_rows(sphere)), std::invalid_argument);
    EXPECT_THROW(advance({}, PlaneIn{from.amounts.in().blocks.first(3), 64}, all_rows(sphere)),
                 std::invalid_argument);
    EXPECT_THROW(advance({}, from.amounts.in(), {0, 82}), std::invalid_argument);
    EXPECT_THROW(advance({}, from.amounts.in(), {5, 4}), std::invalid_argument);
    ResourceRule crooked;
    crooked.spread_one_in = 12;
    EXPECT_THROW(advance(crooked, from.amounts.in(), all_rows(sphere)), std::invalid_argument);
}

TEST(AutomatonRule, NamesTheKnobThatIsOutOfRange) {
    ResourceRule rule;
    rule.compound_phase = 64;
    try {
        validate(rule);
        FAIL() << "accepted";
    } catch (const std::invalid_argument& error) {
        EXPECT_STREQ(error.what(), "resource rule: compound_phase is 64, must be between 0 and 63");
    }
}

} // namespace
