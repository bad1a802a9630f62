// Looking at the past: what a session asked for with gamelan.as_of_tick or gamelan.as_of_time, and states of
// worlds at past ticks, in memory of this process alone.
//
// States are made from a checkpoint and the log behind it (world_history.hpp) and kept for later statements,
// the ones used last, up to gamelan.max_past_states. One that nobody reads any more is played on to a later
// tick instead of being made anew.
#pragma once

#include "core/store/snapshot.hpp"

#include <memory>

#include "extension/pg/shared.hpp"

namespace gamelan::pg::past {

enum class MomentKind : std::uint8_t { present, tick, time };
struct Moment {
    MomentKind kind = MomentKind::present;
    std::int64_t value = 0; // a tick, or a TimestampTz
    bool operator==(const Moment&) const = default;
    explicit operator bool() const { return kind != MomentKind::present; }
};

// Defines the two settings; from _PG_init.
void define_settings();

// What statements of this session are to see; the present inside a tick and in the server's own processes.
Moment wanted() noexcept;

// A statement that writes while the past is looked at: raises 25006. Postgres zone.
void require_present();

class State;
using StatePtr = std::shared_ptr<const State>;

// C++ zone, in a transaction.

// A world's state at a moment. Throws Error(invalid_parameter) for a tick the world has not reached, and what
// is wrong with its checkpoints and log; PgError.
StatePtr at(std::int64_t world_id, const Moment& moment);
store::Snapshot snapshot_of(const State& state);

// From tick to tick of one world, forwards.
class Walk {
  public:
    // Up to `to`, which the world must have reached.
    Walk(std::int64_t world_id, std::int64_t from, std::int64_t to);
    ~Walk(); // the last state is kept for later statements
    Walk(const Walk&) = delete;
    Walk& operator=(const Walk&) = delete;

    // Never back. The snapshot is good until the next call.
    store::Snapshot at(std::int64_t tick);

  private:
    std::shared_ptr<State> state_;
};

// What a function of this session reads of a world: as published(), or the past, which stays as long as the
// process reads nothing else. Under a ReadPin.
store::Snapshot readable(store::WorldSlot slot, std::int64_t world_id);

} // namespace gamelan::pg::past
