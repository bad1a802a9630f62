// The grid's shape: counts, numbering, neighbours, the step rule and its symmetries (docs/grid.md).
#include "core/grid/hex_sphere.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <queue>
#include <set>
#include <vector>

namespace {

using gamelan::grid::HexSphere;
using gamelan::grid::Neighbours;
using gamelan::grid::no_heading;
using gamelan::grid::StripPosition;

bool touches(const HexSphere& sphere, std::uint32_t a, std::uint32_t b) {
    const Neighbours around = sphere.neighbours(a);
    return std::find(around.begin(), around.end(), b) != around.end();
}

// Hop distances by breadth-first search over neighbours(): knows nothing of rows.
std::vector<std::uint32_t> hops_from(const HexSphere& sphere, std::uint32_t start) {
    constexpr auto unknown = ~std::uint32_t{0};
    std::vector<std::uint32_t> hops(sphere.cell_count(), unknown);
    std::queue<std::uint32_t> open;
    hops[start] = 0;
    open.push(start);
    while (!open.empty()) {
        const std::uint32_t cell = open.front();
        open.pop();
        for (const std::uint32_t other : sphere.neighbours(cell)) {
            if (hops[other] == unknown) {
                hops[other] = hops[cell] + 1;
                open.push(other);
            }
        }
    }
    return hops;
}

TEST(HexSphere, RefusesFrequenciesOutsideItsLimits) {
    EXPECT_THROW(HexSphere(0), std::invalid_argument);
    EXPECT_THROW(HexSphere(4097), std::invalid_argument);
    EXPECT_EQ(HexSphere(4096).cell_count(), 167'772'162U);
}

TEST(HexSphere, HasTenTimesNSquaredCellsAndTwoAndNumbersThemDensely) {
    for (std::uint32_t n = 1; n <= 64; ++n) {
        const HexSphere sphere(n);
        ASSERT_EQ(sphere.cell_count(), 10 * n * n + 2);
        std::uint32_t expected = 0;
        for (std::int32_t k = 0; k < 5; ++k) {
            for (std::int32_t J = 0; J < static_cast<std::int32_t>(2 * n); ++J) {
                for (std::int32_t i = 1; i <= static_cast<std::int32_t>(n); ++i, ++expected) {
                    const StripPosition at{k, i, J};
                    ASSERT_EQ(sphere.index_of(at), expected);
                    ASSERT_EQ(sphere.position_of(expected), at);
                    ASSERT_EQ(sphere.diamond(expected),
                              2U * static_cast<std::uint32_t>(k) + (J >= static_cast<std::int32_t>(n)));
                }
            }
        }
        ASSERT_EQ(sphere.north_pole(), expected);
        ASSERT_EQ(sphere.south_pole(), expected + 1);
    }
}

TEST(HexSphere, HasTwelvePentagonsAndDistinctMutualNeighbours) {
    for (const std::uint32_t n : {1U, 2U, 3U, 4U, 5U, 7U, 8U, 16U, 33U, 64U}) {
        const HexSphere sphere(n);
        std::uint32_t pentagons = 0;
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            const Neighbours around = sphere.neighbours(cell);
            pentagons += around.count == 5 ? 1 : 0;
            ASSERT_EQ(around.count, sphere.is_pentagon(cell) ? 5U : 6U);
            const std::set<std::uint32_t> distinct(around.begin(), around.end());
            ASSERT_EQ(distinct.size(), around.count) << "n=" << n << " cell " << cell;
            ASSERT_FALSE(distinct.contains(cell));
            for (const std::uint32_t other : around) {
                ASSERT_LT(other, sphere.cell_count());
                ASSERT_TRUE(touches(sphere, other, cell)) << "n=" << n << " cells " << cell << ", " << other;
            }
        }
        ASSERT_EQ(pentagons, 12U);
    }
}

TEST(HexSphere, HasTheEdgesAndTrianglesOfASphere) {
    for (const std::uint32_t n : {2U, 3U, 4U, 5U, 8U, 16U, 32U}) {
        const HexSphere sphere(n);
        std::uint64_t degrees = 0;
        std::uint64_t triples = 0;
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            const Neighbours around = sphere.neighbours(cell);
            degrees += around.count;
            for (const std::uint32_t a : around) {
                for (const std::uint32_t b : around) {
                    triples += cell < a && a < b && touches(sphere, a, b) ? 1 : 0;
                }
            }
        }
        const std::uint64_t square = std::uint64_t{n} * n;
        EXPECT_EQ(degrees / 2, 30 * square);
        EXPECT_EQ(triples, 20 * square);
        EXPECT_EQ(sphere.cell_count() + triples, degrees / 2 + 2) << "Euler's characteristic";
    }
}

