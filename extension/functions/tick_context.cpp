// What the bodies of systems and actions ask about the tick they run in. Contracts: the COMMENTs in
// extension/sql/35-rules.sql.
#include "core/base/random.hpp"
#include "core/grid/planet.hpp"
#include "extension/pg/definition.hpp"

#include <array>

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/tick_scope.hpp"

extern "C" {
#include "funcapi.h"
}

namespace {

using namespace gamelan;
using namespace gamelan::pg;

TickScope& require_scope(FunctionCallInfo fcinfo) {
    TickScope* scope = TickScope::current();
    if (scope == nullptr)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("game.%s() can be called inside a tick only", get_func_name(fcinfo->flinfo->fn_oid)),
                 errhint("Call it in a system or an action.")));
    return *scope;
}

double random_of(const TickScope& scope, std::int64_t key) {
    return random_at(scope.context().seed, scope.context().tick, key);
}

double gauss_of(const TickScope& scope, std::int64_t key) {
    return gauss_at(scope.context().seed, scope.context().tick, key);
}

// Keys of numbers drawn without one: apart from those that people choose.
constexpr std::int64_t drawn_key = 0x2545f4914f6cdd1d;

struct Cells {
    std::array<std::int64_t, 6> ids{};
    std::size_t count = 0;
};

// C++ zone.
Cells neighbours_of(const grid::Planet* planet, std::int64_t world_id, std::int64_t cell) {
    if (planet == nullptr)
        throw Error(sqlstate::undefined_cell, "world " + std::to_string(world_id) + " has no cells");
    const std::uint32_t slot = planet->slot_of(cell);
    const std::uint32_t base = slot - slot % planet->layer_stride();
    Cells out;
    const grid::Neighbours around = planet->sphere().neighbours(slot % planet->layer_stride());
    for (std::uint32_t i = 0; i < around.count; ++i)
        out.ids[out.count++] = planet->cell_id_of(base + around.cells[i]);
    return out;
}

void put_all(FunctionCallInfo fcinfo, const std::int64_t* ids, std::size_t count) {
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (std::size_t i = 0; i < count; ++i) {
        Datum value = Int64GetDatum(ids[i]);
        bool is_null = false;
        tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
    }
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_tick_world);
PG_FUNCTION_INFO_V1(gamelan_tick_actor);
PG_FUNCTION_INFO_V1(gamelan_tick_number);
PG_FUNCTION_INFO_V1(gamelan_tick_now);
PG_FUNCTION_INFO_V1(gamelan_tick_dt);
PG_FUNCTION_INFO_V1(gamelan_tick_random);
PG_FUNCTION_INFO_V1(gamelan_tick_random_next);
PG_FUNCTION_INFO_V1(gamelan_tick_gauss);
PG_FUNCTION_INFO_V1(gamelan_tick_gauss_next);
PG_FUNCTION_INFO_V1(gamelan_tick_emit);
PG_FUNCTION_INFO_V1(gamelan_tick_cause);
PG_FUNCTION_INFO_V1(gamelan_tick_observed);
PG_FUNCTION_INFO_V1(gamelan_tick_neighbors);
PG_FUNCTION_INFO_V1(gamelan_neighbors);

PGDLLEXPORT Datum gamelan_tick_world(PG_FUNCTION_ARGS) {
    const TickScope* scope = TickScope::current();
    if (scope == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_INT64(scope->world_id());
}

PGDLLEXPORT Datum gamelan_tick_actor(PG_FUNCTION_ARGS) {
    const TickScope* scope = TickScope::current();
    if (scope == nullptr)
        PG_RETURN_DATUM(CStringGetTextDatum(GetUserNameFromId(GetUserId(), false)));
    const std::string_view actor = scope->context().actor;
    if (actor.empty())
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text_with_len(actor.data(), static_cast<int>(actor.size())));
}

PGDLLEXPORT Datum gamelan_tick_cause(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const TickScope* scope = TickScope::current();
    if (scope == nullptr)
        PG_RETURN_NULL();
    const std::string_view cause = scope->context().cause;
    PG_RETURN_TEXT_P(cstring_to_text_with_len(cause.data(), static_cast<int>(cause.size())));
}

