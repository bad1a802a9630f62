// A statement that writes rows changes nothing by itself: each row is checked and joins the transaction's
// queue (row_writer.hpp), and the tick after the commit applies it. What the checks here cannot see, because
// it happens between now and then, the tick finds: it applies all rows of a transaction or none.
//
// An UPDATE or DELETE computes from what it read. In READ COMMITTED the columns that its expressions and
// conditions mention are sent along, and the tick refuses the row if one of them holds another value by then;
// in REPEATABLE READ and above the row must not have changed at all.
#include "extension/fdw/modify.hpp"

#include "extension/fdw/owned.hpp"
#include "extension/fdw/row_writer.hpp"
#include "extension/fdw/write_mode.hpp"
#include <algorithm>
#include <new>
#include <set>

#include "extension/pg/bridge.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/tick_scope.hpp"

extern "C" {
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/inherit.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "parser/parsetree.h"
#include "utils/rel.h"
}

namespace gamelan::fdw {

namespace {

using codec::RowOperation;

const char world_junk[] = "gamelan_world";
const char handle_junk[] = "gamelan_handle";
const char row_junk[] = "gamelan_row"; // the whole row, for DELETE ... RETURNING

struct Modify {
    std::unique_ptr<RowWriter> writer;
    // Rows this statement has changed; used when its plan may name a row several times.
    std::set<std::pair<std::int64_t, std::int64_t>> changed;
};

// Of one result relation; palloc'd.
struct ModifyState {
    Modify* modify;
    View* view;
    WriterValue* values; // one for each column to write
    AttrNumber world;    // in the row to write
    AttrNumber handle;
    AttrNumber world_junk; // in the plan's output, for UPDATE and DELETE
    AttrNumber handle_junk;
    AttrNumber row_junk;   // 0 = nobody asks for the deleted row
    bool is_guarded;       // rows go to the write mode, not to the queue
    bool may_repeat;       // the plan may name a row several times
    MemoryContext scratch; // encoded values of one row
    bool does_nothing_on_conflict;
};

[[noreturn]] void raise_cells(const char* component, const char* what) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("rows of component \"%s\" cannot be %s", component, what),
                    errdetail("Every cell has a row, as long as its world exists."),
                    errhint("UPDATE the row of the cell.")));
    pg_unreachable();
}

void check_kind(const TableInfo& table, RowOperation operation) {
    if (table.is_read_only)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("entities are not written as rows"),
                        errhint("Use game.spawn() and game.despawn().")));
    if (table.is_cells && operation == RowOperation::insert)
        raise_cells(table.component.c_str(), "inserted");
    if (table.is_cells && operation == RowOperation::remove)
        raise_cells(table.component.c_str(), "deleted");
}

// Plain numbers in, so that no C++ object lives in the frames that may raise.
struct Numbers {
    AttrNumber* list;
    std::size_t count;
    std::span<const AttrNumber> span() const { return {list, count}; }
};

Numbers to_numbers(List* list) {
    Numbers out{static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * Max(list_length(list), 1))), 0};
    ListCell* cell;
    foreach (cell, list)
        out.list[out.count++] = static_cast<AttrNumber>(lfirst_int(cell));
    return out;
}

// All columns that a row of the table stores.
Numbers stored_columns(Relation relation) {
    const TupleDesc descriptor = RelationGetDescr(relation);
    Numbers out{static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * Max(descriptor->natts, 1))), 0};
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute* attribute = TupleDescAttr(descriptor, i);
        if (!attribute->attisdropped && !pg::is_handle_column(NameStr(attribute->attname)))
            out.list[out.count++] = attribute->attnum;
    }
    return out;
}

// A put's columns: those it writes in any case, then the rest of the row.
Numbers with_rest(Relation relation, Numbers leading) {
    const Numbers all = stored_columns(relation);
    const AttrNumber* end = leading.list + leading.count;
    Numbers out{static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * Max(all.count, 1))), leading.count};
    for (std::size_t i = 0; i < all.count; ++i)
        if (std::find(static_cast<const AttrNumber*>(leading.list), end, all.list[i]) == end)
            out.list[out.count++] = all.list[i];
    std::copy(static_cast<const AttrNumber*>(leading.list), end, out.list);
    return out;
}

