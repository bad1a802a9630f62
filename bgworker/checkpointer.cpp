// The checkpointer: writes a checkpoint of every world for which one is due, beside the world worker and
// without its help; verifies full ones by recovering them where nobody sees it, and removes those that are
// too old. It keeps the partitions of the log and the events, too. A failure with one world is reported and
// does not keep the others from theirs.
#include "bgworker/world_log.hpp"
#include "extension/pg/retention.hpp"

#include "bgworker/entry_points.hpp"
#include "bgworker/partitions.hpp"
#include "extension/pg/bridge.hpp"
#include "extension/pg/checkpoints.hpp"
#include "extension/pg/reading.hpp"
#include "extension/pg/residence.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::worker {

namespace {

namespace spi = pg::spi;

constexpr long poll_interval_ms = 1000;

using pg::checkpoints::Kind;

constexpr std::int64_t retry_us = 5'000'000;

// Of a slot, in this process.
struct Attempted {
    std::int64_t world_id = 0;
    TimestampTz first_seen = 0;
    TimestampTz failed_at = 0;
};

bool can_have_checkpoint(store::WorldSlot slot) {
    const store::WorldControl& control = pg::region().control(slot);
    const pg::WorldState state = pg::runtime(slot).state.load();
    const bool is_settled = state == pg::WorldState::running || state == pg::WorldState::paused ||
                            state == pg::WorldState::created;
    return control.world_id.load() != 0 && control.root.load() != 0 && is_settled &&
           static_cast<std::int64_t>(control.tick.load()) >
               Max(pg::runtime(slot).last_checkpoint_tick.load(), 0);
}

// A definition that changed: its increments would be full ones, and an older full one does not know it.
bool has_new_layout(store::WorldSlot slot, const pg::ChainHead& head) {
    return pg::sql_boundary([&] {
        const pg::ReadPin pin;
        const auto snapshot = store::Snapshot::current(pg::region(), slot);
        const bool is_new = snapshot && snapshot->layout_version() > head.sequence;
        pin.check();
        return is_new;
    });
}

// Postgres zone, in a transaction.
bool is_due(store::WorldSlot slot, std::int64_t world_id, const Attempted& attempted) {
    const pg::checkpoints::Policy policy = pg::checkpoints::policy_of(world_id);
    const pg::ChainHead head = pg::checkpoints::chain_head(slot);
    const std::int64_t last_tick = Max(pg::runtime(slot).last_checkpoint_tick.load(), 0);
    const auto tick = static_cast<std::int64_t>(pg::region().control(slot).tick.load());
    const std::uint64_t logged = pg::runtime(slot).logged_bytes.load();
    const TimestampTz since = head.lifetime == 0 ? attempted.first_seen : head.taken_at;
    const std::uint64_t logged_since = head.lifetime == 0 ? 0 : head.logged_bytes;
    const bool has_any = policy.every_us != 0 || policy.every_ticks != 0 || policy.every_log_bytes != 0;
    return (policy.every_us != 0 && GetCurrentTimestamp() - since >= policy.every_us) ||
           (policy.every_ticks != 0 && tick - last_tick >= policy.every_ticks) ||
           (policy.every_log_bytes != 0 &&
            logged - logged_since >= static_cast<std::uint64_t>(policy.every_log_bytes)) ||
           (has_any && head.lifetime != 0 && has_new_layout(slot, head));
}

// In a transaction.
bool is_defined(std::int64_t world_id) {
    return extension_exists() &&
           spi::run("SELECT FROM game.world_definition WHERE id = $1", {spi::bigint(world_id)}) == 1;
}

// False when it failed.
bool checkpoint(store::WorldSlot slot, const Attempted* attempted) {
    const std::int64_t world_id = pg::region().control(slot).world_id.load();
    try {
        pg::pg_call([&] {
            spi::begin("gamelan: writing a checkpoint");
            if (is_defined(world_id) && (attempted == nullptr || is_due(slot, world_id, *attempted)))
                (void)pg::checkpoints::take(slot, world_id, Kind::by_strategy);
            spi::commit();
        });
        return true;
    } catch (const pg::PgError& error) {
        ereport(WARNING, (errcode(error.data()->sqlerrcode),
                          errmsg("could not write a checkpoint of world " INT64_FORMAT ": %s", world_id,
                                 error.what())));
        spi::abort();
        return false;
    }
}

class CheckpointerWatcher final : public pg::history::Watcher {
  public:
    bool go_on(const pg::history::Progress&) override {
        pg::pg_call([] { look_around(); });
        return !must_end();
    }
};

bool is_there(std::int64_t world_id) {
    spi::begin("gamelan: looking for a world");
    const bool out = is_defined(world_id);
    spi::commit();
    return out;
}

// A full checkpoint that is not sound is no base for an increment.
void forget_chain(store::WorldSlot slot) {
    LWLockAcquire(pg::shared->lock, LW_EXCLUSIVE);
    pg::runtime(slot).chain.lifetime = 0;
    LWLockRelease(pg::shared->lock);
}

void tidy_up(store::WorldSlot slot) {
    const std::int64_t world_id = pg::region().control(slot).world_id.load();
    if (world_id == 0 || !pg::runtime(slot).has_new_checkpoint.exchange(false) || !is_there(world_id))
        return;
    try {
        CheckpointerWatcher watcher;
        if (!pg::retention::tidy_up(world_id, watcher) && !must_end())
            forget_chain(slot);
    } catch (const pg::PgError& error) {
        ereport(WARNING, (errcode(error.data()->sqlerrcode),
                          errmsg("could not verify the checkpoints of world " INT64_FORMAT ": %s", world_id,
                                 error.what())));
        spi::abort();
    } catch (const Error& error) {
        ereport(WARNING, (errmsg("could not verify the checkpoints of world " INT64_FORMAT ": %s", world_id,
                                 error.message().c_str())));
        if (IsTransactionState())
            spi::abort();
    }
}

// Each gets its checkpoint first, unless it has one of the tick it stands at.
void let_idle_worlds_go(MemoryContext memory) {
    for (std::uint32_t i = 0; i < pg::shared->max_worlds && !must_end(); ++i) {
        const store::WorldControl& control = pg::region().control({i});
        if (control.world_id.load() == 0 || control.root.load() == 0 ||
            !pg::residence::is_idle({i}, GetCurrentTimestamp() / 1000))
            continue;
        MemoryContextSwitchTo(memory);
        if (pg::runtime({i}).last_checkpoint_tick.load() != static_cast<std::int64_t>(control.tick.load()))
            (void)checkpoint({i}, nullptr);
        MemoryContextReset(memory);
        pg::residence::let_go({i});
    }
}

} // namespace

} // namespace gamelan::worker

