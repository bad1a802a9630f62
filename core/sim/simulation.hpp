// Plays one world: applies a tick's commands in order, runs the systems, seals the version. The same code
// serves the live tick and the replay of the log.
#pragma once

#include "core/game/clients.hpp"
#include "core/game/module.hpp"
#include "core/sim/systems.hpp"

#include <span>
#include <unordered_map>

namespace gamelan::sim {

struct Outcome {
    bool applied = false; // changed the state, belongs in the log
    std::string result;   // JSON object when there was no error
    std::optional<Error> error;
    // Of an action that the host ran: what the log has to know of it.
    std::optional<std::string> effects;
};

struct LoggedEvent {
    std::string actor;
    game::Event event;
    std::int64_t handle = 0; // of a queued command that caused it
};

struct TickResult {
    std::uint64_t tick = 0;
    std::vector<Outcome> outcomes; // one per command, in order
    std::uint32_t applied = 0;     // of them: as many stand in the log
    std::vector<LoggedEvent> events;
    std::vector<EventRows> event_rows;
    // Handles whose slots are free again.
    std::vector<store::Entity> freed;
    bool has_written = false; // a command wrote rows: did more than change what the world is made of
    bool has_revived = false; // slots that were free may be taken now
    std::vector<SystemRun> systems;
    std::vector<game::Command> effects; // of systems: follow the tick's commands in the log
};

class Simulation {
  public:
    Simulation(std::int64_t world_id, std::unique_ptr<game::World> world, store::WorldStore store);

    // The command that makes the components of the world those of `definition`, if they differ.
    std::optional<game::Command> redefinition(const store::Definition& definition) const;

    // The command that makes the world play by `rules` (encoded), if it does not already; nothing for a
    // native game.
    std::optional<game::Command> rules_change(const std::string& rules) const;

    // Builds and seals the tick after the newest one. The caller publishes it (when durable) or abandons it.
    // `host`: null in a replay.
    TickResult run_tick(std::span<const game::Command> commands, Host* host = nullptr);

    // Drops the newest tick, which is not published: the world stands at the one before.
    void forget_newest();

    // Checks a command's action and arguments without running it. Throws Error (undefined_action, missing,
    // extra or mistyped argument).
    void check(const game::Command& command) const;

    store::WorldStore& store() { return store_; }
    const game::World& world() const { return *world_; }
    const Systems& systems() const { return systems_; }
    std::uint64_t tick() const { return store_.newest().tick(); }

    // Fills tick 0 of a new world and publishes it.
    void generate();

  private:
    Outcome apply(const game::Command& command, TickResult& result, Host* host);
    void run_action(const game::Command& command, Outcome& outcome, TickResult& result, Host* host);
    void act(const game::Command& command, Outcome& outcome, TickResult& result);
    void write(const game::Command& command, Outcome& outcome, TickResult& result);
    Outcome redefine(const game::Command& command);
    std::optional<std::uint32_t> find_player(const std::string& actor) const;
    void index_players();
    static void tell(const game::Command& command, std::vector<game::Event>& events, TickResult& result);
    // What is remembered beside the store is read from it again.
    void look_at_newest();
    void load_rules();

    std::int64_t world_id_;
    std::unique_ptr<game::World> world_;
    store::WorldStore store_;
    Systems systems_;
    // Of a game that has a space of players.
    std::optional<store::ColumnId> actor_column_;
    std::optional<store::ColumnId> last_seq_column_;
    std::unordered_map<std::string, std::uint32_t> player_of_actor_;
    game::Clients clients_; // of a game made with SQL
};

} // namespace gamelan::sim
