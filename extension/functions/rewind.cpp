// game.rewind and game.restore: rows of the past that become the present. Contracts: the COMMENTs in
// extension/sql/56-rewind.sql.
#include "core/sim/rewind.hpp"
#include "core/grid/planet.hpp"
#include "extension/fdw/table_info.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/definition.hpp"
#include "extension/pg/reading.hpp"
#include "extension/pg/tick_scope.hpp"

#include <cstring>

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/transaction.hpp"

extern "C" {
#include "utils/acl.h"
}

namespace {

using namespace gamelan;
using namespace gamelan::pg;

constexpr int cancel_check_rows = 4096;

struct Array {
    Datum* values = nullptr;
    int count = 0;
};

Array array_of(FunctionCallInfo fcinfo, int argument, Oid type, int width, char alignment) {
    Array out;
    if (PG_ARGISNULL(argument))
        return out;
    bool* nulls = nullptr;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), type, width, true, alignment, &out.values, &nulls,
                      &out.count);
    for (int i = 0; i < out.count; ++i)
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an array holds a NULL")));
    return out;
}

// Writes the rows without triggers or row security, so that the rights to do so by statements are asked for.
void require_writable(Oid relation) {
    fdw::require_readable(relation);
    const AclResult result = pg_class_aclcheck(relation, GetUserId(), ACL_INSERT | ACL_UPDATE | ACL_DELETE);
    if (result != ACLCHECK_OK)
        aclcheck_error(result, OBJECT_FOREIGN_TABLE, get_rel_name(relation));
}

void require_resting(store::WorldSlot slot, std::int64_t world_id) {
    const WorldState state = runtime(slot).state.load();
    if (state != WorldState::paused && state != WorldState::created)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("world " INT64_FORMAT " cannot be rewound while it ticks", world_id),
                        errdetail("It is %s.", name_of(state)),
                        errhint("Pause it with game.pause_world() first, and start it afterwards.")));
}

struct Wanted {
    std::int64_t world_id;
    store::WorldSlot slot;
    std::int64_t tick;
    const char* game;
    const char* extent;
    Array handles;
    Array components;
};

bool is_whole(const Wanted& wanted) {
    return std::strcmp(wanted.extent, "world") == 0;
}

// C++ zone.
sim::RewindScope scope_of(const Wanted& wanted) {
    sim::RewindScope out;
    if (is_whole(wanted))
        return out;
    const bool are_entities = std::strcmp(wanted.extent, "entities") == 0;
    const bool are_cells = std::strcmp(wanted.extent, "cells") == 0;
    out.extent = are_entities ? sim::RewindExtent::entities : sim::RewindExtent::rows;
    out.has_cells = !are_entities;
    out.has_entities = !are_cells;
    std::vector<std::shared_ptr<const fdw::TableInfo>> tables(
        static_cast<std::size_t>(wanted.components.count));
    for (std::size_t i = 0; i < tables.size(); ++i) {
        pg_call([&] { fdw::get_table_info(DatumGetObjectId(wanted.components.values[i]), tables[i]); });
        out.components.insert(tables[i]->component);
    }
    const grid::Planet* planet = are_cells ? rules_of(wanted.slot, wanted.world_id).planet() : nullptr;
    if (are_cells && planet == nullptr)
        throw Error(sqlstate::undefined_cell, "world " + std::to_string(wanted.world_id) + " has no cells");
    for (int i = 0; i < wanted.handles.count; ++i) {
        const std::int64_t handle = DatumGetInt64(wanted.handles.values[i]);
        out.handles.insert(are_cells ? planet->slot_of(handle) : static_cast<std::uint64_t>(handle));
    }
    return out;
}

std::int64_t queue_rewind(const Wanted& wanted) {
    const sim::RewindScope scope = scope_of(wanted);
    const store::Definition definition = read_definition(wanted.game);
    const past::StatePtr then = past::at(wanted.world_id, {past::MomentKind::tick, wanted.tick});
    const ReadPin pin;
    const store::Snapshot now = published(wanted.slot, wanted.world_id);
    int since_check = 0;
    const std::uint64_t rows =
        sim::rewind(now, past::snapshot_of(*then), definition, scope,
                    [&](const std::shared_ptr<const codec::RowGroup>& group, std::string_view row) {
                        transaction::queue_row(wanted.world_id, group, row);
                        if (++since_check == cancel_check_rows) {
                            since_check = 0;
                            pin.check();
                            pg_call([] { CHECK_FOR_INTERRUPTS(); });
                        }
                    });
    pin.check();
    return static_cast<std::int64_t>(rows);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_rewind);

PGDLLEXPORT Datum gamelan_rewind(PG_FUNCTION_ARGS) {
    PreventCommandIfReadOnly("game.rewind()");
    PreventCommandIfParallelMode("game.rewind()");
    past::require_present();
    if (TickScope::current() != nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("systems and actions cannot bring back the past"),
                        errhint("Call game.rewind() or game.restore() in a session.")));
    Wanted wanted{};
    wanted.world_id = PG_GETARG_INT64(0);
    wanted.tick = PG_GETARG_INT64(1);
    wanted.extent = text_to_cstring(PG_GETARG_TEXT_PP(2));
    wanted.handles = array_of(fcinfo, 3, INT8OID, 8, TYPALIGN_DOUBLE);
    wanted.components = array_of(fcinfo, 4, REGCLASSOID, 4, TYPALIGN_INT);
    for (int i = 0; i < wanted.components.count; ++i)
        require_writable(DatumGetObjectId(wanted.components.values[i]));
    wanted.game = text_to_cstring(PG_GETARG_TEXT_PP(5));
    wanted.slot = requests::require_world(wanted.world_id);
    if (is_whole(wanted))
        require_resting(wanted.slot, wanted.world_id);
    PG_RETURN_INT64(sql_boundary([&] { return queue_rewind(wanted); }));
}

} // extern "C"
