// Archives of partitions. Their contracts are the COMMENTs in extension/sql/67-archive.sql.
#include "core/codec/archive.hpp"
#include "extension/pg/archive_file.hpp"
#include "extension/pg/bridge.hpp"
#include "extension/pg/spi.hpp"

#include <cstring>
#include <optional>
#include <vector>

extern "C" {
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace {

using namespace gamelan;
using namespace gamelan::pg;

constexpr int rows_at_a_time = 256;

// The columns of a table, palloc'd.
struct Columns {
    int count;
    Oid* types;
    const char* names; // for SQL, with commas
    const char* table;
    const char* parameters; // $1, $2
};

// `wanted`: only these, in this order; null = all.
Columns columns_of(Oid oid, ArrayType* wanted) {
    const Relation relation = table_open(oid, AccessShareLock);
    const TupleDesc row = RelationGetDescr(relation);
    Datum* names = nullptr;
    int count = row->natts;
    if (wanted != nullptr)
        deconstruct_array(wanted, TEXTOID, -1, false, TYPALIGN_INT, &names, nullptr, &count);
    Columns out{0, static_cast<Oid*>(palloc(sizeof(Oid) * static_cast<std::size_t>(Max(count, 1)))), nullptr,
                quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                           RelationGetRelationName(relation)),
                nullptr};
    StringInfoData list;
    StringInfoData parameters;
    initStringInfo(&list);
    initStringInfo(&parameters);
    for (int i = 0; i < count; ++i) {
        const AttrNumber number = names == nullptr ? static_cast<AttrNumber>(i + 1)
                                                   : get_attnum(oid, TextDatumGetCString(names[i]));
        if (number <= 0)
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                            errmsg("the archive has a column \"%s\", which the table does not have",
                                   TextDatumGetCString(names[i]))));
        const FormData_pg_attribute* column = TupleDescAttr(row, number - 1);
        if (column->attisdropped)
            continue;
        out.types[out.count++] = column->atttypid;
        appendStringInfo(&list, "%s%s", out.count == 1 ? "" : ", ",
                         quote_identifier(NameStr(column->attname)));
        appendStringInfo(&parameters, "%s$%d", out.count == 1 ? "" : ", ", out.count);
    }
    out.names = list.data;
    out.parameters = parameters.data;
    table_close(relation, NoLock);
    return out;
}

// A value as it stands in an archive: bytea as it is, all else as text.
struct Stored {
    bool is_null;
    const char* bytes;
    std::size_t size;
};

Stored stored_value(const Columns& columns, std::uint64_t row, int column) {
    bool is_null = false;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column + 1, &is_null);
    if (is_null)
        return {true, nullptr, 0};
    if (columns.types[column] == BYTEAOID) {
        const varlena* bytes = pg_detoast_datum_packed(reinterpret_cast<varlena*>(DatumGetPointer(value)));
        return {false, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
    }
    Oid output = InvalidOid;
    bool is_variable = false;
    getTypeOutputInfo(columns.types[column], &output, &is_variable);
    const char* text = OidOutputFunctionCall(output, value);
    return {false, text, std::strlen(text)};
}

Datum value_of(Oid type, const char* bytes, std::size_t size) {
    if (type == BYTEAOID)
        return spi::bytes({bytes, size}).value;
    Oid input = InvalidOid;
    Oid parameter = InvalidOid;
    getTypeInputInfo(type, &input, &parameter);
    return OidInputFunctionCall(input, pnstrdup(bytes, size), parameter, -1);
}

// In the order of the key.
const char* select_of(const Columns& columns) {
    return psprintf("SELECT %s FROM ONLY %s ORDER BY world, tick%s", columns.names, columns.table,
                    std::strstr(columns.names, "ordinal") == nullptr ? "" : ", ordinal");
}

std::uint64_t write_rows(Oid table, codec::ArchiveWriter& writer) {
    const Columns columns = pg_call([&] { return columns_of(table, nullptr); });
    const Portal portal = pg_call([&] {
        return SPI_cursor_open_with_args(nullptr, select_of(columns), 0, nullptr, nullptr, nullptr, true, 0);
    });
    std::vector<std::optional<std::string_view>> values(static_cast<std::size_t>(columns.count));
    for (;;) {
        const MemoryContext batch = pg_call([] {
            CHECK_FOR_INTERRUPTS();
            return AllocSetContextCreate(CurrentMemoryContext, "rows for an archive", ALLOCSET_DEFAULT_SIZES);
        });
        const std::uint64_t count = pg_call([&] {
            SPI_cursor_fetch(portal, true, rows_at_a_time);
            return SPI_processed;
        });
        for (std::uint64_t row = 0; row < count; ++row) {
            for (int i = 0; i < columns.count; ++i) {
                const Stored value = pg_call([&] {
                    const MemoryContext caller = MemoryContextSwitchTo(batch);
                    const Stored out = stored_value(columns, row, i);
                    MemoryContextSwitchTo(caller);
                    return out;
                });
                values[static_cast<std::size_t>(i)] =
                    value.is_null ? std::nullopt : std::optional(std::string_view(value.bytes, value.size));
            }
            writer.add(values);
        }
        pg_call([&] {
            SPI_freetuptable(SPI_tuptable);
            MemoryContextDelete(batch);
        });
        if (count == 0)
            break;
    }
    pg_call([&] { SPI_cursor_close(portal); });
    return writer.end();
}

