// SQL functions about games made with SQL. Their contracts are the COMMENTs in
// extension/sql/25-components.sql.
#include "core/game/schema_game.hpp"
#include "extension/pg/json_input.hpp"

#include "extension/pg/bridge.hpp"

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_complete_schema_config);
PG_FUNCTION_INFO_V1(gamelan_is_native_game);

PGDLLEXPORT Datum gamelan_complete_schema_config(PG_FUNCTION_ARGS) {
    using namespace gamelan::pg;
    const std::span<const JsonEntry> entries = flatten_object(PG_GETARG_JSONB_P(0), "a world's config");
    char* completed = sql_boundary(
        [&] { return palloc_text(to_json(gamelan::game::complete_schema_config(to_config(entries)))); });
    PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(completed)));
}

PGDLLEXPORT Datum gamelan_is_native_game(PG_FUNCTION_ARGS) {
    using namespace gamelan;
    const char* name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    PG_RETURN_BOOL(pg::sql_boundary([&] {
        try {
            return game::find_module(name).name() == name;
        } catch (const Error&) {
            return false;
        }
    }));
}

} // extern "C"
