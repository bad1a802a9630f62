// Nearest cells, rings, lines and chunks.
#include "core/grid/geometry.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numbers>
#include <random>
#include <set>
#include <vector>

namespace {

using namespace gamelan::grid;

constexpr std::size_t no_limit = 1U << 30;

std::uint32_t nearest_by_brute_force(const std::vector<Vector3>& centres, const Vector3& direction) {
    const Vector3 unit = normalised(direction);
    std::uint32_t best = 0;
    for (std::uint32_t cell = 1; cell < centres.size(); ++cell) {
        if (dot(centres[cell], unit) > dot(centres[best], unit)) {
            best = cell;
        }
    }
    return best;
}

TEST(Geometry, TheNearestCellOfACentreIsItself) {
    for (const std::uint32_t n : {1U, 2U, 4U, 8U, 64U}) {
        const HexSphere sphere(n);
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            ASSERT_EQ(nearest_cell(sphere, cell_centre(sphere, cell)), cell) << "n=" << n;
        }
    }
}

TEST(Geometry, TheNearestCellIsThatOfBruteForce) {
    std::mt19937_64 random(7);
    std::normal_distribution<double> normal;
    for (const std::uint32_t n : {1U, 2U, 4U, 16U, 64U}) {
        const HexSphere sphere(n);
        const auto centres = cell_centres(sphere);
        for (int round = 0; round < 400; ++round) {
            const Vector3 direction{normal(random), normal(random), normal(random)};
            const std::uint32_t expected = nearest_by_brute_force(centres, direction);
            ASSERT_EQ(nearest_cell(sphere, direction), expected) << "n=" << n << " round " << round;
            const auto start = static_cast<std::uint32_t>(random() % sphere.cell_count());
            ASSERT_EQ(nearest_cell(sphere, direction, start), expected) << "climbing from " << start;
        }
    }
}

TEST(Geometry, RefusesDirectionsThatPointNowhere) {
    const HexSphere sphere(4);
    EXPECT_THROW(nearest_cell(sphere, {0, 0, 0}), std::invalid_argument);
    EXPECT_THROW(nearest_cell(sphere, {HUGE_VAL, 0, 0}), std::invalid_argument);
    EXPECT_THROW(nearest_cell(sphere, {std::nan(""), 0, 1}), std::invalid_argument);
    EXPECT_THROW(nearest_cell(HexSphere(3), {0, 0, 1}), std::invalid_argument);
}

TEST(Geometry, DistanceIsStableAtBothEnds) {
    EXPECT_EQ(great_circle_distance({0, 0, 1}, {0, 0, 1}), 0.0);
    EXPECT_NEAR(great_circle_distance({0, 0, 1}, {0, 0, -1}), std::numbers::pi, 1e-15);
    EXPECT_NEAR(great_circle_distance({1, 0, 0}, {1, 1e-9, 0}), 1e-9, 1e-24);
    EXPECT_NEAR(great_circle_distance({0, 0, 2}, {3, 0, 0}), std::numbers::pi / 2, 1e-15);
}

TEST(Geometry, DiscsOfHexagonsAndPentagonsHaveTheirSizes) {
    const HexSphere sphere(64);
    const std::uint32_t hexagon = sphere.index_of({1, 20, 22});
    for (std::uint32_t r = 0; r <= 15; ++r) {
        EXPECT_EQ(disc(sphere, hexagon, r, no_limit).size(), 1 + 3 * r * (r + 1));
        EXPECT_EQ(ring(sphere, hexagon, r, no_limit).size(), r == 0 ? 1 : 6 * r);
    }
    // Sizes of h3's gridDisk around a pentagon.
    const std::vector<std::pair<std::uint32_t, std::size_t>> h3{{1, 6}, {2, 16}, {3, 31}, {5, 76}, {8, 181}};
    for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
        if (!sphere.is_pentagon(cell)) {
            continue;
        }
        for (const auto& [r, size] : h3) {
            EXPECT_EQ(disc(sphere, cell, r, no_limit).size(), size);
            EXPECT_EQ(ring(sphere, cell, r, no_limit).size(), 5 * r);
        }
    }
}

TEST(Geometry, ADiscAroundThePoleIsTheRowsUpToItsRadius) {
    const HexSphere sphere(8);
    for (std::uint32_t r = 0; r <= sphere.diameter() + 2; ++r) {
        std::vector<std::uint32_t> found = disc(sphere, sphere.north_pole(), r, no_limit);
        std::sort(found.begin(), found.end());
        std::vector<std::uint32_t> expected;
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            if (sphere.row(cell) <= r) {
                expected.push_back(cell);
            }
        }
        EXPECT_EQ(found, expected) << "radius " << r;
    }
}

