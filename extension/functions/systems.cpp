// Declaring systems and actions: what SQL alone cannot see of their bodies and arguments. The contracts are
// the COMMENTs in extension/sql/32-system-checks.sql and 34-actions.sql.
#include "extension/functions/routine_body.hpp"
#include "extension/pg/action_arguments.hpp"

namespace {

using namespace gamelan::pg;

const char* name_of(ColumnAccess access) {
    switch (access) {
    case ColumnAccess::read:
        return "read";
    case ColumnAccess::insert:
        return "insert";
    case ColumnAccess::update:
        return "update";
    case ColumnAccess::erase:
        return "delete";
    }
    return "unknown";
}

ReturnSetInfo* begin_rows(FunctionCallInfo fcinfo) {
    InitMaterializedSRF(fcinfo, 0);
    return reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_match_arguments);
PG_FUNCTION_INFO_V1(gamelan_unsteady_calls);
PG_FUNCTION_INFO_V1(gamelan_body_columns);
PG_FUNCTION_INFO_V1(gamelan_hidden_bodies);

PGDLLEXPORT Datum gamelan_match_arguments(PG_FUNCTION_ARGS) {
    const Oid function = PG_GETARG_OID(0);
    const ArgumentForm form = PG_GETARG_BOOL(2) ? ArgumentForm::command : ArgumentForm::client;
    const ActionArguments arguments = match_arguments(function, PG_GETARG_JSONB_P(1), form);
    PG_RETURN_DATUM(CStringGetTextDatum(encode_arguments(function, arguments)));
}

PGDLLEXPORT Datum gamelan_unsteady_calls(PG_FUNCTION_ARGS) {
    const RoutineBody body = inspect_body(PG_GETARG_OID(0));
    ReturnSetInfo* rows = begin_rows(fcinfo);
    ListCell* cell = nullptr;
    foreach (cell, body.unsteady) {
        const UnsteadyCall& call = *static_cast<UnsteadyCall*>(lfirst(cell));
        Datum values[3] = {Int32GetDatum(call.statement), CStringGetTextDatum(call.name),
                           CStringGetTextDatum(call.hint)};
        bool nulls[3] = {};
        tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}

PGDLLEXPORT Datum gamelan_body_columns(PG_FUNCTION_ARGS) {
    const RoutineBody body = inspect_body(PG_GETARG_OID(0));
    ReturnSetInfo* rows = begin_rows(fcinfo);
    ListCell* cell = nullptr;
    foreach (cell, body.columns) {
        const ColumnUse& use = *static_cast<ColumnUse*>(lfirst(cell));
        const char* column = use.column == 0 ? nullptr : get_attname(use.relation, use.column, true);
        Datum values[4] = {Int32GetDatum(use.statement), ObjectIdGetDatum(use.relation),
                           column == nullptr ? static_cast<Datum>(0) : CStringGetTextDatum(column),
                           CStringGetTextDatum(name_of(use.access))};
        bool nulls[4] = {false, false, column == nullptr, false};
        tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}

PGDLLEXPORT Datum gamelan_hidden_bodies(PG_FUNCTION_ARGS) {
    const Oid routine = PG_GETARG_OID(0);
    const RoutineBody body = inspect_body(routine);
    ReturnSetInfo* rows = begin_rows(fcinfo);
    const List* hidden = body.is_seen ? body.hidden : list_make1_oid(routine);
    ListCell* cell = nullptr;
    foreach (cell, hidden) {
        Datum values[2] = {ObjectIdGetDatum(lfirst_oid(cell)), BoolGetDatum(lfirst_oid(cell) == routine)};
        bool nulls[2] = {};
        tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}

} // extern "C"
