#include "extension/functions/routine_body.hpp"

extern "C" {
#include "access/sysattr.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/regproc.h"
}

namespace gamelan::pg {

namespace {

constexpr const char* use_time = "Use game.now(), the time in the world.";
constexpr const char* use_chance =
    "Use game.random(key): the world's seed, the tick and the key decide, for instance game.random(entity).";
constexpr const char* use_state = "Keep what is to be counted in a component.";
constexpr const char* use_ticks =
    "A system does not wait; let it run every_n_ticks, or wake_when a condition holds.";
constexpr const char* use_emit = "Use game.emit() to tell what happened.";
constexpr const char* use_own =
    "Each tick must follow from the state before it, the world's seed and its commands.";

struct Walk {
    RoutineBody out;
    int statement;
    Oid game_schema;
    List* visited; // Oids of routines
    List* views;   // seen already
};

const char* hint_of(Oid function) {
    switch (function) {
    case F_NOW:
    case F_TRANSACTION_TIMESTAMP:
    case F_STATEMENT_TIMESTAMP:
    case F_CLOCK_TIMESTAMP:
    case F_TIMEOFDAY:
    case F_AGE_TIMESTAMP:
    case F_AGE_TIMESTAMPTZ:
        return use_time;
    case F_RANDOM:
    case F_SETSEED:
    case F_GEN_RANDOM_UUID:
        return use_chance;
    case F_NEXTVAL:
    case F_SETVAL_REGCLASS_INT8:
    case F_SETVAL_REGCLASS_INT8_BOOL:
    case F_CURRVAL:
    case F_LASTVAL:
        return use_state;
    case F_PG_SLEEP:
    case F_PG_SLEEP_FOR:
    case F_PG_SLEEP_UNTIL:
        return use_ticks;
    case F_PG_NOTIFY:
        return use_emit;
    default:
        return use_own;
    }
}

// Stable for PostgreSQL, because a transaction sees one value; a replay sees another.
bool changes_between_transactions(Oid function) {
    switch (function) {
    case F_NOW:
    case F_TRANSACTION_TIMESTAMP:
    case F_STATEMENT_TIMESTAMP:
    case F_AGE_TIMESTAMP:
    case F_AGE_TIMESTAMPTZ:
    case F_TXID_CURRENT:
    case F_PG_CURRENT_XACT_ID:
    case F_TXID_CURRENT_SNAPSHOT:
    case F_PG_CURRENT_SNAPSHOT:
    case F_PG_BACKEND_PID:
    case F_PG_POSTMASTER_START_TIME:
        return true;
    default:
        return false;
    }
}

void add_unsteady(Walk& walk, const char* name, const char* hint) {
    auto* call = static_cast<UnsteadyCall*>(palloc(sizeof(UnsteadyCall)));
    *call = {walk.statement, name, hint};
    walk.out.unsteady = lappend(walk.out.unsteady, call);
}

bool walk_node(Node* node, Walk* walk);

using Walker = bool (*)();

// The walkers are declared without their parameters before PostgreSQL 16.
Walker walker() {
    return reinterpret_cast<Walker>(reinterpret_cast<void (*)()>(&walk_node));
}

// The analysed queries of a routine; null for a body that is text.
Node* analysed_body(Oid routine) {
    const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(routine));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", routine);
    bool is_null = false;
    const Datum body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &is_null);
    Node* out = is_null ? nullptr : static_cast<Node*>(stringToNode(TextDatumGetCString(body)));
    ReleaseSysCache(tuple);
    return out;
}

void walk_callee(Oid function, Walk& walk) {
    if (list_member_oid(walk.visited, function))
        return;
    walk.visited = lappend_oid(walk.visited, function);
    if (Node* body = analysed_body(function); body != nullptr)
        (void)walk_node(body, &walk);
    else
        walk.out.hidden = lappend_oid(walk.out.hidden, function);
}

bool note_function(Oid function, void* context) {
    Walk& walk = *static_cast<Walk*>(context);
    const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", function);
    const FormData_pg_proc& form = *reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool is_ours = form.pronamespace == walk.game_schema;
    const bool is_compiled = form.prolang == INTERNALlanguageId || form.prolang == ClanguageId;
    const bool is_volatile = form.provolatile == PROVOLATILE_VOLATILE;
    // The catalog's own functions in SQL have nothing to hide.
    const bool is_of_catalog = form.pronamespace == PG_CATALOG_NAMESPACE;
    ReleaseSysCache(tuple);
    if (is_ours)
        return false;
    if ((is_volatile && (is_compiled || is_of_catalog)) || changes_between_transactions(function))
        add_unsteady(walk, format_procedure(function), hint_of(function));
    else if (!is_compiled && !is_of_catalog)
        walk_callee(function, walk);
    return false;
}

