#include "core/sim/simulation.hpp"

#include "core/base/json_writer.hpp"
#include "core/codec/definition.hpp"
#include "core/game/actions.hpp"
#include "core/sim/apply_writes.hpp"

namespace gamelan::sim {

namespace {

store::ColumnId required_column(const store::WorldStore& store, std::string_view name) {
    const auto column = store.newest().find_column(name);
    if (!column)
        throw Error(sqlstate::internal, "the game's layout lacks the column " + std::string(name));
    return *column;
}

// What a client is told that sends a command again.
std::string repeated() {
    return JsonObject().add("duplicate", true).text();
}

std::string next_command(const TickResult& result) {
    return "command " + std::to_string(result.applied + 1);
}

} // namespace

Simulation::Simulation(std::int64_t world_id, std::unique_ptr<game::World> world, store::WorldStore store)
    : world_id_(world_id), world_(std::move(world)), store_(std::move(store)),
      systems_(world_id, world_->seed(), world_->planet()) {
    load_rules();
    if (world_->player_space()) {
        actor_column_ = required_column(store_, "player.actor");
        last_seq_column_ = required_column(store_, "player.last_seq");
    }
    index_players();
}

void Simulation::generate() {
    store_.begin_tick();
    world_->generate(store_);
    store_.seal(0);
    store_.publish();
    clients_.load(store_.newest());
}

void Simulation::index_players() {
    player_of_actor_.clear();
    const auto players = world_->player_space();
    if (!players)
        return;
    const store::Snapshot state = store_.newest();
    for (std::uint32_t slot = 0; slot < state.slot_count(*players); ++slot)
        if (std::string actor = state.get_text(*actor_column_, slot); !actor.empty())
            player_of_actor_.emplace(std::move(actor), slot);
}

// A world that is new has published nothing.
void Simulation::load_rules() {
    if (!world_->is_of_sql() || !store_.has_version())
        return;
    systems_.load(store_.newest());
    clients_.load(store_.newest());
}

void Simulation::look_at_newest() {
    index_players();
    load_rules();
}

void Simulation::forget_newest() {
    store_.abandon_newest();
    look_at_newest();
}

std::optional<std::uint32_t> Simulation::find_player(const std::string& actor) const {
    const auto found = player_of_actor_.find(actor);
    return found == player_of_actor_.end() ? std::nullopt : std::optional(found->second);
}

void Simulation::check(const game::Command& command) const {
    const game::ActionSpec& spec = world_->actions()[game::find_action(world_->actions(), command.action)];
    if (command.arguments.size() != spec.parameters.size())
        throw Error(sqlstate::missing_argument, "the command does not have the arguments of its action", {},
                    game::signature_hint(spec));
    for (std::size_t i = 0; i < spec.parameters.size(); ++i)
        if (game::type_of(command.arguments[i]) != spec.parameters[i].type)
            throw Error(sqlstate::argument_type_mismatch,
                        "argument \"" + std::string(spec.parameters[i].name) + "\" must be of type " +
                            std::string(game::name_of(spec.parameters[i].type)),
                        {}, game::signature_hint(spec));
}

// What it tells of, it tells by its place in the log, where what was refused does not stand.
void Simulation::tell(const game::Command& command, std::vector<game::Event>& events, TickResult& result) {
    for (game::Event& event : events) {
        event.cause = next_command(result);
        result.events.push_back({command.actor, std::move(event), command.handle});
    }
}

void Simulation::act(const game::Command& command, Outcome& outcome, TickResult& result) {
    const std::optional<std::uint32_t> player = find_player(command.actor);
    if (player && command.client_seq > 0 &&
        command.client_seq <= store_.get<std::int64_t>(*last_seq_column_, *player)) {
        outcome.result = repeated();
        return;
    }
    std::vector<game::Event> events;
    try {
        check(command);
        game::ActionContext context{store_, world_id_, result.tick, command.actor, player, events};
        outcome.result =
            world_->act(game::find_action(world_->actions(), command.action), command.arguments, context);
        if (!player && context.player)
            player_of_actor_.emplace(command.actor, *context.player);
        if (context.player && command.client_seq > 0)
            store_.set<std::int64_t>(*last_seq_column_, *context.player, command.client_seq);
    } catch (const Error&) {
        if (!player)
            player_of_actor_.erase(command.actor);
        throw;
    }
    outcome.applied = true;
    tell(command, events, result);
}

void Simulation::write(const game::Command& command, Outcome& outcome, TickResult& result) {
    std::vector<store::Entity> freed;
    const bool has_revived = apply_writes(store_, command.body, freed, !result.has_written);
    result.has_revived = result.has_revived || has_revived;
    result.freed.insert(result.freed.end(), freed.begin(), freed.end());
    outcome.result = JsonObject().add("version", static_cast<std::int64_t>(result.tick)).text();
    outcome.applied = true;
}

// Not undone by a savepoint: an error here ends the tick.
Outcome Simulation::redefine(const game::Command& command) {
    Outcome outcome;
    outcome.applied = true;
    if (command.kind == game::CommandKind::rules) {
        systems_.change(store_, command.body);
        return outcome;
    }
    const auto change = store::plan_layout_change(store_.working(), codec::decode_definition(command.body));
    if (change)
        store_.change_layout(*change);
    return outcome;
}

// An action of SQL. A replay does not run it again: it applies what it did.
void Simulation::run_action(const game::Command& command, Outcome& outcome, TickResult& result, Host* host) {
    std::vector<store::Entity> freed;
    if (host == nullptr) {
        if (!command.effects)
            throw Error(sqlstate::recovery_failed,
                        "the log lacks what the action \"" + command.action + "\" did");
        apply_writes(store_, *command.effects, freed);
    } else {
        std::vector<game::Event> events;
        const std::string cause = next_command(result);
        Effects effects = host->run_action(
            command, systems_.context(store_, {command.actor, cause}, result.events.size(), events, freed));
        outcome.effects = std::move(effects.writes);
        outcome.result = std::move(effects.result);
        tell(command, events, result);
    }
    result.freed.insert(result.freed.end(), freed.begin(), freed.end());
    outcome.applied = true;
}

Outcome Simulation::apply(const game::Command& command, TickResult& result, Host* host) {
    if (command.kind == game::CommandKind::definition || command.kind == game::CommandKind::rules)
        return redefine(command);
    Outcome outcome;
    store_.begin_savepoint();
    try {
        if (command.kind == game::CommandKind::writes)
            write(command, outcome, result);
        else if (!world_->is_of_sql())
            act(command, outcome, result);
        else if (host != nullptr && clients_.has_applied(store_, command.actor, command.client_seq))
            outcome.result = repeated();
        else {
            clients_.note(store_, command.actor, command.client_seq);
            run_action(command, outcome, result, host);
        }
        store_.release_savepoint();
    } catch (const Error& error) {
        store_.rollback_savepoint();
        clients_.forget(store_, command.actor);
        outcome.error = error;
    }
    result.has_written = result.has_written || outcome.applied;
    return outcome;
}

std::optional<game::Command> Simulation::redefinition(const store::Definition& definition) const {
    if (!store::plan_layout_change(store_.newest(), definition))
        return std::nullopt;
    game::Command command;
    command.kind = game::CommandKind::definition;
    command.body = codec::encode_definition(definition);
    return command;
}

std::optional<game::Command> Simulation::rules_change(const std::string& rules) const {
    if (!world_->is_of_sql() || systems_.encoded() == rules || !game::can_keep_rules(store_.newest()))
        return std::nullopt;
    game::Command command;
    command.kind = game::CommandKind::rules;
    command.body = rules;
    return command;
}

TickResult Simulation::run_tick(std::span<const game::Command> commands, Host* host) {
    TickResult result;
    result.tick = tick() + 1;
    store_.begin_tick();
    try {
        // Effects of systems stand behind all else.
        std::size_t count = commands.size();
        while (count > 0 && commands[count - 1].kind == game::CommandKind::effects)
            --count;
        result.outcomes.reserve(commands.size());
        for (const game::Command& command : commands.first(count)) {
            result.outcomes.push_back(apply(command, result, host));
            result.applied += result.outcomes.back().applied;
        }
        SystemsReport report;
        report.events_before = result.events.size();
        systems_.run(store_, host, commands.subspan(count), result.freed, report);
        world_->advance(store_, result.tick);
        store_.seal(result.tick);
        for (game::Event& event : report.events)
            result.events.push_back({{}, std::move(event)});
        result.event_rows = std::move(report.event_rows);
        result.systems = std::move(report.runs);
        result.effects = std::move(report.effects);
    } catch (...) {
        store_.abandon();
        look_at_newest();
        throw;
    }
    return result;
}

} // namespace gamelan::sim
