// The one door to Postgres's headers. Include core and standard headers first: postgres.h defines macros
// (Min, Max, Abs, printf, _) that break them afterwards.
#pragma once

#include "core/base/no_postgres.hpp"
#include "extension/pg/version.hpp"

extern "C" {
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/sequence.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/procsignal.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

// What Postgres asks for before it calls a function of a library for the first time in a process. Ours
// compares versions there, so that a function never runs under a declaration that another version made.
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(function)                                                                        \
    extern Datum function(PG_FUNCTION_ARGS);                                                                 \
    extern PGDLLEXPORT const Pg_finfo_record* CppConcat(pg_finfo_, function)(void);                          \
    const Pg_finfo_record* CppConcat(pg_finfo_, function)(void) {                                            \
        static const Pg_finfo_record record = {1};                                                           \
        gamelan::pg::require_version_of_catalog();                                                           \
        return &record;                                                                                      \
    }                                                                                                        \
    extern int no_such_variable