extern "C" PGDLLEXPORT void gamelan_checkpointer_main(Datum);

extern "C" void gamelan_checkpointer_main(Datum) {
    using namespace gamelan;
    using namespace gamelan::worker;
    start_process(pg::shared->checkpointer);
    connect_to_database("gamelan checkpointer " GAMELAN_VERSION);
    MemoryContext loop =
        AllocSetContextCreate(TopMemoryContext, "gamelan checkpointer", ALLOCSET_DEFAULT_SIZES);
    // Leaked on purpose: the process ends without running destructors.
    auto& attempts = *new std::vector<Attempted>(pg::shared->max_worlds);
    PartitionKeeper partitions;
    for (std::uint32_t i = 0; i < pg::shared->max_worlds; ++i)
        pg::runtime({i}).has_new_checkpoint.store(true); // of a checkpointer before this one
    while (!must_end()) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, poll_interval_ms,
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        look_around();
        let_idle_worlds_go(loop);
        MemoryContextSwitchTo(loop);
        partitions.keep();
        MemoryContextReset(loop);
        for (std::uint32_t i = 0; i < pg::shared->max_worlds && !must_end(); ++i) {
            const std::int64_t world_id = pg::region().control({i}).world_id.load();
            if (world_id == 0)
                continue;
            MemoryContextSwitchTo(loop);
            Attempted& attempted = attempts[i];
            if (attempted.world_id != world_id)
                attempted = {world_id, GetCurrentTimestamp(), 0};
            if (can_have_checkpoint({i}) && GetCurrentTimestamp() - attempted.failed_at > retry_us)
                attempted.failed_at = checkpoint({i}, &attempted) ? 0 : GetCurrentTimestamp();
            MemoryContextSwitchTo(loop);
            tidy_up({i});
            MemoryContextReset(loop);
        }
    }
    proc_exit(0);
}
