// Aggregates over all rows of one component, taken by the scan block by block: the node hands out a single
// row.
//
// Pushed down are count(*), count(column), sum and avg of integers, and min and max of integers, floating
// point, dates and timestamps, without GROUP BY, DISTINCT, FILTER and ORDER BY, when the store tests every
// condition. Their results are the same as Postgres's; sums of floating point, which depend on the order of
// rows, are not among them.
#pragma once

#include "extension/fdw/scan.hpp"

#include "extension/fdw/callbacks.hpp"

namespace gamelan::fdw {

enum class AggregateFunction : std::uint8_t { count, sum, average, minimum, maximum };

struct AggregateSpec {
    AggregateFunction function;
    AttrNumber column; // 0 for count(*)
};

// Postgres zone. Whether the scan can do it for a base relation with that range table index.
bool match_aggregate(Index relid, const TableInfo& table, const Aggref* aggregate, AggregateSpec& spec);

// As nodes that plans can be copied and stored with. `conditions`: expressions for EXPLAIN, whose columns are
// those of range table entry 1.
struct PlannedAggregation {
    Oid relation;
    std::span<const AggregateSpec> specs; // in the current memory context
    List* conditions;
};
List* encode_aggregation(Oid relation, std::span<const AggregateSpec> specs, List* conditions);
std::optional<PlannedAggregation> planned_aggregation(const ForeignScan* plan);

// Of a running node.
struct Aggregation {
    // C++ zone.
    Aggregation(const PlannedAggregation& planned, const TableInfo& table);

    std::vector<AggregateSpec> specs;
    std::vector<Scan::Aggregate> aggregates;
    bool is_done = false;
};

// The one row, and then none.
TupleTableSlot* iterate_aggregation(ForeignScanState* node);

} // namespace gamelan::fdw
