#include "extension/fdw/execution.hpp"

#include <cmath>

#include "extension/fdw/owned.hpp"
#include "extension/pg/bridge.hpp"
#include "extension/pg/catalog_definition.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace gamelan::fdw {

namespace {

// A value a condition compares with, as the bytes of the column.
struct Operand {
    alignas(8) std::byte bytes[16];
};

std::int64_t integer_of(OperandForm form, Datum value) {
    return form == OperandForm::integer2   ? DatumGetInt16(value)
           : form == OperandForm::integer4 ? DatumGetInt32(value)
                                           : DatumGetInt64(value);
}

bool is_integer(OperandForm form) {
    return form == OperandForm::integer2 || form == OperandForm::integer4 || form == OperandForm::integer8;
}

const pg::ColumnCodec& codec_of(const Scan& scan, const Scan::Qual& qual) {
    return scan.table().columns[static_cast<std::size_t>(qual.spec.column - 1)].codec;
}

void encode(const pg::ColumnCodec& codec, Datum value, Operand& out) {
    pg::EncodedValue encoded;
    codec.encode(value, encoded);
    std::memcpy(out.bytes, encoded.inline_bytes, sizeof out.bytes);
}

// A value's contents as a slot would have them, but for the place of long ones: what an index asks for.
void encode_contents(const pg::ColumnCodec& codec, Datum value, Operand& out) {
    pg::EncodedValue encoded;
    codec.encode(value, encoded);
    store::ValueSlot slot{};
    slot.bytes = encoded.bytes;
    if (slot.is_inline()) {
        std::memcpy(slot.body, encoded.view().data(), encoded.bytes);
    } else {
        const std::uint64_t hash = hash64(encoded.view());
        std::memcpy(slot.body + sizeof(store::Ref), &hash, sizeof hash);
    }
    std::memcpy(out.bytes, &slot, sizeof slot);
}

void set_scalar(const Scan& scan, Scan::Qual& qual, Datum value) {
    const query::Condition condition = qual.spec.condition;
    if (is_integer(qual.spec.form)) {
        qual.predicate.set_integer(condition, integer_of(qual.spec.form, value));
    } else if (qual.spec.form == OperandForm::real8) {
        qual.predicate.set_widened(condition, DatumGetFloat8(value));
    } else {
        Operand operand{};
        if (qual.spec.form == OperandForm::real4) {
            const double widened = DatumGetFloat4(value);
            std::memcpy(operand.bytes, &widened, sizeof widened);
        } else if (qual.spec.form == OperandForm::contents) {
            encode_contents(codec_of(scan, qual), value, operand);
        } else {
            encode(codec_of(scan, qual), value, operand);
        }
        qual.predicate.set(condition, operand.bytes);
    }
}

template <class T>
bool put(std::int64_t value, Operand& out) {
    const T narrowed = static_cast<T>(value);
    std::memcpy(out.bytes, &narrowed, sizeof narrowed);
    return narrowed == value;
}

// An element of an array as the bytes of the column; false when no value of the column equals it.
bool encode_element(const Scan& scan, const Scan::Qual& qual, Datum value, Operand& out) {
    if (is_integer(qual.spec.form)) {
        const std::int64_t integer = integer_of(qual.spec.form, value);
        switch (qual.predicate.type()) {
        case ColumnType::i16:
            return put<std::int16_t>(integer, out);
        case ColumnType::i32:
            return put<std::int32_t>(integer, out);
        default:
            return put<std::int64_t>(integer, out);
        }
    }
    if (qual.spec.form == OperandForm::real8) {
        const double real = DatumGetFloat8(value);
        const float narrowed = static_cast<float>(real);
        std::memcpy(out.bytes, &narrowed, sizeof narrowed);
        return std::isnan(real) || static_cast<double>(narrowed) == real;
    }
    if (qual.spec.form == OperandForm::real4) {
        const double widened = DatumGetFloat4(value);
        std::memcpy(out.bytes, &widened, sizeof widened);
        return true;
    }
    encode(codec_of(scan, qual), value, out);
    return true;
}

void set_list(const Scan& scan, Scan::Qual& qual, Datum array) {
    ArrayType* elements = DatumGetArrayTypeP(array);
    std::int16_t width = 0;
    bool by_value = false;
    char alignment = 0;
    get_typlenbyvalalign(ARR_ELEMTYPE(elements), &width, &by_value, &alignment);
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(elements, ARR_ELEMTYPE(elements), width, by_value, alignment, &values, &nulls, &count);
    const std::size_t stored = width_of(qual.predicate.type());
    auto* bytes = static_cast<std::byte*>(palloc(stored * static_cast<std::size_t>(count) + 1));
    std::size_t used = 0;
    for (int i = 0; i < count; ++i) {
        Operand operand{};
        if (nulls[i] || !encode_element(scan, qual, values[i], operand))
            continue;
        std::memcpy(bytes + used, operand.bytes, stored);
        used += stored;
    }
    pg::sql_boundary([&] { qual.predicate.set_list({bytes, used}); });
}

void set_operand(ForeignScanState* node, Scan& scan, Scan::Qual& qual) {
    if (qual.spec.operand < 0) {
        // A test for NULL, or a boolean by itself: compared with false.
        constexpr std::byte no[16] = {};
        if (qual.spec.condition == query::Condition::is_null ||
            qual.spec.condition == query::Condition::is_not_null)
            qual.predicate.set(qual.spec.condition);
        else
            qual.predicate.set(qual.spec.condition, no);
        return;
    }
    auto* expression = static_cast<ExprState*>(list_nth(Execution::of(node).operands, qual.spec.operand));
    bool is_null = false;
    const Datum value = ExecEvalExpr(expression, node->ss.ps.ps_ExprContext, &is_null);
    if (is_null)
        qual.predicate.set(query::Condition::never);
    else if (qual.spec.is_list)
        set_list(scan, qual, value);
    else
        set_scalar(scan, qual, value);
}

bool names_worlds(Scan& scan) {
    for (const Scan::Qual& qual : scan.quals())
        if (qual.role == ColumnRole::world && names_rows(qual.spec))
            return true;
    return false;
}

bool passes_recheck(ForeignScanState* node, TupleTableSlot* slot) {
    ExprContext* context = node->ss.ps.ps_ExprContext;
    context->ecxt_scantuple = slot;
    return ExecQual(node->fdw_recheck_quals, context);
}

} // namespace

