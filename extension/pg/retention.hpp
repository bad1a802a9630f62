// Which checkpoints of a world may go, and the proof that those which stay are good.
#pragma once

#include <cstdint>

#include "extension/pg/world_history.hpp"

namespace gamelan::pg::retention {

// For a background process; own transactions. Recovers each full checkpoint that nobody has verified yet in
// private memory; then removes the generations (a full checkpoint and its increments) that the world's policy
// does not keep, after it has recovered each full one that stays (at least two), and the newest checkpoint of
// all, once more. False when one is not sound: then nothing is removed, and the server log says why. C++
// zone.
bool tidy_up(std::int64_t world_id, history::Watcher& watcher);

} // namespace gamelan::pg::retention
