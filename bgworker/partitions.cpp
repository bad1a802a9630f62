#include "bgworker/partitions.hpp"

#include "bgworker/entry_points.hpp"
#include "bgworker/world_log.hpp"
#include "extension/pg/bridge.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::worker {

namespace {

namespace spi = pg::spi;

constexpr std::int64_t interval_us = 60'000'000;
constexpr int max_steps = 32;

// How many rows the statement returned; nothing when it failed.
std::optional<std::uint64_t> run_alone(const char* activity, const char* sql) {
    try {
        return pg::pg_call([&] {
            spi::begin(activity);
            const std::uint64_t rows = extension_exists() ? spi::run(sql, {}) : 0;
            spi::commit();
            return rows;
        });
    } catch (const pg::PgError& error) {
        ereport(WARNING, (errcode(error.data()->sqlerrcode), errmsg("%s: %s", activity, error.what())));
        spi::abort();
        return std::nullopt;
    }
}

bool is_any_world_there() {
    for (std::uint32_t i = 0; i < pg::shared->max_worlds; ++i)
        if (pg::region().control({i}).world_id.load() != 0)
            return true;
    return false;
}

} // namespace

void PartitionKeeper::keep() {
    const TimestampTz now = GetCurrentTimestamp();
    const bool is_early = now < next_us_ && now > next_us_ - interval_us; // not of a clock that was put back
    if (is_early || !is_any_world_there())
        return;
    next_us_ = now + interval_us;
    (void)run_alone("gamelan: making partitions", "SELECT game.maintain_partitions()");
    for (int step = 0; step < max_steps && !must_end(); ++step)
        if (run_alone(
                "gamelan: removing old idempotency keys",
                "DELETE FROM game.idempotency_key WHERE ctid = ANY (ARRAY(SELECT k.ctid FROM "
                "game.idempotency_key AS k "
                "WHERE k.created_at < now() - current_setting('gamelan.keep_idempotency_keys')::interval "
                "ORDER BY k.created_at LIMIT 10000 FOR UPDATE SKIP LOCKED))")
                .value_or(0) == 0)
            break;
    for (int step = 0; step < max_steps && !must_end(); ++step)
        if (run_alone("gamelan: removing old partitions", "SELECT game._retire_next()").value_or(0) == 0)
            break;
}

} // namespace gamelan::worker
