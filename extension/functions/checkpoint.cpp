// game.checkpoint. Its contract is the COMMENT in extension/sql/50-checkpoints.sql.
#include "extension/pg/checkpoints.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/transaction.hpp"

namespace {

using gamelan::pg::checkpoints::Kind;

Kind kind_of(const char* name) {
    if (strcmp(name, "full") == 0)
        return Kind::full;
    if (strcmp(name, "incremental") == 0)
        return Kind::incremental;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no kind \"%s\" of checkpoint", name),
             errhint("There are: full, incremental.")));
    pg_unreachable();
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_checkpoint);
PG_FUNCTION_INFO_V1(gamelan_evict_world);

PGDLLEXPORT Datum gamelan_checkpoint(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const Kind kind = PG_ARGISNULL(1) ? Kind::by_strategy : kind_of(text_to_cstring(PG_GETARG_TEXT_PP(1)));
    PreventCommandIfReadOnly("game.checkpoint()");
    const gamelan::store::WorldSlot slot = gamelan::pg::requests::require_world(world_id);
    SPI_connect();
    const std::int64_t tick = gamelan::pg::checkpoints::take(slot, world_id, kind);
    SPI_finish();
    PG_RETURN_INT64(tick);
}

PGDLLEXPORT Datum gamelan_evict_world(PG_FUNCTION_ARGS) {
    using namespace gamelan::pg;
    const std::int64_t world_id = PG_GETARG_INT64(0);
    PreventCommandIfReadOnly("game.evict_world()");
    const gamelan::store::WorldSlot slot = requests::require_world(world_id);
    const WorldState state = runtime(slot).state.load();
    if (state != WorldState::paused && state != WorldState::created)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("world " INT64_FORMAT " cannot be evicted", world_id),
                 errdetail("It is %s.", name_of(state)), errhint("Pause it first: game.pause_world().")));
    SPI_connect();
    (void)checkpoints::take(slot, world_id, checkpoints::Kind::by_strategy);
    SPI_finish();
    transaction::evict_at_commit(slot, world_id);
    PG_RETURN_VOID();
}

} // extern "C"
