// The library's entry.
#include "bgworker/entry_points.hpp"
#include "extension/pg/hooks.hpp"
#include "extension/pg/past.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/shared.hpp"
#include "extension/pg/transaction.hpp"

extern "C" {

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
    using namespace gamelan;
    // Without preload there is no shared memory; the functions say so. pg_upgrade must find no worker and no
    // hook.
    if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
        return;
    pg::settings::define();
    pg::past::define_settings();
    pg::install_shared_memory_hooks();
    pg::install_hooks();
    pg::transaction::install_callbacks();
    worker::register_launcher();
}

} // extern "C"
