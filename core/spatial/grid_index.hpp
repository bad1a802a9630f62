// Points by place: a uniform grid of cells without bounds, whose rows are hashed into as many buckets as
// there are points; sorted by bucket in one counting sort. Cells of a row follow one another, so that a query
// reads a few runs of points.
//
// What is within a radius is decided by squares in double precision, (ax-bx)² + (ay-by)² + (az-bz)² <=
// radius², added in this order: as game.within() does it. Coordinates are scaled by a power of two where
// squares would overflow or vanish. Results do not depend on the size of the cells.
#pragma once

#include "core/spatial/points.hpp"

#include <cstddef>
#include <functional>

namespace gamelan::spatial {

struct Neighbor {
    std::uint64_t handle;
    double distance;
    bool operator==(const Neighbor&) const = default;
};

struct Pair {
    std::uint64_t a, b; // a < b
    double distance;
    bool operator==(const Pair&) const = default;
};

// Throws Error(invalid_parameter) when it is negative or not finite.
void check_radius(double radius);
[[noreturn]] void throw_too_many_pairs(std::size_t limit);

// The square root of the sum of squares, without overflow on the way.
double distance_between(const Position& a, const Position& b);

class GridIndex {
  public:
    // With cells such that most have a few points.
    explicit GridIndex(Points points);
    // With cells for all_pairs() of that radius. Throws Error(invalid_parameter) when it is negative or not
    // finite.
    GridIndex(Points points, double pair_radius);

    std::uint32_t dimensions() const { return dimensions_; }
    std::uint32_t size() const { return static_cast<std::uint32_t>(ids_.size()); }
    std::size_t memory_bytes() const;

    // The handles of points at most that far from a place, ascending. Throws Error(invalid_parameter) when
    // the radius is negative or not finite. Nothing is near a place that is not finite.
    std::vector<std::uint64_t> near(const Position& centre, double radius) const;
    // The handles of points in a box, its faces included, ascending. The corners may be any two opposite
    // ones, and infinite; a corner that is NaN: Error(invalid_parameter).
    std::vector<std::uint64_t> in_box(const Position& corner, const Position& opposite) const;
    // The `count` nearest points by distance, then by handle.
    std::vector<Neighbor> nearest(const Position& centre, std::size_t count) const;

    // Each two points at most that far from one another, once, by a, then by b. For an index that was made
    // for this radius. `pause` is called now and then, and may throw. Throws Error(54000) when there are more
    // than `limit`.
    std::vector<Pair> all_pairs(std::size_t limit, const std::function<void()>& pause) const;

  private:
    using Cell = std::array<std::int64_t, max_dimensions>;
    struct Piece; // cells of one row
    struct IdPair {
        std::uint32_t a, b;
    };
    template <std::uint32_t D>
    class PairSearch;

    void sort(const Points& points);
    // How many points share a bucket with a point, on average.
    double crowding() const;
    std::int64_t cell_index(double coordinate, std::uint32_t dimension) const;
    Cell cell_of(const Position& at) const;
    Position position(std::uint32_t place) const;
    std::uint64_t row_of(std::int64_t y, std::int64_t z) const;
    bool is_in(std::uint32_t place, const Piece& piece) const;
    template <class F>
    void visit(const Piece& piece, F&& each) const;
    template <class F>
    void visit_box(const Position& low, const Position& high, F&& each) const;
    template <class F>
    std::uint64_t visit_ring(const Cell& centre, std::int64_t ring, F&& each) const;
    std::vector<std::uint64_t> handles_of(std::vector<std::uint32_t>& ids) const;
    std::vector<Pair> in_order(const std::vector<IdPair>& found) const;

    std::uint32_t dimensions_;
    double cell_ = 1; // edge of a cell
    double cells_per_unit_ = 1;
    double pair_radius_ = -1; // that all_pairs() is for; negative: none
    Position origin_{};
    std::uint64_t mask_ = 0;            // buckets - 1
    std::vector<std::uint32_t> starts_; // of each bucket among the places, and the end
    // By place: the points sorted by bucket, and by handle within one.
    std::array<std::vector<double>, max_dimensions> at_;
    std::vector<std::uint32_t> ids_; // into handles_
    std::vector<std::uint64_t> handles_;
};

} // namespace gamelan::spatial
