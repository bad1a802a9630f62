// The checkpointer: writes a checkpoint of every world that moved on, each gamelan.checkpoint_interval,
// beside the world worker and without its help. A failure with one world is reported and does not keep the
// others from theirs.
#include "bgworker/world_log.hpp"

#include "bgworker/entry_points.hpp"
#include "extension/pg/bridge.hpp"
#include "extension/pg/checkpoints.hpp"
#include "extension/pg/residence.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::worker {

namespace {

namespace spi = pg::spi;

constexpr long poll_interval_ms = 1000;

bool wants_checkpoint(store::WorldSlot slot) {
    const store::WorldControl& control = pg::region().control(slot);
    const pg::WorldState state = pg::runtime(slot).state.load();
    const bool is_settled = state == pg::WorldState::running || state == pg::WorldState::paused ||
                            state == pg::WorldState::created;
    return control.world_id.load() != 0 && control.root.load() != 0 && is_settled &&
           static_cast<std::int64_t>(control.tick.load()) >
               Max(pg::runtime(slot).last_checkpoint_tick.load(), 0);
}

void checkpoint(store::WorldSlot slot) {
    const std::int64_t world_id = pg::region().control(slot).world_id.load();
    try {
        pg::pg_call([&] {
            spi::begin("gamelan: writing a checkpoint");
            if (extension_exists() &&
                spi::run("SELECT FROM game.world_definition WHERE id = $1", {spi::bigint(world_id)}) == 1)
                (void)pg::checkpoints::take(slot, world_id);
            spi::commit();
        });
    } catch (const pg::PgError& error) {
        ereport(WARNING, (errcode(error.data()->sqlerrcode),
                          errmsg("could not write a checkpoint of world " INT64_FORMAT ": %s", world_id,
                                 error.what())));
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
            checkpoint({i});
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
    TimestampTz last = GetCurrentTimestamp();
    while (!must_end()) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, poll_interval_ms,
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        look_around();
        let_idle_worlds_go(loop);
        const int interval_s = pg::settings::checkpoint_interval_s;
        if (interval_s == 0 || !TimestampDifferenceExceeds(last, GetCurrentTimestamp(), interval_s * 1000))
            continue;
        last = GetCurrentTimestamp();
        for (std::uint32_t i = 0; i < pg::shared->max_worlds && !must_end(); ++i) {
            if (!wants_checkpoint({i}))
                continue;
            MemoryContextSwitchTo(loop);
            checkpoint({i});
            MemoryContextReset(loop);
        }
    }
    proc_exit(0);
}
