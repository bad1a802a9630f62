#include "extension/pg/checkpoints.hpp"

#include "core/codec/checkpoint.hpp"
#include "extension/pg/reading.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/spi.hpp"
#include "extension/pg/transaction.hpp"

namespace gamelan::pg::checkpoints {

namespace {

// First key of the advisory locks that keep two checkpoints of one world apart.
constexpr std::int32_t lock_class = 0x474c4350;

std::string to_json(const std::vector<codec::SpaceExtent>& spaces) {
    std::string out = "{";
    for (const codec::SpaceExtent& extent : spaces)
        out += (out.size() > 1 ? ", \"" : "\"") + extent.name + "\": " + std::to_string(extent.slots);
    return out + "}";
}

void insert_chunk(std::int64_t world_id, std::int64_t tick, std::int32_t ordinal,
                  const codec::CheckpointChunk& chunk) {
    spi::run(
        "INSERT INTO game.checkpoint_chunk (world, tick, ordinal, column_name, first_slot, slots, raw_bytes, "
        "checksum, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        {spi::bigint(world_id), spi::bigint(tick), spi::integer(ordinal), spi::text(chunk.column),
         spi::bigint(chunk.first_slot), spi::integer(static_cast<std::int32_t>(chunk.slots)),
         spi::integer(static_cast<std::int32_t>(chunk.raw_bytes)),
         spi::bigint(static_cast<std::int64_t>(chunk.checksum)), spi::bytes(chunk.data)});
}

struct Totals {
    std::int32_t chunks;
    std::uint64_t chunks_hash;
    std::int64_t stored_bytes;
};

void insert_manifest(std::int64_t world_id, const codec::StateCopy& copy, const std::string& spaces,
                     const Totals& totals, double duration_ms) {
    // The newest log row up to the tick: it was committed before the tick was published, so it is visible
    // here.
    spi::run("INSERT INTO game.checkpoint (world, tick, format_version, engine_version, codec, definition, "
             "layout, "
             "spaces, state_hash, "
             "log_tick, row_hash, chunks, chunks_hash, raw_bytes, stored_bytes, duration_ms) "
             "SELECT $1, $2, $3, $4, $5, jsonb_build_object('game', d.game, 'seed', d.seed, 'config', "
             "d.config), $13, $6, $7, "
             "coalesce(l.tick, 0), coalesce(l.row_hash, 0), $8, $9, $10, $11, $12 "
             "FROM game.world_definition AS d LEFT JOIN LATERAL (SELECT t.tick, t.row_hash FROM "
             "game.tick_log AS t "
             "WHERE t.world = $1 AND t.tick <= $2 ORDER BY t.tick DESC LIMIT 1) AS l ON true WHERE d.id = $1",
             {spi::bigint(world_id), spi::bigint(static_cast<std::int64_t>(copy.tick)),
              spi::integer(codec::checkpoint_format_version), spi::text(GAMELAN_VERSION),
              spi::text(codec::checkpoint_codec), spi::json(spaces),
              spi::bigint(static_cast<std::int64_t>(copy.state_hash)), spi::integer(totals.chunks),
              spi::bigint(static_cast<std::int64_t>(totals.chunks_hash)),
              spi::bigint(static_cast<std::int64_t>(copy.raw_bytes)), spi::bigint(totals.stored_bytes),
              spi::float8(duration_ms), spi::bytes(copy.definition)});
}

void prune(std::int64_t world_id) {
    if (spi::run("SELECT tick FROM game.checkpoint WHERE world = $1 ORDER BY tick DESC OFFSET $2 LIMIT 1",
                 {spi::bigint(world_id), spi::integer(settings::checkpoint_generations)}) == 0)
        return;
    const std::int64_t newest_to_go = spi::bigint_at(0, 1);
    spi::run("DELETE FROM game.checkpoint_chunk WHERE world = $1 AND tick <= $2",
             {spi::bigint(world_id), spi::bigint(newest_to_go)});
    spi::run("DELETE FROM game.checkpoint WHERE world = $1 AND tick <= $2",
             {spi::bigint(world_id), spi::bigint(newest_to_go)});
}

// C++ zone.
codec::StateCopy copy_published(store::WorldSlot slot, std::int64_t world_id) {
    const ReadPin pin;
    codec::StateCopy copy = codec::copy_state(published(slot, world_id));
    pin.check();
    return copy;
}

// C++ zone.
Totals write_chunks(std::int64_t world_id, const codec::StateCopy& copy) {
    Totals totals{};
    for (const codec::StateCopy::Part& part : copy.parts) {
        const codec::CheckpointChunk chunk = codec::compress(part);
        pg_call([&] {
            MemoryContext scratch =
                AllocSetContextCreate(CurrentMemoryContext, "gamelan chunk", ALLOCSET_DEFAULT_SIZES);
            MemoryContext outer = MemoryContextSwitchTo(scratch);
            insert_chunk(world_id, static_cast<std::int64_t>(copy.tick), totals.chunks, chunk);
            MemoryContextSwitchTo(outer);
            MemoryContextDelete(scratch);
            CHECK_FOR_INTERRUPTS();
        });
        ++totals.chunks;
        totals.chunks_hash = codec::chain_checksum(totals.chunks_hash, chunk.checksum);
        totals.stored_bytes += static_cast<std::int64_t>(chunk.data.size());
    }
    return totals;
}

} // namespace

std::int64_t take(store::WorldSlot slot, std::int64_t world_id) {
    if (IsolationUsesXactSnapshot())
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("a checkpoint cannot be written in a REPEATABLE READ or SERIALIZABLE transaction"),
                 errhint("Use READ COMMITTED: the checkpoint must see the newest row of the log.")));
    spi::run("SELECT pg_advisory_xact_lock($1, $2)",
             {spi::integer(lock_class), spi::integer(static_cast<std::int32_t>(world_id))});
    // A drop of the world waits for us, or we find it done: no checkpoint outlives its world.
    if (spi::run("SELECT FROM game.world_definition WHERE id = $1 FOR KEY SHARE", {spi::bigint(world_id)}) ==
        0)
        raise_error(sqlstate::undefined_world, psprintf("world " INT64_FORMAT " does not exist", world_id));
    const TimestampTz begun = GetCurrentTimestamp();
    const std::int64_t tick = sql_boundary([&] {
        const codec::StateCopy copy = copy_published(slot, world_id);
        const auto at = static_cast<std::int64_t>(copy.tick);
        const bool exists = pg_call([&] {
            return spi::run("SELECT FROM game.checkpoint WHERE world = $1 AND tick = $2",
                            {spi::bigint(world_id), spi::bigint(at)}) != 0;
        });
        if (exists)
            return at;
        const Totals totals = write_chunks(world_id, copy);
        const std::string spaces = to_json(copy.spaces);
        pg_call([&] {
            const double duration_ms = static_cast<double>(GetCurrentTimestamp() - begun) / 1000.0;
            insert_manifest(world_id, copy, spaces, totals, duration_ms);
            prune(world_id);
        });
        return at;
    });
    transaction::announce_checkpoint_at_commit(slot, world_id, tick);
    return tick;
}

} // namespace gamelan::pg::checkpoints
