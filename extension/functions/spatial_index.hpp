// Indexes by place over components. In sessions: kept per process for as long as the rows they were made from
// are what a statement sees. In a tick, for points: those that the store of the world keeps.
#pragma once

#include "core/spatial/cell_index.hpp"
#include "core/spatial/grid_index.hpp"
#include "core/spatial/tick_points.hpp"

#include <memory>

#include "extension/fdw/table_info.hpp"

namespace gamelan::pg::spatial_index {

// What is kept at most; the index that was asked for last is kept whatever its size.
inline constexpr std::size_t max_kept = 16;
inline constexpr std::size_t max_kept_bytes = std::size_t{64} << 20;

enum class Kind { points, pairs, cells };

struct IndexRequest {
    std::int64_t world_id;
    store::WorldSlot slot;
    Kind kind;
    double pair_radius;
    std::uint32_t column_count;
    AttrNumber columns[spatial::max_dimensions]; // stored ones of the table
    Oid relation;
};

// Null when the world has no rows of the component yet, or not the columns. C++ zone, under a retained view.
// Throws Error(snapshot_too_old), Error(world_not_running).
std::shared_ptr<const spatial::GridIndex> points(const IndexRequest& request, const fdw::TableInfo& table,
                                                 fdw::View& view);
// In a tick.
std::shared_ptr<const spatial::TickPoints> tick_points(const IndexRequest& request,
                                                       const fdw::TableInfo& table, fdw::View& view);
std::shared_ptr<const spatial::CellIndex> cells(const IndexRequest& request, const fdw::TableInfo& table,
                                                fdw::View& view);

} // namespace gamelan::pg::spatial_index
