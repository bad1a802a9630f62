// Reading published versions from a session. A process has one pin in the store, and may have many readers:
// functions that read for a moment, and the views of statements, cursors and transactions (extension/fdw).
// The pin protects the oldest of them, and with it all that came later.
#pragma once

#include "core/store/snapshot.hpp"

#include "extension/pg/shared.hpp"
#include "extension/pg/tick_scope.hpp"

namespace gamelan::pg {

// A reader: what was current when it was taken, and all that was published since, stays readable until it is
// dropped, or until the pin is taken away because memory was short or the pin too old. None of these raises
// or throws.
struct Hold {
    std::uint64_t epoch = 0; // 0 = not held, or lost
    std::uint64_t since_ms = 0;
    Hold* older = nullptr;
    Hold* newer = nullptr;
};
void take(Hold& hold) noexcept;
void drop(Hold& hold) noexcept;
bool is_held(const Hold& hold) noexcept;

[[noreturn]] void throw_snapshot_too_old();

// C++ zone: must not be held while Postgres code may raise.
class ReadPin {
  public:
    ReadPin() { take(hold_); }
    ~ReadPin() { drop(hold_); }
    ReadPin(const ReadPin&) = delete;
    ReadPin& operator=(const ReadPin&) = delete;

    // Throws Error(snapshot_too_old) when what was read since may be garbage. Call before using it.
    void check() const {
        if (!is_held(hold_))
            throw_snapshot_too_old();
    }

  private:
    Hold hold_;
};

// The published version, or Error(world_not_running) when the world has none yet. Under a ReadPin.
// Inside a tick: the state that is being built.
inline store::Snapshot published(store::WorldSlot slot, std::int64_t world_id) {
    if (const TickScope* scope = TickScope::of(world_id))
        return scope->state();
    const auto snapshot = store::Snapshot::current(region(), slot);
    if (!snapshot)
        throw Error(sqlstate::world_not_running,
                    "world " + std::to_string(world_id) + " is not in memory yet",
                    "It is " + std::string(name_of(runtime(slot).state.load())) + ".",
                    "Look at game.world and at the server log.");
    return *snapshot;
}

} // namespace gamelan::pg