// `named`: the columns that the statement names.
ModifyState* begin(EState* estate, Relation relation, RowOperation operation, Numbers named, Numbers guards,
                   bool has_version) {
    pg::past::require_present();
    require_worker();
    const WriteMode& mode = write_mode();
    const WriteKind kind = mode.relation == RelationGetRelid(relation) ? mode.kind : WriteKind::queue;
    Numbers columns = operation == RowOperation::insert ? stored_columns(relation) : named;
    if (kind == WriteKind::put) {
        operation = RowOperation::put;
        columns = with_rest(relation, named);
    }
    // A put takes what it finds, but not what would break a CHECK over columns it does not write.
    if (kind != WriteKind::queue)
        has_version = kind == WriteKind::guarded;
    // Inside a tick nothing changes between the statement and its rows.
    if (kind == WriteKind::guarded || pg::TickScope::current() != nullptr)
        guards.count = 0;
    has_version = has_version && pg::TickScope::current() == nullptr;
    auto* state = static_cast<ModifyState*>(palloc0(sizeof(ModifyState)));
    state->is_guarded = kind == WriteKind::guarded;
    const Oid oid = RelationGetRelid(relation);
    state->modify = make_in<Modify>(CurrentMemoryContext);
    pg::sql_boundary([&] {
        std::shared_ptr<const TableInfo> table;
        pg::pg_call([&] {
            get_table_info(oid, table);
            check_kind(*table, operation);
        });
        state->world = table->world_number;
        state->handle = table->handle_number;
        state->modify->writer = std::make_unique<RowWriter>(std::move(table), operation, columns.span(),
                                                            guards.span(), has_version, named.count);
    });
    // The statement's scan keeps it; a plain insert reads nothing.
    if (has_version || guards.count > 0)
        state->view = view_of(estate->es_snapshot);
    state->values = static_cast<WriterValue*>(palloc(sizeof(WriterValue) * Max(columns.count, 1)));
    for (std::size_t i = 0; i < columns.count; ++i)
        new (&state->values[i]) WriterValue{};
    state->scratch =
        AllocSetContextCreate(CurrentMemoryContext, "gamelan rows to write", ALLOCSET_SMALL_SIZES);
    return state;
}

void encode_row(ModifyState* state, TupleTableSlot* slot) {
    MemoryContextReset(state->scratch);
    const MemoryContext outer = MemoryContextSwitchTo(state->scratch);
    const RowWriter& writer = *state->modify->writer;
    std::size_t i = 0;
    for (const AttrNumber number : writer.columns()) {
        WriterValue& value = state->values[i++];
        const Datum datum = slot_getattr(slot, number, &value.is_null);
        if (!value.is_null)
            writer.table().columns[static_cast<std::size_t>(number - 1)].codec.encode(datum, value.encoded);
    }
    MemoryContextSwitchTo(outer);
}

void queue(ModifyState* state, std::int64_t world, std::int64_t handle) {
    pg::sql_boundary([&] {
        RowWriter& writer = *state->modify->writer;
        const WriterRow row{world, handle, {state->values, writer.columns().size()}, state->view};
        if (state->is_guarded)
            write_mode().writes += writer.pack(row, write_mode().version);
        else
            writer.queue(row);
    });
}

std::int64_t required(TupleTableSlot* slot, AttrNumber number) {
    bool is_null = false;
    const Datum datum = slot_getattr(slot, number, &is_null);
    if (is_null)
        ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
                        errmsg("a row of a component needs a world and an entity or cell")));
    return DatumGetInt64(datum);
}

std::int64_t junk(TupleTableSlot* slot, AttrNumber number) {
    bool is_null = false;
    const Datum datum = ExecGetJunkAttribute(slot, number, &is_null);
    if (is_null)
        elog(ERROR, "the row to change has no identity");
    return DatumGetInt64(datum);
}

void check_constraints(ResultRelInfo* relation, TupleTableSlot* slot, EState* estate) {
    if (relation->ri_RelationDesc->rd_att->constr != nullptr)
        ExecConstraints(relation, slot, estate);
}

