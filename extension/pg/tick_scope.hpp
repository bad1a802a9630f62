// SQL that runs inside a tick: statements of systems and actions that PostgreSQL's executor plays in the
// world worker. They see the state that is being built, of their own world only, and what they write is
// applied to it when the statement ends; so a statement sees the state from before it, as ever.
//
// One scope at a time, in the world worker only.
#pragma once

#include "core/sim/host.hpp"

#include <optional>
#include <string>
#include <vector>

#include "extension/pg/command_queue.hpp"
#include "extension/pg/shared.hpp"

namespace gamelan::pg {

class TickScope {
  public:
    // Kept: nothing is applied, all is handed over by take_writes(); statements do not see each other's rows.
    enum class Writes { are_applied, are_kept };
    TickScope(store::WorldSlot slot, const sim::TickContext& context, Writes writes = Writes::are_applied);
    ~TickScope();
    TickScope(const TickScope&) = delete;
    TickScope& operator=(const TickScope&) = delete;

    // The one that is open; null in sessions.
    static TickScope* current() noexcept;
    // The one that is open, if it is that world's.
    static TickScope* of(std::int64_t world_id) noexcept {
        TickScope* scope = current();
        return scope != nullptr && scope->world_id() == world_id ? scope : nullptr;
    }

    const sim::TickContext& context() const { return context_; }
    std::int64_t world_id() const { return context_.world_id; }
    store::WorldSlot slot() const { return slot_; }
    // The state that is being built.
    store::Snapshot state() const { return context_.store.working(); }
    // Another one whenever the state may have become another, in this scope or between scopes.
    static std::uint64_t state_number() noexcept;
    // For numbers drawn without a key: the how manieth this is.
    std::int64_t next_draw() { return draws_++; }

    // Something happened: told when the system or action has succeeded. Throws Error(queue_full).
    void emit(game::Event event);

    // Rows that the running statements have written. C++ zone.
    CommandQueue& rows() { return rows_; }
    // A statement has ended. `is_outermost`: no other is reading components. Applies what was written, or
    // keeps it until the outer ones end. Throws Error.
    void end_statement(bool is_outermost);
    // A statement begins to read components. Throws Error(feature_not_supported) when it ought to see rows
    // that cannot be applied yet.
    void begin_reading() const;
    void end_subtransaction(SubTransaction mine, SubTransaction parent, bool is_committed);

    // After the last statement: all that was written, as one write set. Hands over the events. Throws Error.
    std::string take_writes();

  private:
    struct Applied {
        SubTransaction subtransaction;
        std::string writes;
    };
    struct Emitted {
        SubTransaction subtransaction;
        game::Event event;
    };
    void apply();

    store::WorldSlot slot_;
    const sim::TickContext& context_;
    CommandQueue rows_;
    std::vector<Applied> applied_;
    std::vector<Emitted> emitted_;
    std::int64_t draws_ = 0;
    Writes writes_;
    bool is_deferred_ = false;     // rows of statements that have ended wait
    std::optional<Error> failure_; // met where nothing could be thrown
};

} // namespace gamelan::pg
