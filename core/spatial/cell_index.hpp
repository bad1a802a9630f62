// Entities by the cell that a column of theirs names.
#pragma once

#include "core/spatial/points.hpp"

#include <span>

namespace gamelan::spatial {

// As PointReader, of one bigint column.
class CellReader {
  public:
    // Throws Error(datatype_mismatch).
    CellReader(const store::Snapshot& view, const ComponentPlanes& planes, store::ColumnId column);

    struct Member {
        std::int64_t cell;
        std::uint64_t handle;
        auto operator<=>(const Member&) const = default;
    };
    std::vector<Member> read() const;

  private:
    const store::Snapshot& view_;
    ComponentPlanes planes_;
    store::ColumnId column_;
    std::uint32_t nulls_ = store::none;
    std::uint32_t slot_count_ = 0;
};

class CellIndex {
  public:
    explicit CellIndex(std::vector<CellReader::Member> members);

    // The handles of those in any of the cells, ascending. Cells must differ.
    std::vector<std::uint64_t> in_cells(std::span<const std::int64_t> cells) const;
    std::size_t memory_bytes() const { return members_.size() * sizeof members_.front(); }

  private:
    std::vector<CellReader::Member> members_; // ascending
};

} // namespace gamelan::spatial
