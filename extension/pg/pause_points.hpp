// Named places at which tests stop a process, between any two steps of a tick, of a checkpoint or of a
// recovery, to kill it there or to look at what others see meanwhile.
#pragma once

#include "core/base/no_postgres.hpp"

#include "extension/pg/settings.hpp"

namespace gamelan::pg {

// Waits for as long as gamelan.pause_at names the point: until the configuration is read again and does not,
// or the process is asked to end. The log tells when the wait begins.
void wait_at_pause_point(const char* name);

inline void pause_point(const char* name) {
    if (settings::pause_at[0] != '\0') [[unlikely]]
        wait_at_pause_point(name);
}

} // namespace gamelan::pg
