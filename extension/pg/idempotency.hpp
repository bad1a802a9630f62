// Keys that make a queued command one of a kind: game.idempotency_key.
#pragma once

#include <cstdint>

#include "extension/pg/pg.hpp"

namespace gamelan::pg::idempotency {

// Postgres zone. The handle that belongs to the key: `handle`, now written beside it as part of this
// transaction; or that of an earlier call with the same action and arguments, which has committed (a call of
// a transaction that is still running is waited for). Errors: WG024 the key was used for something else.
std::int64_t claim(std::int64_t world_id, const char* actor, text* key, text* action, Jsonb* arguments,
                   std::int64_t handle);

} // namespace gamelan::pg::idempotency
