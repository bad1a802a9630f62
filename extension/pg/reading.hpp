// Reading a published version from a session. C++ zone: the pin must not be held while Postgres code may
// raise.
#pragma once

#include "core/store/snapshot.hpp"

#include "extension/pg/shared.hpp"

namespace gamelan::pg {

// Keeps the blocks of all versions that are current while it lives. One at a time per process.
class ReadPin {
  public:
    ReadPin() { region().pin(my_pin()); }
    ~ReadPin() { region().unpin(my_pin()); }
    ReadPin(const ReadPin&) = delete;
    ReadPin& operator=(const ReadPin&) = delete;

    // Throws Error(snapshot_too_old) when what was read since may be garbage. Call before using it.
    void check() const {
        if (!region().pin_is_valid(my_pin()))
            throw Error(sqlstate::snapshot_too_old, "snapshot too old",
                        "The snapshot was given up because memory was short.",
                        "Run the query again, make it shorter, or raise gamelan.memory.");
    }
};

// The published version, or Error(world_not_running) when the world has none yet. Under a ReadPin.
inline store::Snapshot published(store::WorldSlot slot, std::int64_t world_id) {
    const auto snapshot = store::Snapshot::current(region(), slot);
    if (!snapshot)
        throw Error(sqlstate::world_not_running,
                    "world " + std::to_string(world_id) + " is not in memory yet",
                    "It is " + std::string(name_of(runtime(slot).state.load())) + ".",
                    "Look at game.world and at the server log.");
    return *snapshot;
}

} // namespace gamelan::pg
