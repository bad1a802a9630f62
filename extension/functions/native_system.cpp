// Contract: the COMMENT in extension/sql/33-systems.sql.
#include "extension/pg/native_library.hpp"

#include "extension/pg/bridge.hpp"

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_check_native_system);

PGDLLEXPORT Datum gamelan_check_native_system(PG_FUNCTION_ARGS) {
    const char* library = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const char* symbol = text_to_cstring(PG_GETARG_TEXT_PP(1));
    if (!superuser())
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for native systems"),
                 errhint("The library becomes part of the server: only a superuser makes one.")));
    gamelan::pg::sql_boundary([&] {
        gamelan::pg::install_native_loader();
        (void)gamelan::native::resolve(std::string(library) + ":" + symbol);
    });
    PG_RETURN_VOID();
}

} // extern "C"