TEST(HexSphere, NeighboursStandInCyclicOrder) {
    for (const std::uint32_t n : {2U, 3U, 5U, 16U}) {
        const HexSphere sphere(n);
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            const Neighbours around = sphere.neighbours(cell);
            for (std::uint32_t slot = 0; slot < around.count; ++slot) {
                ASSERT_TRUE(touches(sphere, around.cells[slot], around.cells[(slot + 1) % around.count]));
            }
        }
    }
}

TEST(HexSphere, EveryStepNamesTheWayBack) {
    for (const std::uint32_t n : {1U, 2U, 3U, 4U, 5U, 7U, 8U, 16U, 33U, 64U, 128U}) {
        const HexSphere sphere(n);
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            const Neighbours around = sphere.neighbours(cell);
            for (std::uint32_t direction = 0; direction < around.count; ++direction) {
                const auto there = sphere.step(cell, direction);
                ASSERT_TRUE(there);
                ASSERT_EQ(there->index, around.cells[direction]);
                const auto back = sphere.step(there->index, there->back);
                ASSERT_TRUE(back) << "n=" << n << " cell " << cell << " direction " << direction;
                ASSERT_EQ(back->index, cell) << "n=" << n << " direction " << direction;
                ASSERT_EQ(there->heading == no_heading, sphere.is_pole(there->index));
            }
            for (std::uint32_t direction = around.count; direction < 8; ++direction) {
                ASSERT_FALSE(sphere.step(cell, direction));
            }
        }
    }
}

TEST(HexSphere, RowsAreHopDistancesToThePoles) {
    for (const std::uint32_t n : {1U, 2U, 3U, 4U, 6U, 8U, 10U, 32U}) {
        const HexSphere sphere(n);
        const auto from_north = hops_from(sphere, sphere.north_pole());
        const auto from_south = hops_from(sphere, sphere.south_pole());
        std::vector<std::uint32_t> row_sizes(3 * n + 1);
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            ASSERT_EQ(sphere.row(cell), from_north[cell]);
            ASSERT_EQ(3 * n - sphere.row(cell), from_south[cell]);
            ++row_sizes[sphere.row(cell)];
        }
        for (std::uint32_t r = 1; r < 3 * n; ++r) {
            ASSERT_EQ(row_sizes[r], 5 * std::min({r, n, 3 * n - r}));
        }
    }
}

TEST(HexSphere, DiameterIsThreeN) {
    for (const std::uint32_t n : {1U, 2U, 3U, 4U, 6U}) {
        const HexSphere sphere(n);
        std::uint32_t farthest = 0;
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            const auto hops = hops_from(sphere, cell);
            farthest = std::max(farthest, *std::max_element(hops.begin(), hops.end()));
        }
        EXPECT_EQ(farthest, 3 * n);
        EXPECT_EQ(sphere.diameter(), 3 * n);
    }
}

TEST(HexSphere, HopDistanceInsideAStripIsTheHexDistance) {
    const HexSphere sphere(16);
    const StripPosition from{2, 8, 16};
    const auto hops = hops_from(sphere, sphere.index_of(from));
    for (std::int32_t di = -3; di <= 3; ++di) {
        for (std::int32_t dJ = -3; dJ <= 3; ++dJ) {
            const auto expected = std::max({std::abs(di), std::abs(dJ), std::abs(di + dJ)});
            EXPECT_EQ(hops[sphere.index_of({2, 8 + di, 16 + dJ})], static_cast<std::uint32_t>(expected));
        }
    }
}

// A straight walk goes round the planet in 5n steps, unless it runs into one of the twelve pentagons.
TEST(HexSphere, StraightWalksCloseAfterFiveNSteps) {
    for (const std::uint32_t n : {2U, 3U, 5U, 8U, 16U}) {
        const HexSphere sphere(n);
        std::uint32_t stopped = 0;
        for (std::uint32_t start = 0; start < sphere.cell_count(); ++start) {
            if (sphere.is_pentagon(start)) {
                continue;
            }
            for (std::uint32_t direction = 0; direction < 6; ++direction) {
                std::uint32_t cell = start;
                std::uint32_t heading = direction;
                std::uint32_t steps = 0;
                for (; steps < 5 * n && !sphere.is_pentagon(cell); ++steps) {
                    const auto step = sphere.step(cell, heading);
                    ASSERT_TRUE(step);
                    cell = step->index;
                    heading = step->heading;
                    ASSERT_FALSE(steps + 1 < 5 * n && cell == start && heading == direction);
                }
                if (sphere.is_pentagon(cell)) {
                    ++stopped;
                } else {
                    ASSERT_EQ(cell, start);
                    ASSERT_EQ(heading, direction);
                }
            }
        }
        EXPECT_EQ(stopped, 60 * (n - 1));
    }
}

