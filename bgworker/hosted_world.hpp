// A world in the hands of the world worker: its simulation, its pace, what it owes to whom.
#pragma once

#include "bgworker/flusher.hpp"
#include "bgworker/sql_host.hpp"
#include "bgworker/world_log.hpp"
#include "core/sim/pacer.hpp"

#include "extension/pg/shared.hpp"
#include "extension/pg/system_stats.hpp"

#include <deque>

namespace gamelan::worker {

class HostedWorld {
  public:
    // In a slot that carries the world's id; nothing loaded yet.
    HostedWorld(store::WorldSlot slot, const DefinitionRow& definition);

    std::int64_t id() const { return id_; }
    store::WorldSlot slot() const { return slot_; }
    pg::WorldRuntime& runtime() const { return pg::runtime(slot_); }
    bool is_loaded() const { return simulation_ != nullptr; }
    sim::Simulation& simulation() { return *simulation_; }

    void set_state(pg::WorldState state, std::string_view reason = {});
    // The reason is the error's message and its hint, which names the setting that would help, where there is
    // one.
    void set_state(pg::WorldState state, const Error& error);
    pg::WorldState state() const { return runtime().state.load(); }

    // From recovery: the world stands at its newest durable tick. `head_tick`: what its row in
    // game.world_head says.
    void install(std::unique_ptr<sim::Simulation> simulation, std::uint64_t head_tick, std::uint64_t log_tick,
                 std::uint64_t row_hash, const std::vector<store::Entity>& queued);
    // Takes over a changed definition: state wanted, tick rate.
    void follow(const DefinitionRow& definition, std::int64_t now_ns);

    // What its components are from its next tick on; null for a native game.
    void want_components(std::shared_ptr<const store::Definition> definition);

    // What it plays by from its next tick on: what its game declares, and where it differs.
    void want_rules(std::shared_ptr<const GameRules> game, const WorldFlags& flags,
                    std::uint32_t tick_rate_hz, double time_scale);
    // Whether its next tick runs SQL.
    bool needs_transaction(const Inbox& inbox) const;

    // Moves what sessions ask of this world from its queue to here.
    void collect_requests();
    bool is_due(std::int64_t now_ns) const;
    // For a world that is not in memory: says why to all who ask something of it.
    void refuse_requests();
    // When it wants to be looked at next; the far future when nothing is pending.
    std::int64_t next_deadline_ns() const;
    bool wants_inbox() const;
    // Before the inbox is read; and when more than one tick's share was in it.
    void note_doorbell() { inbox_seen_ = runtime().inbox_doorbell.load(); }
    void ring_again() { runtime().inbox_doorbell.fetch_add(1); }

    // A turn of the worker: begin_turn(), then perhaps build_tick() and note_head(), then end_turn() or, when
    // what they noted could not be written, undo_turn().
    void begin_turn();
    // Builds the next tick from the inbox rows and the calls collected, and notes what is to be written. The
    // result stays invisible until settle().
    void build_tick(std::int64_t now_ns, const Inbox& inbox, TurnLog& log);
    bool has_built() const { return has_built_; }
    // It is committed at that position of the server's log; 0 = there was nothing to write.
    void end_turn(XLogRecPtr position);
    // It is as if the turn had not been. Calls that the tick answered fail; a world that ticks is stalled
    // until `retry_ns`.
    void undo_turn(const Error& error, std::int64_t retry_ns);
    // Publishes and answers what may be, by what the world's durability says. Many ticks may wait for that.
    void settle(const Safe& safe, std::int64_t now_ns);
    bool has_unsettled() const { return !unsettled_.empty(); }

    // For a paused world: syncs with nothing queued are answered, others refused.
    void answer_paused_syncs(bool is_inbox_empty);
    bool has_paused_syncs() const { return !is_ticking() && !syncs_.empty() && unsettled_.empty(); }

    // Notes the head when the world moved on since it was last written and `interval_ms` has passed.
    void note_head(std::int64_t now_ns, std::int64_t interval_ms, TurnLog& log);

    // What waits for the next tick fails.
    void fail_calls(std::string_view code, const std::string& message, const std::string& hint);
    // Everything that waits for this world fails; for a world that is dropped.
    void fail_all(std::string_view code, const std::string& message, const std::string& hint);
    // True when all memory is back; to be called again otherwise.
    bool release();

