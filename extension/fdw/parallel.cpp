// Parallel scans. The leader touches all worlds of the game under its statement's view and shares their
// versions and one counter of blocks; helpers have no view of their own, and ask for the leader's pin.
#include "extension/fdw/execution.hpp"

#include "extension/pg/bridge.hpp"

namespace gamelan::fdw {

Size estimate_dsm_foreign_scan(ForeignScanState* node, ParallelContext*) {
    Execution& execution = Execution::of(node);
    if (!execution.is_started)
        start(node);
    pg::sql_boundary([&] { list_worlds(execution.table->game, execution.shared_worlds); });
    for (const WorldPlace& world : execution.shared_worlds)
        if (execution.scan->accepts_world(world.id) && is_recovering(world))
            (void)wait_for_version(world);
    return Scan::shared_bytes(execution.shared_worlds.size());
}

void initialize_dsm_foreign_scan(ForeignScanState* node, ParallelContext*, void* coordinate) {
    Execution& execution = Execution::of(node);
    auto* shared = new (coordinate) SharedScan;
    pg::sql_boundary([&] {
        execution.scan->fill_shared(*shared, execution.shared_worlds);
        execution.scan->share(shared);
        execution.scan->restart();
    });
}

void reinitialize_dsm_foreign_scan(ForeignScanState* node, ParallelContext*, void* coordinate) {
    auto* shared = static_cast<SharedScan*>(coordinate);
    shared->next_block.store(0);
    Execution::of(node).scan->share(shared);
}

void initialize_worker_foreign_scan(ForeignScanState* node, shm_toc*, void* coordinate) {
    Execution& execution = Execution::of(node);
    pg::sql_boundary([&] { execution.scan->share(static_cast<SharedScan*>(coordinate)); });
}

void shutdown_foreign_scan(ForeignScanState* node) {
    if (Execution& execution = Execution::of(node); execution.scan)
        execution.scan->stop_sharing();
}

} // namespace gamelan::fdw
