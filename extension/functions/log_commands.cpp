// game._decode_commands. Its contract is the COMMENT in extension/sql/68-statistics.sql.
#include "core/codec/command_batch.hpp"
#include "extension/functions/rows.hpp"

extern "C" {
#include "utils/builtins.h"
}

namespace {

using namespace gamelan;
using namespace gamelan::pg;

// A row, palloc'd.
struct Listed {
    const char* kind;
    const char* actor;
    const char* action;
    std::int64_t handle;
};

const char* name_of(game::CommandKind kind) {
    switch (kind) {
    case game::CommandKind::action:
        return "action";
    case game::CommandKind::writes:
        return "writes";
    case game::CommandKind::definition:
        return "definition";
    case game::CommandKind::rules:
        return "rules";
    case game::CommandKind::effects:
        return "effects";
    }
    return "unknown";
}

Rows<Listed> list_commands(std::string_view bytes) {
    std::vector<Listed> rows;
    for (const game::Command& command : codec::decode_commands(bytes))
        rows.push_back(
            {name_of(command.kind), palloc_text(command.actor), palloc_text(command.action), command.handle});
    return palloc_rows(rows);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_decode_commands);

PGDLLEXPORT Datum gamelan_decode_commands(PG_FUNCTION_ARGS) {
    const bytea* bytes = PG_GETARG_BYTEA_PP(0);
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const Rows<Listed> list = sql_boundary([&] {
        return list_commands({VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)});
    });
    for (std::size_t i = 0; i < list.count; ++i) {
        const Listed& row = list.rows[i];
        Datum values[5] = {Int32GetDatum(static_cast<std::int32_t>(i + 1)), CStringGetTextDatum(row.kind),
                           CStringGetTextDatum(row.actor), CStringGetTextDatum(row.action),
                           Int64GetDatum(row.handle)};
        bool nulls[5] = {false, false, row.actor[0] == '\0', row.action[0] == '\0', row.handle == 0};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}

} // extern "C"
