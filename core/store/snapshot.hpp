// One published version of a world, as a reader sees it. Valid while the reader's pin is (region.hpp): every
// reference is checked, so that a reader whose pin was taken away gets an error or garbage, never a fault,
// and must ask the pin before it uses what it read.
#pragma once

#include "core/store/arena.hpp"
#include "core/store/layout.hpp"

#include <cstring>

namespace gamelan::store {

// The stored form of a version: this header, SpaceState × spaces, then Ref (block table) × columns. The
// layout block holds SpaceSpec × spaces and ColumnSpec × columns.
struct RootHeader {
    std::uint64_t tick;
    std::uint64_t sequence;
    Ref layout;
    std::uint32_t space_count;
    std::uint32_t column_count;
};

struct SpaceState {
    std::uint32_t slot_count;
    std::uint32_t block_count; // length of every block table of the space
};

class Snapshot {
  public:
    // Empty when the world has published nothing yet.
    static std::optional<Snapshot> current(const Region& region, WorldSlot world);
    static Snapshot at(const Region& region, Ref root);

    std::uint64_t tick() const { return root_->tick; }
    std::uint64_t sequence() const { return root_->sequence; }
    std::uint32_t space_count() const { return root_->space_count; }
    std::uint32_t column_count() const { return root_->column_count; }
    const SpaceSpec& space(SpaceId id) const { return spaces_[checked(id.value, root_->space_count)]; }
    const ColumnSpec& column(ColumnId id) const { return columns_[checked(id.value, root_->column_count)]; }
    std::optional<ColumnId> find_column(std::string_view name) const;

    std::uint32_t slot_count(SpaceId id) const {
        return states_[checked(id.value, root_->space_count)].slot_count;
    }
    std::uint32_t slot_count(ColumnId id) const { return slot_count(SpaceId{column(id).space}); }
    std::uint32_t block_slots(ColumnId id) const { return space(SpaceId{column(id).space}).block_slots; }
    std::uint32_t block_count(ColumnId id) const {
        return states_[checked(column(id).space, root_->space_count)].block_count;
    }

    // Reference of block `index` of a column; none stands for a block of zeros.
    Ref block_ref(ColumnId id, std::uint32_t index) const;
    // The values of block `index`, block_slots × width bytes, or nullptr for a block of zeros.
    const std::byte* block(ColumnId id, std::uint32_t index) const;
    const BlockHeader& block_header(Ref ref) const;

    template <class T>
    T get(ColumnId id, std::uint32_t slot) const {
        T value{};
        const std::uint32_t slots = block_slots(id);
        if (const std::byte* data = block(id, slot / slots))
            std::memcpy(&value, data + slot % slots * sizeof(T), sizeof(T));
        return value;
    }
    // A text column's value without its padding.
    std::string get_text(ColumnId id, std::uint32_t slot) const;

    // The hash of everything in the version, the tick included (docs/formats.md, "State hash").
    std::uint64_t state_hash() const;
    // The same for the world's owner, who may keep each block's share in the block: hashing the next version
    // then costs one read per block that did not change.
    std::uint64_t state_hash_kept() const;

    Ref root_ref() const { return root_ref_; }
    Ref layout_ref() const { return root_->layout; }
    const Region& region() const { return region_; }

  private:
    Snapshot(const Region& region, Ref root);
    static std::uint32_t checked(std::uint32_t index, std::uint32_t count);
    enum class Shares { recompute, keep };
    std::uint64_t hash(Shares shares) const;
    std::uint64_t block_hash(ColumnId id, std::uint32_t index) const;
    std::uint64_t kept_block_hash(ColumnId id, std::uint32_t index, Ref ref) const;

    Region region_;
    Ref root_ref_;
    const RootHeader* root_;
    const SpaceState* states_;
    const Ref* tables_;
    const SpaceSpec* spaces_;
    const ColumnSpec* columns_;
};

} // namespace gamelan::store
