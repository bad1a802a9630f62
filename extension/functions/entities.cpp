// SQL functions on entities and their rows. Their contracts are the COMMENTs in
// extension/sql/26-entities.sql.
#include "core/codec/command_batch.hpp"
#include "extension/fdw/row_writer.hpp"
#include "extension/fdw/write_mode.hpp"
#include "extension/pg/reading.hpp"

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

struct Handles {
    Datum* list;
    std::size_t count;
};

// The world's published version, with its entities. Throws Error(feature_not_supported).
store::EntityPlanes planes_of(const store::Snapshot& snapshot, std::int64_t world_id) {
    const auto planes = store::entity_planes(snapshot);
    if (!planes)
        throw Error(sqlstate::feature_not_supported, "world " + std::to_string(world_id) + " has no entities",
                    "Its game is built into the server.",
                    "Games made with game.create_game() have entities.");
    return *planes;
}

std::shared_ptr<const codec::RowGroup> group_of(codec::RowOperation operation, const char* name) {
    codec::RowGroup group;
    group.operation = operation;
    group.component = name;
    return std::make_shared<const codec::RowGroup>(std::move(group));
}

void queue_handle(std::int64_t world_id, const std::shared_ptr<const codec::RowGroup>& group,
                  std::uint64_t handle) {
    ByteWriter row;
    codec::WriteSetWriter::put_handle(row, handle);
    transaction::queue_row(world_id, group, row.view());
    transaction::note_row({world_id, 0, handle}, group->operation == codec::RowOperation::spawn);
}

void prevent(const char* function) {
    PreventCommandIfReadOnly(function);
    past::require_present();
    PreventCommandIfParallelMode(function);
}

// The world of an entity function, in memory.
store::WorldSlot require_loaded(std::int64_t world_id) {
    const store::WorldSlot slot = requests::require_world(world_id);
    if (!fdw::wait_for_version({world_id, slot}))
        raise_error(sqlstate::undefined_world, psprintf("world " INT64_FORMAT " went away", world_id));
    return slot;
}

fdw::WriteKind kind_of(const char* name) {
    if (std::strcmp(name, "put") == 0)
        return fdw::WriteKind::put;
    return std::strcmp(name, "guarded") == 0 ? fdw::WriteKind::guarded : fdw::WriteKind::queue;
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_reserve_entities);
PG_FUNCTION_INFO_V1(gamelan_despawn);
PG_FUNCTION_INFO_V1(gamelan_row_version);
PG_FUNCTION_INFO_V1(gamelan_write_mode);
PG_FUNCTION_INFO_V1(gamelan_submit_writes);

PGDLLEXPORT Datum gamelan_reserve_entities(PG_FUNCTION_ARGS) {
    prevent("game.spawn()");
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const std::int32_t count = PG_GETARG_INT32(1);
    const char* source = PG_ARGISNULL(2) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(2));
    const store::WorldSlot slot = require_loaded(world_id);
    const Handles handles = sql_boundary([&] {
        {
            const ReadPin pin;
            (void)planes_of(published(slot, world_id), world_id);
            pin.check();
        }
        std::vector<std::uint64_t> reserved;
        transaction::reserve_entities(slot, world_id, static_cast<std::uint32_t>(count), reserved);
        const auto group = group_of(codec::RowOperation::spawn, source);
        for (const std::uint64_t handle : reserved)
            queue_handle(world_id, group, handle);
        auto* list = static_cast<Datum*>(pg_call(
            [&] { return MemoryContextAllocHuge(CurrentMemoryContext, reserved.size() * sizeof(Datum)); }));
        for (std::size_t i = 0; i < reserved.size(); ++i)
            list[i] = Int64GetDatum(static_cast<std::int64_t>(reserved[i]));
        return Handles{list, reserved.size()};
    });
    PG_RETURN_ARRAYTYPE_P(construct_array(handles.list, static_cast<int>(handles.count), INT8OID, 8,
                                          FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

PGDLLEXPORT Datum gamelan_despawn(PG_FUNCTION_ARGS) {
    prevent("game.despawn()");
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const auto handle = static_cast<std::uint64_t>(PG_GETARG_INT64(1));
    const store::WorldSlot slot = require_loaded(world_id);
    sql_boundary([&] {
        std::optional<bool> is_alive = transaction::own_row({world_id, 0, handle});
        if (!is_alive) {
            const ReadPin pin;
            const store::Snapshot snapshot = published(slot, world_id);
            is_alive = store::find_entity(snapshot, planes_of(snapshot, world_id), {handle}).has_value();
            pin.check();
        }
        if (!*is_alive)
            throw Error(sqlstate::undefined_entity,
                        "entity " + std::to_string(static_cast<std::int64_t>(handle)) +
                            " does not exist in world " + std::to_string(world_id),
                        "It never did, or it was despawned.", "game.entity lists the entities.");
        queue_handle(world_id, group_of(codec::RowOperation::despawn, ""), handle);
    });
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum gamelan_row_version(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const std::int64_t handle = PG_GETARG_INT64(1);
    const Oid relation = PG_GETARG_OID(2);
    fdw::require_readable(relation);
    (void)require_loaded(world_id);
    const std::int64_t version = sql_boundary([&] {
        std::shared_ptr<const fdw::TableInfo> table;
        pg_call([&] { fdw::get_table_info(relation, table); });
        return fdw::RowWriter(std::move(table), codec::RowOperation::update, {}, {}, true)
            .row_version(world_id, handle);
    });
    if (version < 0)
        PG_RETURN_NULL();
    PG_RETURN_INT64(version);
}

PGDLLEXPORT Datum gamelan_write_mode(PG_FUNCTION_ARGS) {
    const char* kind = text_to_cstring(PG_GETARG_TEXT_PP(0));
    fdw::leave_write_mode();
    fdw::WriteMode& mode = fdw::write_mode();
    mode.kind = kind_of(kind);
    mode.relation = PG_GETARG_OID(1);
    mode.version = static_cast<std::uint64_t>(PG_GETARG_INT64(2));
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum gamelan_submit_writes(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const char* actor = GetUserNameFromId(GetSessionUserId(), false);
    const store::WorldSlot slot = requests::require_world(world_id);
    requests::require_running(slot, world_id);
    struct Encoded {
        const char* data;
        std::size_t size;
    };
    const Encoded encoded = sql_boundary([&] {
        game::Command command;
        command.kind = game::CommandKind::writes;
        command.actor = actor;
        command.body = std::move(fdw::write_mode().writes);
        fdw::leave_write_mode();
        if (command.body.empty())
            throw Error(sqlstate::internal, "there is nothing to write");
        const std::string bytes = codec::encode_commands({&command, 1});
        return Encoded{palloc_text(bytes), bytes.size()};
    });
    const requests::Handle handle =
        requests::submit(RequestKind::call, slot, world_id, 0, {encoded.data, encoded.size});
    const Request& answer = requests::wait(handle);
    requests::raise_if_failed(handle);
    const auto tick = static_cast<std::int64_t>(answer.answer_tick);
    requests::release(handle);
    PG_RETURN_INT64(tick);
}

} // extern "C"
