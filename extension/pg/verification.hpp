// Checking what is stored of a world (game.verify): in the caller's transaction, with the snapshot that is
// active, in private memory. Nothing is written, and the live world is not touched. C++ zone.
#pragma once

#include <string>
#include <vector>

#include "extension/pg/world_history.hpp"

namespace gamelan::pg::verification {

struct Finding {
    std::string what; // definition, head, log, checkpoint, replay
    std::optional<std::uint64_t> tick;
    bool is_ok;
    std::string message;
};

// `from_beginning`: replay all of the log, and not only from the oldest sound checkpoint. At most a few
// thousand findings. Throws Error(undefined_world), and what Postgres raises unless it is about damage.
std::vector<Finding> verify(std::int64_t world_id, bool from_beginning);

} // namespace gamelan::pg::verification
