#include "extension/pg/settings.hpp"

#include "extension/pg/pg.hpp"

namespace gamelan::pg::settings {

char* database = nullptr;
int memory_mb = 256;
int max_worlds = 1024;
int max_requests = 4096;
int max_command_bytes = 2048;
int world_memory_limit_mb = 0;
int max_commands_per_tick = 4096;
int max_catch_up_ticks = 5;
int head_interval_ms = 1000;
int checkpoint_interval_s = 60;
int checkpoint_generations = 3;
int checkpoint_strategy = static_cast<int>(Strategy::hybrid);
int checkpoint_ticks = 0;
int checkpoint_log_volume_kb = 64 * 1024;
int checkpoint_full_every = 10;
int checkpoint_keep_s = 0;
int verify_memory_mb = 0;
char* checkpoint_key_file = nullptr;
char* checkpoint_key_command = nullptr;
char* checkpoint_old_key_file = nullptr;
char* checkpoint_old_key_command = nullptr;
int worker_restart_delay_max_ms = 30000;
int max_queued_commands = 10000;
int max_queued_writes_kb = 256 * 1024;
int max_snapshot_age_ms = 60000;
int evict_idle_after_s = 0;
bool compile = true;
int max_system_failures = 10;
int quarantine_after = 3;
int max_tracked_systems = 1024;
int max_events_per_tick = 65536;
int max_unflushed_ticks = 64;
int max_past_states = 4;
int log_partition_min = 7 * 24 * 60;
int event_partition_min = 7 * 24 * 60;
int partitions_ahead = 4;
int max_partitions = 1000;
int keep_log_s = 0;
int keep_events_s = 0;
char* archive_folder = nullptr;
int keep_idempotency_keys_s = 24 * 3600;
int max_idempotency_keys = 100000;
char* pause_at = nullptr;

namespace {

const config_enum_entry strategies[] = {{"full", static_cast<int>(Strategy::full), false},
                                        {"incremental", static_cast<int>(Strategy::incremental), false},
                                        {"hybrid", static_cast<int>(Strategy::hybrid), false},
                                        {nullptr, 0, false}};

void define_text(const char* name, const char* summary, const char* more, char** variable) {
    DefineCustomStringVariable(name, summary, more, variable, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, nullptr,
                               nullptr, nullptr);
}

void define_checkpoint_keys() {
    define_text("gamelan.checkpoint_key_file", "File with the key that checkpoints are encrypted with.",
                "64 hexadecimal digits. Empty: checkpoints are not encrypted.", &checkpoint_key_file);
    define_text("gamelan.checkpoint_key_command", "Command that prints the key of checkpoints.",
                "Used when gamelan.checkpoint_key_file is empty.", &checkpoint_key_command);
    define_text("gamelan.checkpoint_old_key_file",
                "File with keys that older checkpoints were encrypted with.",
                "One a line; nothing is written with them.", &checkpoint_old_key_file);
    define_text("gamelan.checkpoint_old_key_command", "Command that prints keys of older checkpoints.",
                "Used besides gamelan.checkpoint_old_key_file.", &checkpoint_old_key_command);
}

void define_int(const char* name, const char* summary, const char* more, int* variable, int fallback,
                int least, int most, GucContext context, int flags) {
    DefineCustomIntVariable(name, summary, more, variable, fallback, least, most, context, flags, nullptr,
                            nullptr, nullptr);
}

// SQL reads these: extension/sql/65-partitions.sql.
void define_partitions() {
    constexpr int year_min = 366 * 24 * 60;
    define_int("gamelan.log_partition", "How long a time a partition of game.tick_log covers.",
               "Partitions that exist stay as they are.", &log_partition_min, 7 * 24 * 60, 1, year_min,
               PGC_SIGHUP, GUC_UNIT_MIN);
    define_int("gamelan.event_partition", "How long a time a partition of game.event covers.",
               "Partitions that exist stay as they are.", &event_partition_min, 7 * 24 * 60, 1, year_min,
               PGC_SIGHUP, GUC_UNIT_MIN);
    define_int("gamelan.partitions_ahead",
               "How many partitions of game.tick_log and game.event are made ahead.", nullptr,
               &partitions_ahead, 4, 1, 100, PGC_SIGHUP, 0);
    define_int("gamelan.max_partitions", "Most partitions of game.tick_log, and of game.event.",
               "Beyond it rows go into the default partition, where nothing removes them.", &max_partitions,
               1000, 10, 10000, PGC_SIGHUP, 0);
    define_int("gamelan.keep_log", "How long the log of worlds is kept; 0 means for ever.",
               "What recovery needs is kept in any case. game.set_retention() says it for one world.",
               &keep_log_s, 0, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_S);
    define_int("gamelan.keep_events", "How long events are kept; 0 means for ever.",
               "game.set_retention() says it for one world.", &keep_events_s, 0, 0, INT_MAX, PGC_SIGHUP,
               GUC_UNIT_S);
    define_int("gamelan.keep_idempotency_keys",
               "How long a key of game.enqueue() stands for the call that used it first.", nullptr,
               &keep_idempotency_keys_s, 24 * 3600, 1, 366 * 24 * 3600, PGC_SIGHUP, GUC_UNIT_S);
    define_int("gamelan.max_idempotency_keys", "Most idempotency keys of one role for one world.",
               "Looked at now and then only, so that some more may come about.", &max_idempotency_keys,
               100000, 100, 100 * 1000 * 1000, PGC_SIGHUP, 0);
    define_text("gamelan.archive_folder", "Folder of the server for archives of partitions.",
                "Retention archives before it drops. Empty: there are no archives.", &archive_folder);
}

} // namespace

void define() {
    DefineCustomStringVariable("gamelan.database", "Database whose worlds are played.",
                               "The extension can be created in others, but no world ticks there.", &database,
                               "gamelan", PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
    define_int("gamelan.memory", "Shared memory for the state of worlds.",
               "Taken once at server start; huge pages are used if the server uses them.", &memory_mb, 256,
               16, 256 * 1024 - 1, PGC_POSTMASTER, GUC_UNIT_MB);
    define_int("gamelan.max_worlds", "Most worlds that can be in memory at once.", nullptr, &max_worlds, 1024,
               1, 65534, PGC_POSTMASTER, 0);
    define_int("gamelan.max_requests", "Most commands in flight between sessions and the world workers.",
               "Each takes gamelan.max_command_bytes of shared memory.", &max_requests, 4096, 64, 1 << 20,
               PGC_POSTMASTER, 0);
    define_int("gamelan.max_command_bytes", "Size limit of one command, and of one action's answer.", nullptr,
               &max_command_bytes, 2048, 512, 1 << 20, PGC_POSTMASTER, GUC_UNIT_BYTE);

    define_int("gamelan.max_tracked_systems", "Most systems of worlds in memory that statistics are kept of.",
               "Each takes about 500 bytes of shared memory; those beyond run all the same.",
               &max_tracked_systems, 1024, 1, 1 << 20, PGC_POSTMASTER, 0);
    define_int("gamelan.world_memory_limit", "Most memory one world may take; 0 means all of gamelan.memory.",
               "Applies to worlds loaded after the change.", &world_memory_limit_mb, 0, 0, 256 * 1024 - 1,
               PGC_SIGHUP, GUC_UNIT_MB);
    define_int("gamelan.max_commands_per_tick",
               "Most commands a world applies in one tick; more wait for the next.", nullptr,
               &max_commands_per_tick, 4096, 1, 1 << 20, PGC_SIGHUP, 0);
    define_int("gamelan.max_catch_up_ticks",
               "Most overdue ticks a world runs at once; what lies further back is skipped.", nullptr,
               &max_catch_up_ticks, 5, 0, 1000, PGC_SIGHUP, 0);
    define_int("gamelan.head_interval", "How often the tick an idle world has reached is made durable.",
               "After a crash a world goes back at most that far, never behind an acknowledged command.",
               &head_interval_ms, 1000, 100, 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS);
    define_int("gamelan.checkpoint_interval",
               "Time between checkpoints of a world that ticks; 0: not for that reason.", nullptr,
               &checkpoint_interval_s, 60, 0, 24 * 3600, PGC_SIGHUP, GUC_UNIT_S);
    define_int("gamelan.checkpoint_generations",
               "Full checkpoints kept of each world, with their increments.",
               "Older ones go once the newer ones have been read back and found to be right.",
               &checkpoint_generations, 3, 2, 1000, PGC_SIGHUP, 0);
    DefineCustomEnumVariable("gamelan.checkpoint_strategy", "What the checkpoints of a world hold.",
                             "full: all of it; incremental: what changed since the one before; hybrid: every "
                             "gamelan.checkpoint_full_every-th is full.",
                             &checkpoint_strategy, static_cast<int>(Strategy::hybrid), strategies, PGC_SIGHUP,
                             0, nullptr, nullptr, nullptr);
    define_int("gamelan.checkpoint_ticks", "A checkpoint is due after so many ticks; 0: not for that reason.",
               nullptr, &checkpoint_ticks, 0, 0, INT_MAX, PGC_SIGHUP, 0);
    define_int("gamelan.checkpoint_log_volume",
               "A checkpoint is due after so many bytes of logged commands; 0: not for that reason.", nullptr,
               &checkpoint_log_volume_kb, 64 * 1024, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_KB);
    define_int("gamelan.checkpoint_full_every",
               "With the strategy hybrid, one checkpoint in so many is full.", nullptr,
               &checkpoint_full_every, 10, 1, max_chain_length, PGC_SIGHUP, 0);
    define_int("gamelan.checkpoint_keep", "Checkpoints that are younger than this are kept in any case.",
               nullptr, &checkpoint_keep_s, 0, 0, INT_MAX / 1000, PGC_SIGHUP, GUC_UNIT_S);
    define_int("gamelan.verify_memory", "Most memory that reading a checkpoint back may take.",
               "0 means as much as one world may take in gamelan.memory.", &verify_memory_mb, 0, 0,
               256 * 1024 - 1, PGC_SIGHUP, GUC_UNIT_MB);
    define_checkpoint_keys();
    define_int("gamelan.worker_restart_delay_max", "Longest pause before a failed worker is started again.",
               "The pause doubles from 100 ms with each failure and starts anew after a minute without one.",
               &worker_restart_delay_max_ms, 30000, 100, 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS);

    define_int("gamelan.max_queued_commands", "Most commands one transaction may queue with game.enqueue().",
               nullptr, &max_queued_commands, 10000, 1, 10 * 1000 * 1000, PGC_USERSET, 0);

    define_int("gamelan.max_queued_writes",
               "Most memory one transaction's written rows of components may take.", nullptr,
               &max_queued_writes_kb, 256 * 1024, 64, 1000 * 1024, PGC_USERSET, GUC_UNIT_KB);
    define_int("gamelan.max_snapshot_age", "How long a statement or a transaction may hold a published tick.",
               "Then its memory is taken back, and reading on fails with \"snapshot too old\". 0 means for "
               "ever, while "
               "memory lasts.",
               &max_snapshot_age_ms, 60000, 0, 24 * 3600 * 1000, PGC_SIGHUP, GUC_UNIT_MS);

    define_int(
        "gamelan.evict_idle_after", "How long a world that stands still keeps its memory.",
        "Then it is written to a checkpoint and leaves memory until somebody touches it. 0 means for ever.",
        &evict_idle_after_s, 0, 0, 365 * 24 * 3600, PGC_SIGHUP, GUC_UNIT_S);

    DefineCustomBoolVariable(
        "gamelan.compile", "Whether systems are compiled.",
        "Off: PostgreSQL's executor runs them all, slower and with the same result. Takes "
        "effect with the next change of a definition.",
        &compile, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    define_int("gamelan.max_system_failures",
               "After so many ticks in a row in which a system failed it is suspended.",
               "0 means never. game.enable_system() lets it run again.", &max_system_failures, 10, 0, 1 << 20,
               PGC_SIGHUP, 0);

    define_int("gamelan.quarantine_after",
               "A system or command that has ended the world worker so often is not run again.",
               "0 means never: it is tried for ever.", &quarantine_after, 3, 0, 1000, PGC_SIGHUP, 0);
    define_int("gamelan.max_events_per_tick",
               "Most events that the actions and systems of one tick may tell of.",
               "Worlds take it in with the next change of a definition.", &max_events_per_tick, 65536, 1,
               10 * 1000 * 1000, PGC_SIGHUP, 0);

    define_int("gamelan.max_unflushed_ticks",
               "Most ticks of a world that may wait for the disk, or for a standby.",
               "Then the world waits with its next tick; each holds the memory of what it changed.",
               &max_unflushed_ticks, 64, 1, 10000, PGC_SIGHUP, 0);

    define_int("gamelan.max_past_states", "Most past states of worlds that a session keeps in its memory.",
               "Each takes as much as the world; those used last are kept.", &max_past_states, 4, 1, 64,
               PGC_USERSET, 0);
    DefineCustomStringVariable("gamelan.pause_at", "For tests: names of points at which processes stop.",
                               "docs/durability.md lists them.", &pause_at, "", PGC_SIGHUP,
                               GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);

    define_partitions();
    MarkGUCPrefixReserved("gamelan");
}

} // namespace gamelan::pg::settings
