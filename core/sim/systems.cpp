#include "core/sim/systems.hpp"

#include "core/codec/kernel_program.hpp"
#include "core/codec/rules.hpp"
#include "core/kernel/cost.hpp"
#include "core/sim/apply_writes.hpp"
#include "core/sim/observers.hpp"

#include <algorithm>
#include <chrono>

namespace gamelan::sim {

namespace {

class Stopwatch {
  public:
    std::uint64_t ns() const {
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start_)
                .count());
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Of a native system that was in quarantine: in the log where others have their effects.
constexpr std::string_view not_run = "not run";

game::Command effects_of(const game::SystemRule& rule, std::string writes) {
    game::Command command;
    command.kind = game::CommandKind::effects;
    command.action = rule.name;
    command.body = std::move(writes);
    return command;
}

std::string cause_of(const std::string& system) {
    return "system " + system;
}

EventRows event_rows_of(const std::vector<kernel::System>& systems, kernel::AppendedRows& appended) {
    const kernel::System& system = systems[appended.system];
    const kernel::Statement& statement = system.statements[appended.statement];
    EventRows out{system.name, cause_of(system.name), statement.target_name, {}, std::move(appended.rows)};
    for (const kernel::Field& field : statement.fields)
        out.columns.push_back({field.name, statement.expressions[field.value].type});
    return out;
}

} // namespace

struct Systems::Turn {
    store::WorldStore& store;
    const store::Snapshot before;
    Host* host;
    std::span<const game::Command> recorded;
    std::vector<store::Entity>& freed;
    SystemsReport& report;
    std::size_t next_recorded = 0;
    const game::Command* woken = nullptr; // the record of the condition that was asked last

    void tell(const game::SystemRule& rule, std::vector<game::Event>& events) const {
        for (game::Event& event : events) {
            event.cause = cause_of(rule.name);
            report.events.push_back(std::move(event));
        }
    }

    std::size_t told() const { return report.events_before + report.events.size(); }

