// A world's state at a tick of its past, brought into memory: the newest usable checkpoint at or before the
// tick, else the world's beginning, and the log behind it. Every row's place in the hash chain and every
// state hash on the way is compared.
//
// The world worker recovers its worlds with this, in the server's memory; sessions look at the past with it,
// in memory of their own (private_region.hpp). Nothing here assumes a worker: only the tables of the schema
// game are read, nothing is written, and the place where the state goes is the caller's.
//
// C++ zone: Error and PgError are thrown. A caller that catches a PgError and goes on has to undo the
// subtransaction it was thrown in.
#pragma once

#include "core/sim/simulation.hpp"

#include <limits>

#include "extension/pg/checkpoint_rows.hpp"
#include "extension/pg/definition.hpp"

namespace gamelan::pg::history {

// How the caller's process gets at tables: called around each batch of reads. Between begin() and end() SPI
// is connected, and a snapshot is active.
class Tables {
  public:
    virtual ~Tables() = default;
    virtual void begin(const char* activity) = 0;
    virtual void end() = 0;
};
// Each batch in a transaction of its own: for background processes, which hold no snapshot while they replay.
class OwnTransactions final : public Tables {
  public:
    void begin(const char* activity) override;
    void end() override;
};
// In the transaction that the caller is in, with the snapshot that is active: all batches of one statement
// see the same. SPI may be connected or not.
class CallersTransaction final : public Tables {
  public:
    void begin(const char* activity) override;
    void end() override;
};

// Runs f with the tables open. An exception of Postgres leaves them to the abort of the (sub)transaction.
template <class F>
auto with_tables(Tables& tables, const char* activity, F&& f) {
    tables.begin(activity);
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
            f();
            tables.end();
        } else {
            auto result = f();
            tables.end();
            return result;
        }
    } catch (const Error&) {
        tables.end();
        throw;
    }
}

// Where the state goes: a slot that nobody else writes, without a version. limit_units: the most it may hold.
struct Place {
    store::Region region;
    store::WorldSlot slot;
    std::uint32_t limit_units;
};

// The tables' name of a world, and what it plays.
struct World {
    std::int64_t id;
    Definition definition;
    std::uint64_t first_tick = 0; // where it began: with a state of another world, unless it is 0
};
// Of game.world_definition. Throws Error(undefined_world), or what is wrong with its configuration.
World find_world(std::int64_t world_id, Tables& tables);

enum class Phase { loading, replaying };
struct Progress {
    Phase phase;
    std::uint64_t from_tick; // of the checkpoint, 0 = the beginning
    std::uint64_t tick;      // where the state stands
    std::uint64_t target;    // where it is to stand
};

// What the caller is told of on the way.
class Watcher {
  public:
    virtual ~Watcher() = default;
    // After each chunk that is loaded and every few dozen ticks; false = stop. May throw. Not called with the
    // tables open in the phase `replaying`.
    virtual bool go_on(const Progress&) { return true; }
    // The checkpoints that are loaded, the full one first; none: the beginning.
    virtual void choose(const std::vector<std::uint64_t>& chain) { (void)chain; }
    // A checkpoint cannot be used; an older one is tried next.
    virtual void pass_over(std::uint64_t tick, const std::string& reason) { (void)tick, (void)reason; }
};
// For sessions: takes in cancels, and says nothing.
class InterruptWatcher : public Watcher {
  public:
    bool go_on(const Progress&) override;
};

// The newest row of the log that a state contains.
struct Position {
    std::uint64_t log_tick = 0;
    std::uint64_t row_hash = 0;
};

struct State {
    std::unique_ptr<sim::Simulation> simulation; // null: the watcher stopped it
    Position position;
    std::vector<std::uint64_t> chain; // ticks of the checkpoints it comes from, the full one first
    std::uint64_t from_tick() const { return chain.empty() ? 0 : chain.back(); }
};

inline constexpr std::uint64_t any_tick = std::numeric_limits<std::int64_t>::max();

// The state of one checkpoint: of the chain that ends at manifests[index], which are those of the world,
// newest first, with the tables open. Checks all there is to check, the state hash at last. Null when the
// watcher stops it. Throws Error or PgError, and leaves in the slot what it had loaded.
std::unique_ptr<store::WorldStore> load_chain(const game::World& rules,
                                              const std::vector<Manifest>& manifests, std::size_t index,
                                              const Place& place, Watcher& watcher);

// The newest usable checkpoint at or before the tick, else the beginning: tick 0. Throws Error when not
// even the beginning can be made, or when a key is missing.
State load(const World& world, std::uint64_t at_or_before, const Place& place, Tables& tables,
           Watcher& watcher);
// The same without looking for checkpoints. Throws Error(recovery_failed) for a world that did not begin at
// tick 0: what it began with is in its first checkpoint only.
State load_beginning(const World& world, const Place& place);

// Plays the log on until the state stands at `to_tick`: rows up to it, and the ticks without rows. False when
// the watcher stops it. Throws Error(recovery_failed) where the log does not fit the state.
bool replay(const World& world, State& state, std::uint64_t to_tick, Tables& tables, Watcher& watcher);

// Both: from the newest usable checkpoint at or before `newest_checkpoint` to `tick`, which must not lie
// beyond what is in the log and the heads; the state stands behind it when the checkpoint does. When the log
// does not follow on a checkpoint, the full one before it is tried, and the beginning at last. Null
// simulation: the watcher stopped it.
State recover(const World& world, std::uint64_t newest_checkpoint, std::uint64_t tick, const Place& place,
              Tables& tables, Watcher& watcher);
// The state as it was at `tick`.
inline State state_at(const World& world, std::uint64_t tick, const Place& place, Tables& tables,
                      Watcher& watcher) {
    return recover(world, tick, tick, place, tables, watcher);
}

// Returns what a store holds; waits for readers of the slot.
void give_back(store::WorldStore& store);
// The same for whatever a slot holds that nobody can see.
void clear(const Place& place);

} // namespace gamelan::pg::history
