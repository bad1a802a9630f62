// The handler of the foreign data wrapper: what CREATE FOREIGN TABLE needs.
#include "core/base/no_postgres.hpp"

#include "extension/pg/pg.hpp"

extern "C" {
#include "foreign/fdwapi.h"

PG_FUNCTION_INFO_V1(gamelan_fdw_handler);

PGDLLEXPORT Datum gamelan_fdw_handler(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_POINTER(makeNode(FdwRoutine));
}

} // extern "C"
