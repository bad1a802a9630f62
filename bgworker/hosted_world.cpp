#include "bgworker/hosted_world.hpp"

#include "core/codec/command_batch.hpp"
#include "core/codec/rules.hpp"
#include "core/codec/write_set.hpp"

#include <algorithm>
#include <ctime>
#include <limits>
#include <unordered_set>

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/transaction.hpp"

namespace gamelan::worker {

namespace {

using pg::WorldState;
namespace requests = pg::requests;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();
// Hashing costs about 0.1 ms per MiB that changed: small worlds carry a hash in every row of the log, large
// ones in some.
constexpr std::uint32_t hash_always_units = 256; // 4 MiB
constexpr std::uint64_t hash_interval_ticks = 64;

// For a heap whose front has the lowest slot.
bool is_behind(const store::Entity a, const store::Entity b) {
    return a.slot() > b.slot();
}

// How many overdue ticks are run late.
std::uint32_t max_catch_up_of(const DefinitionRow& definition) {
    if (definition.catch_up == "skip")
        return 0;
    return definition.catch_up == "all" ? std::numeric_limits<std::uint32_t>::max()
                                        : static_cast<std::uint32_t>(pg::settings::max_catch_up_ticks);
}

// Handles that queued spawns have, and the slot behind them all.
struct Taken {
    std::unordered_set<std::uint64_t> handles;
    std::uint32_t next_slot;
};

Taken taken_by(const std::vector<store::Entity>& queued, std::uint32_t slots) {
    Taken out{{}, slots};
    for (const store::Entity entity : queued) {
        out.handles.insert(entity.handle);
        if (entity.slot() < store::max_slots)
            out.next_slot = Max(out.next_slot, entity.slot() + 1);
    }
    return out;
}

} // namespace

std::int64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * second_ns + now.tv_nsec;
}

HostedWorld::HostedWorld(store::WorldSlot slot, const DefinitionRow& definition)
    : id_(definition.id), slot_(slot),
      pacer_(definition.tick_rate_hz, max_catch_up_of(definition), monotonic_ns()),
      host_(slot, definition.id) {
    runtime().tick_rate_hz.store(definition.tick_rate_hz);
    const std::string encoded =
        definition.fault.empty() ? pg::encode_definition(definition.definition) : std::string();
    LWLockAcquire(pg::shared->lock, LW_EXCLUSIVE);
    runtime().definition_bytes = static_cast<std::uint32_t>(encoded.size());
    std::memcpy(runtime().definition, encoded.data(), encoded.size());
    LWLockRelease(pg::shared->lock);
}

void HostedWorld::set_state(WorldState state, std::string_view reason) {
    LWLockAcquire(pg::shared->lock, LW_EXCLUSIVE);
    const std::size_t bytes = Min(reason.size(), pg::max_reason_bytes - 1);
    std::memcpy(runtime().reason, reason.data(), bytes);
    runtime().reason[bytes] = '\0';
    LWLockRelease(pg::shared->lock);
    runtime().idle_since_ms.store(GetCurrentTimestamp() / 1000);
    runtime().state.store(state);
}

void HostedWorld::set_state(WorldState state, const Error& error) {
    const std::string more = error.hint().empty() ? error.detail() : error.hint();
    set_state(state, more.empty() ? error.message() : error.message() + ". " + more);
}

void HostedWorld::install(std::unique_ptr<sim::Simulation> simulation, std::uint64_t head_tick,
                          std::uint64_t log_tick, std::uint64_t row_hash,
                          const std::vector<store::Entity>& queued) {
    simulation_ = std::move(simulation);
    end_.log_tick = log_tick;
    end_.row_hash = row_hash;
    end_.head_tick = head_tick; // a checkpoint, or a predecessor's memory, may be ahead of it
    end_.head_written_ns = rate_since_ns_ = monotonic_ns();
    rate_ticks_ = 0;
    runtime().durable_tick.store(simulation_->tick());
    if (runtime().entities.next_slot == 0)
        find_free_entities(queued);
    else
        keep_free_entities(queued);
    fill_entity_pool();
    ConditionVariableBroadcast(&runtime().published);
}

