// Paths and costs. There are two ways into a component: through blocks of one or more worlds, and to rows
// that the query names (entity = …, cell = ANY …), which costs about the same for the first row and the last.
// The latter makes parameterised paths, so that a nested loop or a lateral join looks its rows up.
//
// A plain scan must run in the leader of a parallel query, because only there is the statement's view. What
// may run in helpers is the parallel scan, in which the leader hands out blocks of its own view.
#include "extension/fdw/planning.hpp"
#include "extension/fdw/owned.hpp"
#include "extension/fdw/statistics.hpp"

extern "C" {
#include "access/sysattr.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/selfuncs.h"
}

namespace gamelan::fdw {

namespace {

// In units of cpu_operator_cost: measured against a sequential scan of a heap table in memory.
constexpr double slot_cost = 0.02;     // to look whether a slot has a row
constexpr double condition_cost = 0.1; // to test a slot in its block
constexpr double row_cost = 1.5;       // to hand a row out
constexpr double value_cost = 0.4;     // and each of its columns
constexpr double taken_cost = 0.1;     // to take a row into an aggregate
constexpr double lookup_cost = 2;      // to find a row by its name
constexpr double entry_cost = 4;       // to find a row through an index, anywhere in memory
constexpr double world_cost = 4;       // to enter a world

// What a scan with some conditions does.
struct Estimate {
    double worlds = 1;  // it enters
    double named = -1;  // rows named in each of them, or less than 0: all blocks
    double found = -1;  // rows an index finds in all of them, or less than 0: none is used
    double fetched = 0; // rows that pass the pushed conditions
    double rows = 0;    // that pass all conditions
    int conditions = 0; // tested on blocks
    QualCost local{};   // of those left to the executor, for each row
};

double element_count(PlannerInfo*, Expr* operand, const PushedQual& qual) {
    return qual.is_list ? Max(estimate_array_length(reinterpret_cast<Node*>(operand)), 1) : 1;
}

void narrow_named(double& named, double count) {
    named = named < 0 ? count : Min(named, count);
}

// Whether the index of a column can find what the condition asks for.
bool serves(store::IndexKind index, const PushedQual& qual) {
    switch (qual.condition) {
    case query::Condition::equal:
    case query::Condition::in_list:
        return index != store::IndexKind::none;
    case query::Condition::less:
    case query::Condition::less_equal:
    case query::Condition::greater:
    case query::Condition::greater_equal:
        return index == store::IndexKind::ordered;
    default:
        return false;
    }
}

bool serves(const TableInfo& table, const PushedQual& qual) {
    const ColumnInfo& column = table.columns[static_cast<std::size_t>(qual.column - 1)];
    // A boolean by itself has no operand: no index is worth it.
    return column.role == ColumnRole::stored && qual.form != OperandForm::none && serves(column.index, qual);
}

// `by_index`: a clause whose index is to be used, or null.
Estimate estimate(PlannerInfo* root, RelOptInfo* rel, List* clauses, RestrictInfo* by_index) {
    const Planned& table = planned(rel);
    Estimate out;
    double named_worlds = -1;
    List* selective = NIL; // the others that are pushed
    List* local = NIL;
    ListCell* cell = nullptr;
    foreach (cell, clauses) {
        auto* restriction = lfirst_node(RestrictInfo, cell);
        PushedQual qual;
        Expr* operand = nullptr;
        if (!match_restriction(root, rel, *table.table, restriction, qual, &operand)) {
            local = lappend(local, restriction);
            continue;
        }
        const ColumnRole role = table.table->columns[static_cast<std::size_t>(qual.column - 1)].role;
        if (role == ColumnRole::world && names_rows(qual)) {
            narrow_named(named_worlds, element_count(root, operand, qual));
        } else if (role == ColumnRole::handle && names_rows(qual)) {
            narrow_named(out.named, element_count(root, operand, qual));
        } else {
            selective = lappend(selective, restriction);
            out.conditions += role == ColumnRole::stored ? 1 : 0;
        }
    }
    out.worlds = named_worlds < 0 ? table.size.worlds : Min(named_worlds, table.size.worlds);
    out.fetched = table.size.rows * out.worlds / table.size.worlds;
    if (out.named >= 0)
        out.fetched = Min(out.fetched, out.named * out.worlds);
    if (by_index != nullptr)
        out.found = out.fetched * clauselist_selectivity(root, list_make1(by_index),
                                                         static_cast<int>(rel->relid), JOIN_INNER, nullptr);
    out.fetched *= clauselist_selectivity(root, selective, static_cast<int>(rel->relid), JOIN_INNER, nullptr);
    if (out.found >= 0)
        out.fetched = Min(out.fetched, out.found);
    out.rows =
        out.fetched * clauselist_selectivity(root, local, static_cast<int>(rel->relid), JOIN_INNER, nullptr);
    cost_qual_eval(&out.local, local, root);
    return out;
}

struct Cost2 {
    Cost startup;
    Cost run;
};

// To find the rows, before any is handed out; in units of cpu_operator_cost.
double cost_of_finding(const RelOptInfo* rel, const Estimate& scan) {
    const Planned& table = planned(rel);
    double operators = scan.worlds * world_cost;
    if (scan.named >= 0)
        operators += scan.worlds * scan.named * lookup_cost;
    else if (scan.found >= 0)
        operators += scan.found * entry_cost;
    else
        operators += table.size.slots * scan.worlds / table.size.worlds *
                     (slot_cost + scan.conditions * condition_cost);
    return operators;
}

Cost2 cost_of(const RelOptInfo* rel, const Estimate& scan) {
    const double values = list_length(rel->reltarget->exprs);
    const double operators = cost_of_finding(rel, scan) + scan.fetched * (row_cost + values * value_cost);
    const QualCost& target = rel->reltarget->cost;
    return {scan.local.startup + target.startup, operators * cpu_operator_cost +
                                                     scan.fetched * scan.local.per_tuple +
                                                     scan.rows * target.per_tuple};
}

ForeignPath* make_path(PlannerInfo* root, RelOptInfo* rel, const Estimate& scan, Relids required_outer) {
    const Cost2 cost = cost_of(rel, scan);
    ForeignPath* path = create_foreignscan_path(root, rel, nullptr, clamp_row_est(scan.rows), cost.startup,
                                                cost.startup + cost.run, NIL, required_outer, nullptr, NIL);
    path->path.parallel_safe = false;
    return path;
}

// Whether the clause can be served by an index.
bool match_by_index(PlannerInfo* root, RelOptInfo* rel, RestrictInfo* restriction, PushedQual& qual,
                    Expr** operand) {
    const TableInfo& table = *planned(rel).table;
    return (match_restriction(root, rel, table, restriction, qual, operand) && serves(table, qual)) ||
           match_contents(root, rel, table, restriction, qual, operand);
}

// A path for each clause that an index serves. The plan finds the index again by the clause.
void add_index_paths(PlannerInfo* root, RelOptInfo* rel, List* clauses, Relids required_outer) {
    if (!enable_indexscan)
        return;
    ListCell* cell = nullptr;
    foreach (cell, clauses) {
        auto* restriction = lfirst_node(RestrictInfo, cell);
        PushedQual qual;
        Expr* operand = nullptr;
        if (!match_by_index(root, rel, restriction, qual, &operand))
            continue;
        const Estimate scan = estimate(root, rel, clauses, restriction);
        if (scan.named >= 0)
            return; // nothing is nearer than a name
        ForeignPath* path = make_path(root, rel, scan, required_outer);
        path->fdw_private = list_make1(restriction->clause);
        add_path(rel, &path->path);
    }
}

void add_parallel_path(PlannerInfo* root, RelOptInfo* rel, const Estimate& scan) {
    // What a heap table with these rows would have: the work is in the rows, however few bytes they take
    // here.
    const double row_bytes = rel->reltarget->width + SizeofHeapTupleHeader + sizeof(ItemIdData);
    const double pages = planned(rel).size.slots * row_bytes / BLCKSZ;
    const int workers = compute_parallel_worker(rel, pages, -1, max_parallel_workers_per_gather);
    // Each helper would have to make the past for itself.
    if (workers <= 0 || scan.named >= 0 || pg::past::wanted())
        return;
    ForeignPath* path = make_path(root, rel, scan, nullptr);
    // As cost_seqscan: the leader helps, the less the more helpers there are.
    const double leader = parallel_leader_participation ? Max(1.0 - 0.3 * workers, 0) : 0;
    const double share = workers + leader;
    path->path.parallel_safe = true;
    path->path.parallel_aware = true;
    path->path.parallel_workers = workers;
    path->path.rows = clamp_row_est(path->path.rows / share);
    path->path.total_cost =
        path->path.startup_cost + (path->path.total_cost - path->path.startup_cost) / share;
    add_partial_path(rel, &path->path);
}

// Whether a clause of a join names worlds or rows of `rel` by columns of other tables.
// or what an index finds.
bool names_by_join(PlannerInfo* root, RelOptInfo* rel, RestrictInfo* restriction, bool* is_world) {
    const TableInfo& table = *planned(rel).table;
    PushedQual qual;
    Expr* operand = nullptr;
    if (!join_clause_is_movable_to(restriction, rel))
        return false;
    *is_world = false;
    if (match_contents(root, rel, table, restriction, qual, &operand))
        return true;
    if (!match_restriction(root, rel, table, restriction, qual, &operand))
        return false;
    const ColumnRole role = table.columns[static_cast<std::size_t>(qual.column - 1)].role;
    *is_world = role == ColumnRole::world;
    return names_rows(qual) &&
           (role == ColumnRole::world || role == ColumnRole::handle || serves(table, qual));
}

struct HandleMember {
    const TableInfo* table;
    Expr* current;
    List* used;
};

// For generate_implied_equalities_for_column(): the world, the handle and what has an index, one after the
// other.
bool is_name_column(PlannerInfo*, RelOptInfo* rel, EquivalenceClass*, EquivalenceMember* member,
                    void* argument) {
    auto* search = static_cast<HandleMember*>(argument);
    if (search->current != nullptr)
        return equal(member->em_expr, search->current);
    if (list_member(search->used, member->em_expr) || !IsA(member->em_expr, Var))
        return false;
    const Var* var = castNode(Var, member->em_expr);
    if (static_cast<Index>(var->varno) != rel->relid || var->varattno <= 0)
        return false;
    const ColumnInfo& column = search->table->columns[static_cast<std::size_t>(var->varattno - 1)];
    if (column.role != ColumnRole::world && column.role != ColumnRole::handle &&
        column.index == store::IndexKind::none)
        return false;
    search->current = member->em_expr;
    return true;
}

// All clauses of joins that may name rows.
List* naming_clauses(PlannerInfo* root, RelOptInfo* rel) {
    List* out = list_copy(rel->joininfo);
    if (!rel->has_eclass_joins)
        return out;
    HandleMember search{planned(rel).table.get(), nullptr, NIL};
    for (;;) {
        search.current = nullptr;
        List* clauses = generate_implied_equalities_for_column(root, rel, is_name_column, &search,
                                                               rel->lateral_referencers);
        if (search.current == nullptr)
            return out;
        out = list_concat(out, clauses);
        search.used = lappend(search.used, search.current);
    }
}

void add_outer(List** sets, Relids required) {
    if (bms_is_empty(required))
        return;
    ListCell* cell = nullptr;
    foreach (cell, *sets)
        if (bms_equal(static_cast<Relids>(lfirst(cell)), required))
            return;
    *sets = lappend(*sets, required);
}

Relids outer_of(const RelOptInfo* rel, const RestrictInfo* restriction) {
    return bms_union(bms_difference(restriction->clause_relids, rel->relids), rel->lateral_relids);
}

// The sets of other relations that a path may be parameterised by: those of each clause that names rows,
// alone and together with each that names worlds.
List* parameterisations(PlannerInfo* root, RelOptInfo* rel) {
    constexpr int max_sets = 16;
    List* worlds = NIL;
    List* handles = NIL;
    ListCell* cell = nullptr;
    foreach (cell, naming_clauses(root, rel)) {
        auto* restriction = lfirst_node(RestrictInfo, cell);
        bool is_world = false;
        if (names_by_join(root, rel, restriction, &is_world))
            add_outer(is_world ? &worlds : &handles, outer_of(rel, restriction));
    }
    List* out = NIL;
    ListCell* world = nullptr;
    foreach (cell, handles) {
        add_outer(&out, static_cast<Relids>(lfirst(cell)));
        foreach (world, worlds)
            if (list_length(out) < max_sets)
                add_outer(&out,
                          bms_union(static_cast<Relids>(lfirst(cell)), static_cast<Relids>(lfirst(world))));
    }
    foreach (world, worlds)
        if (list_length(out) < max_sets)
            add_outer(&out, static_cast<Relids>(lfirst(world)));
    return out;
}

void add_parameterised_paths(PlannerInfo* root, RelOptInfo* rel) {
    ListCell* cell = nullptr;
    foreach (cell, parameterisations(root, rel)) {
        auto* required = static_cast<Relids>(lfirst(cell));
        ParamPathInfo* parameters = get_baserel_parampathinfo(root, rel, required);
        List* clauses = list_concat_copy(parameters->ppi_clauses, rel->baserestrictinfo);
        const Estimate scan = estimate(root, rel, clauses, nullptr);
        // So that all paths with these parameters agree.
        parameters->ppi_rows = clamp_row_est(scan.rows);
        add_path(rel, &make_path(root, rel, scan, required)->path);
        add_index_paths(root, rel, clauses, required);
    }
}

List* needed_columns(const RelOptInfo* rel, List* local, const TableInfo& table) {
    Bitmapset* numbers = nullptr;
    pull_varattnos(reinterpret_cast<Node*>(rel->reltarget->exprs), rel->relid, &numbers);
    pull_varattnos(reinterpret_cast<Node*>(local), rel->relid, &numbers);
    const bool is_whole = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, numbers);
    List* out = NIL;
    for (int number = 1; number <= static_cast<int>(table.columns.size()); ++number)
        if (table.columns[static_cast<std::size_t>(number - 1)].role != ColumnRole::dropped &&
            (is_whole || bms_is_member(number - FirstLowInvalidHeapAttributeNumber, numbers)))
            out = lappend_int(out, number);
    return out;
}

} // namespace

