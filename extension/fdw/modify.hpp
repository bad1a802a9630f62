// INSERT, UPDATE, DELETE and COPY FROM on components: the callbacks of the foreign data wrapper.
#pragma once

#include "core/base/no_postgres.hpp"

#include "extension/pg/pg.hpp"

extern "C" {
#include "foreign/fdwapi.h"
}

namespace gamelan::fdw {

void install_modify_callbacks(FdwRoutine* routine);

} // namespace gamelan::fdw
