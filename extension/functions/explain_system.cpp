// game._explain_procedure: what the compiler makes of a procedure. Its contract is the COMMENT in
// extension/sql/38-explain.sql.
#include "core/kernel/cost.hpp"
#include "extension/compiler/compiler.hpp"

#include "extension/pg/bridge.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;
using compiler::CompiledProcedure;
using compiler::CompiledStatement;

// One row of the answer; texts are palloc'd.
struct Row {
    int number;
    const char* text;
    const char* path;
    const char* reason; // or nullptr
    const char* steps;  // or nullptr
    Datum reads;
    Datum writes;
    bool is_deterministic;
    double estimated_ns;
};

struct Rows {
    Row* rows;
    std::size_t count;
};

Datum text_array(const std::vector<std::string>& list) {
    std::vector<Datum> elements;
    for (const std::string& text : list)
        elements.push_back(CStringGetTextDatum(palloc_text(text)));
    return pg_call([&] {
        return PointerGetDatum(
            construct_array(elements.data(), static_cast<int>(elements.size()), TEXTOID, -1, false, 'i'));
    });
}

std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines)
        out += (out.empty() ? "" : "\n") + line;
    return out;
}

std::string reason_of(const CompiledProcedure& procedure, std::size_t place) {
    if (!procedure.statements[place].is_compiled)
        return procedure.statements[place].reason;
    for (std::size_t i = 0; i < procedure.statements.size(); ++i)
        if (!procedure.statements[i].is_compiled)
            return "statement " + std::to_string(i + 1) + " is not compiled, and all run on one path";
    return "";
}

// C++ zone.
Rows explain(Oid procedure, std::string_view game) {
    const CompiledProcedure compiled = compiler::compile_procedure(procedure, game);
    const std::size_t count = compiled.statements.size();
    auto* rows = static_cast<Row*>(pg_call([&] { return palloc0(sizeof(Row) * Max(count, 1)); }));
    for (std::size_t i = 0; i < count; ++i) {
        const CompiledStatement& statement = compiled.statements[i];
        const std::string reason = reason_of(compiled, i);
        rows[i] = {static_cast<int>(i + 1),
                   palloc_text(statement.text),
                   compiled.program ? "kernel" : "executor",
                   reason.empty() ? nullptr : palloc_text(reason),
                   statement.is_compiled ? palloc_text(joined(statement.steps)) : nullptr,
                   text_array(statement.reads),
                   text_array(statement.writes),
                   statement.is_deterministic,
                   compiled.program ? statement.estimated_ns : kernel::executor_row_ns};
    }
    return {rows, count};
}

void put(ReturnSetInfo* result, const Row& row) {
    const auto text = [](const char* value) {
        return value == nullptr ? static_cast<Datum>(0) : CStringGetTextDatum(value);
    };
    Datum values[] = {Int32GetDatum(row.number),
                      text(row.text),
                      text(row.path),
                      text(row.reason),
                      text(row.steps),
                      row.reads,
                      row.writes,
                      BoolGetDatum(row.is_deterministic),
                      Float8GetDatum(row.estimated_ns)};
    bool nulls[] = {false, false, false, row.reason == nullptr, row.steps == nullptr, false,
                    false, false, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_explain_procedure);

PGDLLEXPORT Datum gamelan_explain_procedure(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const Oid procedure = PG_GETARG_OID(0);
    const char* game = text_to_cstring(PG_GETARG_TEXT_PP(1));
    const Rows rows = sql_boundary([&] { return explain(procedure, game); });
    for (std::size_t i = 0; i < rows.count; ++i)
        put(result, rows.rows[i]);
    return static_cast<Datum>(0);
}

} // extern "C"
