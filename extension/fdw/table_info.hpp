// What a scan has to know of a component's foreign table: kept per session, forgotten when the catalogs
// change; and where each world keeps the table's columns, kept until the world's layout changes.
#pragma once

#include "core/store/snapshot.hpp"

#include <optional>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "extension/fdw/view.hpp"
#include "extension/fdw/worlds.hpp"
#include "extension/pg/component_types.hpp"

namespace gamelan::fdw {

enum class ColumnRole : std::uint8_t {
    dropped,
    world,
    handle, // "entity" or "cell"
    stored,
};

struct ColumnInfo {
    ColumnRole role = ColumnRole::dropped;
    pg::ColumnCodec codec; // of stored ones
    store::IndexKind index = store::IndexKind::none;
    std::string name;
};

// Where a column is in a world. Sizes are copies: what is read from a version that was given up may be
// anything, and must not lead beyond the region.
struct ColumnPlace {
    std::uint32_t values = store::none; // plane; none = the world does not have the column
    std::uint32_t nulls = store::none;
    std::uint32_t index = store::none;
};

// Where a table is in one layout of one world.
struct TablePlace {
    std::int64_t world_id = 0;
    std::uint64_t layout_version = 0;
    bool has_space = false;
    bool has_component = false;           // else no rows; but a grid's cells all have one, of defaults
    std::uint32_t presence = store::none; // plane; none = every slot has a row
    std::uint32_t space = 0;
    std::uint32_t block_slots = 0;
    std::uint32_t generation = store::none; // plane, in the space of entities
    std::vector<ColumnPlace> columns;       // by attribute number - 1
};

struct TableInfo {
    Oid relation = InvalidOid;
    std::string component;
    GameNumber game = 0;
    std::uint64_t incarnation = 0;
    bool is_cells = false;
    bool is_read_only = false; // game._entity
    AttrNumber world_number = 0;
    AttrNumber handle_number = 0;
    std::vector<ColumnInfo> columns; // by attribute number - 1

    // C++ zone. The places in the layout of `snapshot`, a version of the world in `slot` as `view` has it.
    std::shared_ptr<const TablePlace> place_in(store::WorldSlot slot, std::int64_t world_id,
                                               const store::Snapshot& snapshot, const View& view) const;

  private:
    static constexpr std::size_t kept_places = 64;
    mutable std::array<std::shared_ptr<const TablePlace>, kept_places> places_;
};

// Where the table is in a world's layout: by number where both sides count alike, else by name.
std::optional<store::ComponentId> find_component(const TableInfo& table, const store::Snapshot& snapshot);

// Where a stored column of the table is in the component; the planes are none where the world does not have
// it, or has it with another type.
ColumnPlace place_column(const TableInfo& table, const store::Snapshot& snapshot,
                         store::ComponentId component, AttrNumber number);

// Postgres zone. Kept for as long as the caller or the session's cache holds it: `out` is set, so that no
// object with a destructor is returned over a jump.
void get_table_info(Oid relation, std::shared_ptr<const TableInfo>& out);

// For functions that read a component's rows without a scan: raises 42501 unless the current role may.
void require_readable(Oid relation);

} // namespace gamelan::fdw
