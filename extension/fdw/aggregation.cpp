#include "extension/fdw/aggregation.hpp"

#include <cstdlib>

#include "extension/fdw/execution.hpp"
#include "extension/pg/bridge.hpp"

extern "C" {
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
}

namespace gamelan::fdw {

namespace {

std::optional<AggregateFunction> function_of(Oid function) {
    switch (function) {
    case F_COUNT_:
    case F_COUNT_ANY:
        return AggregateFunction::count;
    case F_SUM_INT2:
    case F_SUM_INT4:
    case F_SUM_INT8:
        return AggregateFunction::sum;
    case F_AVG_INT2:
    case F_AVG_INT4:
    case F_AVG_INT8:
        return AggregateFunction::average;
    case F_MIN_INT2:
    case F_MIN_INT4:
    case F_MIN_INT8:
    case F_MIN_FLOAT4:
    case F_MIN_FLOAT8:
    case F_MIN_DATE:
    case F_MIN_TIMESTAMP:
    case F_MIN_TIMESTAMPTZ:
        return AggregateFunction::minimum;
    case F_MAX_INT2:
    case F_MAX_INT4:
    case F_MAX_INT8:
    case F_MAX_FLOAT4:
    case F_MAX_FLOAT8:
    case F_MAX_DATE:
    case F_MAX_TIMESTAMP:
    case F_MAX_TIMESTAMPTZ:
        return AggregateFunction::maximum;
    default:
        return std::nullopt;
    }
}

query::AggregateKind kind_of(AggregateFunction function) {
    switch (function) {
    case AggregateFunction::count:
        return query::AggregateKind::count;
    case AggregateFunction::sum:
    case AggregateFunction::average:
        return query::AggregateKind::sum;
    case AggregateFunction::minimum:
        return query::AggregateKind::minimum;
    default:
        return query::AggregateKind::maximum;
    }
}

const ColumnInfo& column_of(const TableInfo& table, AttrNumber number) {
    return table.columns[static_cast<std::size_t>(number - 1)];
}

Datum numeric_of(query::Accumulator::Sum value) {
    const auto narrow = static_cast<std::int64_t>(value);
    if (narrow == value)
        return NumericGetDatum(int64_to_numeric(narrow));
    char digits[48];
    char* at = digits + sizeof digits;
    *--at = '\0';
    const bool is_negative = value < 0;
    for (; value != 0; value /= 10)
        *--at = static_cast<char>('0' + std::abs(static_cast<int>(value % 10)));
    if (is_negative)
        *--at = '-';
    return DirectFunctionCall3(numeric_in, CStringGetDatum(at), ObjectIdGetDatum(InvalidOid),
                               Int32GetDatum(-1));
}

Datum result_of(const TableInfo& table, AggregateFunction function, const Scan::Aggregate& aggregate,
                bool* is_null) {
    const query::Accumulator& taken = aggregate.accumulator;
    *is_null = function != AggregateFunction::count && taken.count() == 0;
    if (*is_null)
        return 0;
    switch (function) {
    case AggregateFunction::count:
        return Int64GetDatum(static_cast<std::int64_t>(taken.count()));
    case AggregateFunction::sum:
        if (column_of(table, aggregate.column).codec.stored == ColumnType::i64)
            return numeric_of(taken.sum());
        return Int64GetDatum(static_cast<std::int64_t>(taken.sum()));
    case AggregateFunction::average:
        return DirectFunctionCall2(
            numeric_div, numeric_of(taken.sum()),
            NumericGetDatum(int64_to_numeric(static_cast<std::int64_t>(taken.count()))));
    default:
        return column_of(table, aggregate.column).codec.decode_fixed(taken.extreme());
    }
}

void set_defaults_of_table(Scan& scan, MemoryContext context) {
    const Relation relation = table_open(scan.table().relation, AccessShareLock);
    set_defaults(scan, relation, context);
    table_close(relation, NoLock);
}

void take_rows(ForeignScanState* node, Scan& scan, Aggregation& aggregation) {
    for (Scan::Aggregate& aggregate : aggregation.aggregates)
        aggregate.accumulator.clear();
    for (;;) {
        switch (pg::sql_boundary([&] { return scan.take_all(aggregation.aggregates); })) {
        case Step::wait_for_world:
            wait_for_world(scan);
            break;
        case Step::need_defaults:
            set_defaults_of_table(scan, node->ss.ps.state->es_query_cxt);
            break;
        case Step::end:
            return;
        default:
            CHECK_FOR_INTERRUPTS();
            break;
        }
    }
}

} // namespace

bool match_aggregate(Index relid, const TableInfo& table, const Aggref* aggregate, AggregateSpec& spec) {
    const std::optional<AggregateFunction> function = function_of(aggregate->aggfnoid);
    if (!function || aggregate->aggfilter != nullptr || aggregate->aggdistinct != NIL ||
        aggregate->aggorder != NIL || aggregate->agglevelsup != 0)
        return false;
    spec = {*function, 0};
    if (aggregate->args == NIL)
        return aggregate->aggstar;
    Expr* argument = linitial_node(TargetEntry, aggregate->args)->expr;
    while (IsA(argument, RelabelType)) // a domain
        argument = castNode(RelabelType, argument)->arg;
    if (!IsA(argument, Var))
        return false;
    const Var* var = castNode(Var, argument);
    if (static_cast<Index>(var->varno) != relid || var->varlevelsup != 0 || var->varattno <= 0)
        return false;
    spec.column = var->varattno;
    const ColumnInfo& column = column_of(table, var->varattno);
    if (column.role == ColumnRole::stored)
        return query::supports(column.codec.stored, kind_of(*function));
    return *function == AggregateFunction::count && column.role != ColumnRole::dropped;
}

List* encode_aggregation(Oid relation, std::span<const AggregateSpec> specs, List* conditions) {
    List* encoded = NIL;
    for (const AggregateSpec& spec : specs)
        encoded = lappend(encoded, list_make2_int(static_cast<int>(spec.function), spec.column));
    return list_make3(list_make1_oid(relation), encoded, conditions);
}

std::optional<PlannedAggregation> planned_aggregation(const ForeignScan* plan) {
    const List* encoded = static_cast<List*>(lfourth(plan->fdw_private));
    if (encoded == NIL)
        return std::nullopt;
    const List* list = static_cast<List*>(lsecond(encoded));
    const auto count = static_cast<std::size_t>(list_length(list));
    auto* specs = static_cast<AggregateSpec*>(palloc((count + 1) * sizeof(AggregateSpec)));
    for (std::size_t i = 0; i < count; ++i) {
        const List* spec = static_cast<List*>(list_nth(list, static_cast<int>(i)));
        specs[i] = {static_cast<AggregateFunction>(linitial_int(spec)),
                    static_cast<AttrNumber>(lsecond_int(spec))};
    }
    return PlannedAggregation{linitial_oid(static_cast<List*>(linitial(encoded))),
                              {specs, count},
                              static_cast<List*>(lthird(encoded))};
}

Aggregation::Aggregation(const PlannedAggregation& planned, const TableInfo& table)
    : specs(planned.specs.begin(), planned.specs.end()) {
    for (const AggregateSpec& spec : specs) {
        const ColumnType type =
            spec.column == 0 ? ColumnType::boolean : column_of(table, spec.column).codec.stored;
        aggregates.push_back({spec.column, query::Accumulator(kind_of(spec.function), type)});
    }
}

TupleTableSlot* iterate_aggregation(ForeignScanState* node) {
    Execution& execution = Execution::of(node);
    Aggregation& aggregation = *execution.aggregation;
    TupleTableSlot* slot = node->ss.ss_ScanTupleSlot;
    ExecClearTuple(slot);
    if (aggregation.is_done)
        return slot;
    take_rows(node, *execution.scan, aggregation);
    aggregation.is_done = true;
    for (std::size_t i = 0; i < aggregation.specs.size(); ++i)
        slot->tts_values[i] = result_of(*execution.table, aggregation.specs[i].function,
                                        aggregation.aggregates[i], &slot->tts_isnull[i]);
    return ExecStoreVirtualTuple(slot);
}

} // namespace gamelan::fdw
