// What the automaton does over thousands of ticks: stays lively and bounded, and stays the same program.
#include "automaton_planes.hpp"
#include "core/automaton/resource_rule.hpp"

#include <gtest/gtest.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace gamelan::automaton;
using namespace gamelan::automaton::testing;
using gamelan::grid::HexSphere;

constexpr std::uint64_t seed = 42;

// A layer from generate(), advanced tick by tick.
class Planet {
  public:
    Planet(std::uint32_t n, std::uint32_t block_slots)
        : sphere_(n), now_(sphere_.cell_count(), block_slots), next_(sphere_.cell_count(), block_slots) {
        const GeneratedLayer start = generate(sphere_, seed, 0);
        now_.types.assign(start.types);
        now_.amounts.assign(start.amounts);
    }

    void run(std::uint64_t ticks, std::uint32_t parts = 1) {
        const std::uint32_t last = all_rows(sphere_).last;
        for (const std::uint64_t end = tick_ + ticks; tick_ < end; ++tick_) {
            for (std::uint32_t part = parts; part-- > 0;) {
                advance_layer(sphere_, rule_, seed, tick_, 0, now_.types.in(), now_.amounts.in(),
                              next_.types.out(), next_.amounts.out(), changed_,
                              {last * part / parts, last * (part + 1) / parts});
            }
            std::swap(now_, next_);
        }
    }

    std::uint64_t hash() const {
        std::vector<std::uint8_t> bytes = now_.types.cells();
        const std::vector<std::uint8_t> amounts = now_.amounts.cells();
        bytes.insert(bytes.end(), amounts.begin(), amounts.end());
        return XXH3_64bits(bytes.data(), bytes.size());
    }

    // Share of cells of each type, in percent.
    std::array<double, 5> shares() const {
        std::array<double, 5> result{};
        for (const std::uint8_t type : now_.types.cells()) {
            result.at(type) += 100.0 / sphere_.cell_count();
        }
        return result;
    }

    // Cells whose type, and whose any byte, the last tick changed, in percent.
    std::pair<double, double> last_changes() const {
        double types = 0;
        double any = 0;
        for (std::uint32_t cell = 0; cell < sphere_.cell_count(); ++cell) {
            const bool type = now_.types.at(cell) != next_.types.at(cell);
            types += type;
            any += type || now_.amounts.at(cell) != next_.amounts.at(cell);
        }
        return {types * 100 / sphere_.cell_count(), any * 100 / sphere_.cell_count()};
    }

  private:
    HexSphere sphere_;
    Layer now_;
    Layer next_;
    ResourceRule rule_;
    ChangedBlocks changed_;
    std::uint64_t tick_ = 0;
};

// A change of the rule, of the hash or of the generator changes this number: old worlds would replay
// differently, so such a change needs a new version of the rule, not a new number here.
TEST(AutomatonLife, AThousandTicksGiveTheAgreedState) {
    Planet planet(16, 1024);
    planet.run(1000);
    EXPECT_EQ(planet.hash(), 0xbbb432f6e379f30bULL);
}

TEST(AutomatonLife, TheStateDoesNotDependOnBlocksInstructionsOrParts) {
    Planet expected(32, 1024);
    expected.run(200);
    for (const SimdLevel level : {SimdLevel::baseline, SimdLevel::avx2, SimdLevel::avx512}) {
        force_simd_level(level);
        for (const auto& [block_slots, parts] : {std::pair{64U, 1U}, {256U, 3U}, {1024U, 7U}}) {
            Planet planet(32, block_slots);
            planet.run(200, parts);
            EXPECT_EQ(planet.hash(), expected.hash())
                << name_of(level) << ", blocks of " << block_slots << ", " << parts << " parts";
        }
    }
    force_simd_level(best_simd_level());
}

// Sanitizers slow the kernel down twentyfold: there a smaller planet has to do.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint32_t lively_frequency = 16;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr std::uint32_t lively_frequency = 16;
#else
constexpr std::uint32_t lively_frequency = 64;
#endif
#else
constexpr std::uint32_t lively_frequency = 64;
#endif

