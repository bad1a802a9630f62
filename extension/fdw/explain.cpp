#include "extension/fdw/execution.hpp"

#include "extension/pg/bridge.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "utils/ruleutils.h"
}

namespace gamelan::fdw {

namespace {

const char* route_name(const Scan& scan) {
    if (scan.route() == Route::full)
        return "full";
    if (scan.route() == Route::index)
        return "index";
    return scan.table().is_cells ? "cell" : "entity";
}

void explain_quals(ForeignScanState* node, ExplainState* state) {
    auto* plan = castNode(ForeignScan, node->ss.ps.plan);
    if (plan->fdw_recheck_quals == NIL)
        return;
    List* context = set_deparse_context_plan(state->deparse_cxt, &plan->scan.plan, NIL);
    const bool has_prefix = list_length(state->rtable) > 1 || state->verbose;
    auto* condition = reinterpret_cast<Node*>(make_ands_explicit(plan->fdw_recheck_quals));
    ExplainPropertyText("Pushed Quals", deparse_expression(condition, context, has_prefix, false), state);
}

// The row of an aggregating scan has no columns of the component: what it says of them was kept aside.
void explain_aggregation(const PlannedAggregation& aggregation, ExplainState* state) {
    const char* name = get_rel_name(aggregation.relation);
    const char* schema = get_namespace_name(get_rel_namespace(aggregation.relation));
    ExplainPropertyText("Relations", psprintf("Aggregate on %s", quote_qualified_identifier(schema, name)),
                        state);
    if (aggregation.conditions == NIL)
        return;
    auto* condition = reinterpret_cast<Node*>(make_ands_explicit(aggregation.conditions));
    ExplainPropertyText(
        "Pushed Quals",
        deparse_expression(condition, deparse_context_for(name, aggregation.relation), false, false), state);
}

} // namespace

void explain_foreign_scan(ForeignScanState* node, ExplainState* state) {
    const Scan& scan = *Execution::of(node).scan;
    if (const auto aggregation = planned_aggregation(castNode(ForeignScan, node->ss.ps.plan)))
        explain_aggregation(*aggregation, state);
    else
        explain_quals(node, state);
    ExplainPropertyText("Route", route_name(scan), state);
    if (scan.route() == Route::index)
        ExplainPropertyText(
            "Index Column",
            scan.table().columns[static_cast<std::size_t>(scan.index_qual().spec.column - 1)].name.c_str(),
            state);
    if (!state->analyze)
        return;
    // Of the world that was read last, which is the only one in most queries.
    ExplainPropertyInteger("Tick", nullptr, static_cast<int64>(scan.counters.tick), state);
    ExplainPropertyInteger("Worlds", nullptr, static_cast<int64>(scan.counters.worlds), state);
    ExplainPropertyInteger("Blocks Scanned", nullptr, static_cast<int64>(scan.counters.blocks_scanned),
                           state);
    ExplainPropertyInteger("Blocks Skipped", nullptr, static_cast<int64>(scan.counters.blocks_skipped),
                           state);
}

} // namespace gamelan::fdw