void wait_for_world(Scan& scan) {
    const WorldPlace world = scan.waiting_for();
    if ((!names_worlds(scan) && !is_recovering(world)) || !wait_for_version(world))
        scan.skip_waiting();
}

List* encode_plan(List* quals, List* needed, int by_index, List* aggregation) {
    return list_make4(quals, needed, list_make1_int(by_index), aggregation);
}

int planned_index(const ForeignScan* plan) {
    return linitial_int(static_cast<List*>(lthird(plan->fdw_private)));
}

std::span<const PushedQual> planned_quals(const ForeignScan* plan) {
    const List* encoded = static_cast<List*>(linitial(plan->fdw_private));
    const auto count = static_cast<std::size_t>(list_length(encoded));
    auto* quals = static_cast<PushedQual*>(palloc((count + 1) * sizeof(PushedQual)));
    for (std::size_t i = 0; i < count; ++i)
        quals[i] = decode_qual(static_cast<Node*>(list_nth(encoded, static_cast<int>(i))));
    return {quals, count};
}

std::span<const AttrNumber> planned_columns(const ForeignScan* plan) {
    const List* encoded = static_cast<List*>(lsecond(plan->fdw_private));
    const auto count = static_cast<std::size_t>(list_length(encoded));
    auto* numbers = static_cast<AttrNumber*>(palloc((count + 1) * sizeof(AttrNumber)));
    for (std::size_t i = 0; i < count; ++i)
        numbers[i] = static_cast<AttrNumber>(list_nth_int(encoded, static_cast<int>(i)));
    return {numbers, count};
}