PGDLLEXPORT Datum gamelan_tick_number(PG_FUNCTION_ARGS) {
    PG_RETURN_INT64(static_cast<std::int64_t>(require_scope(fcinfo).context().tick));
}

PGDLLEXPORT Datum gamelan_tick_now(PG_FUNCTION_ARGS) {
    PG_RETURN_TIMESTAMPTZ(require_scope(fcinfo).context().now_us);
}

PGDLLEXPORT Datum gamelan_tick_dt(PG_FUNCTION_ARGS) {
    PG_RETURN_FLOAT8(require_scope(fcinfo).context().dt);
}

PGDLLEXPORT Datum gamelan_tick_random(PG_FUNCTION_ARGS) {
    PG_RETURN_FLOAT8(random_of(require_scope(fcinfo), PG_GETARG_INT64(0)));
}

PGDLLEXPORT Datum gamelan_tick_random_next(PG_FUNCTION_ARGS) {
    TickScope& scope = require_scope(fcinfo);
    PG_RETURN_FLOAT8(random_of(scope, drawn_key + scope.next_draw()));
}

PGDLLEXPORT Datum gamelan_tick_gauss(PG_FUNCTION_ARGS) {
    PG_RETURN_FLOAT8(gauss_of(require_scope(fcinfo), PG_GETARG_INT64(0)));
}

PGDLLEXPORT Datum gamelan_tick_gauss_next(PG_FUNCTION_ARGS) {
    TickScope& scope = require_scope(fcinfo);
    PG_RETURN_FLOAT8(gauss_of(scope, drawn_key + scope.next_draw()));
}

PGDLLEXPORT Datum gamelan_tick_emit(PG_FUNCTION_ARGS) {
    TickScope& scope = require_scope(fcinfo);
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an event has a type")));
    const char* kind = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const char* payload = PG_ARGISNULL(2) ? "{}" : JsonbToCString(nullptr, &PG_GETARG_JSONB_P(2)->root, 0);
    const bool has_entity = !PG_ARGISNULL(1);
    const std::int64_t entity = has_entity ? PG_GETARG_INT64(1) : 0;
    sql_boundary([&] { scope.emit({kind, payload, has_entity ? std::optional(entity) : std::nullopt}); });
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum gamelan_tick_observed(PG_FUNCTION_ARGS) {
    const TickScope& scope = require_scope(fcinfo);
    const std::span<const std::uint64_t> handles = scope.context().observed;
    auto* ids = static_cast<std::int64_t*>(palloc(sizeof(std::int64_t) * Max(handles.size(), 1)));
    sql_boundary([&] {
        const grid::Planet* planet =
            scope.context().are_cells_observed ? rules_of(scope.slot(), scope.world_id()).planet() : nullptr;
        for (std::size_t i = 0; i < handles.size(); ++i)
            ids[i] = planet != nullptr ? planet->cell_id_of(static_cast<std::uint32_t>(handles[i]))
                                       : static_cast<std::int64_t>(handles[i]);
    });
    put_all(fcinfo, ids, handles.size());
    return static_cast<Datum>(0);
}

PGDLLEXPORT Datum gamelan_tick_neighbors(PG_FUNCTION_ARGS) {
    const TickScope& scope = require_scope(fcinfo);
    const std::int64_t cell = PG_GETARG_INT64(0);
    const Cells cells = sql_boundary([&] {
        return neighbours_of(rules_of(scope.slot(), scope.world_id()).planet(), scope.world_id(), cell);
    });
    put_all(fcinfo, cells.ids.data(), cells.count);
    return static_cast<Datum>(0);
}

PGDLLEXPORT Datum gamelan_neighbors(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const std::int64_t cell = PG_GETARG_INT64(1);
    const store::WorldSlot slot = requests::require_world(world_id);
    const Cells cells =
        sql_boundary([&] { return neighbours_of(rules_of(slot, world_id).planet(), world_id, cell); });
    put_all(fcinfo, cells.ids.data(), cells.count);
    return static_cast<Datum>(0);
}

} // extern "C"
