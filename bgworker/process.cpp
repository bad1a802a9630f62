#include "bgworker/entry_points.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"

namespace gamelan::worker {

namespace {

// Runs after the transaction is aborted and locks are released: exit hooks run in reverse order of
// registration, and this one is registered before the connection exists. So "pid = 0" means that nothing of
// the process is left.
void leave(int, Datum argument) {
    auto* entry = reinterpret_cast<pg::WorkerEntry*>(DatumGetPointer(argument));
    pg::region().unpin(pg::my_pin());
    entry->latch.store(nullptr);
    entry->pid.store(0);
    pg::wake(pg::shared->launcher);
}

} // namespace

void start_process(pg::WorkerEntry& entry) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    if (pg::shared == nullptr)
        proc_exit(0);
    int expected = 0;
    if (!entry.pid.compare_exchange_strong(expected, MyProcPid)) {
        ereport(LOG, (errmsg("another process does this already: pid %d", expected)));
        proc_exit(0);
    }
    before_shmem_exit(leave, PointerGetDatum(&entry));
    entry.latch.store(MyLatch);
    BackgroundWorkerUnblockSignals();
}

void connect_to_database(const char* application_name) {
    BackgroundWorkerInitializeConnection(pg::settings::database, nullptr, 0);
    // A session that holds a lock we need must not hold up the worlds, or a shutdown, for ever.
    SetConfigOption("lock_timeout", "5s", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("statement_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("idle_in_transaction_session_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
    pgstat_report_appname(application_name);
}

void look_around() {
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
    }
}

bool must_end() {
    return ShutdownRequestPending != 0 || pg::shared->stopped_database_oid.load() == MyDatabaseId;
}

} // namespace gamelan::worker
