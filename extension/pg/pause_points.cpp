#include "extension/pg/pause_points.hpp"

#include <cstring>

#include "extension/pg/pg.hpp"

namespace gamelan::pg {

namespace {

constexpr long poll_ms = 10;

// gamelan.pause_at is a list of names with commas between them.
bool is_named(const char* name) {
    const std::size_t length = std::strlen(name);
    for (const char* at = settings::pause_at; (at = std::strstr(at, name)) != nullptr; at += length) {
        const bool begins = at == settings::pause_at || at[-1] == ',' || at[-1] == ' ';
        if (begins && (at[length] == '\0' || at[length] == ',' || at[length] == ' '))
            return true;
    }
    return false;
}

} // namespace

void wait_at_pause_point(const char* name) {
    if (!is_named(name))
        return;
    ereport(LOG, (errmsg("pausing at \"%s\"", name)));
    while (is_named(name) && ShutdownRequestPending == 0) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, poll_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        // Workers look at ShutdownRequestPending, and have places of their own for cancels.
        if (MyBackendType == B_BACKEND)
            CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
    }
    SetLatch(MyLatch); // what it was set for meanwhile
}

} // namespace gamelan::pg
