#include "extension/pg/event_rows.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/component_types.hpp"

extern "C" {
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace gamelan::pg {

namespace {

struct Parameters {
    Oid* types;
    Datum* values;
    int count;
};

Oid type_of_column(Oid table, const char* name, ColumnType expected) {
    const AttrNumber number = get_attnum(table, name);
    const Oid type = number == InvalidAttrNumber ? InvalidOid : getBaseType(get_atttype(table, number));
    if (!OidIsValid(type) || column_type_of(type) != expected)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("column \"%s\" is not what it was when the system was compiled", name)));
    return type;
}

// The values of one column, as an array; `offset` is where it stands in each row.
Datum values_of(const sim::EventRows& rows, Oid type, ColumnType stored, std::size_t offset) {
    const std::size_t count = rows.rows.size();
    auto* values = static_cast<Datum*>(palloc(count * sizeof(Datum)));
    auto* nulls = static_cast<bool*>(palloc(count * sizeof(bool)));
    const ColumnCodec codec = column_codec_of(type);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view row = rows.rows[i];
        nulls[i] = row[offset] != 0;
        values[i] = nulls[i] ? Datum{0} : codec.decode(row.substr(offset + 1, width_of(stored)));
    }
    int16 width = 0;
    bool is_by_value = false;
    char align = 0;
    get_typlenbyvalalign(type, &width, &is_by_value, &align);
    int dimensions[1] = {static_cast<int>(count)};
    int lower_bounds[1] = {1};
    return PointerGetDatum(
        construct_md_array(values, nulls, 1, dimensions, lower_bounds, type, width, is_by_value, align));
}

void insert(const sim::EventRows& rows, const char* schema, std::int64_t world_id, std::uint64_t tick) {
    const Oid table = get_relname_relid(rows.table.c_str(), get_namespace_oid(schema, false));
    if (!OidIsValid(table))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("table \"%s.%s\" does not exist", schema, rows.table.c_str())));
    const std::size_t columns = rows.columns.size();
    Parameters parameters{static_cast<Oid*>(palloc((columns + 4) * sizeof(Oid))),
                          static_cast<Datum*>(palloc((columns + 4) * sizeof(Datum))), 0};
    const auto add = [&](Oid type, Datum value) {
        parameters.types[parameters.count] = type;
        parameters.values[parameters.count++] = value;
    };
    add(INT8OID, Int64GetDatum(world_id));
    add(INT8OID, UInt64GetDatum(tick));
    add(INT8OID, Int64GetDatum(static_cast<std::int64_t>(rows.rows.size())));
    add(TEXTOID, CStringGetTextDatum(rows.cause.c_str()));
    StringInfoData names;
    StringInfoData arrays;
    initStringInfo(&names);
    initStringInfo(&arrays);
    std::size_t offset = 0;
    for (const sim::EventRows::Column& column : rows.columns) {
        const Oid type = type_of_column(table, column.name.c_str(), column.type);
        add(get_array_type(type), values_of(rows, type, column.type, offset));
        appendStringInfo(&names, ", %s", quote_identifier(column.name.c_str()));
        appendStringInfo(&arrays, "%s$%d",
                         offset == 0 ? "ROWS FROM (pg_catalog.unnest(" : "), pg_catalog.unnest(",
                         parameters.count);
        offset += 1 + width_of(column.type);
    }
    if (columns == 0)
        appendStringInfoString(&arrays, "pg_catalog.generate_series(1, $3)");
    else
        appendStringInfoString(&arrays, "))");
    const char* sql = psprintf("INSERT INTO %s (world, tick, cause%s) SELECT $1, $2, $4%s FROM %s AS u",
                               quote_qualified_identifier(schema, rows.table.c_str()), names.data,
                               columns == 0 ? "" : ", u.*", arrays.data);
    const int result =
        SPI_execute_with_args(sql, parameters.count, parameters.types, parameters.values, nullptr, false, 0);
    if (result < 0)
        elog(ERROR, "rows of events could not be written: %s", SPI_result_code_string(result));
}

} // namespace

void append_event_rows(const std::string& game, std::int64_t world_id, std::uint64_t tick,
                       const sim::EventRows& rows) {
    const char* schema = game.c_str();
    pg_call([&] {
        insert(rows, schema, world_id, tick);
        return 0;
    });
}

} // namespace gamelan::pg
