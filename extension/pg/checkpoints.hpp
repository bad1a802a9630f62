// Writing checkpoints: by game.checkpoint in a session, and by the checkpointer for all worlds.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>

#include "extension/pg/shared.hpp"

namespace gamelan::pg::checkpoints {

// Writes a checkpoint of the published version as part of the current transaction (SPI connected), and
// removes those beyond gamelan.checkpoint_generations. Does nothing when that tick has one already. Returns
// the tick. The world goes on meanwhile: the version is copied first, under a pin that lasts for the copy
// only. Raises.
std::int64_t take(store::WorldSlot slot, std::int64_t world_id);

} // namespace gamelan::pg::checkpoints
