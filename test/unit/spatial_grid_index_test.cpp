// The grid of points against looking at every point.
#include "core/spatial/grid_index.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace gamelan::spatial {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

void do_nothing() {}

// How points lie: the numbers mean nothing.
enum class Shape { lattice, even, clusters, diagonal, outliers, one_place };

double coordinate(Shape shape, std::mt19937_64& random, double size, double shared) {
    std::uniform_real_distribution<double> unit(-1, 1);
    switch (shape) {
    case Shape::lattice:
        return std::floor(unit(random) * 5) * size;
    case Shape::even:
        return unit(random) * size;
    case Shape::clusters:
        return (std::floor(shared * 4) + unit(random) * 1e-3) * size;
    case Shape::diagonal:
        return shared * size;
    case Shape::outliers:
        return random() % 16 == 0 ? std::ldexp(unit(random), static_cast<int>(random() % 80)) * size
                                  : unit(random) * size;
    default:
        return size;
    }
}

Points make_points(std::uint32_t dimensions, std::uint32_t count, Shape shape, double size,
                   std::uint64_t seed) {
    std::mt19937_64 random(seed);
    Points out;
    out.dimensions = dimensions;
    std::uint64_t handle = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        handle += 1 + random() % 3;
        out.handles.push_back(handle);
        const double shared = std::uniform_real_distribution<double>(-1, 1)(random);
        for (std::uint32_t d = 0; d < dimensions; ++d)
            out.at[d].push_back(coordinate(shape, random, size, shared));
    }
    return out;
}

Points some_points() {
    const auto shape = *rc::gen::element(Shape::lattice, Shape::even, Shape::clusters, Shape::diagonal,
                                         Shape::outliers, Shape::one_place);
    const double size = *rc::gen::element(1e-30, 1e-3, 1.0, 3.7, 1000.0, 1e12);
    return make_points(*rc::gen::inRange(1U, 4U), *rc::gen::inRange(0U, 300U), shape, size,
                       *rc::gen::arbitrary<std::uint64_t>());
}

// Around the points' own size, and beyond.
double some_radius(const Points& points) {
    const double size = points.size() == 0 ? 1 : std::abs(points.at[0][0]);
    return size * *rc::gen::element(0.0, 1e-9, 1e-3, 0.01, 0.1, 0.5, 1.0, 2.0, 50.0);
}

// A point's own place, or one beside it.
Position some_place(const Points& points) {
    Position out{};
    if (points.size() > 0)
        out = points.position(*rc::gen::inRange(0U, points.size()));
    const double away = *rc::gen::element(0.0, 0.0, 0.3, -7.0, 1e6);
    for (std::uint32_t d = 0; d < points.dimensions; ++d)
        out[d] += away;
    return out;
}

// As game.within() says it.
bool is_within(const Position& a, const Position& b, double radius) {
    const double x = a[0] - b[0];
    const double y = a[1] - b[1];
    const double z = a[2] - b[2];
    return x * x + y * y + z * z <= radius * radius;
}

std::vector<Pair> pairs_by_hand(const Points& points, double radius) {
    std::vector<Pair> out;
    for (std::uint32_t a = 0; a < points.size(); ++a)
        for (std::uint32_t b = a + 1; b < points.size(); ++b)
            if (is_within(points.position(a), points.position(b), radius))
                out.push_back({points.handles[a], points.handles[b],
                               distance_between(points.position(a), points.position(b))});
    return out;
}

RC_GTEST_PROP(GridIndex, FindsWhatIsNear, ()) {
    const Points points = some_points();
    const double radius = some_radius(points);
    const Position centre = some_place(points);
    std::vector<std::uint64_t> expected;
    for (std::uint32_t i = 0; i < points.size(); ++i)
        if (is_within(points.position(i), centre, radius))
            expected.push_back(points.handles[i]);
    RC_ASSERT(GridIndex(points).near(centre, radius) == expected);
    RC_ASSERT(GridIndex(points, radius).near(centre, radius) == expected);
    RC_ASSERT(GridIndex(points, radius * 100).near(centre, radius) == expected);
}

RC_GTEST_PROP(GridIndex, FindsWhatIsInABox, ()) {
    const Points points = some_points();
    const Position a = some_place(points);
    Position b = some_place(points);
    if (*rc::gen::arbitrary<bool>())
        b[0] = *rc::gen::element(infinity, -infinity);
    std::vector<std::uint64_t> expected;
    for (std::uint32_t i = 0; i < points.size(); ++i) {
        bool is_inside = true;
        for (std::uint32_t d = 0; d < points.dimensions; ++d)
            is_inside = is_inside && points.at[d][i] >= std::min(a[d], b[d]) &&
                        points.at[d][i] <= std::max(a[d], b[d]);
        if (is_inside)
            expected.push_back(points.handles[i]);
    }
    RC_ASSERT(GridIndex(points).in_box(a, b) == expected);
}

RC_GTEST_PROP(GridIndex, FindsTheNearest, ()) {
    const Points points = some_points();
    const Position centre = some_place(points);
    const auto count = *rc::gen::element<std::size_t>(0, 1, 2, 7, 100, 1000);
    std::vector<Neighbor> expected;
    for (std::uint32_t i = 0; i < points.size(); ++i)
        expected.push_back({points.handles[i], distance_between(points.position(i), centre)});
    std::stable_sort(expected.begin(), expected.end(),
                     [](const Neighbor& a, const Neighbor& b) { return a.distance < b.distance; });
    expected.resize(std::min(expected.size(), count));
    RC_ASSERT(GridIndex(points).nearest(centre, count) == expected);
    RC_ASSERT(GridIndex(points, some_radius(points)).nearest(centre, count) == expected);
}

