// Searches of a box. Most of their time is a few comparisons for each of a dozen points and the wait for
// three rows of cells: so coordinates are read column by column, and what is found is written down without a
// branch.
#include "core/spatial/moving_grid.hpp"
#include "core/spatial/reach.hpp"

namespace gamelan::spatial {

namespace {

constexpr std::size_t most_rows = 16;

} // namespace

// As runs of buckets.
struct MovingGrid::Rows {
    std::size_t count = 0;
    std::uint64_t first[most_rows];
    std::uint64_t length = 0; // of each
    Cell low, high;

    double row_count() const {
        return static_cast<double>(high[1] - low[1] + 1) * static_cast<double>(high[2] - low[2] + 1);
    }
    double cell_count() const { return row_count() * static_cast<double>(length); }
    bool has(const Cell& cell, std::int64_t y, std::int64_t z) const {
        return cell[0] >= low[0] && cell[0] <= high[0] && cell[1] == y && cell[2] == z;
    }
};

struct MovingGrid::Search {
    std::vector<std::uint32_t>& out;
    std::size_t enough;

    bool is_over() const { return out.size() >= enough; }
};

// False when the box has many rows, or some share a bucket, so that a point could be met twice.
bool MovingGrid::find_rows(const Position& low, const Position& high, Rows& out) const {
    out.low = cell_of(low);
    out.high = cell_of(high);
    out.length = static_cast<std::uint64_t>(out.high[0] - out.low[0] + 1);
    if (out.row_count() > most_rows || out.cell_count() >= most_visited())
        return false;
    for (std::int64_t z = out.low[2]; z <= out.high[2]; ++z)
        for (std::int64_t y = out.low[1]; y <= out.high[1]; ++y) {
            const std::uint64_t first = (row_of(y, z) + static_cast<std::uint64_t>(out.low[0])) & mask_;
            for (std::size_t i = 0; i < out.count; ++i)
                if (((first - out.first[i]) & mask_) < out.length ||
                    ((out.first[i] - first) & mask_) < out.length)
                    return false;
            out.first[out.count++] = first;
        }
    return true;
}

// Buckets first … end - 1.
template <class Test>
void MovingGrid::scan(std::uint64_t first, std::uint64_t end, const Test& test, Search& search) const {
    const std::uint32_t from = starts_[first];
    const std::uint32_t to = starts_[end];
    const std::size_t before = search.out.size();
    search.out.resize(before + (to - from));
    std::uint32_t* place = search.out.data() + before;
    const std::uint32_t* const slots = slots_.data();
    for (std::uint32_t index = from; index < to; ++index) {
        *place = slots[index];
        place += test(index) ? 1 : 0;
    }
    search.out.resize(static_cast<std::size_t>(place - search.out.data()));
    if (heads_.empty())
        return;
    for (std::uint64_t bucket = first; bucket < end; ++bucket)
        for (std::uint32_t link = heads_[bucket]; link != nowhere; link = moved_[link].next)
            if (test.has(moved_[link].at))
                search.out.push_back(moved_[link].slot);
}

template <class Test>
void MovingGrid::search(const Position& low, const Position& high, const Test& test, Search& search) const {
    const std::uint64_t buckets = mask_ + 1;
    if (size_ == 0)
        return;
    Rows rows;
    const auto scan_row = [&](std::uint64_t first) {
        const std::uint64_t end = first + rows.length;
        scan(first, std::min(end, buckets), test, search);
        if (end > buckets)
            scan(0, end - buckets, test, search);
    };
    if (find_rows(low, high, rows)) {
        for (std::size_t i = 0; i < rows.count && !search.is_over(); ++i)
            scan_row(rows.first[i]);
        return;
    }
    if (rows.cell_count() >= most_visited())
        return scan(0, buckets, test, search);
    // What a row finds counts when it lies in it.
    for (std::int64_t z = rows.low[2]; z <= rows.high[2]; ++z)
        for (std::int64_t y = rows.low[1]; y <= rows.high[1] && !search.is_over(); ++y) {
            const auto before = static_cast<std::ptrdiff_t>(search.out.size());
            scan_row((row_of(y, z) + static_cast<std::uint64_t>(rows.low[0])) & mask_);
            search.out.erase(
                std::remove_if(search.out.begin() + before, search.out.end(),
                               [&](std::uint32_t slot) { return !rows.has(cell_of(position(slot)), y, z); }),
                search.out.end());
        }
}

namespace {

template <std::uint32_t D>
struct NearTest {
    const double* at[max_dimensions];
    Position centre;
    Reach reach;

    bool operator()(std::uint32_t index) const {
        return reach.has(at[0][index] - centre[0], D > 1 ? at[1][index] - centre[1] : 0,
                         D > 2 ? at[2][index] - centre[2] : 0);
    }
    bool has(const Position& other) const {
        return reach.has(other[0] - centre[0], other[1] - centre[1], other[2] - centre[2]);
    }
};

template <std::uint32_t D>
struct BoxTest {
    const double* at[max_dimensions];
    Position low, high;

    // Without a branch for each coordinate.
    bool operator()(std::uint32_t index) const {
        unsigned inside = 1;
        for (std::uint32_t d = 0; d < D; ++d)
            inside &= is_between(at[d][index], d);
        return inside != 0;
    }
    bool has(const Position& other) const {
        unsigned inside = 1;
        for (std::uint32_t d = 0; d < D; ++d)
            inside &= is_between(other[d], d);
        return inside != 0;
    }

  private:
    unsigned is_between(double value, std::uint32_t d) const {
        return static_cast<unsigned>(value >= low[d]) & static_cast<unsigned>(value <= high[d]);
    }
};

} // namespace

// The differences that are compared are rounded by 2^-53 of themselves, so a margin of 2^-48 loses nothing;
// what is then subtracted and rounded stays on its side of every coordinate.
void MovingGrid::near(const Position& centre, double radius, std::vector<std::uint32_t>& out,
                      std::size_t enough) const {
    const double margin = radius * (1 + 0x1p-48);
    Position low{};
    Position high{};
    for (std::uint32_t d = 0; d < dimensions_; ++d) {
        low[d] = centre[d] - margin;
        high[d] = centre[d] + margin;
    }
    Search found{out, enough};
    const double* const x = at_[0].data();
    const double* const y = at_[1].data();
    const double* const z = at_[2].data();
    if (dimensions_ == 1)
        search(low, high, NearTest<1>{{x, y, z}, centre, Reach(radius)}, found);
    else if (dimensions_ == 2)
        search(low, high, NearTest<2>{{x, y, z}, centre, Reach(radius)}, found);
    else
        search(low, high, NearTest<3>{{x, y, z}, centre, Reach(radius)}, found);
}

void MovingGrid::in_box(const Position& low, const Position& high, std::vector<std::uint32_t>& out,
                        std::size_t enough) const {
    Search found{out, enough};
    const double* const x = at_[0].data();
    const double* const y = at_[1].data();
    const double* const z = at_[2].data();
    if (dimensions_ == 1)
        search(low, high, BoxTest<1>{{x, y, z}, low, high}, found);
    else if (dimensions_ == 2)
        search(low, high, BoxTest<2>{{x, y, z}, low, high}, found);
    else
        search(low, high, BoxTest<3>{{x, y, z}, low, high}, found);
}

} // namespace gamelan::spatial