void HostedWorld::want_components(std::shared_ptr<const store::Definition> definition) {
    components_ = std::move(definition);
    are_components_adopted_ = components_ == nullptr;
}

void HostedWorld::want_rules(std::shared_ptr<const GameRules> game, const WorldFlags& flags,
                             std::uint32_t tick_rate_hz, double time_scale) {
    game_rules_ = game;
    flags_ = flags;
    host_.follow(std::move(game));
    failures_.clear();
    if (!game_rules_->systems.empty() && !game::can_keep_rules(simulation_->store().newest()))
        ereport(WARNING, (errmsg("world " INT64_FORMAT " cannot run systems", id_),
                          errdetail("It was made before games had any."), errhint("Create a new world.")));
    rules_ = codec::encode_rules(rules_of_world(*game_rules_, flags_, tick_rate_hz, time_scale));
}

bool HostedWorld::needs_transaction(const Inbox& inbox) const {
    if (game_rules_ == nullptr)
        return false;
    return host_.needs_transaction(simulation_->systems().rules(),
                                   !inbox.rows.empty() || !commands_.empty()) ||
           rules_ != simulation_->systems().encoded();
}

void HostedWorld::add_rules(std::vector<game::Command>& commands) {
    if (rules_.empty())
        return;
    if (std::optional<game::Command> command = simulation_->rules_change(rules_))
        commands.push_back(std::move(*command));
}

// Rows may have been written before the components became what they are now.
void HostedWorld::adapt(game::Command& command) const {
    if (command.kind != game::CommandKind::writes || components_ == nullptr)
        return;
    if (std::optional<std::string> adapted = codec::adapt_write_set(command.body, *components_))
        command.body = std::move(*adapted);
}

void HostedWorld::add_redefinition(std::vector<game::Command>& commands) {
    if (are_components_adopted_)
        return;
    are_components_adopted_ = true;
    std::optional<game::Command> command = simulation_->redefinition(*components_);
    if (!command)
        return;
    try {
        simulation_->store().require_headroom();
        commands.push_back(std::move(*command));
    } catch (const Error& error) {
        // The world goes on with the components it has, until the definitions are read again.
        ereport(WARNING, (errmsg("world " INT64_FORMAT " cannot take in the changed components: %s", id_,
                                 error.message().c_str()),
                          errhint("%s", error.hint().c_str())));
    }
}

// Slots whose entity went, but for those that `queued` transactions spawn entities in. Those that a session
// had reserved when the worker before this one died look free too: if both spawn, the later one is refused.
void HostedWorld::find_free_entities(const std::vector<store::Entity>& queued) {
    free_entities_.clear();
    const store::Snapshot state = simulation_->store().newest();
    const auto planes = store::entity_planes(state);
    if (!planes)
        return;
    const std::uint32_t slots = state.slot_count(planes->space);
    const Taken taken = taken_by(queued, slots);
    for (std::uint32_t slot = slots; slot-- > 1;) {
        const auto generation = state.get<std::uint32_t>(planes->generation, slot);
        if (!state.has_row(planes->component, slot) && generation < store::last_generation &&
            !taken.handles.contains(store::Entity::of(slot, generation).handle))
            free_entities_.push_back(store::Entity::of(slot, generation));
    }
    std::make_heap(free_entities_.begin(), free_entities_.end(), is_behind);
    LWLockAcquire(pg::shared->lock, LW_EXCLUSIVE);
    pg::EntityPool& pool = runtime().entities;
    pool.next_slot = Max(pool.next_slot, taken.next_slot);
    pool.count = 0;
    LWLockRelease(pg::shared->lock);
}