RC_GTEST_PROP(GridIndex, FindsAllPairsOnce, ()) {
    const Points points = some_points();
    const double radius = some_radius(points);
    RC_ASSERT(GridIndex(points, radius).all_pairs(no_limit, do_nothing) == pairs_by_hand(points, radius));
}

// Coordinates are whole numbers times a power of two, so that what is right can be said without rounding.
RC_GTEST_PROP(GridIndex, FindsPairsWhereSquaresOverflowOrVanish, ()) {
    const int exponent = *rc::gen::element(-1070, -1022, -800, -500, 0, 500, 800, 1010);
    const auto dimensions = *rc::gen::inRange(1U, 4U);
    const auto count = *rc::gen::inRange(0U, 60U);
    const auto whole = *rc::gen::container<std::vector<int>>(count * dimensions, rc::gen::inRange(-9, 10));
    const int radius = *rc::gen::inRange(0, 12);
    Points points;
    points.dimensions = dimensions;
    for (std::uint32_t i = 0; i < count; ++i) {
        points.handles.push_back(i + 1);
        for (std::uint32_t d = 0; d < dimensions; ++d)
            points.at[d].push_back(std::ldexp(whole[i * dimensions + d], exponent));
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> expected;
    for (std::uint32_t a = 0; a < count; ++a)
        for (std::uint32_t b = a + 1; b < count; ++b) {
            int square = 0;
            for (std::uint32_t d = 0; d < dimensions; ++d) {
                const int difference = whole[a * dimensions + d] - whole[b * dimensions + d];
                square += difference * difference;
            }
            if (square <= radius * radius)
                expected.emplace_back(a + 1, b + 1);
        }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
    for (const Pair& pair : GridIndex(points, std::ldexp(radius, exponent)).all_pairs(no_limit, do_nothing))
        found.emplace_back(pair.a, pair.b);
    RC_ASSERT(found == expected);
}

TEST(GridIndex, IsEmptyWithoutPoints) {
    Points none;
    none.dimensions = 2;
    const GridIndex index(none);
    EXPECT_TRUE(index.near({0, 0, 0}, 10).empty());
    EXPECT_TRUE(index.in_box({-infinity, -infinity, 0}, {infinity, infinity, 0}).empty());
    EXPECT_TRUE(index.nearest({0, 0, 0}, 3).empty());
    EXPECT_TRUE(GridIndex(none, 5.0).all_pairs(no_limit, do_nothing).empty());
}

// Their difference is a little more than the radius, and is rounded to it.
TEST(GridIndex, FindsPointsTwoCellsApartWhoseDifferenceIsRounded) {
    Points points;
    points.dimensions = 1;
    points.handles = {1, 2};
    points.at[0] = {-0x1p-60, 1.0};
    EXPECT_EQ(GridIndex(points, 1.0).all_pairs(no_limit, do_nothing).size(), 1u);
    EXPECT_EQ(GridIndex(points).near({1, 0, 0}, 1).size(), 2u);
}

TEST(GridIndex, RefusesARadiusThatIsNone) {
    const Points points = make_points(2, 10, Shape::even, 1, 1);
    const GridIndex index(points);
    for (const double radius : {-1.0, -std::numeric_limits<double>::denorm_min(), nan, infinity}) {
        EXPECT_THROW((void)index.near({0, 0, 0}, radius), Error);
        EXPECT_THROW((void)GridIndex(points, radius), Error);
    }
    EXPECT_THROW((void)index.in_box({nan, 0, 0}, {1, 1, 0}), Error);
    EXPECT_THROW((void)index.all_pairs(no_limit, do_nothing), Error);
}

TEST(GridIndex, FindsNothingNearAPlaceThatIsNone) {
    const GridIndex index(make_points(2, 10, Shape::even, 1, 1));
    for (const double x : {nan, infinity, -infinity}) {
        EXPECT_TRUE(index.near({x, 0, 0}, 1e300).empty());
        EXPECT_TRUE(index.nearest({0, x, 0}, 3).empty());
    }
}

TEST(GridIndex, StopsAtTheLimitOfPairs) {
    const Points points = make_points(2, 50, Shape::one_place, 1, 1);
    EXPECT_EQ(GridIndex(points, 1.0).all_pairs(50 * 49 / 2, do_nothing).size(), 1225u);
    EXPECT_THROW((void)GridIndex(points, 1.0).all_pairs(50 * 49 / 2 - 1, do_nothing), Error);
}

TEST(GridIndex, CanBeInterrupted) {
    struct Cancelled {};
    const GridIndex index(make_points(2, 10000, Shape::even, 1, 1), 0.1);
    EXPECT_THROW((void)index.all_pairs(no_limit, [] { throw Cancelled(); }), Cancelled);
}

TEST(GridIndex, SortsByHandle) {
    std::mt19937_64 random(7);
    Points points;
    points.dimensions = 2;
    for (std::uint32_t slot = 1; slot <= 5000; ++slot) {
        const auto generation = static_cast<std::uint32_t>(random() >> (random() % 2 == 0 ? 62 : 33));
        points.handles.push_back(store::Entity::of(slot, generation).handle);
        points.at[0].push_back(static_cast<double>(points.handles.back() % 1000));
        points.at[1].push_back(static_cast<double>(slot));
    }
    sort_by_handle(points);
    EXPECT_TRUE(std::is_sorted(points.handles.begin(), points.handles.end()));
    for (std::uint32_t i = 0; i < points.size(); ++i) {
        EXPECT_EQ(points.at[0][i], static_cast<double>(points.handles[i] % 1000));
        EXPECT_EQ(points.at[1][i], static_cast<double>(store::Entity{points.handles[i]}.slot()));
    }
}

} // namespace
} // namespace gamelan::spatial