using Map = std::vector<std::uint32_t>;

void expect_automorphism(const HexSphere& sphere, const Map& image) {
    ASSERT_EQ(std::set<std::uint32_t>(image.begin(), image.end()).size(), sphere.cell_count());
    for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
        for (const std::uint32_t other : sphere.neighbours(cell)) {
            ASSERT_TRUE(touches(sphere, image[cell], image[other]));
        }
    }
}

TEST(HexSphere, TurningByAStripIsASymmetry) {
    for (const std::uint32_t n : {1U, 2U, 3U, 5U, 8U, 16U}) {
        const HexSphere sphere(n);
        Map image(sphere.cell_count());
        for (std::uint32_t cell = 0; cell < sphere.strip_cell_count(); ++cell) {
            StripPosition at = sphere.position_of(cell);
            at.strip = (at.strip + 1) % 5;
            image[cell] = sphere.index_of(at);
        }
        image[sphere.north_pole()] = sphere.north_pole();
        image[sphere.south_pole()] = sphere.south_pole();
        expect_automorphism(sphere, image);
    }
}

TEST(HexSphere, TheHalfTurnThatSwapsThePolesIsASymmetryAndItsOwnInverse) {
    for (const std::uint32_t n : {1U, 2U, 3U, 5U, 8U, 16U}) {
        const HexSphere sphere(n);
        const auto m = static_cast<std::int32_t>(n);
        Map image(sphere.cell_count());
        for (std::uint32_t cell = 0; cell < sphere.strip_cell_count(); ++cell) {
            const StripPosition at = sphere.position_of(cell);
            image[cell] = sphere.resolve({(5 - at.strip) % 5, m - at.i, 2 * m - at.J}).index;
        }
        image[sphere.north_pole()] = sphere.south_pole();
        image[sphere.south_pole()] = sphere.north_pole();
        expect_automorphism(sphere, image);
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            ASSERT_EQ(image[image[cell]], cell);
        }
    }
}

// One generation of hex Life B2/S34, by neighbours() alone.
std::vector<std::uint8_t> life(const HexSphere& sphere, const std::vector<std::uint8_t>& alive) {
    std::vector<std::uint8_t> next(alive.size());
    for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
        int count = 0;
        for (const std::uint32_t other : sphere.neighbours(cell)) {
            count += alive[other];
        }
        next[cell] = alive[cell] != 0 ? count == 3 || count == 4 : count == 2;
    }
    return next;
}

// A small pattern, laid by walks from a cell: it lives through the same generations wherever it lies, seams
// included.
TEST(HexSphere, PatternsLiveTheSameOnEverySeam) {
    const HexSphere sphere(32);
    constexpr int generations = 6;
    const auto populations = [&](std::uint32_t cell, std::uint32_t heading) {
        std::vector<std::uint8_t> alive(sphere.cell_count());
        for (int length = 0; length < 4; ++length) { // a line of four with a foot to the left at its end
            alive[cell] = 1;
            const auto step = sphere.step(cell, heading);
            cell = step->index;
            heading = step->heading;
        }
        const std::uint32_t left = (heading + 1) % 6;
        alive[sphere.step(cell, left)->index] = 1;
        std::vector<int> sizes;
        for (int generation = 0; generation <= generations; ++generation) {
            sizes.push_back(static_cast<int>(std::count(alive.begin(), alive.end(), 1)));
            alive = life(sphere, alive);
        }
        return sizes;
    };
    const auto expected = populations(sphere.index_of({2, 16, 16}), 0);
    EXPECT_GT(*std::max_element(expected.begin(), expected.end()), 5);
    // Near the middle of each seam: north (J = 0), equator (i = n of the north, i = 1 of the south), south (J
    // = 2n − 1), and the glued edge inside a strip.
    for (std::int32_t strip = 0; strip < 5; ++strip) {
        for (const auto& [i, J] :
             {std::pair{16, 0}, {1, 16}, {32, 16}, {1, 48}, {32, 48}, {16, 63}, {16, 32}}) {
            for (std::uint32_t heading = 0; heading < 6; ++heading) {
                EXPECT_EQ(populations(sphere.index_of({strip, i, J}), heading), expected)
                    << "strip " << strip << " i " << i << " J " << J << " heading " << heading;
            }
        }
    }
}

} // namespace