    // Leaves memory if it stands still at its newest checkpoint. What readers still see of it goes with
    // finish_eviction(), which is true when nothing is left.
    void evict_if_wanted();
    bool finish_eviction();
    bool is_evicted() const { return state() == pg::WorldState::evicted; }
    // Whether somebody touched it, or asks something of it.
    bool is_wanted_back() const;

  private:
    struct Step {
        std::uint32_t request;
        std::int64_t ticks_left;
    };
    struct Call {
        std::uint32_t request;
        std::size_t command; // index among the commands of the tick
    };

    void adapt(game::Command& command) const;
    void add_redefinition(std::vector<game::Command>& commands);
    void add_rules(std::vector<game::Command>& commands);
    void note_systems(const sim::TickResult& built, TurnLog& log);
    void add_row(std::uint64_t tick, std::span<const game::Command> commands, std::int64_t now_ns,
                 TurnLog& log);
    void fill_entity_pool();
    void add_free_entity(store::Entity entity);
    void find_free_entities(const std::vector<store::Entity>& queued);
    void keep_free_entities(const std::vector<store::Entity>& queued);
    bool is_idle() const;
    bool is_ticking() const {
        return state() == pg::WorldState::running || state() == pg::WorldState::stalled;
    }
    bool may_build_more() const;
    void take_call(std::uint32_t request);
    void drop_abandoned_steps();
    void note_rate(std::int64_t now_ns);
    std::optional<std::uint64_t> hash_if_due(std::uint64_t tick) const;
    struct BuiltTick;
    bool is_safe(const BuiltTick& tick, const Safe& safe) const;
    void publish(BuiltTick& tick, std::int64_t now_ns);
    void answer(BuiltTick& tick);
    void take_step(BuiltTick& tick);
    void take_back_freed(const std::vector<store::Entity>& freed);

    std::int64_t id_;
    store::WorldSlot slot_;
    std::unique_ptr<sim::Simulation> simulation_;
    sim::Pacer pacer_;
    // Where its log and its head stand, committed or about to be.
    struct LogEnd {
        std::uint64_t log_tick = 0;
        std::uint64_t row_hash = 0;
        std::uint64_t head_tick = 0;
        std::int64_t head_written_ns = 0;
        bool is_head_wanted = false; // without waiting for the interval
        bool is_pausing = false;     // who sees it paused may rely on its head
    };
    LogEnd end_;
    LogEnd end_before_; // the turn

    // Never equal at first: rows may be waiting from before this process.
    std::uint64_t inbox_seen_ = ~std::uint64_t{0};
    std::vector<game::Command> commands_; // calls waiting for the next tick
    std::vector<Call> calls_;
    std::vector<std::uint32_t> syncs_;
    std::vector<Step> steps_;

    struct BuiltTick {
        sim::TickResult result;
        std::vector<Call> calls;
        std::vector<std::uint32_t> syncs;
        std::optional<std::uint32_t> step; // the request that ends with it
        XLogRecPtr position = 0;           // of its commit
        bool may_be_early = false;         // nobody was promised that it is safe
        bool is_published = false;
    };
    std::deque<BuiltTick> unsettled_; // oldest first
    bool has_built_ = false;          // in this turn
    std::optional<Step> step_before_; // the turn, if it was taken in it
    Durability durability_ = Durability::sync;
    std::int64_t stalled_until_ns_ = 0;

    std::shared_ptr<const store::Definition> components_;
    bool are_components_adopted_ = true;
    SqlHost host_;
    std::shared_ptr<const GameRules> game_rules_;
    WorldFlags flags_;
    std::string rules_;                                               // encoded; empty = a native game's
    std::map<std::string, std::uint32_t, std::less<>> failures_;      // ticks in a row, by system
    std::map<std::string, pg::SystemStats*, std::less<>> statistics_; // null = there was no room
    // Handles to give out again, besides those in the pool that sessions see: a heap, the lowest slot first.
    std::vector<store::Entity> free_entities_;

    std::unique_ptr<sim::Simulation> evicted_; // whose memory readers may still hold

    std::uint64_t rate_ticks_ = 0;
    std::int64_t rate_since_ns_ = 0;
};

// The monotonic clock of the server's machine.
std::int64_t monotonic_ns();

} // namespace gamelan::worker