TEST(Geometry, ListsBeyondTheirLimitAreRefused) {
    const HexSphere sphere(16);
    EXPECT_EQ(disc(sphere, 0, 2, 19).size(), disc(sphere, 0, 2, no_limit).size());
    EXPECT_THROW(disc(sphere, sphere.index_of({0, 8, 8}), 2, 18), std::length_error);
    EXPECT_THROW(ring(sphere, sphere.index_of({0, 8, 8}), 2, 11), std::length_error);
    EXPECT_THROW(line(sphere, sphere.north_pole(), sphere.south_pole(), 10), std::length_error);
    EXPECT_THROW(disc(sphere, sphere.cell_count(), 1, no_limit), std::invalid_argument);
}

RC_GTEST_PROP(Geometry, LinesAreConnectedSimpleAndStayNearTheArc, ()) {
    const HexSphere sphere(1U << *rc::gen::inRange(0, 7));
    const auto from = *rc::gen::inRange<std::uint32_t>(0, sphere.cell_count());
    const auto to = *rc::gen::inRange<std::uint32_t>(0, sphere.cell_count());
    const auto cells = line(sphere, from, to, no_limit);
    RC_ASSERT(cells.front() == from);
    RC_ASSERT(cells.back() == to);
    RC_ASSERT(std::set<std::uint32_t>(cells.begin(), cells.end()).size() == cells.size());
    const Vector3 a = cell_centre(sphere, from);
    const Vector3 b = cell_centre(sphere, to);
    const double arc = great_circle_distance(a, b);
    for (std::size_t place = 0; place < cells.size(); ++place) {
        if (place > 0) {
            const Neighbours around = sphere.neighbours(cells[place - 1]);
            RC_ASSERT(std::find(around.begin(), around.end(), cells[place]) != around.end());
        }
        // A point of the cell is on the arc, and no cell reaches further than 1.3 / n from its centre.
        const Vector3 centre = cell_centre(sphere, cells[place]);
        RC_ASSERT(great_circle_distance(a, centre) + great_circle_distance(centre, b) <=
                  std::max(arc, 1e-9) + 2.6 / sphere.frequency() + 1e-9);
    }
}

TEST(Geometry, ALineBetweenOppositePolesCrossesThePlanet) {
    const HexSphere sphere(16);
    const auto cells = line(sphere, sphere.north_pole(), sphere.south_pole(), no_limit);
    EXPECT_GE(cells.size(), sphere.diameter() + 1);
    EXPECT_LE(cells.size(), 2 * sphere.diameter());
    EXPECT_EQ(cells, line(sphere, sphere.north_pole(), sphere.south_pole(), no_limit));
}

TEST(Chunks, RefuseEdgesThatDoNotDivide) {
    EXPECT_THROW(ChunkGrid(HexSphere(16), 3), std::invalid_argument);
    EXPECT_THROW(ChunkGrid(HexSphere(16), 0), std::invalid_argument);
    EXPECT_THROW(ChunkGrid(HexSphere(16), 32), std::invalid_argument);
}

TEST(Chunks, PartitionTheCells) {
    for (const auto& [n, edge] : {std::pair{64U, 16U}, {16U, 4U}, {12U, 3U}, {8U, 8U}, {8U, 1U}, {1U, 1U}}) {
        const ChunkGrid grid(HexSphere(n), edge);
        std::vector<std::uint32_t> owner(grid.cells().cell_count(), ~0U);
        for (std::uint32_t chunk = 0; chunk < grid.chunk_count(); ++chunk) {
            const auto cells = grid.cells_of(chunk);
            EXPECT_EQ(cells.size(), grid.chunks().is_pole(chunk) ? 1 : edge * edge);
            EXPECT_TRUE(std::is_sorted(cells.begin(), cells.end()));
            for (const std::uint32_t cell : cells) {
                EXPECT_EQ(owner[cell], ~0U);
                owner[cell] = chunk;
                EXPECT_EQ(grid.chunk_of(cell), chunk);
            }
        }
        EXPECT_EQ(std::count(owner.begin(), owner.end(), ~0U), 0);
    }
}

TEST(Chunks, TouchEachOtherLikeTheCellsOfACoarserGrid) {
    for (const auto& [n, edge] : {std::pair{64U, 16U}, {16U, 4U}, {12U, 3U}, {8U, 2U}}) {
        const ChunkGrid grid(HexSphere(n), edge);
        std::uint32_t smaller_halos = 0;
        for (std::uint32_t chunk = 0; chunk < grid.chunk_count(); ++chunk) {
            const auto halo = grid.halo_of(chunk);
            std::set<std::uint32_t> touching;
            for (const std::uint32_t cell : halo) {
                touching.insert(grid.chunk_of(cell));
            }
            const Neighbours around = grid.chunks().neighbours(chunk);
            EXPECT_EQ(touching, std::set<std::uint32_t>(around.begin(), around.end())) << "chunk " << chunk;
            if (grid.chunks().is_pole(chunk)) {
                EXPECT_EQ(halo.size(), 5U);
            } else if (grid.chunks().is_pentagon(chunk)) {
                EXPECT_EQ(halo.size(), 4 * edge + 1);
                ++smaller_halos;
            } else {
                EXPECT_EQ(halo.size(), 4 * edge + 2);
            }
        }
        EXPECT_EQ(smaller_halos, 10U);
    }
}

} // namespace
