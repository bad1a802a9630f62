// INSERT, UPDATE, DELETE and COPY FROM on components: the callbacks of modify.cpp.
#pragma once

#include "extension/fdw/callbacks.hpp"

namespace gamelan::fdw {

void add_modify_callbacks(FdwRoutine* routine);

} // namespace gamelan::fdw