PushedClauses push_clauses(PlannerInfo* root, RelOptInfo* rel, List* clauses, const void* by_index) {
    PushedClauses out;
    ListCell* cell = nullptr;
    foreach (cell, clauses) {
        auto* restriction = lfirst_node(RestrictInfo, cell);
        if (restriction->pseudoconstant)
            continue; // a Result node above tests it
        PushedQual qual;
        Expr* operand = nullptr;
        const TableInfo& table = *planned(rel).table;
        const bool is_pushed = match_restriction(root, rel, table, restriction, qual, &operand);
        if (!is_pushed) {
            out.local = lappend(out.local, restriction->clause);
            if (restriction->clause != by_index ||
                !match_contents(root, rel, table, restriction, qual, &operand))
                continue;
        }
        if (operand != nullptr) {
            qual.operand = list_length(out.operands);
            out.operands = lappend(out.operands, operand);
        }
        if (restriction->clause == by_index)
            out.index_qual = list_length(out.quals);
        out.quals = lappend(out.quals, encode_qual(qual));
        if (is_pushed)
            out.pushed = lappend(out.pushed, restriction->clause);
    }
    return out;
}

Cost cost_of_aggregation(PlannerInfo* root, RelOptInfo* rel, const void* by_index, int aggregates) {
    RestrictInfo* indexed = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, rel->baserestrictinfo)
        if (by_index != nullptr && lfirst_node(RestrictInfo, cell)->clause == by_index)
            indexed = lfirst_node(RestrictInfo, cell);
    const Estimate scan = estimate(root, rel, rel->baserestrictinfo, indexed);
    return (cost_of_finding(rel, scan) + scan.fetched * aggregates * taken_cost) * cpu_operator_cost;
}

