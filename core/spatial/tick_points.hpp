// What GridIndex answers, of the state that is being built: from the grid that is kept beside it.
#pragma once

#include "core/spatial/grid_index.hpp"
#include "core/spatial/kept_grids.hpp"
#include "core/store/column_reader.hpp"

namespace gamelan::spatial {

class TickPoints {
  public:
    // `grid` is up to date with `state`; `generation`: of the entities.
    TickPoints(std::shared_ptr<const KeptGrid> grid, const store::Snapshot& state, store::ColumnId generation)
        : grid_(std::move(grid)), generation_(state, generation) {}

    // As GridIndex has them.
    std::vector<std::uint64_t> near(const Position& centre, double radius) const;
    std::vector<std::uint64_t> in_box(const Position& corner, const Position& opposite) const;
    std::vector<Neighbor> nearest(const Position& centre, std::size_t count) const;
    std::vector<Pair> all_pairs(double radius, std::size_t limit, const std::function<void()>& pause) const;

  private:
    std::uint64_t handle_of(std::uint32_t slot) const {
        return store::Entity::of(slot, generation_.get<std::uint32_t>(slot)).handle;
    }
    std::vector<std::uint64_t> handles_of(const std::vector<std::uint32_t>& slots) const;

    std::shared_ptr<const KeptGrid> grid_;
    store::ColumnReader generation_;
};

} // namespace gamelan::spatial
