// Declaring systems and actions: what SQL alone cannot see of their bodies and arguments. The contracts are
// the COMMENTs in extension/sql/33-systems.sql and 34-actions.sql.
#include "extension/pg/action_arguments.hpp"

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_match_arguments);

PGDLLEXPORT Datum gamelan_match_arguments(PG_FUNCTION_ARGS) {
    using namespace gamelan::pg;
    const Oid function = PG_GETARG_OID(0);
    const ArgumentForm form = PG_GETARG_BOOL(2) ? ArgumentForm::command : ArgumentForm::client;
    const ActionArguments arguments = match_arguments(function, PG_GETARG_JSONB_P(1), form);
    PG_RETURN_DATUM(CStringGetTextDatum(encode_arguments(function, arguments)));
}

} // extern "C"
