#include "extension/pg/tick_log.hpp"

#include "core/base/bytes.hpp"
#include "core/base/hash.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::pg {

namespace {

// A row as it lies in Postgres's memory.
struct StoredRow {
    std::int64_t tick;
    std::string_view commands;
    bool has_state_hash;
    std::int64_t state_hash;
    std::int64_t row_hash;
};

spi::Argument tick_argument(std::uint64_t tick) {
    return spi::bigint(static_cast<std::int64_t>(tick));
}

LogRow to_row(const StoredRow& row) {
    LogRow out{static_cast<std::uint64_t>(row.tick), std::string(row.commands), std::nullopt,
               static_cast<std::uint64_t>(row.row_hash)};
    if (row.has_state_hash)
        out.state_hash = static_cast<std::uint64_t>(row.state_hash);
    return out;
}

} // namespace

std::uint64_t chain_row(std::uint64_t previous, std::uint64_t tick, std::string_view commands,
                        std::optional<std::uint64_t> state_hash) {
    ByteWriter out;
    out.put(previous);
    out.put(tick);
    out.put(static_cast<std::uint8_t>(state_hash.has_value()));
    out.put(state_hash.value_or(0));
    return hash64(commands, hash64(out.view()));
}

std::uint64_t head_checksum(std::int64_t world_id, std::uint64_t tick, std::uint64_t log_tick,
                            std::uint64_t row_hash) {
    ByteWriter out;
    out.put(world_id);
    out.put(tick);
    out.put(log_tick);
    out.put(row_hash);
    return hash64(out.view());
}

std::vector<LogRow> read_log(std::int64_t world_id, std::uint64_t after_tick, std::uint64_t up_to_tick,
                             std::int32_t limit) {
    const std::uint64_t count = pg_call([&] {
        return spi::read("SELECT tick, commands, state_hash, row_hash FROM game.tick_log "
                         "WHERE world = $1 AND tick > $2 AND tick <= $3 ORDER BY tick LIMIT $4",
                         {spi::bigint(world_id), tick_argument(after_tick), tick_argument(up_to_tick),
                          spi::integer(limit)});
    });
    std::vector<LogRow> out;
    out.reserve(count);
    for (std::uint64_t row = 0; row < count; ++row)
        out.push_back(to_row(pg_call([row] {
            const bool has_state_hash = !spi::is_null(row, 3);
            return StoredRow{spi::bigint_at(row, 1), spi::bytes_at(row, 2), has_state_hash,
                             has_state_hash ? spi::bigint_at(row, 3) : 0, spi::bigint_at(row, 4)};
        })));
    pg_call([] { SPI_freetuptable(SPI_tuptable); });
    return out;
}

namespace {

// Tick and hash of the row that a statement finds.
std::optional<LogRow> place_in_log(const char* sql, std::int64_t world_id, std::uint64_t tick) {
    struct Place {
        bool is_found;
        std::int64_t tick;
        std::int64_t row_hash;
    };
    const Place place = pg_call([&] {
        if (spi::read(sql, {spi::bigint(world_id), tick_argument(tick)}) == 0)
            return Place{};
        return Place{true, spi::bigint_at(0, 1), spi::bigint_at(0, 2)};
    });
    if (!place.is_found)
        return std::nullopt;
    return LogRow{
        static_cast<std::uint64_t>(place.tick), {}, std::nullopt, static_cast<std::uint64_t>(place.row_hash)};
}

} // namespace

std::optional<LogRow> newest_log_row(std::int64_t world_id, std::uint64_t up_to_tick) {
    return place_in_log("SELECT tick, row_hash FROM game.tick_log WHERE world = $1 AND tick <= $2 ORDER BY "
                        "tick DESC LIMIT 1",
                        world_id, up_to_tick);
}

std::optional<LogRow> newest_removed_row(std::int64_t world_id) {
    return place_in_log("SELECT tick, row_hash FROM game.log_begin WHERE world = $1 AND tick >= $2", world_id,
                        0);
}

} // namespace gamelan::pg
