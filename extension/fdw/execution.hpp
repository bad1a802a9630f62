// The executor's side of a scan, as the files about execution, parallel scans and EXPLAIN share it.
#pragma once

#include "extension/fdw/aggregation.hpp"
#include "extension/fdw/scan.hpp"

#include "extension/fdw/callbacks.hpp"

namespace gamelan::fdw {

// Behind ForeignScanState::fdw_state.
struct Execution {
    std::shared_ptr<const TableInfo> table;
    std::optional<Scan> scan;
    std::optional<Aggregation> aggregation; // when the scan hands out one row of aggregates
    List* operands = nullptr;               // of ExprState
    bool is_started = false;
    std::vector<WorldPlace> shared_worlds; // of a leader

    static Execution& of(ForeignScanState* node) { return *static_cast<Execution*>(node->fdw_state); }
};

// Makes the scan begin: takes the view, evaluates the operands, chooses worlds and rows.
void start(ForeignScanState* node);

// A world that has published nothing: one that the query names is waited for; of all worlds, those that may
// come soon.
void wait_for_world(Scan& scan);

// What a plan tells the executor, in ForeignScan::fdw_private: a list of quals, a list of the numbers of the
// columns that rows must have, the number of the qual whose index is used, or -1, and what is aggregated, or
// NIL.
List* encode_plan(List* quals, List* needed, int by_index, List* aggregation);
int planned_index(const ForeignScan* plan);
std::span<const PushedQual> planned_quals(const ForeignScan* plan); // in the current memory context
std::span<const AttrNumber> planned_columns(const ForeignScan* plan);

// Evaluates what rows have in columns that the current world lacks.
void set_defaults(Scan& scan, Relation relation, MemoryContext context);

} // namespace gamelan::fdw
