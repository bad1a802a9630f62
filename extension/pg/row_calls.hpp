// Calls that a kernel asks for, one for each of its rows.
#pragma once

#include "core/sim/host.hpp"

#include "extension/pg/pg.hpp"

namespace gamelan::pg {

// As the owner of `procedure`, within a tick scope, with SPI connected. C++ zone: throws PgError.
void run_row_calls(Oid procedure, const sim::RowCalls& calls);

} // namespace gamelan::pg
