// Paths that aggregate inside the scan. The plan's row has the aggregates only; what the query computes from
// them, the executor does.
#include "extension/fdw/planning.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/tlist.h"
#include "rewrite/rewriteManip.h"
}

namespace gamelan::fdw {

namespace {

constexpr int max_aggregates = 256;

// The aggregates of a query without groups, each once; false when something else is asked for.
bool collect_aggregates(const PathTarget* target, List** out) {
    List* found = pull_var_clause(reinterpret_cast<Node*>(target->exprs),
                                  PVC_INCLUDE_AGGREGATES | PVC_INCLUDE_PLACEHOLDERS);
    ListCell* cell = nullptr;
    foreach (cell, found) {
        if (!IsA(lfirst(cell), Aggref))
            return false;
        *out = list_append_unique(*out, lfirst(cell));
    }
    return *out != NIL && list_length(*out) <= max_aggregates;
}

bool is_plain_aggregation(const PlannerInfo* root, const RelOptInfo* input) {
    const Query* query = root->parse;
    return input->reloptkind == RELOPT_BASEREL && input->fdw_private != nullptr &&
           !root->simple_rte_array[input->relid]->inh && query->hasAggs && query->groupClause == NIL &&
           query->groupingSets == NIL && root->hasHavingQual == false && !root->hasPseudoConstantQuals;
}

bool are_all_pushed(PlannerInfo* root, RelOptInfo* rel) {
    ListCell* cell = nullptr;
    foreach (cell, rel->baserestrictinfo) {
        PushedQual qual;
        Expr* operand = nullptr;
        if (!match_restriction(root, rel, *planned(rel).table, lfirst_node(RestrictInfo, cell), qual,
                               &operand))
            return false;
    }
    return true;
}

} // namespace

// One path for each way into the component that the base relation has.
void get_foreign_upper_paths(PlannerInfo* root, UpperRelationKind stage, RelOptInfo* input,
                             RelOptInfo* output, void*) {
    if (stage != UPPERREL_GROUP_AGG || !is_plain_aggregation(root, input) || !are_all_pushed(root, input))
        return;
    PathTarget* target = root->upper_targets[UPPERREL_GROUP_AGG];
    List* aggregates = NIL;
    if (!collect_aggregates(target, &aggregates))
        return;
    ListCell* cell = nullptr;
    AggregateSpec spec;
    foreach (cell, aggregates)
        if (!match_aggregate(input->relid, *planned(input).table, lfirst_node(Aggref, cell), spec))
            return;
    foreach (cell, input->pathlist) {
        if (!IsA(lfirst(cell), ForeignPath))
            continue;
        const auto* base = lfirst_node(ForeignPath, cell);
        if (base->path.param_info != nullptr)
            continue;
        const void* by_index = base->fdw_private == NIL ? nullptr : linitial(base->fdw_private);
        const Cost cost = cost_of_aggregation(root, input, by_index, list_length(aggregates));
        const Cost total = target->cost.startup + cost + target->cost.per_tuple;
        ForeignPath* path =
            create_foreign_upper_path(root, output, target, 1, total, total, NIL, nullptr,
                                      list_make3(input, aggregates, const_cast<void*>(by_index)));
        path->path.parallel_safe = false; // only in the leader is the statement's view
        add_path(output, &path->path);
    }
}

ForeignScan* get_aggregation_plan(PlannerInfo* root, ForeignPath* path, List* targets) {
    auto* rel = static_cast<RelOptInfo*>(linitial(path->fdw_private));
    auto* aggregates = static_cast<List*>(lsecond(path->fdw_private));
    const TableInfo& table = *planned(rel).table;
    const PushedClauses clauses = push_clauses(root, rel, rel->baserestrictinfo, lthird(path->fdw_private));
    const auto count = static_cast<std::size_t>(list_length(aggregates));
    auto* specs = static_cast<AggregateSpec*>(palloc(count * sizeof(AggregateSpec)));
    List* needed = NIL;
    for (std::size_t i = 0; i < count; ++i) {
        auto* aggregate = static_cast<Aggref*>(list_nth(aggregates, static_cast<int>(i)));
        (void)match_aggregate(rel->relid, table, aggregate, specs[i]);
        if (specs[i].column != 0)
            needed = list_append_unique_int(needed, specs[i].column);
    }
    List* conditions = static_cast<List*>(copyObjectImpl(clauses.pushed));
    ChangeVarNodes(reinterpret_cast<Node*>(conditions), static_cast<int>(rel->relid), 1, 0);
    List* aggregation = encode_aggregation(table.relation, {specs, count}, conditions);
    return make_foreignscan(targets, NIL, 0, clauses.operands,
                            encode_plan(clauses.quals, needed, clauses.index_qual, aggregation),
                            add_to_flat_tlist(NIL, aggregates), NIL, nullptr);
}

} // namespace gamelan::fdw
