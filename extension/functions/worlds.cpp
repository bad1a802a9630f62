// SQL functions about worlds as a whole. Their contracts are the COMMENTs in extension/sql/20-worlds.sql.
#include "extension/pg/definition.hpp"
#include "extension/pg/json_input.hpp"
#include "extension/pg/past.hpp"
#include "extension/pg/reading.hpp"
#include "extension/pg/tick_log.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/transaction.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_library_version);
PG_FUNCTION_INFO_V1(gamelan_complete_config);
PG_FUNCTION_INFO_V1(gamelan_head_checksum);
PG_FUNCTION_INFO_V1(gamelan_definitions_changed);
PG_FUNCTION_INFO_V1(gamelan_definitions_written);
PG_FUNCTION_INFO_V1(gamelan_world_runtime);
PG_FUNCTION_INFO_V1(gamelan_step_world);
PG_FUNCTION_INFO_V1(gamelan_state_hash);
PG_FUNCTION_INFO_V1(gamelan_tick_lateness);
PG_FUNCTION_INFO_V1(gamelan_durable_tick);

PGDLLEXPORT Datum gamelan_library_version(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(GAMELAN_VERSION));
}

PGDLLEXPORT Datum gamelan_complete_config(PG_FUNCTION_ARGS) {
    char* game_name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const std::span<const JsonEntry> entries = flatten_object(PG_GETARG_JSONB_P(1), "a world's config");
    char* completed = sql_boundary(
        [&] { return palloc_text(to_json(game::find_module(game_name).complete(to_config(entries)))); });
    PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(completed)));
}

PGDLLEXPORT Datum gamelan_definitions_changed(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    require_shared_memory();
    transaction::announce_definitions_at_commit();
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum gamelan_head_checksum(PG_FUNCTION_ARGS) {
    const auto at = [&](int i) { return static_cast<std::uint64_t>(PG_GETARG_INT64(i)); };
    PG_RETURN_INT64(static_cast<std::int64_t>(head_checksum(PG_GETARG_INT64(0), at(1), at(2), at(3))));
}

// For a restore, which brings rows and calls none of our functions; also into a server that does not play.
PGDLLEXPORT Datum gamelan_definitions_written(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    if (shared != nullptr)
        transaction::announce_definitions_at_commit();
    return PointerGetDatum(nullptr);
}

PGDLLEXPORT Datum gamelan_world_runtime(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (shared == nullptr || shared->database_oid.load() != MyDatabaseId)
        return static_cast<Datum>(0);
    for (std::uint32_t i = 0; i < shared->max_worlds; ++i) {
        const store::WorldControl& control = region().control({i});
        WorldRuntime& world = runtime({i});
        const std::int64_t id = control.world_id.load();
        if (id == 0)
            continue;
        char reason[max_reason_bytes];
        LWLockAcquire(shared->lock, LW_SHARED);
        strlcpy(reason, world.reason, sizeof reason);
        const std::uint32_t waiting = world.queue_length.load();
        LWLockRelease(shared->lock);
        const std::int64_t checkpoint = world.last_checkpoint_tick.load();
        const bool is_loaded = control.root.load() != 0;
        Datum values[12] = {
            Int64GetDatum(id),
            CStringGetTextDatum(name_of(world.state.load())),
            CStringGetTextDatum(reason),
            Int64GetDatum(static_cast<std::int64_t>(control.tick.load())),
            Int64GetDatum(static_cast<std::int64_t>(Min(world.durable_tick.load(), control.tick.load()))),
            Float8GetDatum(world.measured_rate_mhz.load() / 1000.0),
            Int64GetDatum(static_cast<std::int64_t>(world.late_ticks.load())),
            Int64GetDatum(static_cast<std::int64_t>(world.skipped_ticks.load())),
            Int64GetDatum(static_cast<std::int64_t>(control.units_used.load()) * store::unit_bytes),
            Int64GetDatum(checkpoint),
            Int64GetDatum(static_cast<std::int64_t>(world.commands_applied.load())),
            Int32GetDatum(static_cast<std::int32_t>(waiting)),
        };
        bool nulls[12] = {};
        nulls[2] = reason[0] == '\0';
        nulls[3] = nulls[4] = !is_loaded;
        nulls[9] = checkpoint < 0;
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}

PGDLLEXPORT Datum gamelan_step_world(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const std::int64_t ticks = PG_GETARG_INT64(1);
    if (ticks < 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a world cannot step back")));
    const store::WorldSlot slot = requests::require_world(world_id);
    PG_RETURN_INT64(requests::ask_for_tick(RequestKind::step, slot, world_id, ticks));
}

PGDLLEXPORT Datum gamelan_state_hash(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const store::WorldSlot slot = requests::require_world(world_id);
    struct Answer {
        std::uint64_t tick;
        std::uint64_t hash;
    };
    const Answer answer = sql_boundary([&] {
        const ReadPin pin;
        const store::Snapshot snapshot = past::readable(slot, world_id);
        const Answer out{snapshot.tick(), snapshot.state_hash()};
        pin.check();
        return out;
    });
    TupleDesc descriptor = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    Datum values[2] = {
        Int64GetDatum(static_cast<std::int64_t>(answer.tick)),
        CStringGetTextDatum(psprintf("%016llx", static_cast<unsigned long long>(answer.hash)))};
    bool nulls[2] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

PGDLLEXPORT Datum gamelan_durable_tick(PG_FUNCTION_ARGS) {
    const store::WorldSlot slot = requests::require_world(PG_GETARG_INT64(0));
    const std::uint64_t durable = runtime(slot).durable_tick.load();
    const std::uint64_t published = region().control(slot).tick.load();
    PG_RETURN_INT64(static_cast<std::int64_t>(Min(durable, published)));
}

PGDLLEXPORT Datum gamelan_tick_lateness(PG_FUNCTION_ARGS) {
    const store::WorldSlot slot = requests::require_world(PG_GETARG_INT64(0));
    const double quantile = PG_GETARG_FLOAT8(1);
    if (!(quantile >= 0 && quantile <= 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a quantile lies between 0 and 1")));
    const WorldRuntime& world = runtime(slot);
    std::uint64_t total = 0;
    for (const auto& bucket : world.lateness)
        total += bucket.load();
    if (total == 0)
        PG_RETURN_NULL();
    const double wanted = quantile * static_cast<double>(total);
    std::uint64_t seen = 0;
    std::uint32_t bucket = 0;
    for (; bucket + 1 < lateness_buckets; ++bucket) {
        seen += world.lateness[bucket].load();
        if (static_cast<double>(seen) >= wanted)
            break;
    }
    PG_RETURN_FLOAT8(static_cast<double>(lateness_bucket_limit_us(bucket)) / 1000.0);
}

} // extern "C"
