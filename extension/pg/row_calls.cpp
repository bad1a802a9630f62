#include "extension/pg/row_calls.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/component_types.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "executor/spi.h"
#include "parser/parse_type.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

namespace gamelan::pg {

namespace {

Oid owner_of(Oid procedure) {
    const HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(procedure));
    if (!HeapTupleIsValid(row))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("procedure %u does not exist", procedure)));
    const Oid owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(row))->proowner;
    ReleaseSysCache(row);
    return owner;
}

void run(const sim::RowCalls& calls) {
    const int count = static_cast<int>(calls.parameters.size());
    auto* types = static_cast<Oid*>(palloc(sizeof(Oid) * static_cast<Size>(count + 1)));
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(count + 1)));
    auto* nulls = static_cast<char*>(palloc(static_cast<Size>(count + 1)));
    auto* codecs = static_cast<ColumnCodec*>(palloc(sizeof(ColumnCodec) * static_cast<Size>(count + 1)));
    for (int i = 0; i < count; ++i) {
        std::int32_t modifier = -1;
        parseTypeString(calls.parameters[static_cast<std::size_t>(i)].type_name.c_str(), &types[i], &modifier,
                        false);
        codecs[i] = column_codec_of(getBaseType(types[i]));
    }
    const char* sql = psprintf("SELECT %s", calls.sql.c_str());
    const SPIPlanPtr plan = SPI_prepare(sql, count, types);
    if (plan == nullptr)
        elog(ERROR, "a call could not be prepared: %s", SPI_result_code_string(SPI_result));
    const MemoryContext caller = CurrentMemoryContext;
    const MemoryContext scratch = AllocSetContextCreate(caller, "gamelan row call", ALLOCSET_DEFAULT_SIZES);
    for (const std::string& row : calls.rows) {
        MemoryContextSwitchTo(scratch);
        std::size_t offset = 0;
        for (int i = 0; i < count; ++i) {
            const std::size_t width = width_of(calls.parameters[static_cast<std::size_t>(i)].type);
            const bool is_null = row[offset] != 0;
            nulls[i] = is_null ? 'n' : ' ';
            values[i] = is_null ? Datum{0} : codecs[i].decode({row.data() + offset + 1, width});
            offset += 1 + width;
        }
        if (const int result = SPI_execute_plan(plan, values, nulls, false, 0); result < 0)
            elog(ERROR, "a call failed: %s", SPI_result_code_string(result));
        SPI_freetuptable(SPI_tuptable);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(scratch);
    }
    MemoryContextDelete(scratch);
    SPI_freeplan(plan);
}

} // namespace

void run_row_calls(Oid procedure, const sim::RowCalls& calls) {
    pg_call([&] {
        AsOwner role(owner_of(procedure));
        (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                                GUC_ACTION_SAVE, true, 0, false);
        run(calls);
        role.end();
    });
}

} // namespace gamelan::pg
