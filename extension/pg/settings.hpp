// The extension's settings (GUCs). docs/operations.md has the table for users.
#pragma once

namespace gamelan::pg::settings {

// What the checkpoints of a world hold.
enum class Strategy { full, incremental, hybrid };
// Increments behind one full checkpoint, whatever the strategy.
inline constexpr int max_chain_length = 100;

// Fixed at server start.
extern char* database;        // gamelan.database: the one whose worlds are played
extern int memory_mb;         // gamelan.memory
extern int max_worlds;        // gamelan.max_worlds
extern int max_requests;      // gamelan.max_requests: commands in flight between backends and workers
extern int max_command_bytes; // gamelan.max_command_bytes: one command, or one answer

// Reloadable.
extern int world_memory_limit_mb;    // gamelan.world_memory_limit, 0 = gamelan.memory
extern int max_commands_per_tick;    // gamelan.max_commands_per_tick
extern int max_catch_up_ticks;       // gamelan.max_catch_up_ticks
extern int head_interval_ms;         // gamelan.head_interval
extern int checkpoint_interval_s;    // gamelan.checkpoint_interval, 0 = not by time
extern int checkpoint_generations;   // gamelan.checkpoint_generations
extern int checkpoint_strategy;      // gamelan.checkpoint_strategy, a Strategy
extern int checkpoint_ticks;         // gamelan.checkpoint_ticks, 0 = not by ticks
extern int checkpoint_log_volume_kb; // gamelan.checkpoint_log_volume, 0 = not by the log
extern int checkpoint_full_every;    // gamelan.checkpoint_full_every
extern int checkpoint_keep_s;        // gamelan.checkpoint_keep
extern int verify_memory_mb;         // gamelan.verify_memory, 0 = as much as a world may take
extern char* checkpoint_key_file;
extern char* checkpoint_key_command;
extern char* checkpoint_old_key_file;
extern char* checkpoint_old_key_command;
extern int worker_restart_delay_max_ms; // gamelan.worker_restart_delay_max

// Per session.
extern int max_queued_commands;
extern int max_queued_writes_kb;
extern int max_snapshot_age_ms;
extern int evict_idle_after_s;
extern bool compile;
extern int max_system_failures;
extern int quarantine_after;
extern int max_tracked_systems;
extern int max_events_per_tick;
extern int max_unflushed_ticks;
extern int max_past_states;
extern char* pause_at; // gamelan.max_queued_commands: per transaction

// Read by SQL.
extern int log_partition_min;
extern int event_partition_min;
extern int partitions_ahead;
extern int max_partitions;
extern int keep_log_s;
extern int keep_events_s;
extern int keep_idempotency_keys_s;
extern int max_idempotency_keys;
extern char* archive_folder; // gamelan.archive_folder, empty = none

void define();

} // namespace gamelan::pg::settings
