#include "extension/pg/residence.hpp"

#include "extension/pg/settings.hpp"

namespace gamelan::pg::residence {

namespace {

constexpr long poll_ms = 50;

} // namespace

void touch(store::WorldSlot slot, std::int64_t world_id) {
    WorldRuntime& world = runtime(slot);
    if (world.state.load() != WorldState::evicted)
        return;
    ConditionVariablePrepareToSleep(&world.published);
    while (world.state.load() == WorldState::evicted && region().control(slot).world_id.load() == world_id) {
        world.is_touched.store(true);
        wake(shared->world_worker);
        (void)ConditionVariableTimedSleep(&world.published, poll_ms, PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
}

bool is_idle(store::WorldSlot slot, std::int64_t now_ms) {
    const WorldRuntime& world = runtime(slot);
    const WorldState state = world.state.load();
    return settings::evict_idle_after_s > 0 &&
           (state == WorldState::paused || state == WorldState::created) &&
           now_ms - world.idle_since_ms.load() >= std::int64_t{settings::evict_idle_after_s} * 1000;
}

void let_go(store::WorldSlot slot) {
    runtime(slot).is_eviction_wanted.store(true);
    wake(shared->world_worker);
}

} // namespace gamelan::pg::residence
