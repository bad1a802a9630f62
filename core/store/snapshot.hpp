// One published version of a world, as a reader sees it. Valid while the reader's pin is (region.hpp): every
// reference is checked, so that a reader whose pin was taken away gets an error or garbage, never a fault,
// and must ask the pin before it uses what it read.
#pragma once

#include "core/store/arena.hpp"
#include "core/store/layout.hpp"
#include "core/store/value.hpp"

#include <cstring>
#include <span>

namespace gamelan::store {

// The stored form of a version: this header, SpaceState × spaces, Ref (block table) × columns, IndexState ×
// indexes. The layout block holds SpaceSpec × spaces, ComponentSpec × components and ColumnSpec × columns.
struct RootHeader {
    std::uint64_t tick;
    std::uint64_t sequence;
    std::uint64_t layout_version; // sequence of the version that brought the layout: unique for the world
    std::uint64_t incarnation;    // Definition::incarnation
    Ref layout;
    std::uint32_t space_count;
    std::uint32_t component_count;
    std::uint32_t column_count;
    std::uint32_t index_count;
    std::uint32_t reserved;
};

struct SpaceState {
    std::uint32_t slot_count;
    std::uint32_t block_count; // length of every block table of the space
};

// Root of a secondary index (ordered_index.hpp): entries (key, slot) of the rows whose value is not NULL. An
// index for which there was no memory is not built, and is tried again each tick.
inline constexpr std::uint32_t index_not_built = none;
struct IndexState {
    Ref root;
    std::uint32_t height; // or index_not_built
    std::uint64_t entries;
};

// Where the parts lie behind a root's header and in a layout block, in bytes.
struct RootParts {
    std::size_t states;
    std::size_t tables;
    std::size_t indexes;
    std::size_t bytes;
};
struct LayoutParts {
    std::size_t components;
    std::size_t columns;
    std::size_t bytes;
};
RootParts root_parts(const RootHeader& root);
LayoutParts layout_parts(const RootHeader& root);

// Smallest and largest value among a block's rows, as order_key() has them. NULLs and slots without a row do
// not count.
struct Zone {
    std::uint64_t least;
    std::uint64_t greatest;
};

// A block of versions has one of three forms, told apart by its data_bytes: one tick for all rows; for each
// slot its age, the ticks between the last change and the tick in the header (zone_least); or a tick for each
// slot.
inline constexpr std::uint32_t shared_version_bytes = sizeof(std::uint64_t);
using VersionAge = std::uint16_t;
inline constexpr VersionAge no_version = 0xffff; // of a slot without a row, or of a row that never changed
constexpr std::uint32_t age_bytes(std::uint32_t slots) {
    return slots * static_cast<std::uint32_t>(sizeof(VersionAge));
}
constexpr std::uint64_t version_of(std::uint64_t base, VersionAge age) {
    return age == no_version ? 0 : base - age;
}

// A fixed-width value as a number that sorts as the value does in Postgres (NaN after infinity, -0 equal to
// 0); for types that are only equal or not, and for values of the heap: a hash. `value` points to a slot's
// bytes.
std::uint64_t order_key(ColumnType type, const std::byte* value);

class Snapshot {
  public:
    // Empty when the world has published nothing yet.
    static std::optional<Snapshot> current(const Region& region, WorldSlot world);
    static Snapshot at(const Region& region, Ref root);

    std::uint64_t tick() const { return root_->tick; }
    std::uint64_t sequence() const { return root_->sequence; }
    std::uint64_t layout_version() const { return root_->layout_version; }
    std::uint64_t incarnation() const { return root_->incarnation; }
    std::uint32_t space_count() const { return root_->space_count; }
    std::uint32_t component_count() const { return root_->component_count; }
    std::uint32_t column_count() const { return root_->column_count; }
    const SpaceSpec& space(SpaceId id) const { return spaces_[checked(id.value, root_->space_count)]; }
    const ComponentSpec& component(ComponentId id) const {
        return components_[checked(id.value, root_->component_count)];
    }
    const ColumnSpec& column(ColumnId id) const { return columns_[checked(id.value, root_->column_count)]; }
    std::optional<SpaceId> find_space(std::string_view name) const;
    std::optional<ComponentId> find_component(std::string_view name) const;
    std::optional<ColumnId> find_column(std::string_view name) const;
    // The column of a component by its name alone; or by its declarer's key.
    std::optional<ColumnId> find_column(ComponentId component, std::string_view name) const;
    std::optional<ColumnId> find_column(ComponentId component, std::int32_t key) const;

    std::uint32_t slot_count(SpaceId id) const {
        return states_[checked(id.value, root_->space_count)].slot_count;
    }
    std::uint32_t slot_count(ColumnId id) const { return slot_count(SpaceId{column(id).space}); }
    std::uint32_t block_slots(ColumnId id) const { return space(SpaceId{column(id).space}).block_slots; }
    std::uint32_t space_blocks(SpaceId id) const {
        return states_[checked(id.value, root_->space_count)].block_count;
    }
    std::uint32_t block_count(ColumnId id) const { return space_blocks(SpaceId{column(id).space}); }

