#include "extension/pg/spi.hpp"

#include <cstring>

namespace gamelan::pg::spi {

namespace {

constexpr int max_arguments = 32;
constexpr int max_plans = 96;

struct KeptPlan {
    const char* sql;
    SPIPlanPtr plan;
};
KeptPlan plans[max_plans];
int plan_count = 0;

SPIPlanPtr plan_for(const char* sql, int count, Oid* types) {
    for (int i = 0; i < plan_count; ++i)
        if (plans[i].sql == sql)
            return plans[i].plan;
    const SPIPlanPtr plan = SPI_prepare(sql, count, types);
    if (plan == nullptr)
        elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
    if (plan_count < max_plans && SPI_keepplan(plan) == 0)
        plans[plan_count++] = {sql, plan};
    return plan;
}

Datum value_at(std::uint64_t row, int column, bool& is_null) {
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null);
}

Datum required_at(std::uint64_t row, int column) {
    bool is_null = false;
    const Datum value = value_at(row, column, is_null);
    if (is_null)
        elog(ERROR, "column %d is null where it must not be", column);
    return value;
}

} // namespace

Argument bigint(std::int64_t value) {
    return {INT8OID, Int64GetDatum(value), false};
}
Argument integer(std::int32_t value) {
    return {INT4OID, Int32GetDatum(value), false};
}
Argument float8(double value) {
    return {FLOAT8OID, Float8GetDatum(value), false};
}
Argument null_of(Oid type) {
    return {type, static_cast<Datum>(0), true};
}

Argument text(std::string_view value) {
    return {TEXTOID, PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size()))),
            false};
}

Argument bytes(std::string_view value) {
    auto* out = static_cast<bytea*>(palloc(value.size() + VARHDRSZ));
    SET_VARSIZE(out, value.size() + VARHDRSZ);
    std::memcpy(VARDATA(out), value.data(), value.size());
    return {BYTEAOID, PointerGetDatum(out), false};
}

Argument json(std::string_view value) {
    const char* terminated = pnstrdup(value.data(), value.size());
    return {JSONBOID, DirectFunctionCall1(jsonb_in, CStringGetDatum(terminated)), false};
}

Argument array(Oid element_type, const Argument* elements, std::size_t count) {
    int16 width = 0;
    bool by_value = false;
    char align = 0;
    get_typlenbyvalalign(element_type, &width, &by_value, &align);
    auto* values = static_cast<Datum*>(palloc((count + 1) * sizeof(Datum)));
    auto* nulls = static_cast<bool*>(palloc((count + 1) * sizeof(bool)));
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = elements[i].value;
        nulls[i] = elements[i].is_null;
    }
    int dimensions[1] = {static_cast<int>(count)};
    int lower_bounds[1] = {1};
    ArrayType* out =
        construct_md_array(values, nulls, 1, dimensions, lower_bounds, element_type, width, by_value, align);
    return {get_array_type(element_type), PointerGetDatum(out), false};
}

static std::uint64_t execute(const char* sql, std::initializer_list<Argument> arguments, bool is_read_only) {
    Oid types[max_arguments];
    Datum values[max_arguments];
    char nulls[max_arguments];
    int count = 0;
    for (const Argument& argument : arguments) {
        types[count] = argument.type;
        values[count] = argument.value;
        nulls[count] = argument.is_null ? 'n' : ' ';
        ++count;
    }
    const int result = SPI_execute_plan(plan_for(sql, count, types), values, nulls, is_read_only, 0);
    if (result < 0)
        elog(ERROR, "a statement failed: %s", SPI_result_code_string(result));
    return SPI_processed;
}

std::uint64_t run(const char* sql, std::initializer_list<Argument> arguments) {
    return execute(sql, arguments, false);
}

std::uint64_t read(const char* sql, std::initializer_list<Argument> arguments) {
    return execute(sql, arguments, true);
}

bool is_null(std::uint64_t row, int column) {
    bool answer = false;
    (void)value_at(row, column, answer);
    return answer;
}

std::int64_t bigint_at(std::uint64_t row, int column) {
    return DatumGetInt64(required_at(row, column));
}
std::int32_t integer_at(std::uint64_t row, int column) {
    return DatumGetInt32(required_at(row, column));
}

TimestampTz time_at(std::uint64_t row, int column) {
    return DatumGetTimestampTz(required_at(row, column));
}

std::string_view text_at(std::uint64_t row, int column) {
    const varlena* value =
        pg_detoast_datum_packed(reinterpret_cast<varlena*>(DatumGetPointer(required_at(row, column))));
    return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

std::string_view bytes_at(std::uint64_t row, int column) {
    const varlena* value = DatumGetByteaPP(required_at(row, column));
    return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

Jsonb* json_at(std::uint64_t row, int column) {
    return DatumGetJsonbP(required_at(row, column));
}

void begin(const char* activity) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    PushActiveSnapshot(GetTransactionSnapshot());
    debug_query_string = activity;
    pgstat_report_activity(STATE_RUNNING, activity);
}

void commit() {
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
    debug_query_string = nullptr;
    pgstat_report_stat(false);
    pgstat_report_activity(STATE_IDLE, nullptr);
}

void abort() {
    AbortOutOfAnyTransaction();
    debug_query_string = nullptr;
    pgstat_report_activity(STATE_IDLE, nullptr);
}

} // namespace gamelan::pg::spi
