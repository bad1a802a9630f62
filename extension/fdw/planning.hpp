// What the planning of scans and of aggregates share. Postgres zone.
#pragma once

#include "extension/fdw/execution.hpp"
#include "extension/fdw/pushdown.hpp"
#include "extension/fdw/table_size.hpp"

namespace gamelan::fdw {

// Of a base relation, in RelOptInfo::fdw_private.
struct Planned {
    std::shared_ptr<const TableInfo> table;
    TableSize size;
};

inline const Planned& planned(const RelOptInfo* rel) {
    return *static_cast<const Planned*>(rel->fdw_private);
}

// Conditions of a base relation, as a plan has them.
struct PushedClauses {
    List* quals = NIL;    // encoded
    List* operands = NIL; // what they compare with
    List* pushed = NIL;   // the same conditions as expressions
    List* local = NIL;    // expressions for the executor
    int index_qual = -1;  // which of the quals is `by_index`
};

// `by_index`: the expression of the condition whose index is used, or null.
PushedClauses push_clauses(PlannerInfo* root, RelOptInfo* rel, List* clauses, const void* by_index);

// Of taking all rows of a base relation into aggregates inside the scan.
Cost cost_of_aggregation(PlannerInfo* root, RelOptInfo* rel, const void* by_index, int aggregates);

// aggregate_planning.cpp
ForeignScan* get_aggregation_plan(PlannerInfo* root, ForeignPath* path, List* targets);

} // namespace gamelan::fdw
