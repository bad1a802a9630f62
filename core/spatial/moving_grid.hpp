// Points by place for the world that ticks: like GridIndex a grid of hashed cells in one counting sort, but
// by slot, and kept while points move. A point that stays in its bucket is changed where it is; one that
// leaves it goes to a list of the bucket where it is now, until so many have left theirs that all are sorted
// anew.
#pragma once

#include "core/spatial/points.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace gamelan::spatial {

class MovingGrid {
  public:
    explicit MovingGrid(std::uint32_t dimensions) : dimensions_(dimensions) {}

    struct Point {
        std::uint32_t slot;
        Position at; // finite
    };
    // Sorts these points anew; slots are less than slot_count and differ.
    void rebuild(std::span<const Point> points, std::uint32_t slot_count);
    // The point of a slot is at this place now, or there is none. At most as many slots as rebuild() was
    // told.
    void put(std::uint32_t slot, const Position& at);
    void remove(std::uint32_t slot);
    std::uint32_t slot_room() const { return static_cast<std::uint32_t>(place_of_.size()); }
    bool has(std::uint32_t slot) const { return slot < place_of_.size() && place_of_[slot] != nowhere; }
    Position position(std::uint32_t slot) const;
    // So many points have left their buckets that searching suffers.
    bool is_worn() const { return moved_.size() > size_ / 8 + 64; }

    std::uint32_t dimensions() const { return dimensions_; }
    std::uint32_t size() const { return size_; }
    std::size_t memory_bytes() const;

    // Appends the slots of the points at most that far from a finite place, as Reach says it, in any order;
    // at least `enough` if there are so many, then perhaps not all.
    void near(const Position& centre, double radius, std::vector<std::uint32_t>& out,
              std::size_t enough = ~std::size_t{0}) const;
    // The same for the points in a box, its faces included; corners are ordered and may be infinite.
    void in_box(const Position& low, const Position& high, std::vector<std::uint32_t>& out,
                std::size_t enough = ~std::size_t{0}) const;
    struct Nearest {
        double distance;
        std::uint64_t handle;
        std::uint32_t slot;
        bool operator<(const Nearest& other) const {
            return distance != other.distance ? distance < other.distance : handle < other.handle;
        }
    };
    // The `count` nearest points to a finite place, by distance, then by handle; generation_of(slot) makes
    // it.
    template <class F>
    void nearest(const Position& centre, std::size_t count, F&& generation_of,
                 std::vector<Nearest>& out) const;

  private:
    using Cell = std::array<std::int64_t, max_dimensions>;
    struct Moved {
        Position at;
        std::uint32_t slot;
        std::uint32_t next; // in the bucket, or among the free ones
    };
    static constexpr std::uint32_t nowhere = 0xffffffff;
    static constexpr std::uint32_t moved_flag = 0x80000000;

    void choose_cells(std::span<const Point> points);
    void sort(std::span<const Point> points);
    double crowding() const;
    std::int64_t cell_index(double coordinate, std::uint32_t dimension) const {
        if (cells_per_unit_ == 0)
            return 0;
        const double scaled = (coordinate - origin_[dimension]) * cells_per_unit_;
        const double held = std::min(std::max(scaled, -most_cells), most_cells);
        const auto whole = static_cast<std::int64_t>(held);
        return whole - (static_cast<double>(whole) > held);
    }
    Cell cell_of(const Position& at) const {
        Cell out{};
        for (std::uint32_t d = 0; d < dimensions_; ++d)
            out[d] = cell_index(at[d], d);
        return out;
    }
    static std::uint64_t row_of(std::int64_t y, std::int64_t z);
    std::uint64_t bucket_of(const Cell& cell) const {
        return (row_of(cell[1], cell[2]) + static_cast<std::uint64_t>(cell[0])) & mask_;
    }
    // Beyond so many cells it is quicker to look at every point; and buckets would come twice.
    double most_visited() const { return static_cast<double>(std::min<std::uint64_t>(size_, mask_ / 2)); }
    Position place(std::uint32_t index) const {
        Position out{};
        for (std::uint32_t d = 0; d < dimensions_; ++d)
            out[d] = at_[d][index];
        return out;
    }
    void insert_moved(std::uint32_t slot, const Position& at, std::uint64_t bucket);
    void take_out(std::uint32_t slot);
    struct Rows; // of cells that a box covers
    struct Search;
    bool find_rows(const Position& low, const Position& high, Rows& out) const;
    template <class Test>
    void search(const Position& low, const Position& high, const Test& test, Search& search) const;
    template <class Test>
    void scan(std::uint64_t first, std::uint64_t end, const Test& test, Search& search) const;
    template <class F>
    void visit_all(F&& each) const;
    template <class F>
    std::uint64_t visit_ring(const Cell& centre, std::int64_t ring, F&& each) const;

    static constexpr double most_cells = 0x1p40; // from the origin

    std::uint32_t dimensions_;
    std::uint32_t size_ = 0;
    double cell_ = 1; // edge
    double cells_per_unit_ = 1;
    Position origin_{};
    std::uint64_t mask_ = 0;            // buckets - 1
    std::vector<std::uint32_t> starts_; // of each bucket among the places, and the end
    // By place; of a point that is gone the first coordinate is NaN, which no test lets through.
    std::array<std::vector<double>, max_dimensions> at_;
    std::vector<std::uint32_t> slots_;
    std::vector<Moved> moved_;
    std::vector<std::uint32_t> heads_; // of the buckets' lists; empty while nothing has moved
    std::uint32_t free_ = nowhere;
    std::vector<std::uint32_t> place_of_; // by slot: a place, or one of moved_, or nowhere
    std::vector<std::uint32_t> buckets_;  // room for sort()
};

} // namespace gamelan::spatial

#include "core/spatial/moving_grid_nearest.hpp"
