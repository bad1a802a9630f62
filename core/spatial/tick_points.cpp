#include "core/spatial/tick_points.hpp"

#include <algorithm>

namespace gamelan::spatial {

namespace {

constexpr std::size_t points_between_pauses = 4096;

bool is_finite(const Position& at) {
    return std::isfinite(at[0]) && std::isfinite(at[1]) && std::isfinite(at[2]);
}

} // namespace

std::vector<std::uint64_t> TickPoints::handles_of(const std::vector<std::uint32_t>& slots) const {
    std::vector<std::uint64_t> out;
    out.reserve(slots.size());
    for (const std::uint32_t slot : slots)
        out.push_back(handle_of(slot));
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::uint64_t> TickPoints::near(const Position& centre, double radius) const {
    check_radius(radius);
    std::vector<std::uint32_t> slots;
    if (is_finite(centre))
        grid_->grid().near(centre, radius, slots);
    return handles_of(slots);
}

std::vector<std::uint64_t> TickPoints::in_box(const Position& corner, const Position& opposite) const {
    Position low{};
    Position high{};
    for (std::uint32_t d = 0; d < grid_->grid().dimensions(); ++d) {
        if (std::isnan(corner[d]) || std::isnan(opposite[d]))
            throw Error(sqlstate::invalid_parameter, "a corner of a box must not be NaN");
        low[d] = std::min(corner[d], opposite[d]);
        high[d] = std::max(corner[d], opposite[d]);
    }
    std::vector<std::uint32_t> slots;
    grid_->grid().in_box(low, high, slots);
    return handles_of(slots);
}

std::vector<Neighbor> TickPoints::nearest(const Position& centre, std::size_t count) const {
    std::vector<Neighbor> out;
    if (!is_finite(centre))
        return out;
    std::vector<MovingGrid::Nearest> found;
    grid_->grid().nearest(
        centre, count, [&](std::uint32_t slot) { return generation_.get<std::uint32_t>(slot); }, found);
    for (const MovingGrid::Nearest& one : found)
        out.push_back({one.handle, one.distance});
    return out;
}

// Each point with those of a greater handle around it.
std::vector<Pair> TickPoints::all_pairs(double radius, std::size_t limit,
                                        const std::function<void()>& pause) const {
    check_radius(radius);
    const MovingGrid& grid = grid_->grid();
    std::vector<std::uint64_t> handles;
    for (std::uint32_t slot = 0; slot < grid.slot_room(); ++slot)
        if (grid.has(slot))
            handles.push_back(handle_of(slot));
    std::sort(handles.begin(), handles.end());
    std::vector<Pair> out;
    std::vector<std::uint32_t> slots;
    for (std::size_t i = 0; i < handles.size(); ++i) {
        if (i % points_between_pauses == 0)
            pause();
        const Position at = grid.position(store::Entity{handles[i]}.slot());
        slots.clear();
        grid.near(at, radius, slots);
        for (const std::uint64_t other : handles_of(slots)) {
            if (other <= handles[i])
                continue;
            if (out.size() == limit)
                throw_too_many_pairs(limit);
            out.push_back(
                {handles[i], other, distance_between(at, grid.position(store::Entity{other}.slot()))});
        }
    }
    pause();
    return out;
}

} // namespace gamelan::spatial
