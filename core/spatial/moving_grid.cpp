#include "core/spatial/moving_grid.hpp"

#include "core/base/hash.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

namespace gamelan::spatial {

namespace {

constexpr double least_cell = 1e-290;
constexpr std::uint32_t least_buckets = 64;
constexpr std::size_t sample_size = 1024;
constexpr double points_per_cell = 2;
constexpr double most_crowded = 16;
constexpr int most_attempts = 6;

} // namespace

std::uint64_t MovingGrid::row_of(std::int64_t y, std::int64_t z) {
    return mix64(static_cast<std::uint64_t>(y) * 0x9e3779b97f4a7c15ULL ^ static_cast<std::uint64_t>(z));
}

// Such that cells hold a few points each, were the middle 90 % of a sample spread evenly.
void MovingGrid::choose_cells(std::span<const Point> points) {
    const std::size_t step = std::max<std::size_t>(1, points.size() / sample_size);
    double log_volume = 0;
    std::uint32_t spread_over = 0;
    std::vector<double> sample;
    for (std::uint32_t d = 0; d < dimensions_; ++d) {
        sample.clear();
        for (std::size_t i = 0; i < points.size(); i += step)
            sample.push_back(points[i].at[d]);
        std::sort(sample.begin(), sample.end());
        origin_[d] = sample[sample.size() / 2];
        const double extent = sample[sample.size() - 1 - sample.size() / 20] - sample[sample.size() / 20];
        if (!(extent > least_cell))
            continue;
        log_volume += std::log2(std::min(extent, std::numeric_limits<double>::max()));
        ++spread_over;
    }
    const double log_cells = std::log2(std::max(1.0, static_cast<double>(points.size()) / points_per_cell));
    cell_ = spread_over == 0 ? 1 : std::exp2((log_volume - log_cells) / spread_over);
}

void MovingGrid::rebuild(std::span<const Point> points, std::uint32_t slot_count) {
    size_ = static_cast<std::uint32_t>(points.size());
    place_of_.assign(slot_count, nowhere);
    moved_.clear();
    heads_.clear();
    free_ = nowhere;
    if (!points.empty())
        choose_cells(points);
    sort(points);
    for (int attempt = 0; attempt < most_attempts && crowding() > most_crowded; ++attempt) {
        cell_ /= 4;
        sort(points);
    }
}

void MovingGrid::sort(std::span<const Point> points) {
    cell_ = std::max(cell_, least_cell);
    // What is larger makes one cell of everything.
    cells_per_unit_ = cell_ < 1 / least_cell ? 1 / cell_ : 0;
    const std::uint32_t buckets = std::bit_ceil(std::max(least_buckets, size_));
    mask_ = buckets - 1;
    buckets_.resize(size_);
    starts_.assign(std::size_t{buckets} + 1, 0);
    for (std::uint32_t i = 0; i < size_; ++i) {
        buckets_[i] = static_cast<std::uint32_t>(bucket_of(cell_of(points[i].at)));
        ++starts_[buckets_[i]];
    }
    std::exclusive_scan(starts_.begin(), starts_.end(), starts_.begin(), 0U);
    slots_.resize(size_);
    for (std::uint32_t d = 0; d < dimensions_; ++d)
        at_[d].resize(size_);
    for (std::uint32_t i = 0; i < size_; ++i) {
        const std::uint32_t index = starts_[buckets_[i]]++;
        slots_[index] = points[i].slot;
        place_of_[points[i].slot] = index;
        for (std::uint32_t d = 0; d < dimensions_; ++d)
            at_[d][index] = points[i].at[d];
    }
    // Each start has become the next one's.
    std::shift_right(starts_.begin(), starts_.end(), 1);
    starts_.front() = 0;
}

// How many points share a bucket with a point, on average.
double MovingGrid::crowding() const {
    double squares = 0;
    for (std::size_t i = 0; i + 1 < starts_.size(); ++i) {
        const double count = starts_[i + 1] - starts_[i];
        squares += count * count;
    }
    return squares / std::max(1U, size_);
}

std::size_t MovingGrid::memory_bytes() const {
    return (starts_.capacity() + slots_.capacity() + heads_.capacity() + place_of_.capacity() +
            buckets_.capacity()) *
               sizeof(std::uint32_t) +
           slots_.capacity() * sizeof(double) * dimensions_ + moved_.capacity() * sizeof(Moved);
}

Position MovingGrid::position(std::uint32_t slot) const {
    const std::uint32_t place_index = place_of_[slot];
    return (place_index & moved_flag) != 0 ? moved_[place_index & ~moved_flag].at : place(place_index);
}

void MovingGrid::put(std::uint32_t slot, const Position& at) {
    const std::uint64_t bucket = bucket_of(cell_of(at));
    const std::uint32_t index = place_of_[slot];
    if (index != nowhere && (index & moved_flag) == 0 && index >= starts_[bucket] &&
        index < starts_[bucket + 1]) {
        for (std::uint32_t d = 0; d < dimensions_; ++d)
            at_[d][index] = at[d];
        return;
    }
    if (index != nowhere)
        take_out(slot);
    insert_moved(slot, at, bucket);
}

void MovingGrid::remove(std::uint32_t slot) {
    if (has(slot))
        take_out(slot);
}

void MovingGrid::take_out(std::uint32_t slot) {
    const std::uint32_t index = std::exchange(place_of_[slot], nowhere);
    --size_;
    if ((index & moved_flag) == 0) {
        at_[0][index] = std::numeric_limits<double>::quiet_NaN();
        return;
    }
    const std::uint32_t gone = index & ~moved_flag;
    std::uint32_t* link = &heads_[bucket_of(cell_of(moved_[gone].at))];
    while (*link != gone)
        link = &moved_[*link].next;
    *link = moved_[gone].next;
    moved_[gone].next = std::exchange(free_, gone);
}

void MovingGrid::insert_moved(std::uint32_t slot, const Position& at, std::uint64_t bucket) {
    if (heads_.empty())
        heads_.assign(mask_ + 1, nowhere);
    std::uint32_t index = free_;
    if (index == nowhere) {
        index = static_cast<std::uint32_t>(moved_.size());
        moved_.emplace_back();
    } else {
        free_ = moved_[index].next;
    }
    moved_[index] = {at, slot, std::exchange(heads_[bucket], index)};
    place_of_[slot] = index | moved_flag;
    ++size_;
}

} // namespace gamelan::spatial
