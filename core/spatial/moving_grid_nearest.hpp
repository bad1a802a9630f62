// MovingGrid::nearest(). Included by moving_grid.hpp only.
#pragma once

#include "core/spatial/moving_grid.hpp"
#include "core/spatial/reach.hpp"

#include <algorithm>

namespace gamelan::spatial {

template <class F>
void MovingGrid::visit_all(F&& each) const {
    for (std::uint32_t index = 0; index < slots_.size(); ++index)
        if (!std::isnan(at_[0][index]))
            each(place(index), slots_[index]);
    for (std::uint32_t head : heads_)
        for (; head != nowhere; head = moved_[head].next)
            each(moved_[head].at, moved_[head].slot);
}

// Cells at exactly that many steps from the centre. Returns how many there are.
template <class F>
std::uint64_t MovingGrid::visit_ring(const Cell& centre, std::int64_t ring, F&& each) const {
    std::uint64_t cells = 0;
    const auto take = [&](std::int64_t from, std::int64_t to, std::int64_t y, std::int64_t z) {
        const std::int64_t first_x = centre[0] + from;
        const std::int64_t last_x = centre[0] + to;
        cells += static_cast<std::uint64_t>(last_x - first_x) + 1;
        const auto look = [&](const Position& at, std::uint32_t slot) {
            if (std::isnan(at[0]))
                return;
            const Cell cell = cell_of(at);
            if (cell[0] >= first_x && cell[0] <= last_x && cell[1] == y && cell[2] == z)
                each(at, slot);
        };
        const std::uint64_t first = (row_of(y, z) + static_cast<std::uint64_t>(first_x)) & mask_;
        const std::uint64_t end = first + static_cast<std::uint64_t>(last_x - first_x) + 1;
        for (std::uint64_t bucket = first; bucket < end; ++bucket) {
            const std::uint64_t at = bucket & mask_;
            for (std::uint32_t index = starts_[at]; index < starts_[at + 1]; ++index)
                look(place(index), slots_[index]);
            if (!heads_.empty())
                for (std::uint32_t link = heads_[at]; link != nowhere; link = moved_[link].next)
                    look(moved_[link].at, moved_[link].slot);
        }
    };
    const std::int64_t rows_y = dimensions_ > 1 ? ring : 0;
    const std::int64_t rows_z = dimensions_ > 2 ? ring : 0;
    for (std::int64_t z = -rows_z; z <= rows_z; ++z)
        for (std::int64_t y = -rows_y; y <= rows_y; ++y) {
            if (std::max(std::abs(y), std::abs(z)) == ring) {
                take(-ring, ring, centre[1] + y, centre[2] + z);
            } else {
                take(-ring, -ring, centre[1] + y, centre[2] + z);
                take(ring, ring, centre[1] + y, centre[2] + z);
            }
        }
    return cells;
}

template <class F>
void MovingGrid::nearest(const Position& centre, std::size_t count, F&& generation_of,
                         std::vector<Nearest>& out) const {
    constexpr double ring_margin = 0x1p-10; // of a cell, for the rounding of its number
    out.clear();
    count = std::min<std::size_t>(count, size_);
    if (count == 0)
        return;
    // A heap of the nearest so far.
    const auto add = [&](const Position& at, std::uint32_t slot) {
        const double away = distance(at[0] - centre[0], at[1] - centre[1], at[2] - centre[2]);
        if (out.size() == count && away > out.front().distance)
            return;
        const Nearest entry{away, std::uint64_t{generation_of(slot)} << 32 | slot, slot};
        if (out.size() == count) {
            if (!(entry < out.front()))
                return;
            std::pop_heap(out.begin(), out.end());
            out.pop_back();
        }
        out.push_back(entry);
        std::push_heap(out.begin(), out.end());
    };
    const Cell cell = cell_of(centre);
    std::uint64_t cells = 0;
    for (std::int64_t ring = 0;; ++ring) {
        cells += visit_ring(cell, ring, add);
        // All that was not visited is more than `ring` cells away.
        if (out.size() == count && out.front().distance <= (static_cast<double>(ring) - ring_margin) * cell_)
            break;
        if (static_cast<double>(cells) < most_visited())
            continue;
        out.clear();
        visit_all(add);
        break;
    }
    std::sort_heap(out.begin(), out.end());
}

} // namespace gamelan::spatial
