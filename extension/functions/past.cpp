// What changed between ticks of the past. Contracts: the COMMENTs in extension/sql/55-past.sql.
#include "core/grid/planet.hpp"
#include "extension/fdw/table_info.hpp"
#include "extension/functions/rows.hpp"
#include "extension/pg/checkpoints.hpp"
#include "extension/pg/definition.hpp"
#include "extension/pg/world_history.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;

// Where a component is in one version of a world, by slots.
class ComponentRows {
  public:
    ComponentRows(const fdw::TableInfo& table, const store::Snapshot& snapshot, const grid::Planet* planet)
        : snapshot_(snapshot), component_(fdw::find_component(table, snapshot)), planet_(planet) {
        if (!table.is_cells)
            entities_ = store::entity_planes(snapshot);
    }

    std::uint32_t slot_count() const {
        return component_ ? snapshot_.slot_count(store::SpaceId{snapshot_.component(*component_).space}) : 0;
    }
    bool has(std::uint32_t slot) const {
        return component_ && (planet_ == nullptr || planet_->is_cell(slot)) &&
               snapshot_.has_row(*component_, slot);
    }
    std::uint64_t version(std::uint32_t slot) const { return snapshot_.row_version(*component_, slot); }
    std::int64_t handle(std::uint32_t slot) const {
        if (planet_ != nullptr)
            return static_cast<std::int64_t>(planet_->cell_id_of(slot));
        const auto generation = snapshot_.get<std::uint32_t>(entities_->generation, slot);
        return static_cast<std::int64_t>(store::Entity::of(slot, generation).handle);
    }
    // Of that entity or cell; nothing when it is not there.
    std::optional<std::uint64_t> version_of(std::int64_t handle) const {
        const auto slot =
            planet_ != nullptr ? std::optional(planet_->slot_of(handle))
            : entities_ ? store::find_entity(snapshot_, *entities_, {static_cast<std::uint64_t>(handle)})
                        : std::nullopt;
        return slot && has(*slot) ? std::optional(version(*slot)) : std::nullopt;
    }

  private:
    store::Snapshot snapshot_;
    std::optional<store::ComponentId> component_;
    std::optional<store::EntityPlanes> entities_;
    const grid::Planet* planet_;
};

// A change of a row gives it the tick as its version, so equal versions mean equal rows.
std::vector<std::int64_t> changed_rows(const ComponentRows& before, const ComponentRows& after) {
    std::vector<std::int64_t> out;
    const std::uint32_t slots = std::max(before.slot_count(), after.slot_count());
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        const bool was = before.has(slot);
        const bool is = after.has(slot);
        const bool is_same_entity = was && is && before.handle(slot) == after.handle(slot);
        if (is_same_entity && before.version(slot) == after.version(slot))
            continue;
        if (was)
            out.push_back(before.handle(slot));
        if (is && !is_same_entity)
            out.push_back(after.handle(slot));
    }
    return out;
}

struct Target {
    std::int64_t world_id;
    store::WorldSlot slot;
    std::shared_ptr<const fdw::TableInfo> table;

    const grid::Planet* planet() const {
        return table->is_cells ? rules_of(slot, world_id).planet() : nullptr;
    }
};

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_changed_rows);
PG_FUNCTION_INFO_V1(gamelan_row_ticks);
PG_FUNCTION_INFO_V1(gamelan_write_fork);

PGDLLEXPORT Datum gamelan_changed_rows(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const Oid relation = PG_GETARG_OID(1);
    const past::Moment from{past::MomentKind::tick, PG_GETARG_INT64(2)};
    const past::Moment to{past::MomentKind::tick, PG_GETARG_INT64(3)};
    fdw::require_readable(relation);
    const store::WorldSlot slot = requests::require_world(world_id);
    const Rows<std::int64_t> handles = sql_boundary([&] {
        Target target{world_id, slot, nullptr};
        pg_call([&] { fdw::get_table_info(relation, target.table); });
        const past::StatePtr before = past::at(world_id, from);
        const past::StatePtr after = past::at(world_id, to);
        return palloc_rows(
            changed_rows(ComponentRows(*target.table, past::snapshot_of(*before), target.planet()),
                         ComponentRows(*target.table, past::snapshot_of(*after), target.planet())));
    });
    return return_bigints(fcinfo, handles);
}

PGDLLEXPORT Datum gamelan_row_ticks(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const Oid relation = PG_GETARG_OID(1);
    const std::int64_t handle = PG_GETARG_INT64(2);
    const std::int64_t from = PG_GETARG_INT64(3);
    const std::int64_t to = PG_GETARG_INT64(4);
    fdw::require_readable(relation);
    const store::WorldSlot slot = requests::require_world(world_id);
    const Rows<std::int64_t> ticks = sql_boundary([&] {
        Target target{world_id, slot, nullptr};
        pg_call([&] { fdw::get_table_info(relation, target.table); });
        past::Walk walk(world_id, from, to);
        std::vector<std::int64_t> out;
        std::optional<std::uint64_t> before;
        for (std::int64_t tick = from; tick <= to; ++tick) {
            const auto version =
                ComponentRows(*target.table, walk.at(tick), target.planet()).version_of(handle);
            if (version != before)
                out.push_back(tick);
            before = version;
        }
        return palloc_rows(out);
    });
    return return_bigints(fcinfo, ticks);
}

PGDLLEXPORT Datum gamelan_write_fork(PG_FUNCTION_ARGS) {
    const std::int64_t source = PG_GETARG_INT64(0);
    const past::Moment moment{past::MomentKind::tick, PG_GETARG_INT64(1)};
    const std::int64_t fork = PG_GETARG_INT64(2);
    sql_boundary([&] {
        const past::StatePtr state = past::at(source, moment);
        history::CallersTransaction tables;
        history::with_tables(tables, "gamelan: writing the state of a fork",
                             [&] { checkpoints::write_first(past::snapshot_of(*state), fork); });
    });
    PG_RETURN_VOID();
}

} // extern "C"