TEST(AutomatonLife, StaysLivelyAndBoundedForTwentyThousandTicks) {
    Planet planet(lively_frequency, 1024);
    for (int stage = 0; stage < 4; ++stage) {
        planet.run(5000);
        const auto shares = planet.shares();
        const auto [types, any] = planet.last_changes();
        SCOPED_TRACE("after " + std::to_string((stage + 1) * 5000) + " ticks");
        RecordProperty("shares", std::to_string(shares[0]) + " " + std::to_string(shares[1]) + " " +
                                     std::to_string(shares[2]) + " " + std::to_string(shares[3]) + " " +
                                     std::to_string(shares[4]) + " types " + std::to_string(types) + " any " +
                                     std::to_string(any));
        EXPECT_GT(100 - shares[0], 55) << "alive";
        EXPECT_LT(100 - shares[0], 95) << "alive";
        for (int resource = 1; resource <= 3; ++resource) {
            EXPECT_GT(shares.at(static_cast<std::size_t>(resource)), 5) << "resource " << resource;
            EXPECT_LT(shares.at(static_cast<std::size_t>(resource)), 60) << "resource " << resource;
        }
        EXPECT_GT(shares[4], 0.1) << "compound";
        EXPECT_LT(shares[4], 30) << "compound";
        EXPECT_GT(types, 0.05);
        EXPECT_LT(types, 2);
        EXPECT_GT(any, 1);
        EXPECT_LT(any, 15);
    }
}

TEST(Generate, GivesEveryResourceRoomAndLeavesSome) {
    for (const std::uint32_t n : {16U, 64U, 128U}) {
        for (std::uint64_t world = 1; world <= 3; ++world) {
            const HexSphere sphere(n);
            const GeneratedLayer layer = generate(sphere, world, 0);
            std::array<int, 5> count{};
            int rich = 0;
            for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
                ++count.at(layer.types[cell]);
                rich += layer.amounts[cell] >= 96;
                ASSERT_EQ(layer.types[cell] == 0, layer.amounts[cell] == 0);
            }
            const auto cells = static_cast<double>(sphere.cell_count());
            for (std::size_t resource = 1; resource <= 3; ++resource) {
                EXPECT_GT(count.at(resource) / cells, 0.05) << "n=" << n << " seed " << world;
            }
            EXPECT_EQ(count[4], 0);
            EXPECT_GT(count[0] / cells, 0.15);
            EXPECT_LT(count[0] / cells, 0.75);
            EXPECT_GT(rich / cells, 0.1);
        }
    }
}

TEST(Generate, MakesDriftsNotDust) {
    const HexSphere sphere(64);
    const GeneratedLayer layer = generate(sphere, 7, 0);
    int same = 0;
    int all = 0;
    for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
        for (const std::uint32_t other : sphere.neighbours(cell)) {
            ++all;
            same += layer.types[cell] == layer.types[other];
        }
    }
    EXPECT_GT(same, all * 3 / 4) << "neighbours mostly carry the same";
    EXPECT_LT(same, all * 97 / 100) << "but there are borders";
}

TEST(Generate, DiffersBySeedAndLayerOnly) {
    for (const std::uint32_t n : {1U, 3U, 16U}) {
        const HexSphere sphere(n);
        const GeneratedLayer layer = generate(sphere, 7, 0);
        EXPECT_EQ(layer.amounts, generate(sphere, 7, 0).amounts);
        if (n == 16) {
            EXPECT_NE(layer.amounts, generate(sphere, 8, 0).amounts);
            EXPECT_NE(layer.amounts, generate(sphere, 7 + (std::uint64_t{1} << 32), 0).amounts);
            EXPECT_NE(layer.amounts, generate(sphere, 7, 1).amounts);
        }
    }
}

// The noise is taken in space, so seams must not show: across them neighbours agree as often as elsewhere.
TEST(Generate, HasNoSeams) {
    const HexSphere sphere(64);
    int same_at_seams = 0, seams = 0, same_inside = 0, inside = 0;
    for (std::uint64_t world = 0; world < 8; ++world) {
        const GeneratedLayer layer = generate(sphere, world, 0);
        for (std::uint32_t cell = 0; cell < sphere.strip_cell_count(); ++cell) {
            for (const std::uint32_t other : sphere.neighbours(cell)) {
                const bool same = layer.types[cell] == layer.types[other];
                if (sphere.is_pole(other) ||
                    sphere.position_of(other).strip != sphere.position_of(cell).strip) {
                    ++seams;
                    same_at_seams += same;
                } else {
                    ++inside;
                    same_inside += same;
                }
            }
        }
    }
    EXPECT_NEAR(double(same_at_seams) / seams, double(same_inside) / inside, 0.04);
}

} // namespace
