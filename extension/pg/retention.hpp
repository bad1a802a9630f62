// Which checkpoints of a world may go, and the proof that those which stay are good.
#pragma once

#include <cstdint>

#include "extension/pg/world_history.hpp"

namespace gamelan::pg::retention {

// For a background process; own transactions. Recovers each full checkpoint that nobody has verified yet in
// private memory; then removes the generations (a full checkpoint and its increments) that the world's policy
// does not keep, unless one of those that stay is not sound: at least two full ones are, and the newest
// checkpoint of all. False when one is not: it is told in the server log. C++ zone.
bool tidy_up(std::int64_t world_id, history::Watcher& watcher);

} // namespace gamelan::pg::retention
