// Where cells lie: exact bits, agreement with a convex hull, areas and spacings (docs/grid.md, "Centres").
#include "core/grid/centres.hpp"

#include <gtest/gtest.h>
#include <libqhull_r/qhull_ra.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace gamelan::grid;
using Edges = std::set<std::pair<std::uint32_t, std::uint32_t>>;

constexpr double pi = std::numbers::pi;

TEST(Centres, NeedAPowerOfTwo) {
    EXPECT_THROW(cell_centres(HexSphere(3)), std::invalid_argument);
    EXPECT_THROW(cell_centre(HexSphere(12), 0), std::invalid_argument);
    EXPECT_FALSE(has_centres(HexSphere(6)));
    EXPECT_TRUE(has_centres(HexSphere(1)));
}

// The same numbers must come out of the browser's twin: see docs/grid.md for the order of operations.
TEST(Centres, HaveTheAgreedBits) {
    EXPECT_EQ(hash_centres(cell_centres(HexSphere(1))), 0x4d7af40229fb162dULL);
    EXPECT_EQ(hash_centres(cell_centres(HexSphere(8))), 0x86f9d89d92887ac3ULL);
    EXPECT_EQ(hash_centres(cell_centres(HexSphere(64))), 0xeb6d7971a0e6cf8eULL);
    EXPECT_EQ(hash_centres(cell_centres(HexSphere(128))), 0xff1672449b7a8ab2ULL);
}

TEST(Centres, OfOneCellAreTheSameBitsAsInTheTable) {
    for (const std::uint32_t n : {1U, 2U, 4U, 16U, 64U}) {
        const HexSphere sphere(n);
        const auto centres = cell_centres(sphere);
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            ASSERT_EQ(cell_centre(sphere, cell), centres[cell]) << "n=" << n << " cell " << cell;
        }
    }
}

TEST(Centres, LieOnTheUnitSphereWithNeighboursCounterClockwise) {
    for (const std::uint32_t n : {1U, 2U, 8U, 64U}) {
        const HexSphere sphere(n);
        const auto centres = cell_centres(sphere);
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            const Vector3& centre = centres[cell];
            ASSERT_NEAR(length(centre), 1.0, 1e-15);
            const Neighbours around = sphere.neighbours(cell);
            for (std::uint32_t slot = 0; slot < around.count; ++slot) {
                const Vector3 a = centres[around.cells[slot]] - centre;
                const Vector3 b = centres[around.cells[(slot + 1) % around.count]] - centre;
                // At the south pole slots follow the strips, which run the other way seen from outside.
                const double sense = cell == sphere.south_pole() ? -1 : 1;
                ASSERT_GT(sense * dot(cross(a, b), centre), 0) << "n=" << n << " cell " << cell;
            }
        }
    }
}

TEST(Centres, DirectionTwoPointsEast) {
    const HexSphere sphere(16);
    for (std::uint32_t cell = 0; cell < sphere.strip_cell_count(); ++cell) {
        if (sphere.is_pentagon(cell)) {
            continue;
        }
        const Vector3 centre = cell_centre(sphere, cell);
        const Vector3 east = normalised(cross({0, 0, 1}, centre));
        const Vector3 there = normalised(cell_centre(sphere, sphere.step(cell, 2)->index) - centre);
        ASSERT_GT(dot(there, east), 0.5) << "within 60 degrees";
    }
}

// The convex hull of points on a sphere is their Delaunay triangulation. libqhull knows nothing of our
// strips.
Edges hull_edges(const std::vector<Vector3>& centres) {
    std::vector<double> points;
    for (const Vector3& centre : centres) {
        points.insert(points.end(), {centre.x, centre.y, centre.z});
    }
    qhT context;
    qhT* qh = &context;
    qh_zero(qh, stderr);
    char options[] = "qhull";
    Edges edges;
    const int failure =
        qh_new_qhull(qh, 3, static_cast<int>(centres.size()), points.data(), 0, options, nullptr, stderr);
    EXPECT_EQ(failure, 0);
    if (failure == 0) {
        facetT* facet;
        FORALLfacets {
            EXPECT_TRUE(facet->simplicial);
            std::vector<std::uint32_t> corners;
            vertexT* vertex;
            vertexT** vertexp;
            FOREACHvertex_(facet->vertices) {
                corners.push_back(static_cast<std::uint32_t>(qh_pointid(qh, vertex->point)));
            }
            for (const std::uint32_t a : corners) {
                for (const std::uint32_t b : corners) {
                    if (a < b) {
                        edges.emplace(a, b);
                    }
                }
            }
        }
    }
    qh_freeqhull(qh, !qh_ALL);
    int pieces_left = 0;
    int bytes_left = 0;
    qh_memfreeshort(qh, &pieces_left, &bytes_left);
    EXPECT_EQ(bytes_left, 0);
    return edges;
}

