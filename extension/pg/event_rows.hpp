// Rows that kernels tell of, into a game's tables of events.
#pragma once

#include "core/sim/systems.hpp"

#include <string>

#include "extension/pg/pg.hpp"

namespace gamelan::pg {

// In the worker's transaction, with SPI connected. Throws PgError when the table refuses them, or is gone;
// for a subtransaction. The columns of game.event_row besides the entity fill themselves in.
void append_event_rows(const std::string& game, std::int64_t world_id, std::uint64_t tick,
                       const sim::EventRows& rows);

} // namespace gamelan::pg