    // What the log says the system did in this tick.
    const game::Command* take_recorded(const game::SystemRule& rule) {
        if (next_recorded >= recorded.size() || recorded[next_recorded].action != rule.name)
            return nullptr;
        return &recorded[next_recorded++];
    }
};

void Systems::load(const store::Snapshot& state) {
    const std::optional<game::RulesState> held = game::read_rules(state);
    state_ = held ? *held : game::RulesState{};
    rules_ = held ? codec::decode_rules(state_.encoded) : game::Rules{};
    natives_.take(rules_);
    is_bound_ = false;
}

void Systems::change(store::WorldStore& store, const std::string& encoded) {
    const auto tick = static_cast<std::int64_t>(store.working_tick()) - 1;
    game::RulesState next{encoded, tick, now_us(static_cast<std::uint64_t>(tick))};
    game::Rules rules = codec::decode_rules(encoded);
    natives_.take(rules);
    if (state_.encoded.empty()) {
        next.since_tick = 0;
        next.since_us = 0;
    } else if (rules.tick_rate_hz == rules_.tick_rate_hz && rules.time_scale == rules_.time_scale) {
        next.since_tick = state_.since_tick;
        next.since_us = state_.since_us;
    }
    game::write_rules(store, next);
    state_ = std::move(next);
    rules_ = std::move(rules);
    is_bound_ = false;
}

TickContext Systems::context(store::WorldStore& store, const Teller& teller, std::size_t told,
                             std::vector<game::Event>& events, std::vector<store::Entity>& freed) const {
    const std::uint64_t tick = store.working_tick();
    return {store,
            world_id_,
            tick,
            now_us(tick),
            rules_.dt(),
            seed_,
            teller.actor,
            teller.cause,
            {},
            false,
            rules_.max_events_per_tick,
            told,
            events,
            freed};
}

// What cannot be bound to the layout is left to the host: the same in every replay, as the layout is.
bool Systems::can_bind(std::uint32_t system, const store::Snapshot& layout) const {
    try {
        const kernel::UnboundSystem program = codec::decode_program(rules_.systems[system].program);
        (void)kernel::Executor(layout, {kernel::bind(program, layout)});
        return true;
    } catch (const Error&) {
        return false;
    }
}

void Systems::bind(const store::Snapshot& layout) {
    batches_.clear();
    batch_of_.assign(rules_.systems.size(), std::nullopt);
    bool is_open = false;
    for (std::uint32_t i = 0; i < rules_.systems.size(); ++i) {
        const game::SystemRule& rule = rules_.systems[i];
        if (!rule.is_enabled)
            continue;
        const bool is_kernel = game::is_kernel(rule.path) && can_bind(i, layout);
        const bool is_alone = rule.run_on != game::RunOn::tick;
        if (is_kernel) {
            // A condition sees what systems before its own have written.
            if (!is_open || is_alone || !rule.condition.empty())
                batches_.emplace_back();
            batches_.back().systems.push_back(i);
            batch_of_[i] = static_cast<std::uint32_t>(batches_.size() - 1);
        }
        // What comes after calls sees what they did.
        is_open = is_kernel && !is_alone && rule.path != game::SystemPath::calling;
    }
    for (Batch& batch : batches_) {
        std::vector<kernel::System> bound;
        for (const std::uint32_t system : batch.systems) {
            bound.push_back(kernel::bind(codec::decode_program(rules_.systems[system].program), layout));
            bound.back().name = rules_.systems[system].name;
        }
        batch.executor = std::make_unique<kernel::Executor>(layout, std::move(bound));
        batch.weights = weights_of(*batch.executor, layout);
    }
    natives_.bind(layout);
    layout_version_ = layout.layout_version();
    is_bound_ = true;
}

bool Systems::is_due(Turn& turn, std::uint32_t system) {
    const game::SystemRule& rule = rules_.systems[system];
    if (!rule.is_enabled || turn.store.working_tick() % rule.every_n_ticks != 0)
        return false;
    // The log has a record of each tick in which the condition held.
    if (rule.condition.empty() || turn.host == nullptr)
        return true;
    std::vector<game::Event> events;
    std::vector<store::Entity> freed;
    turn.store.begin_savepoint();
    const std::string cause = cause_of(rule.name);
    const bool is_wanted =
        turn.host->is_wanted(rule, context(turn.store, {{}, cause}, turn.told(), events, freed));
    turn.store.rollback_savepoint();
    return is_wanted;
}

// What the calls that a kernel ends with do; of a replay, what they did. In neither case is it done yet.
std::string Systems::run_calls(Turn& turn, const Batch& batch, const kernel::AppendedRows& rows) {
    const game::SystemRule& rule = rules_.systems[batch.systems[rows.system]];
    if (turn.host == nullptr) {
        const game::Command* recorded =
            rule.condition.empty() ? turn.take_recorded(rule) : std::exchange(turn.woken, nullptr);
        if (recorded == nullptr || recorded->body.empty())
            throw Error(sqlstate::recovery_failed, "the calls of the system failed in that tick");
        return recorded->body;
    }
    const kernel::Statement& statement = batch.executor->systems()[rows.system].statements[rows.statement];
    RowCalls calls{rows.statement, statement.sql, {}, rows.rows};
    for (const kernel::Field& field : statement.fields)
        calls.parameters.push_back({field.name, statement.expressions[field.value].type});
    std::vector<game::Event> events;
    std::vector<store::Entity> freed;
    const std::string cause = cause_of(rule.name);
    return turn.host->run_calls(rule, calls, context(turn.store, {{}, cause}, turn.told(), events, freed));
}

// The record of a system with a condition stands there already.
void Systems::apply_calls(Turn& turn, const game::SystemRule& rule, std::string writes) {
    apply_writes(turn.store, writes, turn.freed);
    if (turn.host == nullptr)
        return;
    if (rule.condition.empty())
        turn.report.effects.push_back(effects_of(rule, std::move(writes)));
    else
        turn.report.effects.back().body = std::move(writes);
}

// Nobody can see how long one of several systems took that are played block by block.
std::vector<double> Systems::weights_of(const kernel::Executor& executor, const store::Snapshot& layout) {
    std::vector<double> out;
    for (const kernel::System& system : executor.systems()) {
        double weight = 0;
        for (const kernel::Statement& statement : system.statements) {
            const store::SpaceId space{layout.component(statement.components.front()).space};
            weight += kernel::estimated_ns(statement) * std::max(layout.slot_count(space), 1U);
        }
        out.push_back(weight);
    }
    return out;
}

void Systems::run_batch(Turn& turn, Batch& batch) {
    std::vector<bool> active(batch.systems.size(), false);
    std::size_t count = 0;
    for (std::size_t i = 0; i < batch.systems.size(); ++i) {
        const game::SystemRule& rule = rules_.systems[batch.systems[i]];
        active[i] = is_due(turn, batch.systems[i]);
        if (active[i] && !rule.condition.empty()) {
            if (turn.host == nullptr) {
                turn.woken = turn.take_recorded(rule);
                active[i] = turn.woken != nullptr;
            } else
                turn.report.effects.push_back(effects_of(rule, {}));
        }
        count += active[i];
    }
    const game::SystemRule& first = rules_.systems[batch.systems.front()];
    const std::uint64_t tick = turn.store.working_tick();
    Observed observed;
    if (count > 0 && first.run_on != game::RunOn::tick) {
        observed = observe(turn.before, turn.store.working(), tick, first.run_on, first.observed);
        count = observed.handles.empty() ? 0 : count;
    }
    if (count == 0)
        return;
    const Stopwatch watch;
    std::string called;
    const kernel::CallHook calls = [&](const kernel::AppendedRows& rows) {
        called = run_calls(turn, batch, rows);
    };
    kernel::RunReport ran = batch.executor->run(
        turn.store,
        {rules_.dt(), static_cast<std::int64_t>(tick), now_us(tick), seed_, planet_, observed.mask},
        kernel::Order::block_major, &active, {rules_.max_events_per_tick, turn.told()}, calls);
    if (!called.empty())
        apply_calls(turn, rules_.systems[batch.systems.back()], std::move(called));
    const std::uint64_t whole_ns = watch.ns();
    double weight = 0;
    for (std::size_t i = 0; i < active.size(); ++i)
        weight += active[i] ? batch.weights[i] : 0;
    std::vector<std::size_t> place(batch.systems.size(), 0);
    for (std::size_t i = 0; i < batch.systems.size(); ++i) {
        if (!active[i])
            continue;
        place[i] = turn.report.runs.size();
        const double share = batch.weights[i] / weight;
        turn.report.runs.push_back({batch.systems[i],
                                    ran.rows[i],
                                    ran.blocks_written / count,
                                    static_cast<std::uint64_t>(static_cast<double>(whole_ns) * share),
                                    {},
                                    {},
                                    {}});
    }
    for (kernel::EmittedEvent& event : ran.events)
        turn.report.events.push_back(
            {std::move(event.type), std::move(event.payload),
             event.entity ? std::optional(static_cast<std::int64_t>(event.entity->handle)) : std::nullopt,
             cause_of(rules_.systems[batch.systems[event.system]].name)});
    if (turn.host != nullptr)
        for (kernel::AppendedRows& appended : ran.appended)
            turn.report.event_rows.push_back(event_rows_of(batch.executor->systems(), appended));
    for (kernel::Failure& failure : ran.failures) {
        SystemRun& run = turn.report.runs[place[failure.system]];
        run.error = std::move(failure.error);
        run.statement = failure.statement;
        if (failure.entity)
            run.entity = failure.entity->handle;
    }
}

void Systems::run_one(Turn& turn, std::uint32_t system) {
    const game::SystemRule& rule = rules_.systems[system];
    if (!is_due(turn, system))
        return;
    if (turn.host == nullptr) {
        if (const game::Command* recorded = turn.take_recorded(rule))
            apply_writes(turn.store, recorded->body, turn.freed);
        return;
    }
    Observed observed;
    if (rule.run_on != game::RunOn::tick) {
        observed =
            observe(turn.before, turn.store.working(), turn.store.working_tick(), rule.run_on, rule.observed);
        if (observed.handles.empty())
            return;
    }
    const Stopwatch watch;
    SystemRun run{system, 0, 0, 0, {}, {}, {}};
    const std::string cause = cause_of(rule.name);
    std::vector<game::Event> events;
    std::vector<store::Entity> freed;
    turn.store.begin_savepoint();
    try {
        TickContext context = this->context(turn.store, {{}, cause}, turn.told(), events, freed);
        context.observed = observed.handles;
        context.are_cells_observed = observed.are_cells;
        Effects effects = turn.host->run_system(rule, context);
        turn.store.release_savepoint();
        run.rows = effects.rows;
        if (!effects.writes.empty() || !rule.condition.empty())
            turn.report.effects.push_back(effects_of(rule, std::move(effects.writes)));
        turn.tell(rule, events);
        turn.freed.insert(turn.freed.end(), freed.begin(), freed.end());
    } catch (const Error& error) {
        turn.store.rollback_savepoint();
        run.error = error;
    }
    run.duration_ns = watch.ns();
    turn.report.runs.push_back(std::move(run));
}

// Logged by its inputs: a replay runs it again, unless the log says that it was not run.
void Systems::run_native(Turn& turn, std::uint32_t system) {
    const game::SystemRule& rule = rules_.systems[system];
    if (!is_due(turn, system))
        return;
    if (turn.host == nullptr) {
        const game::Command* recorded = turn.take_recorded(rule);
        if (recorded != nullptr ? recorded->body == not_run : !rule.condition.empty())
            return;
    }
    const std::uint64_t tick = turn.store.working_tick();
    Observed observed;
    bool has_rows = true;
    if (rule.run_on != game::RunOn::tick) {
        observed = observe(turn.before, turn.store.working(), tick, rule.run_on, rule.observed);
        has_rows = !observed.handles.empty();
    }
    SystemRun run{system, 0, 0, 0, {}, {}, {}};
    const Stopwatch watch;
    const auto play = [&] {
        native::Report ran = natives_.run(
            system, turn.store,
            {tick, now_us(tick), rules_.dt(), seed_, observed.mask, rules_.max_events_per_tick, turn.told()});
        run.rows = ran.rows;
        run.blocks = ran.blocks;
        turn.tell(rule, ran.events);
    };
    bool is_run = true;
    try {
        if (has_rows && turn.host != nullptr)
            turn.host->run_native(rule, turn.store.working_tick(), play);
        else if (has_rows)
            play();
    } catch (const Error& error) {
        if (error.code() == sqlstate::out_of_memory)
            throw;
        is_run = error.code() != sqlstate::quarantined;
        run.error = error;
    }
    if (turn.host != nullptr && (!is_run || !rule.condition.empty()))
        turn.report.effects.push_back(effects_of(rule, is_run ? std::string() : std::string(not_run)));
    if (!has_rows)
        return;
    run.duration_ns = watch.ns();
    turn.report.runs.push_back(std::move(run));
}

void Systems::run(store::WorldStore& store, Host* host, std::span<const game::Command> recorded,
                  std::vector<store::Entity>& freed, SystemsReport& report) {
    if (rules_.systems.empty())
        return;
    if (!is_bound_ || layout_version_ != store.working().layout_version())
        bind(store.working());
    Turn turn{store, store.newest(), host, recorded, freed, report};
    for (std::uint32_t i = 0; i < rules_.systems.size(); ++i) {
        if (rules_.systems[i].path == game::SystemPath::native)
            run_native(turn, i);
        else if (!batch_of_[i])
            run_one(turn, i);
        else if (batches_[*batch_of_[i]].systems.front() == i)
            run_batch(turn, batches_[*batch_of_[i]]);
    }
    if (host == nullptr && turn.next_recorded != recorded.size())
        throw Error(sqlstate::recovery_failed, "the log holds effects of the system \"" +
                                                   recorded[turn.next_recorded].action +
                                                   "\" that the world's rules do not expect");
}

} // namespace gamelan::sim
