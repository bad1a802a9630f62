// The grids over the state that a world's owner is building, kept from statement to statement and from tick
// to tick. Blocks are immutable once their version is sealed: what has the same block as when it was looked
// at last is not looked at again. Of the other blocks only the points that moved are touched, unless so much
// has changed that all are sorted anew.
#pragma once

#include "core/spatial/moving_grid.hpp"
#include "core/store/world_store.hpp"

#include <memory>

namespace gamelan::spatial {

// Which planes of a component of entities hold positions.
struct PositionPlanes {
    std::uint32_t presence = store::none;
    std::vector<store::ColumnId> columns; // 1 to 3, real or double precision
    bool operator==(const PositionPlanes&) const = default;
};

// Points are the rows that have all coordinates, and these finite.
class KeptGrid {
  public:
    // Throws Error(datatype_mismatch, internal).
    KeptGrid(const store::Snapshot& view, PositionPlanes planes);

    // Brings it up to a state of the world.
    void refresh(const store::Snapshot& view);

    const PositionPlanes& planes() const { return planes_; }
    const MovingGrid& grid() const { return grid_; }
    // Whether no square of a difference of finite coordinates can overflow or vanish, be they of points or of
    // rows that lack another coordinate; and whether a number is such that this holds.
    bool is_tame() const { return is_tame_; }
    static bool is_tame(double value) {
        const double size = std::abs(value);
        return size == 0 || (size >= 1e-140 && size <= 1e150);
    }
    std::size_t memory_bytes() const {
        return grid_.memory_bytes() + seen_.capacity() * sizeof(store::Ref) +
               points_.capacity() * sizeof(MovingGrid::Point);
    }
    // For tests and figures: how often all points were sorted, and how many blocks were compared instead.
    std::uint64_t rebuild_count() const { return rebuilds_; }
    std::uint64_t compared_blocks() const { return compared_; }

  private:
    struct Block; // as it is read

    std::size_t width() const { return look_at_.size(); }
    void read_block(const store::Snapshot& view, std::uint32_t block, Block& out) const;
    bool note_block(const store::Snapshot& view, std::uint32_t block);
    void rebuild(const store::Snapshot& view);
    void update_block(const store::Snapshot& view, std::uint32_t block);

    PositionPlanes planes_;
    std::vector<bool> is_real_;            // by coordinate: single precision
    std::vector<store::ColumnId> look_at_; // presence, then values and NULLs of each coordinate
    std::uint32_t block_slots_ = 0;
    std::uint32_t slot_count_ = 0;
    std::vector<store::Ref> seen_;          // by block and plane
    std::vector<bool> is_settled_;          // by block: its versions were sealed when it was looked at
    std::vector<MovingGrid::Point> points_; // room
    MovingGrid grid_;
    bool is_tame_ = true;
    std::uint64_t rebuilds_ = 0;
    std::uint64_t compared_ = 0;
};

// Of one world.
class KeptGrids final : public store::Derivation {
  public:
    static constexpr std::size_t max_kept = 16;
    static constexpr std::size_t max_kept_bytes = 256U << 20;

    static KeptGrids& of(store::WorldStore& store);
    // Of the version that is being built. Good until the next call for these planes. Throws what KeptGrid
    // throws.
    std::shared_ptr<const KeptGrid> get(const store::Snapshot& working, const PositionPlanes& planes);
    void forget() override;

  private:
    std::vector<std::shared_ptr<KeptGrid>> kept_; // the one used last comes first
    std::uint64_t layout_version_ = 0;
    std::uint64_t incarnation_ = 0;
};

} // namespace gamelan::spatial