void set_defaults(Scan& scan, Relation relation, MemoryContext context) {
    const TupleDesc descriptor = RelationGetDescr(relation);
    const MemoryContext old = MemoryContextSwitchTo(context);
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute* attribute = TupleDescAttr(descriptor, i);
        if (attribute->attisdropped || !scan.needs_default(attribute->attnum))
            continue;
        const pg::DefaultValue found =
            pg::default_of(RelationGetRelid(relation), attribute->attnum, attribute->atttypid,
                           attribute->atttypmod, relation->rd_rel->relowner);
        const pg::ColumnCodec& codec = scan.table().columns[static_cast<std::size_t>(i)].codec;
        pg::EncodedValue encoded;
        if (!found.is_null && codec.stored != ColumnType::value)
            codec.encode(found.value, encoded);
        scan.set_default(attribute->attnum, found.value, found.is_null, encoded);
    }
    MemoryContextSwitchTo(old);
}

void start(ForeignScanState* node) {
    Execution& execution = Execution::of(node);
    Scan& scan = *execution.scan;
    if (!scan.has_view()) {
        require_worker();
        View* view = view_of(node->ss.ps.state->es_snapshot);
        if (const pg::TickScope* scope = pg::TickScope::current())
            pg::sql_boundary([scope] { scope->begin_reading(); });
        scan.set_view(view);
    }
    for (Scan::Qual& qual : scan.quals())
        set_operand(node, scan, qual);
    pg::sql_boundary([&] { scan.restart(); });
    execution.is_started = true;
}

void begin_foreign_scan(ForeignScanState* node, int flags) {
    const auto* plan = castNode(ForeignScan, node->ss.ps.plan);
    auto* execution = make_in<Execution>(node->ss.ps.state->es_query_cxt);
    node->fdw_state = execution;
    const std::optional<PlannedAggregation> aggregation = planned_aggregation(plan);
    get_table_info(aggregation ? aggregation->relation : RelationGetRelid(node->ss.ss_currentRelation),
                   execution->table);
    const std::span<const PushedQual> quals = planned_quals(plan);
    const std::span<const AttrNumber> needed = planned_columns(plan);
    const int by_index = planned_index(plan);
    pg::sql_boundary([&] {
        execution->scan.emplace(execution->table, quals, needed, by_index);
        if (aggregation)
            execution->aggregation.emplace(*aggregation, *execution->table);
    });
    execution->operands = ExecInitExprList(plan->fdw_exprs, &node->ss.ps);
    const bool is_helper = plan->scan.plan.parallel_aware && IsParallelWorker();
    if ((flags & EXEC_FLAG_EXPLAIN_ONLY) != 0 || is_helper || !bms_is_empty(plan->scan.plan.allParam))
        return;
    // A cursor sees its worlds as they were when it was declared, not when it is first asked for a row.
    start(node);
    pg::sql_boundary([&] { execution->scan->touch_worlds(); });
}

TupleTableSlot* iterate_foreign_scan(ForeignScanState* node) {
    Execution& execution = Execution::of(node);
    if (!execution.is_started)
        start(node);
    if (execution.aggregation)
        return iterate_aggregation(node);
    Scan& scan = *execution.scan;
    TupleTableSlot* slot = node->ss.ss_ScanTupleSlot;
    for (;;) {
        ExecClearTuple(slot);
        std::memset(slot->tts_isnull, true, static_cast<std::size_t>(slot->tts_tupleDescriptor->natts));
        const Step step = pg::sql_boundary([&] { return scan.next(slot->tts_values, slot->tts_isnull); });
        switch (step) {
        case Step::row:
            return ExecStoreVirtualTuple(slot);
        case Step::row_to_test:
            ExecStoreVirtualTuple(slot);
            if (passes_recheck(node, slot))
                return slot;
            CHECK_FOR_INTERRUPTS();
            break;
        case Step::pause:
            CHECK_FOR_INTERRUPTS();
            break;
        case Step::end:
            return slot;
        case Step::wait_for_world:
            wait_for_world(scan);
            break;
        case Step::need_defaults:
            set_defaults(scan, node->ss.ss_currentRelation, node->ss.ps.state->es_query_cxt);
            break;
        }
    }
}

void rescan_foreign_scan(ForeignScanState* node) {
    Execution& execution = Execution::of(node);
    execution.is_started = false;
    if (execution.aggregation)
        execution.aggregation->is_done = false;
}

// The state's destructor runs with the query's memory, after an error too.
void end_foreign_scan(ForeignScanState*) {}

} // namespace gamelan::fdw