void get_foreign_rel_size(PlannerInfo* root, RelOptInfo* rel, Oid relation) {
    install_statistics_hook();
    auto* made = make_in<Planned>(CurrentMemoryContext);
    rel->fdw_private = made;
    get_table_info(relation, made->table);
    made->size = size_of(*made->table);
    rel->tuples = made->size.rows;
    rel->pages = static_cast<BlockNumber>(made->size.slots * Max(rel->reltarget->width, 8) / BLCKSZ) + 1;
    set_baserel_size_estimates(root, rel);
    rel->rows = clamp_row_est(estimate(root, rel, rel->baserestrictinfo, nullptr).rows);
}

void get_foreign_paths(PlannerInfo* root, RelOptInfo* rel, Oid) {
    const Estimate scan = estimate(root, rel, rel->baserestrictinfo, nullptr);
    add_path(rel, &make_path(root, rel, scan, rel->lateral_relids)->path);
    if (rel->consider_parallel && bms_is_empty(rel->lateral_relids))
        add_parallel_path(root, rel, scan);
    add_index_paths(root, rel, rel->baserestrictinfo, rel->lateral_relids);
    add_parameterised_paths(root, rel);
}

ForeignScan* get_foreign_plan(PlannerInfo* root, RelOptInfo* rel, Oid, ForeignPath* path, List* targets,
                              List* clauses, Plan* outer) {
    if (IS_UPPER_REL(rel))
        return get_aggregation_plan(root, path, targets);
    const TableInfo& table = *planned(rel).table;
    const void* by_index = path->fdw_private == NIL ? nullptr : linitial(path->fdw_private);
    const PushedClauses clauses_of = push_clauses(root, rel, clauses, by_index);
    List* needed = needed_columns(rel, clauses_of.local, table);
    return make_foreignscan(targets, clauses_of.local, rel->relid, clauses_of.operands,
                            encode_plan(clauses_of.quals, needed, clauses_of.index_qual, NIL), NIL,
                            clauses_of.pushed, outer);
}

bool is_foreign_scan_parallel_safe(PlannerInfo*, RelOptInfo*, RangeTblEntry*) {
    return true;
}

RowMarkType get_foreign_row_mark_type(RangeTblEntry* entry, LockClauseStrength strength) {
    if (strength == LCS_NONE)
        return ROW_MARK_COPY;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("rows of component \"%s\" cannot be locked", get_rel_name(entry->relid)),
                    errdetail("A world does not wait for sessions."),
                    errhint("Use game.update() with an expected version, or change the rows in an action.")));
}

} // namespace gamelan::fdw