    // Reference of block `index` of a column; none stands for a block of zeros.
    Ref block_ref(ColumnId id, std::uint32_t index) const;
    // The blocks that the column's table has; all later ones are blocks of zeros.
    std::span<const Ref> block_table(ColumnId id) const;
    // Sequence of the version that last changed a block of the column, or more; 0 when it never had one.
    std::uint64_t table_sequence(ColumnId id) const;
    // The values of block `index`, block_bytes() of them, or nullptr for a block of zeros. Not for versions.
    const std::byte* block(ColumnId id, std::uint32_t index) const;
    // The same for any type; versions that the block keeps in another form than a tick for each slot are
    // written out to `room` (max_block_slots × 8 bytes).
    const std::byte* block(ColumnId id, std::uint32_t index, std::byte* room) const;
    // Bits of block `index`, block_slots / 64 words, or nullptr for a block of zeros.
    const std::uint64_t* bits(ColumnId id, std::uint32_t index) const {
        return reinterpret_cast<const std::uint64_t*>(block(id, index));
    }
    const BlockHeader& block_header(Ref ref) const;
    // Nothing when it is not known; then any value may be there. Blocks of zeros have the zone [0, 0].
    std::optional<Zone> zone(ColumnId id, std::uint32_t index) const;

    bool has_row(ComponentId id, std::uint32_t slot) const;
    bool is_null(ColumnId id, std::uint32_t slot) const;
    // Tick of the row's last change; 0 for a row that was never changed.
    std::uint64_t row_version(ComponentId id, std::uint32_t slot) const;
    bool bit(ColumnId plane, std::uint32_t slot) const;

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
    // The contents of a value; points into `slot` or into the region.
    std::string_view contents(const ValueSlot& slot) const;
    // Copies the contents of a column of type value.
    std::string get_value(ColumnId id, std::uint32_t slot) const;

    const IndexState& index(std::uint32_t number) const {
        return indexes_[checked(number, root_->index_count)];
    }

    // The hash of everything in the version, the tick included (docs/formats.md, "State hash").
    std::uint64_t state_hash() const;
    // The same for the world's owner, who may keep each block's share in the block: hashing the next version
    // then costs one read per block that did not change.
    std::uint64_t state_hash_kept() const;
    // The same for a reader, who uses what the owner has kept.
    std::uint64_t state_hash_of_shares() const;

    Ref root_ref() const { return root_ref_; }
    Ref layout_ref() const { return root_->layout; }
    const Region& region() const { return region_; }

  private:
    Snapshot(const Region& region, Ref root);
    static std::uint32_t checked(std::uint32_t index, std::uint32_t count);
    enum class Shares { recompute, keep, use };
    void write_out_shared(ColumnId id, std::uint32_t index, Ref ref, std::byte* room) const;
    std::uint64_t hash(Shares shares) const;
    std::uint64_t block_hash(ColumnId id, std::uint32_t index) const;
    std::uint64_t kept_block_hash(ColumnId id, std::uint32_t index, Ref ref, Shares shares) const;

    Region region_;
    Ref root_ref_;
    const RootHeader* root_;
    const SpaceState* states_;
    const Ref* tables_;
    const IndexState* indexes_;
    const SpaceSpec* spaces_;
    const ComponentSpec* components_;
    const ColumnSpec* columns_;
};

// Entities: slots of the space "entity" with a generation each, so that a handle never names another entity
// than the one it was made for.
struct Entity {
    std::uint64_t handle;
    static Entity of(std::uint32_t slot, std::uint32_t generation) {
        return {std::uint64_t{generation} << 32 | slot};
    }
    std::uint32_t slot() const { return static_cast<std::uint32_t>(handle); }
    std::uint32_t generation() const { return static_cast<std::uint32_t>(handle >> 32); }
};
// A slot whose entity had this generation stays empty, so that no handle comes twice.
inline constexpr std::uint32_t last_generation = 0x7fffffff;

// Components of the engine's own; no table can be called so.
inline constexpr std::string_view entity_component = ".entity";
inline constexpr std::string_view entity_slot_component = ".slot";

// Planes of the space "entity" that the engine keeps: which slots hold a living entity, and the generation of
// each slot's entity, or of its next one.
struct EntityPlanes {
    SpaceId space;
    ComponentId component; // ".entity": presence = alive; columns created (i64), template (value)
    ColumnId generation;   // ".slot.generation", i32, kept when the entity goes
    ColumnId created;
    ColumnId source; // ".entity.template"
};
// Adds these components to a layout that has the space "entity".
void add_entity_components(Layout& layout);
std::optional<EntityPlanes> entity_planes(const Snapshot& snapshot);
// The slot of a living entity; nothing for a stale or unknown handle.
std::optional<std::uint32_t> find_entity(const Snapshot& snapshot, const EntityPlanes& planes, Entity entity);

} // namespace gamelan::store
