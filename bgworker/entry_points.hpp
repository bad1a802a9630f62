// The processes of the extension, and what they share about starting and ending.
#pragma once

#include "core/base/no_postgres.hpp"

#include "extension/pg/shared.hpp"

namespace gamelan::worker {

// Names of the C functions that the postmaster calls.
inline constexpr const char* launcher_function = "gamelan_launcher_main";
inline constexpr const char* world_worker_function = "gamelan_world_worker_main";
inline constexpr const char* checkpointer_function = "gamelan_checkpointer_main";
inline constexpr const char* flusher_function = "gamelan_flusher_main";

// Registers the launcher; from _PG_init.
void register_launcher();

// The first steps of a worker, in the order that leaves no gap: signal handlers, exit hook, unblock, claim
// the entry. A second worker of the same kind exits at once with status 0.
void start_process(pg::WorkerEntry& entry);
// Connects to the database named by gamelan.database and publishes itself under that name.
void connect_to_database(const char* application_name);
// Reloads the configuration if asked to; takes in interrupts.
void look_around();
// True when this process must leave its database alone: shutdown, or somebody is about to drop or rename it.
bool must_end();

} // namespace gamelan::worker