void insert(const Columns& columns, SPIPlanPtr plan, const std::vector<codec::ArchiveRow>& rows) {
    struct Parameter {
        const char* bytes;
        std::size_t size;
        bool is_null;
    };
    std::vector<Parameter> parameters(static_cast<std::size_t>(columns.count));
    for (const codec::ArchiveRow& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i)
            parameters[i] =
                row[i] ? Parameter{row[i]->data(), row[i]->size(), false} : Parameter{nullptr, 0, true};
        const Parameter* given = parameters.data();
        pg_call([&] {
            const MemoryContext context =
                AllocSetContextCreate(CurrentMemoryContext, "row of an archive", ALLOCSET_SMALL_SIZES);
            const MemoryContext caller = MemoryContextSwitchTo(context);
            auto* values =
                static_cast<Datum*>(palloc0(sizeof(Datum) * static_cast<std::size_t>(columns.count)));
            auto* nulls = static_cast<char*>(palloc(static_cast<std::size_t>(columns.count)));
            for (int i = 0; i < columns.count; ++i) {
                nulls[i] = given[i].is_null ? 'n' : ' ';
                if (!given[i].is_null)
                    values[i] = value_of(columns.types[i], given[i].bytes, given[i].size);
            }
            if (const int result = SPI_execute_plan(plan, values, nulls, false, 0); result < 0)
                elog(ERROR, "a row of an archive could not be written: %s", SPI_result_code_string(result));
            MemoryContextSwitchTo(caller);
            MemoryContextDelete(context);
        });
    }
}

std::uint64_t read_rows(Oid table, ArrayType* names, codec::ArchiveReader& reader) {
    const Columns columns = pg_call([&] { return columns_of(table, names); });
    const SPIPlanPtr plan = pg_call([&] {
        return SPI_prepare(
            psprintf("INSERT INTO %s (%s) VALUES (%s)", columns.table, columns.names, columns.parameters),
            columns.count, columns.types);
    });
    if (plan == nullptr)
        throw Error(sqlstate::internal, "a statement could not be prepared");
    for (;;) {
        pg_call([] { CHECK_FOR_INTERRUPTS(); });
        const std::vector<codec::ArchiveRow> rows = reader.next(static_cast<std::size_t>(columns.count));
        if (rows.empty())
            return reader.rows();
        insert(columns, plan, rows);
    }
}

const char* text_argument(FunctionCallInfo fcinfo, int n) {
    return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_write_archive);
PG_FUNCTION_INFO_V1(gamelan_read_archive);
PG_FUNCTION_INFO_V1(gamelan_archive_header);
PG_FUNCTION_INFO_V1(gamelan_archive_bytes);

PGDLLEXPORT Datum gamelan_write_archive(PG_FUNCTION_ARGS) {
    const char* file = text_argument(fcinfo, 0);
    const Oid table = PG_GETARG_OID(1);
    const char* header = text_argument(fcinfo, 2);
    SPI_connect();
    struct Written {
        std::uint64_t rows;
        std::uint64_t bytes;
    };
    const Written written = sql_boundary([&] {
        NewArchiveFile out(archive_path(file));
        codec::ArchiveWriter writer(header, [&](std::string_view part) { out.write(part); });
        const std::uint64_t rows = write_rows(table, writer);
        out.complete();
        return Written{rows, out.bytes()};
    });
    SPI_finish();
    TupleDesc row = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    Datum values[2] = {Int64GetDatum(static_cast<std::int64_t>(written.rows)),
                       Int64GetDatum(static_cast<std::int64_t>(written.bytes))};
    bool nulls[2] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

PGDLLEXPORT Datum gamelan_read_archive(PG_FUNCTION_ARGS) {
    const char* file = text_argument(fcinfo, 0);
    const Oid table = PG_GETARG_OID(1);
    ArrayType* names = PG_GETARG_ARRAYTYPE_P(2);
    SPI_connect();
    const std::uint64_t rows = sql_boundary([&] {
        ArchiveFile in(archive_path(file));
        codec::ArchiveReader reader([&](std::size_t bytes) { return in.read(bytes); });
        return read_rows(table, names, reader);
    });
    SPI_finish();
    PG_RETURN_INT64(static_cast<std::int64_t>(rows));
}

PGDLLEXPORT Datum gamelan_archive_header(PG_FUNCTION_ARGS) {
    const char* file = text_argument(fcinfo, 0);
    const char* header = sql_boundary([&] {
        ArchiveFile in(archive_path(file));
        codec::ArchiveReader reader([&](std::size_t bytes) { return in.read(bytes); });
        return static_cast<const char*>(palloc_text(reader.header()));
    });
    PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(header)));
}

PGDLLEXPORT Datum gamelan_archive_bytes(PG_FUNCTION_ARGS) {
    const char* file = text_argument(fcinfo, 0);
    PG_RETURN_INT64(sql_boundary(
        [&] { return static_cast<std::int64_t>(ArchiveFile(archive_path(file)).bytes_left()); }));
}

} // extern "C"
