// The callbacks of the foreign data wrapper, by subject; handler.cpp puts them together. All of them are
// Postgres zone.
#pragma once

#include "core/base/no_postgres.hpp"

#include "extension/pg/pg.hpp"

extern "C" {
#include "access/parallel.h"
#include "commands/explain.h"
#include "foreign/fdwapi.h"
}

namespace gamelan::fdw {

// planning.cpp
void get_foreign_rel_size(PlannerInfo* root, RelOptInfo* rel, Oid relation);
void get_foreign_paths(PlannerInfo* root, RelOptInfo* rel, Oid relation);
ForeignScan* get_foreign_plan(PlannerInfo* root, RelOptInfo* rel, Oid relation, ForeignPath* path,
                              List* targets, List* clauses, Plan* outer);
bool is_foreign_scan_parallel_safe(PlannerInfo* root, RelOptInfo* rel, RangeTblEntry* entry);
// Row locks are refused: what they would have to stop is the world.
RowMarkType get_foreign_row_mark_type(RangeTblEntry* entry, LockClauseStrength strength);

// aggregate_planning.cpp
void get_foreign_upper_paths(PlannerInfo* root, UpperRelationKind stage, RelOptInfo* input,
                             RelOptInfo* output, void* extra);

// execution.cpp
void begin_foreign_scan(ForeignScanState* node, int flags);
TupleTableSlot* iterate_foreign_scan(ForeignScanState* node);
void rescan_foreign_scan(ForeignScanState* node);
void end_foreign_scan(ForeignScanState* node);

// parallel.cpp
Size estimate_dsm_foreign_scan(ForeignScanState* node, ParallelContext* context);
void initialize_dsm_foreign_scan(ForeignScanState* node, ParallelContext* context, void* coordinate);
void reinitialize_dsm_foreign_scan(ForeignScanState* node, ParallelContext* context, void* coordinate);
void initialize_worker_foreign_scan(ForeignScanState* node, shm_toc* contents, void* coordinate);
void shutdown_foreign_scan(ForeignScanState* node);

// explain.cpp
void explain_foreign_scan(ForeignScanState* node, ExplainState* state);

// analyze.cpp
bool analyze_foreign_table(Relation relation, AcquireSampleRowsFunc* acquire, BlockNumber* pages);

} // namespace gamelan::fdw
