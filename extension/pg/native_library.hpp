// Libraries of native systems: found where PostgreSQL finds its own (dynamic_library_path, of which only
// superusers decide), named without a path, loaded once and kept for the life of the process.
#pragma once

#include "core/game/rules.hpp"
#include "core/native/loader.hpp"

namespace gamelan::pg {

// Makes it the loader of this process; again is harmless.
void install_native_loader();

// Disables the native systems among the rules that cannot be loaded, and says so in the server's log, once
// for each reason. C++ zone.
void leave_out_missing(game::Rules& rules);

} // namespace gamelan::pg
