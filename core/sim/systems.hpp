// Runs the systems of a world in a tick, in the order and on the paths that its rules name. The same code
// serves the live tick and the replay of the log.
#pragma once

#include "core/game/rules_state.hpp"
#include "core/grid/planet.hpp"
#include "core/kernel/executor.hpp"
#include "core/sim/host.hpp"
#include "core/sim/natives.hpp"

#include <memory>
#include <span>

namespace gamelan::sim {

// One system in one tick.
struct SystemRun {
    std::uint32_t system; // place in Rules::systems
    std::uint64_t rows = 0;
    std::uint64_t blocks = 0;
    std::uint64_t duration_ns = 0; // of systems that ran fused: a share, as kernel::estimated_ns() has it
    std::optional<Error> error;
    std::optional<std::uint32_t> statement;
    std::optional<std::uint64_t> entity;
};

// Rows for a table of events of the game, from a kernel. A replay makes them too, and drops them.
struct EventRows {
    std::string system;
    std::string cause; // as Event has it
    std::string table;
    struct Column {
        std::string name;
        ColumnType type;
    };
    std::vector<Column> columns;
    std::vector<std::string> rows; // each column a byte (1 = NULL) and its value's bytes
};

// What the systems of a tick left besides the state.
struct SystemsReport {
    std::vector<SystemRun> runs;
    std::vector<game::Command> effects; // for the log: CommandKind::effects
    std::vector<game::Event> events;
    std::vector<EventRows> event_rows;
    std::size_t events_before = 0; // that actions told of in the tick
};

class Systems {
  public:
    Systems(std::int64_t world_id, std::uint64_t seed, const grid::Planet* planet)
        : world_id_(world_id), seed_(seed), planet_(planet) {}

    // Reads the rules in force from a version; on their change, and after a take-over. Throws Error when a
    // native system cannot be loaded, as change() does.
    void load(const store::Snapshot& state);
    const game::Rules& rules() const { return rules_; }
    // What is in force, encoded; empty = nothing yet.
    const std::string& encoded() const { return state_.encoded; }

    // From the tick that is being built on. Throws Error.
    void change(store::WorldStore& store, const std::string& encoded);

    // In a tick, outside savepoints. `host`: null in a replay, which applies `recorded` instead: commands of
    // kind effects, in the order in which their systems ran.
    void run(store::WorldStore& store, Host* host, std::span<const game::Command> recorded,
             std::vector<store::Entity>& freed, SystemsReport& report);

    std::int64_t now_us(std::uint64_t tick) const { return game::simulated_us(state_, rules_, tick); }
    // `told`: how many events the tick has already.
    struct Teller {
        std::string_view actor;
        std::string_view cause;
    };
    TickContext context(store::WorldStore& store, const Teller& teller, std::size_t told,
                        std::vector<game::Event>& events, std::vector<store::Entity>& freed) const;

  private:
    // Kernels that run together.
    struct Batch {
        std::vector<std::uint32_t> systems; // places in the rules, in order
        std::unique_ptr<kernel::Executor> executor;
        std::vector<double> weights; // of the systems: what they are expected to take, in ns
    };
    static std::vector<double> weights_of(const kernel::Executor& executor, const store::Snapshot& layout);
    struct Turn; // what one run() works with

    void bind(const store::Snapshot& layout);
    bool can_bind(std::uint32_t system, const store::Snapshot& layout) const;
    void run_batch(Turn& turn, Batch& batch);
    std::string run_calls(Turn& turn, const Batch& batch, const kernel::AppendedRows& rows);
    void apply_calls(Turn& turn, const game::SystemRule& rule, std::string writes);
    void run_one(Turn& turn, std::uint32_t system);
    void run_native(Turn& turn, std::uint32_t system);
    bool is_due(Turn& turn, std::uint32_t system);

    std::int64_t world_id_;
    std::uint64_t seed_;
    const grid::Planet* planet_;
    game::RulesState state_;
    game::Rules rules_;
    std::vector<Batch> batches_;
    // Batch of each system, or none for those that a host runs.
    std::vector<std::optional<std::uint32_t>> batch_of_;
    Natives natives_;
    bool is_bound_ = false;
    std::uint64_t layout_version_ = 0;
};

} // namespace gamelan::sim
