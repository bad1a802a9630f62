// The handler of the foreign data wrapper "gamelan".
#include "extension/fdw/callbacks.hpp"
#include "extension/fdw/modify.hpp"

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_fdw_handler);

PGDLLEXPORT Datum gamelan_fdw_handler(PG_FUNCTION_ARGS) {
    using namespace gamelan::fdw;
    (void)fcinfo;
    FdwRoutine* routine = makeNode(FdwRoutine);

    routine->GetForeignRelSize = get_foreign_rel_size;
    routine->GetForeignPaths = get_foreign_paths;
    routine->GetForeignPlan = get_foreign_plan;
    routine->GetForeignUpperPaths = get_foreign_upper_paths;
    routine->BeginForeignScan = begin_foreign_scan;
    routine->IterateForeignScan = iterate_foreign_scan;
    routine->ReScanForeignScan = rescan_foreign_scan;
    routine->EndForeignScan = end_foreign_scan;
    routine->GetForeignRowMarkType = get_foreign_row_mark_type;

    routine->IsForeignScanParallelSafe = is_foreign_scan_parallel_safe;
    routine->EstimateDSMForeignScan = estimate_dsm_foreign_scan;
    routine->InitializeDSMForeignScan = initialize_dsm_foreign_scan;
    routine->ReInitializeDSMForeignScan = reinitialize_dsm_foreign_scan;
    routine->InitializeWorkerForeignScan = initialize_worker_foreign_scan;
    routine->ShutdownForeignScan = shutdown_foreign_scan;

    routine->ExplainForeignScan = explain_foreign_scan;
    routine->AnalyzeForeignTable = analyze_foreign_table;

    add_modify_callbacks(routine);
    PG_RETURN_POINTER(routine);
}

} // extern "C"