void note_clock(const SQLValueFunction& function, Walk& walk) {
    switch (function.op) {
    case SVFOP_CURRENT_DATE:
        return add_unsteady(walk, "CURRENT_DATE", use_time);
    case SVFOP_CURRENT_TIME:
    case SVFOP_CURRENT_TIME_N:
        return add_unsteady(walk, "CURRENT_TIME", use_time);
    case SVFOP_CURRENT_TIMESTAMP:
    case SVFOP_CURRENT_TIMESTAMP_N:
        return add_unsteady(walk, "CURRENT_TIMESTAMP", use_time);
    case SVFOP_LOCALTIME:
    case SVFOP_LOCALTIME_N:
        return add_unsteady(walk, "LOCALTIME", use_time);
    case SVFOP_LOCALTIMESTAMP:
    case SVFOP_LOCALTIMESTAMP_N:
        return add_unsteady(walk, "LOCALTIMESTAMP", use_time);
    default:
        return;
    }
}

void walk_view(Oid view, Walk& walk) {
    if (list_member_oid(walk.views, view))
        return;
    walk.views = lappend_oid(walk.views, view);
    const Relation relation = table_open(view, AccessShareLock);
    (void)walk_node(reinterpret_cast<Node*>(get_view_query(relation)), &walk);
    table_close(relation, NoLock);
}

void note_columns(const RangeTblEntry& entry, const Bitmapset* columns, ColumnAccess access, Walk& walk) {
    int bit = -1;
    while ((bit = bms_next_member(columns, bit)) >= 0) {
        const int column = bit + FirstLowInvalidHeapAttributeNumber;
        if (column < 0)
            continue;
        auto* use = static_cast<ColumnUse*>(palloc(sizeof(ColumnUse)));
        *use = {walk.statement, entry.relid, static_cast<AttrNumber>(column), access};
        walk.out.columns = lappend(walk.out.columns, use);
    }
}

void note_relations(const Query& query, Walk& walk) {
    ListCell* cell = nullptr;
    foreach (cell, query.rtable) {
        const RangeTblEntry& entry = *static_cast<RangeTblEntry*>(lfirst(cell));
        if (entry.rtekind != RTE_RELATION)
            continue;
        if (entry.relkind == RELKIND_VIEW)
            walk_view(entry.relid, walk);
        note_columns(entry, entry.selectedCols, ColumnAccess::read, walk);
        note_columns(entry, entry.updatedCols, ColumnAccess::update, walk);
        const Bitmapset* row = bms_make_singleton(-FirstLowInvalidHeapAttributeNumber);
        if ((entry.requiredPerms & ACL_INSERT) != 0)
            note_columns(entry, row, ColumnAccess::insert, walk);
        if ((entry.requiredPerms & ACL_DELETE) != 0)
            note_columns(entry, row, ColumnAccess::erase, walk);
        if ((entry.requiredPerms & ACL_SELECT) != 0 && bms_is_empty(entry.selectedCols))
            note_columns(entry, row, ColumnAccess::read, walk);
    }
}

bool walk_node(Node* node, Walk* walk) {
    if (node == nullptr)
        return false;
    check_stack_depth();
    if (IsA(node, Query)) {
        note_relations(*castNode(Query, node), *walk);
        return query_tree_walker(castNode(Query, node), walker(), walk, 0);
    }
    if (IsA(node, SQLValueFunction))
        note_clock(*castNode(SQLValueFunction, node), *walk);
    if (IsA(node, NextValueExpr))
        add_unsteady(*walk, "nextval(regclass)", use_state);
    (void)check_functions_in_node(node, note_function, walk);
    return expression_tree_walker(node, walker(), walk);
}

} // namespace

RoutineBody inspect_body(Oid routine) {
    Walk walk{};
    walk.game_schema = get_namespace_oid("game", false);
    walk.visited = list_make1_oid(routine);
    Node* body = analysed_body(routine);
    walk.out.is_seen = body != nullptr;
    if (body == nullptr)
        return walk.out;
    // BEGIN ATOMIC is kept as a list that holds the list of its statements, RETURN as a query.
    List* statements = IsA(body, List) ? linitial_node(List, castNode(List, body)) : list_make1(body);
    ListCell* cell = nullptr;
    foreach (cell, statements) {
        ++walk.statement;
        (void)walk_node(static_cast<Node*>(lfirst(cell)), &walk);
    }
    return walk.out;
}

} // namespace gamelan::pg