// The world was played before in this life of the server, so transactions that have not ended may hold
// handles: of those that are in nobody's row only the ones that lay ready are known to be free. The others
// are found at the next start of the server.
void HostedWorld::keep_free_entities(const std::vector<store::Entity>& queued) {
    const store::Snapshot state = simulation_->store().newest();
    const auto planes = store::entity_planes(state);
    if (!planes)
        return;
    const std::uint32_t slots = state.slot_count(planes->space);
    const Taken taken = taken_by(queued, slots);
    // What a tick that is lost had freed lives on.
    const auto is_taken = [&](const store::Entity entity) {
        const bool is_stale =
            entity.slot() < slots &&
            (state.has_row(planes->component, entity.slot()) ||
             state.get<std::uint32_t>(planes->generation, entity.slot()) != entity.generation());
        return is_stale || taken.handles.contains(entity.handle);
    };
    std::erase_if(free_entities_, is_taken);
    std::make_heap(free_entities_.begin(), free_entities_.end(), is_behind);
    LWLockAcquire(pg::shared->lock, LW_EXCLUSIVE);
    pg::EntityPool& pool = runtime().entities;
    pool.next_slot = Max(pool.next_slot, taken.next_slot);
    pool.count =
        static_cast<std::uint32_t>(std::remove_if(pool.handles, pool.handles + pool.count,
                                                  [&](std::uint64_t handle) { return is_taken({handle}); }) -
                                   pool.handles);
    LWLockRelease(pg::shared->lock);
}

void HostedWorld::add_free_entity(store::Entity entity) {
    free_entities_.push_back(entity);
    std::push_heap(free_entities_.begin(), free_entities_.end(), is_behind);
}

// The pool gets the lowest slots there are, so that which handles a system's spawns take is a matter of which
// entities live, as long as no session has taken any, and not of what was freed when.
void HostedWorld::fill_entity_pool() {
    if (free_entities_.empty())
        return;
    free_entities_.reserve(free_entities_.size() + pg::entity_pool_size); // nothing throws under the lock
    LWLockAcquire(pg::shared->lock, LW_EXCLUSIVE);
    pg::EntityPool& pool = runtime().entities;
    while (pool.count > 0)
        add_free_entity({pool.handles[--pool.count]});
    while (pool.count < pg::entity_pool_size && !free_entities_.empty()) {
        pool.handles[pool.count++] = free_entities_.front().handle;
        std::pop_heap(free_entities_.begin(), free_entities_.end(), is_behind);
        free_entities_.pop_back();
    }
    LWLockRelease(pg::shared->lock);
}

void HostedWorld::follow(const DefinitionRow& definition, std::int64_t now_ns) {
    pacer_.set_max_catch_up(max_catch_up_of(definition));
    durability_ = durability_of(definition.durability);
    const bool has_new_rate = pacer_.tick_rate_hz() != definition.tick_rate_hz;
    const WorldState wanted = definition.desired_state == "running"  ? WorldState::running
                              : definition.desired_state == "paused" ? WorldState::paused
                                                                     : WorldState::created;
    const bool is_as_wanted =
        state() == wanted || (state() == WorldState::stalled && wanted == WorldState::running);
    if (has_new_rate || !is_as_wanted)
        pacer_.restart(definition.tick_rate_hz, now_ns);
    runtime().tick_rate_hz.store(definition.tick_rate_hz);
    if (is_as_wanted)
        return;
    set_state(wanted);
    stalled_until_ns_ = 0;
    rate_ticks_ = 0;
    rate_since_ns_ = now_ns;
    if (wanted == WorldState::running)
        return;
    end_.is_head_wanted = end_.is_pausing = true;
    runtime().measured_rate_mhz.store(0);
    for (const Call& call : calls_)
        requests::answer_error(
            call.request, sqlstate::world_not_running, "the world was paused before it applied the command",
            {}, "Resume it with game.resume_world(), or queue the command with game.enqueue().");
    calls_.clear();
    commands_.clear();
}

void HostedWorld::collect_requests() {
    std::uint32_t index = 0;
    while (commands_.size() < static_cast<std::size_t>(pg::settings::max_commands_per_tick) &&
           requests::take(slot_, index)) {
        const pg::Request& request = pg::request(index);
        switch (request.kind) {
        case pg::RequestKind::call:
            take_call(index);
            break;
        case pg::RequestKind::sync:
            syncs_.push_back(index);
            break;
        case pg::RequestKind::step:
            if (request.ticks == 0)
                requests::answer(index, simulation_->tick(), {});
            else
                steps_.push_back({index, request.ticks});
            break;
        }
    }
}

