// game.checkpoint. Its contract is the COMMENT in extension/sql/50-checkpoints.sql.
#include "extension/pg/checkpoints.hpp"
#include "extension/pg/requests.hpp"

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_checkpoint);

PGDLLEXPORT Datum gamelan_checkpoint(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    PreventCommandIfReadOnly("game.checkpoint()");
    const gamelan::store::WorldSlot slot = gamelan::pg::requests::require_world(world_id);
    SPI_connect();
    const std::int64_t tick = gamelan::pg::checkpoints::take(slot, world_id);
    SPI_finish();
    PG_RETURN_INT64(tick);
}

} // extern "C"