TEST(Centres, TouchEachOtherAsInTheirConvexHull) {
    for (const std::uint32_t n : {1U, 2U, 4U, 8U, 16U, 32U}) {
        const HexSphere sphere(n);
        Edges stencil;
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            for (const std::uint32_t other : sphere.neighbours(cell)) {
                stencil.emplace(std::min(cell, other), std::max(cell, other));
            }
        }
        EXPECT_EQ(hull_edges(cell_centres(sphere)), stencil) << "n=" << n;
    }
}

// Solid angle of a spherical triangle (Van Oosterom and Strackee 1983).
double area(const Vector3& a, const Vector3& b, const Vector3& c) {
    return 2 * std::atan2(dot(a, cross(b, c)), 1 + dot(a, b) + dot(b, c) + dot(c, a));
}

double tile_area(const HexSphere& sphere, const std::vector<Vector3>& centres, std::uint32_t cell) {
    const Neighbours around = sphere.neighbours(cell);
    std::vector<Vector3> corners;
    for (std::uint32_t slot = 0; slot < around.count; ++slot) {
        const Vector3& a = centres[around.cells[slot]];
        const Vector3& b = centres[around.cells[(slot + 1) % around.count]];
        corners.push_back(normalised((centres[cell] + a) + b));
    }
    double sum = 0;
    for (std::size_t slot = 0; slot < corners.size(); ++slot) {
        sum += std::fabs(area(centres[cell], corners[slot], corners[(slot + 1) % corners.size()]));
    }
    return sum;
}

TEST(Centres, TilesCoverTheSphere) {
    for (const std::uint32_t n : {1U, 2U, 4U, 16U, 64U}) {
        const HexSphere sphere(n);
        const auto centres = cell_centres(sphere);
        double sum = 0;
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            sum += tile_area(sphere, centres, cell);
        }
        EXPECT_NEAR(sum / (4 * pi), 1.0, 1e-12) << "n=" << n;
    }
}

// Cell counts of the ISEA4H grids of resolution r, which are ours with n = 2^r, and their mean spacing at
// resolution 6, as published in the manual of DGGRID; and the shape of the bisected tiles at n = 64 and 128,
// computed by another program.
TEST(Centres, AgreeWithPublishedGridFigures) {
    constexpr std::uint32_t isea4h_counts[] = {12, 42, 162, 642, 2562, 10242, 40962, 163842};
    constexpr double isea4h_mean_spacing_degrees = 1.0842;
    for (std::uint32_t resolution = 0; resolution < std::size(isea4h_counts); ++resolution) {
        EXPECT_EQ(HexSphere(1U << resolution).cell_count(), isea4h_counts[resolution]);
    }
    for (const std::uint32_t n : {64U, 128U}) {
        const HexSphere sphere(n);
        const auto centres = cell_centres(sphere);
        double largest = 0, smallest = 1, pentagon = 0, longest = 0, shortest = 1, total = 0;
        for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
            const double tile = tile_area(sphere, centres, cell);
            if (sphere.is_pentagon(cell)) {
                pentagon = tile;
            } else {
                largest = std::max(largest, tile);
                smallest = std::min(smallest, tile);
            }
            for (const std::uint32_t other : sphere.neighbours(cell)) {
                const double spacing = std::atan2(length(cross(centres[cell], centres[other])),
                                                  dot(centres[cell], centres[other]));
                longest = std::max(longest, spacing);
                shortest = std::min(shortest, spacing);
                total += spacing;
            }
        }
        EXPECT_NEAR(largest / smallest, 1.300, 0.0006) << "n=" << n;
        EXPECT_NEAR(pentagon * sphere.cell_count() / (4 * pi), 0.675, 0.0006) << "n=" << n;
        EXPECT_NEAR(longest / shortest, 1.195, 0.0006 + (n == 128 ? 0.001 : 0)) << "n=" << n;
        const double mean_degrees = total / (60.0 * n * n) * 180 / pi;
        EXPECT_NEAR(mean_degrees * n / 64, isea4h_mean_spacing_degrees, 0.01 * isea4h_mean_spacing_degrees);
    }
}

} // namespace