void HostedWorld::refuse_requests() {
    if (runtime().queue_length.load() == 0 || is_evicted())
        return;
    const char* is = pg::name_of(state());
    requests::fail_queue(slot_, sqlstate::world_not_running,
                         "world " + std::to_string(id_) + " is " + is + ", not in memory",
                         "game.world says why; so does the server log.");
}

void HostedWorld::take_call(std::uint32_t index) {
    const pg::Request& request = pg::request(index);
    if (!is_ticking() && steps_.empty()) {
        requests::answer_error(
            index, sqlstate::world_not_running, "the world is not running", {},
            "Resume it with game.resume_world(), or queue the command with game.enqueue().");
        return;
    }
    std::vector<game::Command> decoded =
        codec::decode_commands({request.payload, static_cast<std::size_t>(request.payload_bytes)});
    calls_.push_back({index, commands_.size()});
    commands_.push_back(std::move(decoded.front()));
}

void HostedWorld::drop_abandoned_steps() {
    std::erase_if(steps_, [](const Step& step) {
        if (pg::request(step.request).state.load() != pg::RequestState::abandoned)
            return false;
        requests::answer(step.request, 0, {}); // nobody reads it: frees the request
        return true;
    });
}

// Not before it is known what its game declares: it would refuse what is queued.
bool HostedWorld::may_build_more() const {
    if (game_rules_ == nullptr && simulation_->world().is_of_sql())
        return false;
    return unsettled_.size() < static_cast<std::size_t>(pg::settings::max_unflushed_ticks);
}

bool HostedWorld::is_due(std::int64_t now_ns) const {
    return is_loaded() && may_build_more() && now_ns >= stalled_until_ns_ &&
           (!steps_.empty() || (is_ticking() && pacer_.is_due(now_ns)));
}

std::int64_t HostedWorld::next_deadline_ns() const {
    if (!is_loaded() ||
        !may_build_more()) // the flusher wakes us when it may, or definitions are looked at again
        return never_ns;
    if (!steps_.empty())
        return stalled_until_ns_;
    return is_ticking() ? Max(pacer_.next_deadline_ns(), stalled_until_ns_) : never_ns;
}

bool HostedWorld::wants_inbox() const {
    return !syncs_.empty() || runtime().inbox_doorbell.load() != inbox_seen_;
}

std::optional<std::uint64_t> HostedWorld::hash_if_due(std::uint64_t tick) const {
    const bool is_small =
        pg::region().control(slot_).units_used.load(std::memory_order_relaxed) <= hash_always_units;
    if (!is_small && tick % hash_interval_ticks != 0)
        return std::nullopt;
    return simulation_->tick() == tick
               ? std::optional(const_cast<sim::Simulation&>(*simulation_).store().newest().state_hash_kept())
               : std::nullopt;
}

