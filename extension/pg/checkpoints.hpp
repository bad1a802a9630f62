// Writing checkpoints: by game.checkpoint in a session, and by the checkpointer for all worlds.
#pragma once

#include "core/store/snapshot.hpp"

#include <cstdint>

#include "extension/pg/settings.hpp"
#include "extension/pg/shared.hpp"

namespace gamelan::pg::checkpoints {

// When a world gets checkpoints and which: its row of game.checkpoint_policy, and the settings where that
// says nothing. 0: not for that reason.
struct Policy {
    settings::Strategy strategy;
    std::int64_t every_us;
    std::int64_t every_ticks;
    std::int64_t every_log_bytes;
    std::int32_t full_every;
    std::int32_t generations;
    std::int64_t keep_us;
};
// SPI connected. Raises.
Policy policy_of(std::int64_t world_id);

enum class Kind { by_strategy, full, incremental };

// Writes a checkpoint of the published version as part of the current transaction (SPI connected), and reads
// it back. Does nothing when that tick has one already. Returns the tick. The world goes on meanwhile: the
// version is copied first, under a pin that lasts for the copy only. An increment becomes a full one when
// there is nothing that it could build on. Raises.
std::int64_t take(store::WorldSlot slot, std::int64_t world_id, Kind kind);

// Writes a state of one world as the first checkpoint of another, whose row of game.world_definition is
// there. C++ zone; SPI connected.
void write_first(const store::Snapshot& state, std::int64_t world_id);

// The slot got a new store: no increment can build on what was written before.
void begin_lifetime(store::WorldSlot slot);

// The newest checkpoint of the store that is in the slot; lifetime 0 when there is none.
ChainHead chain_head(store::WorldSlot slot);

} // namespace gamelan::pg::checkpoints
