// What a simulation cannot do by itself: what PostgreSQL's executor plays, and what lies in shared libraries.
// The world worker is one. A replay has none: it applies what the log says was done.
#pragma once

#include "core/game/module.hpp"
#include "core/game/rules.hpp"

#include <functional>
#include <span>

namespace gamelan::sim {

// The tick that is being built, for what runs in it.
struct TickContext {
    store::WorldStore& store; // under a savepoint: what is thrown undoes it
    std::int64_t world_id;
    std::uint64_t tick;
    std::int64_t now_us; // simulated, since 2000
    double dt;           // simulated seconds of the tick
    std::uint64_t seed;
    std::string_view actor;                  // of an action
    std::string_view cause;                  // of what is told, as Event has it
    std::span<const std::uint64_t> observed; // of an observer: handles, or slots of cells
    bool are_cells_observed;
    std::size_t max_events;  // more than so many in the tick are refused
    std::size_t told_events; // by actions and systems before
    std::vector<game::Event>& events;
    std::vector<store::Entity>& freed;
};

struct Effects {
    std::string writes; // a write set: what was done to the store
    std::string result; // JSON, of an action
    std::uint64_t rows = 0;
};

// The same expression for each of several rows, in their order.
struct RowCalls {
    std::uint32_t statement; // of its system
    std::string sql;         // $1 is the first parameter
    struct Parameter {
        std::string type_name; // in SQL, with its schema
        ColumnType type;
    };
    std::vector<Parameter> parameters;
    const std::vector<std::string>& rows; // each parameter a byte (1 = NULL) and its value's bytes
};

class Host {
  public:
    virtual ~Host() = default;
    // Says, as a write set, what the calls would do to the store, and does not do it; or throws Error.
    virtual std::string run_calls(const game::SystemRule& rule, const RowCalls& calls,
                                  const TickContext& context) {
        (void)calls;
        (void)context;
        throw Error(sqlstate::feature_not_supported,
                    "system \"" + rule.name + "\" wants entities made or ended");
    }
    // These change the store and say how; or throw Error, and may leave the store half changed.
    virtual Effects run_system(const game::SystemRule& rule, const TickContext& context) = 0;
    virtual Effects run_action(const game::Command& command, const TickContext& context) = 0;
    // Calls `run`, which plays a native system, unless that has ended the process too often: then throws
    // Error(quarantined).
    virtual void run_native(const game::SystemRule&, std::uint64_t tick, const std::function<void()>& run) {
        (void)tick;
        run();
    }
    // Whether a system with a condition is to run. What it changes is undone.
    virtual bool is_wanted(const game::SystemRule& rule, const TickContext& context) = 0;
};

} // namespace gamelan::sim