// Whether a plan gives each row of the tables it reads once at most: a join may give it several times.
bool gives_rows_once(const Plan* plan) {
    if (plan == nullptr)
        return true;
    if (IsA(plan, ForeignScan))
        return true;
    if (IsA(plan, Result))
        return gives_rows_once(plan->lefttree);
    if (!IsA(plan, Append))
        return false;
    ListCell* cell;
    foreach (cell, reinterpret_cast<const Append*>(plan)->appendplans)
        if (!gives_rows_once(static_cast<const Plan*>(lfirst(cell))))
            return false;
    return true;
}

// The row that an UPDATE or DELETE is to change. False when the statement has changed it already: then it
// stays as it is, as in ordinary tables.
bool take_row(ModifyState* state, TupleTableSlot* plan_slot, std::int64_t& world, std::int64_t& handle) {
    world = junk(plan_slot, state->world_junk);
    handle = junk(plan_slot, state->handle_junk);
    if (!state->may_repeat)
        return true;
    return pg::sql_boundary([&] { return state->modify->changed.emplace(world, handle).second; });
}

// --- planning ---

void add_row_identity(PlannerInfo* root, Index rtindex, RangeTblEntry* entry, Relation) {
    const auto add = [&](const char* column, const char* junk_name) {
        const AttrNumber number = get_attnum(entry->relid, column);
        if (number == InvalidAttrNumber)
            return false;
        Var* var = makeVar(static_cast<int>(rtindex), number, INT8OID, -1, InvalidOid, 0);
        add_row_identity_var(root, var, rtindex, junk_name);
        return true;
    };
    add("world", world_junk);
    if (!add("entity", handle_junk))
        add("cell", handle_junk);
    if (root->parse->commandType == CMD_DELETE && root->parse->returningList != NIL) {
        // A record, so that the tables of an inheritance tree agree about its type.
        Var* row = makeVar(static_cast<int>(rtindex), InvalidAttrNumber, RECORDOID, -1, InvalidOid, 0);
        add_row_identity_var(root, row, rtindex, row_junk);
    }
}

// Columns of the result relation that the statement's expressions and conditions mention, but for those that
// name the row. `relation` may be a child of the table the statement names.
List* mentioned_columns(PlannerInfo* root, Oid relation) {
    Query* query = root->parse;
    const auto target = static_cast<Index>(query->resultRelation);
    Bitmapset* mentioned = nullptr;
    pull_varattnos(reinterpret_cast<Node*>(query->jointree), target, &mentioned);
    ListCell* cell;
    foreach (cell, query->targetList) {
        // The planner has added the whole row by now, for its own use.
        const auto* entry = static_cast<const TargetEntry*>(lfirst(cell));
        if (!entry->resjunk)
            pull_varattnos(reinterpret_cast<Node*>(entry->expr), target, &mentioned);
    }
    const Oid named = rt_fetch(target, query->rtable)->relid;
    List* out = NIL;
    const auto add = [&](AttrNumber number) {
        const char* name = get_attname(named, number, true);
        const AttrNumber own = name == nullptr ? InvalidAttrNumber : get_attnum(relation, name);
        if (own > 0 && !pg::is_handle_column(name))
            out = list_append_unique_int(out, own);
    };
    int member = -1;
    while ((member = bms_next_member(mentioned, member)) >= 0) {
        const int number = member + FirstLowInvalidHeapAttributeNumber;
        if (number > 0)
            add(static_cast<AttrNumber>(number));
        for (AttrNumber i = 1; number == 0 && get_attname(named, i, true) != nullptr; ++i)
            add(i); // the whole row
    }
    return out;
}

