// The positions of a world's entities, copied out of one version: what an index is built from.
#pragma once

#include "core/store/snapshot.hpp"

#include <array>
#include <optional>
#include <vector>

namespace gamelan::spatial {

inline constexpr std::uint32_t max_dimensions = 3;

// Coordinates beyond a point's dimensions are 0.
using Position = std::array<double, max_dimensions>;

// In the order of handles, which are unique. Every coordinate is finite.
struct Points {
    std::uint32_t dimensions = 2; // 1 .. max_dimensions
    std::array<std::vector<double>, max_dimensions> at;
    std::vector<std::uint64_t> handles;

    std::uint32_t size() const { return static_cast<std::uint32_t>(handles.size()); }
    Position position(std::uint32_t i) const;
};

// Brings points that were gathered in any order into that of their handles.
void sort_by_handle(Points& points);

// The planes of a component of entities.
struct ComponentPlanes {
    std::uint32_t presence;     // store::none: every slot has a row
    store::ColumnId generation; // of the entities
};

// What is read from a version that was given up may be garbage: sizes are taken when a reader is made, and
// read() must not be called before the caller has made sure that the version was still there afterwards. The
// same holds for what read() returns.
class PointReader {
  public:
    // `columns`: 1 to 3 planes of values, real or double precision. Throws Error(datatype_mismatch) and
    // Error(internal).
    PointReader(const store::Snapshot& view, const ComponentPlanes& planes,
                const std::vector<store::ColumnId>& columns);

    // The rows that have all coordinates, and these finite.
    Points read() const;

  private:
    const store::Snapshot& view_;
    ComponentPlanes planes_;
    std::vector<store::ColumnId> columns_;
    std::vector<std::uint32_t> nulls_;
    std::vector<ColumnType> types_;
    std::uint32_t slot_count_ = 0;
};

// What some planes hold, as a number. Which blocks they are would not do: the tick that is being built
// changes its own in place, and a world that was loaded anew has blocks in the same places.
std::uint64_t fingerprint(const store::Snapshot& view, const ComponentPlanes& planes,
                          const std::vector<store::ColumnId>& columns);

} // namespace gamelan::spatial
