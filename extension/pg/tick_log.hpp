// Reading game.tick_log. C++ zone: errors of Postgres are exceptions (PgError). Each call needs a transaction
// with SPI connected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::pg {

struct LogRow {
    std::uint64_t tick;
    std::string commands;
    std::optional<std::uint64_t> state_hash;
    std::uint64_t row_hash;
};

// The link of the hash chain that a log row carries.
std::uint64_t chain_row(std::uint64_t previous, std::uint64_t tick, std::string_view commands,
                        std::optional<std::uint64_t> state_hash);

// Of a row of game.world_head: a world must not resume at a tick that nobody wrote.
std::uint64_t head_checksum(std::int64_t world_id, std::uint64_t tick, std::uint64_t log_tick,
                            std::uint64_t row_hash);

// Rows after `after_tick` and up to `up_to_tick`, oldest first, at most `limit`.
std::vector<LogRow> read_log(std::int64_t world_id, std::uint64_t after_tick, std::uint64_t up_to_tick,
                             std::int32_t limit);
// The newest row up to `tick`, if any; without its commands.
std::optional<LogRow> newest_log_row(std::int64_t world_id, std::uint64_t up_to_tick);
// The newest of the rows that retention has removed, if any; without its commands.
std::optional<LogRow> newest_removed_row(std::int64_t world_id);

} // namespace gamelan::pg
