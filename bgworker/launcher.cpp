// The launcher: one per server, connected to no database. Starts the flusher, and the world worker and the
// checkpointer in the database that gamelan.database names, as soon as it exists, and starts them again when
// they end.
//
// Scenarios it must survive: the database is created later, dropped, renamed, replaced by another of the same
// name; a worker fails again and again (the pause doubles up to gamelan.worker_restart_delay_max and starts
// anew after a healthy minute); somebody terminates a worker by hand; the launcher itself fails, is started
// anew by the postmaster and finds the workers of its predecessor alive. On a standby it is not started until
// promotion.
#include "bgworker/entry_points.hpp"

#include <algorithm>
#include <cstring>

#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"

namespace gamelan::worker {

namespace {

constexpr long poll_interval_ms = 1000;
constexpr int first_delay_ms = 100;
constexpr int healthy_ms = 60 * 1000;

// One kind of worker that is to be kept alive.
struct Ward {
    const char* name;
    const char* function;
    pg::WorkerEntry* entry;
    BackgroundWorkerHandle* handle = nullptr;
    TimestampTz started_at = 0;
    TimestampTz not_before = 0;
    int delay_ms = 0;
};

// By a plain scan, as the autovacuum launcher does it: a process without a database has no catalog caches to
// ask.
Oid find_database() {
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    Oid database = InvalidOid;
    const Relation table = table_open(DatabaseRelationId, AccessShareLock);
    const TableScanDesc scan = table_beginscan_catalog(table, 0, nullptr);
    while (const HeapTuple row = heap_getnext(scan, ForwardScanDirection)) {
        const auto* form = reinterpret_cast<Form_pg_database>(GETSTRUCT(row));
        const bool is_usable = form->datallowconn && form->datconnlimit != -2; // -2: a DROP was interrupted
        if (is_usable && std::strcmp(NameStr(form->datname), pg::settings::database) == 0)
            database = form->oid;
    }
    table_endscan(scan);
    table_close(table, AccessShareLock);
    CommitTransactionCommand();
    return database;
}

void note_end(Ward& ward, TimestampTz now) {
    pfree(ward.handle);
    ward.handle = nullptr;
    const bool was_healthy = TimestampDifferenceExceeds(ward.started_at, now, healthy_ms);
    ward.delay_ms = was_healthy || ward.delay_ms == 0
                        ? first_delay_ms
                        : std::min(ward.delay_ms * 2, pg::settings::worker_restart_delay_max_ms);
    ward.not_before = TimestampTzPlusMilliseconds(now, ward.delay_ms);
}

void start(Ward& ward, TimestampTz now) {
    BackgroundWorker worker;
    MemSet(&worker, 0, sizeof worker);
    strlcpy(worker.bgw_name, ward.name, sizeof worker.bgw_name);
    strlcpy(worker.bgw_type, ward.name, sizeof worker.bgw_type);
    strlcpy(worker.bgw_library_name, "gamelan", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, ward.function, sizeof worker.bgw_function_name);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = MyProcPid;
    if (!RegisterDynamicBackgroundWorker(&worker, &ward.handle)) {
        ereport(WARNING,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("could not start the %s", ward.name),
                 errhint("Raise max_worker_processes.")));
        ward.not_before = TimestampTzPlusMilliseconds(now, pg::settings::worker_restart_delay_max_ms);
        return;
    }
    ward.started_at = now;
}

void keep_alive(Ward& ward, bool is_wanted) {
    const TimestampTz now = GetCurrentTimestamp();
    if (ward.handle != nullptr) {
        pid_t pid = 0;
        if (GetBackgroundWorkerPid(ward.handle, &pid) == BGWH_STOPPED)
            note_end(ward, now);
        return;
    }
    if (is_wanted && ward.entry->pid.load() == 0 && now >= ward.not_before)
        start(ward, now);
}

} // namespace

void register_launcher() {
    BackgroundWorker worker;
    MemSet(&worker, 0, sizeof worker);
    strlcpy(worker.bgw_name, "gamelan launcher", sizeof worker.bgw_name);
    strlcpy(worker.bgw_type, "gamelan launcher", sizeof worker.bgw_type);
    strlcpy(worker.bgw_library_name, "gamelan", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, launcher_function, sizeof worker.bgw_function_name);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = 1;
    RegisterBackgroundWorker(&worker);
}

} // namespace gamelan::worker

extern "C" PGDLLEXPORT void gamelan_launcher_main(Datum);

extern "C" void gamelan_launcher_main(Datum) {
    using namespace gamelan;
    using namespace gamelan::worker;
    start_process(pg::shared->launcher);
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    Ward wards[] = {{"gamelan world worker", world_worker_function, &pg::shared->world_worker},
                    {"gamelan flusher", flusher_function, &pg::shared->flusher},
                    {"gamelan checkpointer", checkpointer_function, &pg::shared->checkpointer}};
    while (ShutdownRequestPending == 0) {
        const Oid database = find_database();
        const bool is_wanted = OidIsValid(database) && pg::shared->stopped_database_oid.load() != database;
        long wait_ms = poll_interval_ms;
        for (Ward& ward : wards) {
            keep_alive(ward, is_wanted);
            if (ward.handle == nullptr && is_wanted)
                wait_ms =
                    Min(wait_ms, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), ward.not_before) + 1);
        }
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        look_around();
    }
    proc_exit(1); // 0 would mean "never again"; at a shutdown the postmaster starts nothing anyway
}
