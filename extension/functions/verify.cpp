// game.verify. Its contract is the COMMENT in extension/sql/50-checkpoints.sql.
#include "extension/pg/verification.hpp"

#include "extension/pg/bridge.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;

struct Row {
    const char* what;
    std::int64_t tick; // -1 = null
    bool is_ok;
    const char* message;
};

struct Rows {
    const Row* rows;
    std::size_t count;
};

// C++ zone.
Rows to_rows(const std::vector<verification::Finding>& findings) {
    auto* rows = static_cast<Row*>(pg_call([&] { return palloc(sizeof(Row) * (findings.size() + 1)); }));
    for (std::size_t i = 0; i < findings.size(); ++i)
        rows[i] = {palloc_text(findings[i].what),
                   findings[i].tick ? static_cast<std::int64_t>(*findings[i].tick) : -1, findings[i].is_ok,
                   palloc_text(findings[i].message)};
    return {rows, findings.size()};
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_verify);

PGDLLEXPORT Datum gamelan_verify(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const bool from_beginning = PG_GETARG_BOOL(1);
    const Rows found = sql_boundary([&] { return to_rows(verification::verify(world_id, from_beginning)); });
    for (std::size_t i = 0; i < found.count; ++i) {
        const Row& row = found.rows[i];
        Datum values[4] = {CStringGetTextDatum(row.what), Int64GetDatum(row.tick), BoolGetDatum(row.is_ok),
                           CStringGetTextDatum(row.message)};
        bool nulls[4] = {false, row.tick < 0, false, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}

} // extern "C"
