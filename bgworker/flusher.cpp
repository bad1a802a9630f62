#include "bgworker/flusher.hpp"

#include "bgworker/entry_points.hpp"
#include "core/base/control_build.hpp"
#include "core/base/error.hpp"
#include "extension/pg/pause_points.hpp"

extern "C" {
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
}

#include <string>

namespace gamelan::worker {

namespace {

// Nobody tells us when a standby has confirmed; looked at so often while a tick waits for one.
constexpr long standby_poll_ms = 1;
constexpr long idle_ms = 10'000;

bool has_synchronous_standbys() {
    return max_wal_senders > 0 && SyncRepStandbyNames != nullptr && SyncRepStandbyNames[0] != '\0';
}

// Up to where the synchronous standbys have confirmed, in one of the modes SYNC_REP_WAIT_*.
XLogRecPtr confirmed(int mode) {
    LWLockAcquire(SyncRepLock, LW_SHARED);
    const XLogRecPtr out = WalSndCtl->lsn[mode];
    LWLockRelease(SyncRepLock);
    return out;
}

int mode_of_setting() {
    if (synchronous_commit >= SYNCHRONOUS_COMMIT_REMOTE_APPLY)
        return SYNC_REP_WAIT_APPLY;
    return synchronous_commit == SYNCHRONOUS_COMMIT_REMOTE_WRITE ? SYNC_REP_WAIT_WRITE : SYNC_REP_WAIT_FLUSH;
}

void advance(std::atomic<std::uint64_t>& position, std::uint64_t to) {
    std::uint64_t known = position.load();
    while (known < to && !position.compare_exchange_weak(known, to)) {
    }
}

} // namespace

Durability durability_of(std::string_view name) {
    if (name == "sync")
        return Durability::sync;
    if (name == "relaxed")
        return Durability::relaxed;
    if (name == "replicated")
        return Durability::replicated;
    throw Error(sqlstate::internal, "there is no durability called " + std::string(name));
}

Safe Safe::now() {
    Safe out;
    const XLogRecPtr here = GetFlushRecPtr(nullptr);
    out.replicated_ = out.as_configured_ = here;
    if (!has_synchronous_standbys())
        return out;
    const int mode = mode_of_setting();
    const XLogRecPtr copied = confirmed(mode);
    out.replicated_ = Min(here, mode == SYNC_REP_WAIT_WRITE ? confirmed(SYNC_REP_WAIT_FLUSH) : copied);
    if (synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
        out.as_configured_ = Min(here, copied);
    return out;
}

bool Safe::covers(XLogRecPtr position, Durability durability) const {
    return control_build::skips_flush ||
           position <= (durability == Durability::replicated ? replicated_ : as_configured_);
}

void want_flushed(XLogRecPtr position) {
    advance(pg::shared->flush_wanted, position);
    if (pg::shared->flusher.pid.load() != 0)
        pg::wake(pg::shared->flusher);
    else
        XLogFlush(position);
}

} // namespace gamelan::worker

extern "C" PGDLLEXPORT void gamelan_flusher_main(Datum);

// Started and ended by the launcher. Touches no table, so it keeps to no database.
extern "C" void gamelan_flusher_main(Datum) {
    using namespace gamelan;
    using namespace gamelan::worker;
    start_process(pg::shared->flusher);
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pgstat_report_appname("gamelan flusher " GAMELAN_VERSION);
    Safe told;
    while (ShutdownRequestPending == 0) {
        const XLogRecPtr wanted = pg::shared->flush_wanted.load();
        if (wanted > GetFlushRecPtr(nullptr))
            pg::pause_point("flush");
        XLogFlush(wanted);
        const Safe safe = Safe::now();
        if (safe != told)
            pg::wake(pg::shared->world_worker);
        told = safe;
        const bool is_copy_missing =
            !safe.covers(wanted, Durability::sync) || !safe.covers(wanted, Durability::replicated);
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                        is_copy_missing ? standby_poll_ms : idle_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        look_around();
    }
    proc_exit(0);
}