void HostedWorld::build_tick(std::int64_t now_ns, const Inbox& inbox, TurnLog& log) {
    drop_abandoned_steps();
    if (steps_.empty()) {
        const std::int64_t lateness_us = pacer_.take(now_ns) / 1000;
        runtime().lateness[pg::lateness_bucket(lateness_us)].fetch_add(1, std::memory_order_relaxed);
        runtime().late_ticks.store(pacer_.late_ticks());
        runtime().skipped_ticks.store(pacer_.skipped_ticks());
    }
    // Queued commands first: their transactions committed before this tick began.
    std::vector<game::Command> commands;
    add_redefinition(commands);
    add_rules(commands);
    std::vector<const InboxRow*> origin(commands.size(), nullptr);
    std::vector<std::int64_t> consumed;
    bool is_drained = inbox.is_whole;
    for (const InboxRow& row : inbox.rows) {
        if (commands.size() >= static_cast<std::size_t>(pg::settings::max_commands_per_tick)) {
            is_drained = false;
            ring_again();
            break;
        }
        for (game::Command& command : codec::decode_commands(row.commands)) {
            adapt(command);
            commands.push_back(std::move(command));
            origin.push_back(&row);
        }
        consumed.push_back(row.id);
    }
    const std::size_t first_call = commands.size();
    std::move(commands_.begin(), commands_.end(), std::back_inserter(commands));
    commands_.clear();

    fill_entity_pool();
    const pg::transaction::PoolRefill refill([this] { fill_entity_pool(); });
    sim::TickResult result;
    try {
        result = simulation_->run_tick(commands, &host_);
    } catch (...) {
        // Somebody cancelled it, say. The calls wait for the next one, each with its own command.
        std::move(commands.begin() + static_cast<std::ptrdiff_t>(first_call), commands.end(),
                  std::back_inserter(commands_));
        throw;
    }
    BuiltTick& tick = unsettled_.emplace_back();
    has_built_ = true;
    tick.result = std::move(result);
    sim::TickResult& built = tick.result;
    // Only now: had the tick failed, what is queued would still have to be there.
    for (const std::int64_t id : consumed)
        log.consume_inbox(id);
    tick.calls = std::exchange(calls_, {});
    for (Call& call : tick.calls)
        call.command += first_call;
    // What a sync waits for may be in the rest.
    if (is_drained)
        tick.syncs = std::exchange(syncs_, {});
    tick.may_be_early = consumed.empty() && steps_.empty() && !commands.empty();
    take_step(tick);

    std::vector<game::Command> applied;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        sim::Outcome& outcome = built.outcomes[i];
        tick.may_be_early = tick.may_be_early && !host_.is_durable(commands[i]);
        if (outcome.applied) {
            commands[i].effects = std::move(outcome.effects);
            applied.push_back(std::move(commands[i]));
        } else if (i < origin.size() && origin[i] != nullptr && outcome.error)
            log.add_conflict(id_, built.tick, origin[i]->session, commands[i], *outcome.error);
    }
    const std::size_t command_count = applied.size();
    std::move(built.effects.begin(), built.effects.end(), std::back_inserter(applied));
    note_systems(built, log);
    std::int32_t ordinal = 0;
    for (sim::LoggedEvent& event : built.events)
        log.add_event(id_, built.tick, ordinal++, std::move(event));
    const bool has_told = ordinal > 0 || !built.event_rows.empty();
    for (sim::EventRows& rows : built.event_rows)
        log.add_event_rows(id_, built.tick, game_rules_->game, std::move(rows));
    // Who asked for a step may rely on it: its last tick is durable like a command. An event of a tick that a
    // crash undid would come twice.
    end_.is_head_wanted = end_.is_head_wanted || (applied.empty() && (tick.step || has_told));
    if (!applied.empty())
        add_row(built.tick, applied, now_ns, log);
    runtime().commands_applied.fetch_add(command_count);
    // Not when the tick is published, whenever that is: systems of the next one take handles from the pool.
    // Which sessions hold handles for spawns that wait is not known any more: the later of two is refused.
    if (built.has_revived)
        find_free_entities({});
    else
        for (const store::Entity entity : built.freed)
            add_free_entity(entity);
    fill_entity_pool();
}

void HostedWorld::add_row(std::uint64_t tick, std::span<const game::Command> commands, std::int64_t now_ns,
                          TurnLog& log) {
    LogRow row{tick, codec::encode_commands(commands), hash_if_due(tick), 0};
    row.row_hash = chain_row(end_.row_hash, row.tick, row.commands, row.state_hash);
    runtime().logged_bytes.fetch_add(row.commands.size());
    end_.log_tick = end_.head_tick = row.tick;
    end_.row_hash = row.row_hash;
    end_.head_written_ns = now_ns;
    log.add_head(id_, row.tick, end_.log_tick, end_.row_hash);
    log.add_tick(id_, std::move(row));
}