// Columns that a constraint looks at together with updated ones: what the session checked must still hold.
List* constrained_columns(Relation relation, List* updated) {
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    List* out = NIL;
    for (int i = 0; constraints != nullptr && i < constraints->num_check; ++i) {
        Bitmapset* named = nullptr;
        pull_varattnos(static_cast<Node*>(stringToNode(constraints->check[i].ccbin)), 1, &named);
        const bool is_whole_row = bms_is_member(-FirstLowInvalidHeapAttributeNumber, named);
        List* others = NIL;
        bool is_concerned = is_whole_row;
        const Numbers all = stored_columns(relation);
        for (std::size_t column = 0; column < all.count; ++column) {
            const int number = all.list[column];
            if (!is_whole_row && !bms_is_member(number - FirstLowInvalidHeapAttributeNumber, named))
                continue;
            if (list_member_int(updated, number))
                is_concerned = true;
            else
                others = lappend_int(others, number);
        }
        if (is_concerned)
            out = list_concat_unique_int(out, others);
    }
    return out;
}

List* all_columns(Relation relation) {
    const Numbers all = stored_columns(relation);
    List* out = NIL;
    for (std::size_t i = 0; i < all.count; ++i)
        out = lappend_int(out, all.list[i]);
    return out;
}

bool has_update_trigger(Relation relation) {
    return relation->trigdesc != nullptr && relation->trigdesc->trig_update_before_row;
}

[[noreturn]] void raise_moved_row(const char* column) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("column \"%s\" of a component cannot be updated", column),
                    errdetail("It says whose row it is."), errhint("DELETE the row and INSERT another.")));
    pg_unreachable();
}

List* updated_columns(PlannerInfo* root, Index result, Relation relation) {
    if (has_update_trigger(relation))
        return all_columns(relation);
    Bitmapset* updated = get_rel_all_updated_cols(root, find_base_rel(root, static_cast<int>(result)));
    List* out = NIL;
    int member = -1;
    while ((member = bms_next_member(updated, member)) >= 0) {
        const int number = member + FirstLowInvalidHeapAttributeNumber;
        if (number <= 0)
            continue;
        const char* name = NameStr(TupleDescAttr(RelationGetDescr(relation), number - 1)->attname);
        if (pg::is_handle_column(name))
            raise_moved_row(name);
        out = lappend_int(out, number);
    }
    return out;
}

List* inserted_columns(RangeTblEntry* entry, Relation relation) {
    List* out = NIL;
    int member = -1;
    while ((member = bms_next_member(entry->insertedCols, member)) >= 0) {
        const int number = member + FirstLowInvalidHeapAttributeNumber;
        if (number <= 0)
            continue;
        const char* name = NameStr(TupleDescAttr(RelationGetDescr(relation), number - 1)->attname);
        if (!pg::is_handle_column(name))
            out = lappend_int(out, number);
    }
    return out;
}

// What the executor gets: columns to write, columns to guard.
List* plan_modify(PlannerInfo* root, ModifyTable* plan, Index result, int) {
    RangeTblEntry* entry = planner_rt_fetch(result, root);
    List* columns = NIL;
    List* guards = NIL;
    const Relation relation = table_open(entry->relid, NoLock);
    if (plan->operation == CMD_UPDATE)
        columns = updated_columns(root, result, relation);
    else if (plan->operation == CMD_INSERT)
        columns = inserted_columns(entry, relation);
    if (plan->operation != CMD_INSERT)
        guards = mentioned_columns(root, entry->relid);
    if (plan->operation == CMD_UPDATE)
        guards = list_concat_unique_int(guards, has_update_trigger(relation) // it has the whole row
                                                    ? all_columns(relation)
                                                    : constrained_columns(relation, columns));
    table_close(relation, NoLock);
    return list_make2(columns, guards);
}

// --- execution ---

