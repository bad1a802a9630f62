// Worlds that stand still need no memory: evicted, they are their newest checkpoint and the log behind it.
// Whoever touches one has the world worker bring it back, and waits.
#pragma once

#include <cstdint>

#include "extension/pg/shared.hpp"

namespace gamelan::pg::residence {

// Postgres zone. Returns at once unless the world is evicted; then waits until it is back, or has failed to
// come back: what is wrong then is the caller's to say.
void touch(store::WorldSlot slot, std::int64_t world_id);

// Worlds that have stood still for gamelan.evict_idle_after, to be given a checkpoint and then let go.
bool is_idle(store::WorldSlot slot, std::int64_t now_ms);
// Once that checkpoint is committed.
void let_go(store::WorldSlot slot);

} // namespace gamelan::pg::residence
