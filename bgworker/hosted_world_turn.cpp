// What becomes of a tick once it is built: its commit, its publication, its answers; or that it never was.
#include "bgworker/hosted_world.hpp"

#include <algorithm>

#include "extension/pg/bridge.hpp"
#include "extension/pg/pause_points.hpp"
#include "extension/pg/requests.hpp"

namespace gamelan::worker {

namespace {

using pg::WorldState;
namespace requests = pg::requests;

constexpr std::int64_t second_ns = 1'000'000'000;

} // namespace

void HostedWorld::begin_turn() {
    end_before_ = end_;
    step_before_.reset();
    has_built_ = false;
}

// A step request runs at a time; those behind it wait their turn.
void HostedWorld::take_step(BuiltTick& tick) {
    if (steps_.empty())
        return;
    step_before_ = steps_.front();
    if (--steps_.front().ticks_left > 0)
        return;
    tick.step = steps_.front().request;
    steps_.erase(steps_.begin());
    if (steps_.empty())
        pacer_.restart(pacer_.tick_rate_hz(), monotonic_ns());
}

void HostedWorld::note_head(std::int64_t now_ns, std::int64_t interval_ms, TurnLog& log) {
    if (!is_loaded())
        return;
    const std::uint64_t tick = simulation_->tick();
    const bool is_wanted = std::exchange(end_.is_head_wanted, false);
    const bool is_pausing = std::exchange(end_.is_pausing, false);
    const bool is_time = is_wanted || now_ns - end_.head_written_ns >= interval_ms * 1'000'000;
    if (tick == end_.head_tick || !is_time)
        return;
    if (is_pausing)
        log.require_flush();
    end_.head_tick = tick;
    end_.head_written_ns = now_ns;
    log.add_head(id_, tick, end_.log_tick, end_.row_hash);
}

void HostedWorld::end_turn(XLogRecPtr position) {
    if (!has_built_)
        return;
    unsettled_.back().position = position;
    if (state() == WorldState::stalled)
        set_state(WorldState::running);
}

// The outcome is known: nothing of the turn is in the log, so that nobody has to guess.
void HostedWorld::undo_turn(const Error& error, std::int64_t retry_ns) {
    end_ = end_before_;
    if (!has_built_)
        return;
    has_built_ = false;
    simulation_->forget_newest();
    BuiltTick tick = std::move(unsettled_.back());
    unsettled_.pop_back();
    const auto fail = [&](std::uint32_t request) {
        requests::answer_error(request, error.code(), error.message(), error.detail(), error.hint());
    };
    for (const Call& call : tick.calls)
        fail(call.request);
    if (step_before_)
        fail(step_before_->request);
    if (step_before_ && !tick.step)
        steps_.erase(steps_.begin());
    syncs_.insert(syncs_.begin(), tick.syncs.begin(), tick.syncs.end());
    ring_again();
    if (tick.result.has_revived)
        find_free_entities({});
    else
        take_back_freed(tick.result.freed);
    if (!is_ticking())
        return;
    stalled_until_ns_ = retry_ns;
    set_state(WorldState::stalled, error);
}

// Their entities live on. A session that took one meanwhile is refused when it spawns.
void HostedWorld::take_back_freed(const std::vector<store::Entity>& freed) {
    const auto is_freed = [&](std::uint64_t handle) {
        return std::any_of(freed.begin(), freed.end(),
                           [&](const store::Entity entity) { return entity.handle == handle; });
    };
    std::vector<store::Entity> kept = std::exchange(free_entities_, {});
    std::erase_if(kept, [&](const store::Entity entity) { return is_freed(entity.handle); });
    for (const store::Entity entity : kept)
        add_free_entity(entity);
    LWLockAcquire(pg::shared->lock, LW_EXCLUSIVE);
    pg::EntityPool& pool = runtime().entities;
    pool.count = static_cast<std::uint32_t>(
        std::remove_if(pool.handles, pool.handles + pool.count, is_freed) - pool.handles);
    LWLockRelease(pg::shared->lock);
}

bool HostedWorld::is_safe(const BuiltTick& tick, const Safe& safe) const {
    return tick.position == 0 || safe.covers(tick.position, durability_);
}

void HostedWorld::settle(const Safe& safe, std::int64_t now_ns) {
    for (BuiltTick& tick : unsettled_) {
        if (tick.is_published)
            continue;
        if (!tick.may_be_early && durability_ != Durability::relaxed && !is_safe(tick, safe))
            break;
        publish(tick, now_ns);
    }
    if (!unsettled_.empty() && unsettled_.front().is_published && !unsettled_.front().calls.empty())
        pg::pause_point("tick_published");
    while (!unsettled_.empty()) {
        BuiltTick& tick = unsettled_.front();
        if (!tick.is_published || !(tick.may_be_early || is_safe(tick, safe)))
            break;
        if (is_safe(tick, safe))
            runtime().durable_tick.store(tick.result.tick);
        answer(tick);
        unsettled_.pop_front();
    }
}

void HostedWorld::publish(BuiltTick& tick, std::int64_t now_ns) {
    tick.is_published = true;
    simulation_->store().publish();
    ConditionVariableBroadcast(&runtime().published);
    runtime().retired_bytes.store(simulation_->store().retired_bytes());
    note_rate(now_ns);
}

void HostedWorld::answer(BuiltTick& tick) {
    const sim::TickResult& result = tick.result;
    for (const Call& call : tick.calls) {
        const sim::Outcome& outcome = result.outcomes[call.command];
        if (outcome.error)
            requests::answer_error(call.request, outcome.error->code(), outcome.error->message(),
                                   outcome.error->detail(), outcome.error->hint());
        else
            requests::answer(call.request, result.tick, outcome.result);
    }
    for (const std::uint32_t request : tick.syncs)
        requests::answer(request, result.tick, {});
    if (tick.step)
        requests::answer(*tick.step, result.tick, {});
}

void HostedWorld::note_rate(std::int64_t now_ns) {
    ++rate_ticks_;
    const std::int64_t elapsed = now_ns - rate_since_ns_;
    if (elapsed < second_ns)
        return;
    runtime().measured_rate_mhz.store(
        static_cast<std::uint32_t>(static_cast<double>(rate_ticks_) * 1e12 / static_cast<double>(elapsed)));
    rate_ticks_ = 0;
    rate_since_ns_ = now_ns;
    simulation_->store().trim();
}

} // namespace gamelan::worker
