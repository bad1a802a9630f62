#include "extension/pg/checkpoint_rows.hpp"

#include "extension/pg/json_input.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::pg {

namespace {

// The slots of each space. Throws Error(corrupt_data).
std::vector<codec::SpaceExtent> to_extents(std::span<const JsonEntry> entries) {
    std::vector<codec::SpaceExtent> out;
    for (const auto& [name, value] : to_config(entries)) {
        const auto* slots = std::get_if<std::int64_t>(&value);
        if (slots == nullptr || *slots < 0 || *slots > store::max_slots)
            throw Error(sqlstate::corrupt_data,
                        "a checkpoint is damaged: the size of space " + name + " is none");
        out.push_back({name, static_cast<std::uint32_t>(*slots)});
    }
    return out;
}

// A manifest's row as it lies in Postgres's memory.
struct ManifestRow {
    std::int64_t tick;
    std::int32_t format_version;
    std::string_view codec;
    std::int64_t state_hash;
    std::int64_t log_tick;
    std::int64_t row_hash;
    std::int32_t chunks;
    std::int64_t chunks_hash;
    bool is_of_definition;
    std::span<const JsonEntry> spaces;
    std::string_view layout;
};

ManifestRow manifest_at(std::uint64_t row) {
    return {spi::bigint_at(row, 1),       spi::integer_at(row, 2),
            spi::text_at(row, 3),         spi::bigint_at(row, 4),
            spi::bigint_at(row, 5),       spi::bigint_at(row, 6),
            spi::integer_at(row, 7),      spi::bigint_at(row, 8),
            spi::integer_at(row, 9) != 0, flatten_object(spi::json_at(row, 10), "a checkpoint's spaces"),
            spi::bytes_at(row, 11)};
}

Manifest to_manifest(const ManifestRow& row) {
    Manifest out{static_cast<std::uint64_t>(row.tick),
                 row.format_version,
                 std::string(row.codec),
                 static_cast<std::uint64_t>(row.state_hash),
                 static_cast<std::uint64_t>(row.log_tick),
                 static_cast<std::uint64_t>(row.row_hash),
                 row.chunks,
                 static_cast<std::uint64_t>(row.chunks_hash),
                 row.is_of_definition,
                 {},
                 std::string(row.layout)};
    try {
        out.spaces = to_extents(row.spaces);
    } catch (const Error&) {
        out.spaces.clear(); // then the state hash differs, and the checkpoint is refused for that
    }
    return out;
}

// A chunk's row as it lies in Postgres's memory.
struct ChunkRow {
    bool is_found;
    std::string_view column;
    std::int64_t first_slot;
    std::int32_t slots;
    std::int32_t raw_bytes;
    std::int64_t checksum;
    std::string_view data;
};

} // namespace

std::vector<Manifest> read_manifests(std::int64_t world_id, std::uint64_t up_to_tick) {
    const std::uint64_t count = pg_call([&] {
        return spi::run(
            "SELECT c.tick, c.format_version, c.codec, c.state_hash, c.log_tick, c.row_hash, c.chunks, "
            "c.chunks_hash, "
            "(c.definition = jsonb_build_object('game', d.game, 'seed', d.seed, 'config', d.config))::int, "
            "CASE WHEN jsonb_typeof(c.spaces) = 'object' THEN c.spaces ELSE '{}' END, c.layout "
            "FROM game.checkpoint AS c JOIN game.world_definition AS d ON d.id = c.world "
            "WHERE c.world = $1 AND c.tick <= $2 ORDER BY c.tick DESC",
            {spi::bigint(world_id), spi::bigint(static_cast<std::int64_t>(up_to_tick))});
    });
    std::vector<Manifest> out;
    for (std::uint64_t row = 0; row < count; ++row)
        out.push_back(to_manifest(pg_call([row] { return manifest_at(row); })));
    return out;
}

codec::CheckpointChunk read_chunk(std::int64_t world_id, std::uint64_t tick, std::int32_t ordinal) {
    const ChunkRow row = pg_call([&] {
        if (spi::run(
                "SELECT column_name, first_slot, slots, raw_bytes, checksum, data FROM game.checkpoint_chunk "
                "WHERE world = $1 AND tick = $2 AND ordinal = $3",
                {spi::bigint(world_id), spi::bigint(static_cast<std::int64_t>(tick)),
                 spi::integer(ordinal)}) != 1)
            return ChunkRow{};
        return ChunkRow{true,
                        spi::text_at(0, 1),
                        spi::bigint_at(0, 2),
                        spi::integer_at(0, 3),
                        spi::integer_at(0, 4),
                        spi::bigint_at(0, 5),
                        spi::bytes_at(0, 6)};
    });
    if (!row.is_found)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint is damaged: part " + std::to_string(ordinal) + " is missing");
    codec::CheckpointChunk chunk{std::string(row.column),
                                 static_cast<std::uint32_t>(row.first_slot),
                                 static_cast<std::uint32_t>(row.slots),
                                 static_cast<std::uint32_t>(row.raw_bytes),
                                 static_cast<std::uint64_t>(row.checksum),
                                 std::string(row.data)};
    pg_call([] { SPI_freetuptable(SPI_tuptable); });
    return chunk;
}

} // namespace gamelan::pg