void begin_modify(ModifyTableState* node, ResultRelInfo* relation, List* plan_private, int, int flags) {
    if ((flags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
        return;
    const Relation table = relation->ri_RelationDesc;
    EState* estate = node->ps.state;
    ModifyState* state = nullptr;
    if (node->operation == CMD_INSERT) {
        state = begin(estate, table, RowOperation::insert,
                      to_numbers(static_cast<List*>(linitial(plan_private))), {nullptr, 0}, false);
        state->does_nothing_on_conflict =
            reinterpret_cast<ModifyTable*>(node->ps.plan)->onConflictAction == ONCONFLICT_NOTHING;
    } else {
        // Asked here: a plan may have been made at another isolation level than it runs at.
        const bool has_version = IsolationUsesXactSnapshot();
        const Numbers guards = to_numbers(has_version ? NIL : static_cast<List*>(lsecond(plan_private)));
        const bool is_update = node->operation == CMD_UPDATE;
        state = begin(estate, table, is_update ? RowOperation::update : RowOperation::remove,
                      to_numbers(static_cast<List*>(linitial(plan_private))), guards, has_version);
        List* targets = outerPlanState(node)->plan->targetlist;
        state->world_junk = ExecFindJunkAttributeInTlist(targets, world_junk);
        state->handle_junk = ExecFindJunkAttributeInTlist(targets, handle_junk);
        if (!AttributeNumberIsValid(state->world_junk) || !AttributeNumberIsValid(state->handle_junk))
            elog(ERROR, "the plan does not say which rows to change");
        state->row_junk = ExecFindJunkAttributeInTlist(targets, row_junk);
        state->may_repeat = !gives_rows_once(outerPlanState(node)->plan);
    }
    relation->ri_FdwState = state;
}

void begin_insert(ModifyTableState* node, ResultRelInfo* relation) {
    const Relation table = relation->ri_RelationDesc;
    relation->ri_FdwState =
        begin(node->ps.state, table, RowOperation::insert, {nullptr, 0}, {nullptr, 0}, false);
}

TupleTableSlot* insert_row(EState* estate, ResultRelInfo* relation, TupleTableSlot* slot, TupleTableSlot*) {
    auto* state = static_cast<ModifyState*>(relation->ri_FdwState);
    check_constraints(relation, slot, estate);
    const std::int64_t world = required(slot, state->world);
    const std::int64_t handle = required(slot, state->handle);
    if (state->does_nothing_on_conflict &&
        pg::sql_boundary([&] { return state->modify->writer->has_row(world, handle); }))
        return nullptr;
    encode_row(state, slot);
    queue(state, world, handle);
    return slot;
}

TupleTableSlot* update_row(EState* estate, ResultRelInfo* relation, TupleTableSlot* slot,
                           TupleTableSlot* plan_slot) {
    auto* state = static_cast<ModifyState*>(relation->ri_FdwState);
    std::int64_t world = 0;
    std::int64_t handle = 0;
    if (!take_row(state, plan_slot, world, handle))
        return nullptr;
    check_constraints(relation, slot, estate);
    encode_row(state, slot);
    queue(state, world, handle);
    return slot;
}

void store_deleted_row(Datum row, TupleTableSlot* slot) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(row);
    HeapTupleData tuple{};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    ItemPointerSetInvalid(&tuple.t_self);
    ExecForceStoreHeapTuple(heap_copytuple(&tuple), slot, true);
}

TupleTableSlot* delete_row(EState*, ResultRelInfo* relation, TupleTableSlot* slot,
                           TupleTableSlot* plan_slot) {
    auto* state = static_cast<ModifyState*>(relation->ri_FdwState);
    bool is_null = false;
    std::int64_t world = 0;
    std::int64_t handle = 0;
    if (!take_row(state, plan_slot, world, handle))
        return nullptr;
    queue(state, world, handle);
    if (AttributeNumberIsValid(state->row_junk))
        store_deleted_row(ExecGetJunkAttribute(plan_slot, state->row_junk, &is_null), slot);
    return slot;
}

void end_modify(EState*, ResultRelInfo*) {}

} // namespace

WriteMode& write_mode() {
    static auto& mode = *new WriteMode;
    return mode;
}

void leave_write_mode() noexcept {
    WriteMode& mode = write_mode();
    mode.kind = WriteKind::queue;
    mode.relation = InvalidOid;
    mode.writes.clear();
}

void add_modify_callbacks(FdwRoutine* routine) {
    routine->AddForeignUpdateTargets = add_row_identity;
    routine->PlanForeignModify = plan_modify;
    routine->BeginForeignModify = begin_modify;
    routine->ExecForeignInsert = insert_row;
    routine->ExecForeignUpdate = update_row;
    routine->ExecForeignDelete = delete_row;
    routine->EndForeignModify = end_modify;
    routine->BeginForeignInsert = begin_insert;
    routine->EndForeignInsert = end_modify;
}

} // namespace gamelan::fdw