// What failed is recorded; what fails again and again is suspended, with the next tick.
void HostedWorld::note_systems(const sim::TickResult& built, TurnLog& log) {
    const game::Rules& rules = simulation_->systems().rules();
    for (const sim::SystemRun& run : built.systems) {
        const game::SystemRule& rule = rules.systems[run.system];
        const std::string& name = rule.name;
        const auto [known_stats, is_new] = statistics_.try_emplace(name, nullptr);
        if (is_new)
            known_stats->second = pg::system_stats::claim(id_, name);
        if (known_stats->second != nullptr)
            pg::system_stats::note(*known_stats->second, static_cast<std::uint8_t>(rule.path), run.rows,
                                   run.blocks, run.duration_ns, run.error.has_value());
        if (!run.error) {
            if (!failures_.empty())
                failures_.erase(name);
            continue;
        }
        const int known = run.statement ? static_cast<int>(*run.statement) + 1 : host_.failed_statement();
        log.add_system_error({id_, built.tick, name, *run.error, known, run.entity});
        const std::uint32_t failures = ++failures_[name];
        const auto most = static_cast<std::uint32_t>(pg::settings::max_system_failures);
        const bool is_harmful = run.error->code() == sqlstate::quarantined;
        if ((!is_harmful && (most == 0 || failures < most)) || flags_.suspended.contains(name))
            continue;
        const std::string reason = is_harmful ? "was put into quarantine: " + run.error->detail()
                                              : "failed in " + std::to_string(failures) +
                                                    " ticks in a row, the last of them " +
                                                    std::to_string(built.tick) + ": " + run.error->message();
        ereport(WARNING, (errmsg("system \"%s\" of world " INT64_FORMAT " is suspended", name.c_str(), id_),
                          errdetail_internal("It %s.", reason.c_str()),
                          errhint("game.enable_system() lets it run again.")));
        flags_.suspended.emplace(name, reason);
        log.suspend_system(id_, name, reason);
        rules_ =
            codec::encode_rules(rules_of_world(*game_rules_, flags_, rules.tick_rate_hz, rules.time_scale));
        return; // the references into the rules stay good until the next tick
    }
}

void HostedWorld::answer_paused_syncs(bool is_inbox_empty) {
    for (const std::uint32_t request : std::exchange(syncs_, {})) {
        if (is_inbox_empty)
            requests::answer(request, simulation_->tick(), {});
        else
            requests::answer_error(
                request, sqlstate::world_not_running, "commands are queued for a world that is not running",
                {}, "Resume it with game.resume_world(), or run a tick with game.step_world().");
    }
}

void HostedWorld::fail_calls(std::string_view code, const std::string& message, const std::string& hint) {
    for (const Call& call : std::exchange(calls_, {}))
        requests::answer_error(call.request, code, message, {}, hint);
    commands_.clear();
}

void HostedWorld::fail_all(std::string_view code, const std::string& message, const std::string& hint) {
    const auto fail = [&](std::uint32_t request) {
        requests::answer_error(request, code, message, {}, hint);
    };
    fail_calls(code, message, hint);
    for (const BuiltTick& tick : std::exchange(unsettled_, {})) {
        for (const Call& call : tick.calls)
            fail(call.request);
        for (const std::uint32_t request : tick.syncs)
            fail(request);
        if (tick.step)
            fail(*tick.step);
    }
    for (const std::uint32_t request : std::exchange(syncs_, {}))
        fail(request);
    for (const Step& step : std::exchange(steps_, {}))
        fail(step.request);
    requests::fail_queue(slot_, code, message, hint);
}

bool HostedWorld::release() {
    return finish_eviction() && (!is_loaded() || simulation_->store().release());
}

bool HostedWorld::is_idle() const {
    return is_loaded() && !is_ticking() && unsettled_.empty() && steps_.empty() && syncs_.empty() &&
           calls_.empty() && runtime().queue_length.load() == 0;
}

void HostedWorld::evict_if_wanted() {
    if (!runtime().is_eviction_wanted.exchange(false) || !is_idle())
        return;
    const std::uint64_t tick = simulation_->tick();
    if (runtime().last_checkpoint_tick.load() != static_cast<std::int64_t>(tick))
        return; // it moved on; whoever wants it gone asks again
    evicted_ = std::move(simulation_);
    runtime().is_touched.store(false);
    set_state(WorldState::evicted);
}

bool HostedWorld::finish_eviction() {
    if (evicted_ && evicted_->store().release())
        evicted_.reset();
    return evicted_ == nullptr;
}

bool HostedWorld::is_wanted_back() const {
    return runtime().is_touched.load() || runtime().queue_length.load() > 0;
}

} // namespace gamelan::worker
