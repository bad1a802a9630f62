#include "extension/pg/checkpoint_rows.hpp"

#include "extension/pg/json_input.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::pg {

namespace {

std::int64_t as_signed(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}
std::uint64_t as_unsigned(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
}

// The slots of each space; nothing when they are no numbers of slots.
std::vector<codec::SpaceExtent> to_extents(std::span<const JsonEntry> entries) {
    std::vector<codec::SpaceExtent> out;
    for (const auto& [name, value] : to_config(entries)) {
        const auto* slots = std::get_if<std::int64_t>(&value);
        if (slots == nullptr || *slots < 0 || *slots > store::max_slots)
            return {};
        out.push_back({name, static_cast<std::uint32_t>(*slots)});
    }
    return out;
}

// A manifest's row as it lies in Postgres's memory.
struct ManifestRow {
    std::int64_t world, tick;
    std::string_view kind;
    std::int64_t base_tick, base_hash;
    std::int32_t chain_length, format_version;
    std::string_view engine_version, codec, key_id, definition, layout, spaces;
    std::int64_t state_hash, log_tick, row_hash;
    std::int32_t chunks;
    std::int64_t chunks_hash, hash;
    bool is_of_definition, is_verified;
    std::span<const JsonEntry> extents;
};

ManifestRow manifest_at(std::uint64_t row) {
    int column = 0;
    const auto bigint = [&] { return spi::bigint_at(row, ++column); };
    const auto integer = [&] { return spi::integer_at(row, ++column); };
    const auto text = [&] { return spi::text_at(row, ++column); };
    ManifestRow out{};
    out.world = bigint();
    out.tick = bigint();
    out.kind = text();
    out.base_tick = bigint();
    out.base_hash = bigint();
    out.chain_length = integer();
    out.format_version = integer();
    out.engine_version = text();
    out.codec = text();
    out.key_id = text();
    out.definition = text();
    out.layout = spi::bytes_at(row, ++column);
    out.spaces = text();
    out.state_hash = bigint();
    out.log_tick = bigint();
    out.row_hash = bigint();
    out.chunks = integer();
    out.chunks_hash = bigint();
    out.hash = bigint();
    out.is_of_definition = integer() != 0;
    out.is_verified = integer() != 0;
    out.extents = flatten_object(spi::json_at(row, ++column), "a checkpoint's spaces");
    return out;
}

Manifest to_manifest(const ManifestRow& row) {
    Manifest out;
    out.world = row.world;
    out.tick = as_unsigned(row.tick);
    out.kind = row.kind;
    out.base_tick = as_unsigned(row.base_tick);
    out.base_hash = as_unsigned(row.base_hash);
    out.chain_length = static_cast<std::uint32_t>(row.chain_length);
    out.format_version = row.format_version;
    out.engine_version = row.engine_version;
    out.codec = row.codec;
    out.key_id = row.key_id;
    out.definition = row.definition;
    out.layout = row.layout;
    out.spaces = row.spaces;
    out.state_hash = as_unsigned(row.state_hash);
    out.log_tick = as_unsigned(row.log_tick);
    out.row_hash = as_unsigned(row.row_hash);
    out.chunks = row.chunks;
    out.chunks_hash = as_unsigned(row.chunks_hash);
    out.hash = as_unsigned(row.hash);
    out.is_of_definition = row.is_of_definition;
    out.is_verified = row.is_verified;
    out.extents = to_extents(row.extents);
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

ChunkRow chunk_at(MemoryContext memory) {
    MemoryContext outer = MemoryContextSwitchTo(memory);
    const ChunkRow row{true,
                       spi::text_at(0, 1),
                       spi::bigint_at(0, 2),
                       spi::integer_at(0, 3),
                       spi::integer_at(0, 4),
                       spi::bigint_at(0, 5),
                       spi::bytes_at(0, 6)};
    MemoryContextSwitchTo(outer);
    return row;
}

[[noreturn]] void damaged(const std::string& what) {
    throw Error(sqlstate::corrupt_data, "a checkpoint is damaged: " + what);
}

} // namespace

std::uint64_t hash_of(const Manifest& m) {
    return codec::manifest_hash({m.world, m.tick, m.kind, m.base_tick, m.base_hash, m.chain_length,
                                 static_cast<std::uint32_t>(m.format_version), m.engine_version, m.codec,
                                 m.key_id, m.definition, m.layout, m.spaces, m.state_hash, m.log_tick,
                                 m.row_hash, static_cast<std::uint32_t>(m.chunks), m.chunks_hash});
}

void check_manifest(const Manifest& manifest) {
    if (manifest.format_version != codec::checkpoint_format_version ||
        manifest.codec != codec::checkpoint_codec)
        throw Error(sqlstate::corrupt_data, "a checkpoint has format version " +
                                                std::to_string(manifest.format_version) + " (" +
                                                manifest.codec + "), this library knows version " +
                                                std::to_string(codec::checkpoint_format_version) + " (" +
                                                std::string(codec::checkpoint_codec) + ")");
    if (hash_of(manifest) != manifest.hash)
        damaged("the checksum of its manifest differs");
    if (!manifest.is_of_definition)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint was written for another game, seed or configuration than the world has");
}

std::vector<Manifest> read_manifests(std::int64_t world_id, std::uint64_t up_to_tick) {
    const std::uint64_t count = pg_call([&] {
        return spi::read(
            "SELECT c.world, c.tick, c.kind, coalesce(c.base_tick, 0), coalesce(c.base_hash, 0), "
            "c.chain_length, c.format_version, c.engine_version, c.codec, coalesce(c.key_id, ''), "
            "c.definition::text, c.layout, c.spaces::text, c.state_hash, c.log_tick, c.row_hash, c.chunks, "
            "c.chunks_hash, c.manifest_hash, "
            "(c.definition = jsonb_build_object('game', d.game, 'seed', d.seed, 'config', d.config))::int, "
            "(c.verified_at IS NOT NULL)::int, "
            "CASE WHEN jsonb_typeof(c.spaces) = 'object' THEN c.spaces ELSE '{}' END "
            "FROM game.checkpoint AS c JOIN game.world_definition AS d ON d.id = c.world "
            "WHERE c.world = $1 AND c.tick <= $2 ORDER BY c.tick DESC",
            {spi::bigint(world_id), spi::bigint(as_signed(up_to_tick))});
    });
    std::vector<Manifest> out;
    for (std::uint64_t row = 0; row < count; ++row)
        out.push_back(to_manifest(pg_call([row] { return manifest_at(row); })));
    return out;
}

std::vector<const Manifest*> chain_of(const std::vector<Manifest>& manifests, std::size_t index) {
    std::vector<const Manifest*> out;
    for (std::size_t at = index;;) {
        const Manifest& manifest = manifests[at];
        check_manifest(manifest);
        out.insert(out.begin(), &manifest);
        if (manifest.is_full())
            break;
        while (at < manifests.size() && manifests[at].tick > manifest.base_tick)
            ++at;
        if (at == manifests.size() || manifests[at].tick != manifest.base_tick)
            damaged("its base, of tick " + std::to_string(manifest.base_tick) + ", is missing");
        const Manifest& base = manifests[at];
        if (base.hash != manifest.base_hash || base.layout != manifest.layout ||
            base.chain_length + 1 != manifest.chain_length)
            damaged("its base, of tick " + std::to_string(manifest.base_tick) +
                    ", is not the one that it was written for");
    }
    if (out.front()->chain_length != 0 || out.front()->base_tick != 0)
        damaged("its full one claims to have a base");
    return out;
}

std::optional<cipher::Key> key_of(const Manifest& manifest) {
    if (manifest.key_id.empty())
        return std::nullopt;
    return cipher::find_key(manifest.key_id);
}

codec::CheckpointChunk read_chunk(const Manifest& manifest, std::int32_t ordinal,
                                  const std::optional<cipher::Key>& key) {
    // Long values are unpacked into this context, which goes before the next chunk comes.
    const MemoryContext scratch = pg_call(
        [] { return AllocSetContextCreate(CurrentMemoryContext, "gamelan chunk", ALLOCSET_DEFAULT_SIZES); });
    const ChunkRow row = pg_call([&] {
        const bool is_found =
            spi::read("SELECT column_name, first_slot, slots, raw_bytes, checksum, data FROM "
                      "game.checkpoint_chunk WHERE world = $1 AND tick = $2 AND ordinal = $3",
                      {spi::bigint(manifest.world), spi::bigint(as_signed(manifest.tick)),
                       spi::integer(ordinal)}) == 1;
        return is_found ? chunk_at(scratch) : ChunkRow{};
    });
    if (!row.is_found)
        damaged("part " + std::to_string(ordinal) + " is missing");
    if (row.first_slot < 0 || row.first_slot > store::max_slots)
        damaged("part " + std::to_string(ordinal) + " lies beyond any column");
    codec::CheckpointChunk chunk{std::string(row.column),
                                 static_cast<std::uint32_t>(row.first_slot),
                                 static_cast<std::uint32_t>(row.slots),
                                 static_cast<std::uint32_t>(row.raw_bytes),
                                 as_unsigned(row.checksum),
                                 std::string(row.data)};
    pg_call([scratch] {
        SPI_freetuptable(SPI_tuptable);
        MemoryContextDelete(scratch);
    });
    codec::check(chunk);
    if (key)
        cipher::open(chunk, {manifest.world, manifest.tick, ordinal}, *key);
    return chunk;
}

void insert_chunk(std::int64_t world_id, std::uint64_t tick, std::int32_t ordinal,
                  const codec::CheckpointChunk& chunk) {
    pg_call([&] {
        MemoryContext scratch =
            AllocSetContextCreate(CurrentMemoryContext, "gamelan chunk", ALLOCSET_DEFAULT_SIZES);
        MemoryContext outer = MemoryContextSwitchTo(scratch);
        spi::run("INSERT INTO game.checkpoint_chunk (world, tick, ordinal, column_name, first_slot, slots, "
                 "raw_bytes, checksum, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                 {spi::bigint(world_id), spi::bigint(as_signed(tick)), spi::integer(ordinal),
                  spi::text(chunk.column), spi::bigint(chunk.first_slot),
                  spi::integer(static_cast<std::int32_t>(chunk.slots)),
                  spi::integer(static_cast<std::int32_t>(chunk.raw_bytes)),
                  spi::bigint(as_signed(chunk.checksum)), spi::bytes(chunk.data)});
        MemoryContextSwitchTo(outer);
        MemoryContextDelete(scratch);
        CHECK_FOR_INTERRUPTS();
    });
}

void complete_manifest(Manifest& manifest) {
    struct Row {
        std::string_view definition, spaces;
        std::int64_t log_tick, row_hash;
    };
    // The newest log row up to the tick was committed before the tick was published, so it is visible here.
    const Row row = pg_call([&] {
        if (spi::run("SELECT jsonb_build_object('game', d.game, 'seed', d.seed, 'config', d.config)::text, "
                     "$3::jsonb::text, coalesce(l.tick, 0), coalesce(l.row_hash, 0) "
                     "FROM game.world_definition AS d LEFT JOIN LATERAL (SELECT t.tick, t.row_hash FROM "
                     "game.tick_log AS t WHERE t.world = $1 AND t.tick <= $2 ORDER BY t.tick DESC LIMIT 1) "
                     "AS l ON true WHERE d.id = $1",
                     {spi::bigint(manifest.world), spi::bigint(as_signed(manifest.tick)),
                      spi::json(manifest.spaces)}) != 1)
            elog(ERROR, "the world of a checkpoint went away");
        return Row{spi::text_at(0, 1), spi::text_at(0, 2), spi::bigint_at(0, 3), spi::bigint_at(0, 4)};
    });
    manifest.definition = row.definition;
    manifest.spaces = row.spaces;
    manifest.log_tick = as_unsigned(row.log_tick);
    manifest.row_hash = as_unsigned(row.row_hash);
}

void insert_manifest(const Manifest& m, std::uint64_t raw_bytes, std::uint64_t stored_bytes,
                     double duration_ms) {
    pg_call([&] {
        spi::run(
            "INSERT INTO game.checkpoint (world, tick, kind, base_tick, base_hash, chain_length, "
            "format_version, engine_version, codec, key_id, definition, layout, spaces, state_hash, "
            "log_tick, row_hash, chunks, chunks_hash, manifest_hash, raw_bytes, stored_bytes, "
            "duration_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
            "$17, $18, $19, $20, $21, $22)",
            {spi::bigint(m.world),
             spi::bigint(as_signed(m.tick)),
             spi::text(m.kind),
             m.is_full() ? spi::null_of(INT8OID) : spi::bigint(as_signed(m.base_tick)),
             m.is_full() ? spi::null_of(INT8OID) : spi::bigint(as_signed(m.base_hash)),
             spi::integer(static_cast<std::int32_t>(m.chain_length)),
             spi::integer(m.format_version),
             spi::text(m.engine_version),
             spi::text(m.codec),
             m.key_id.empty() ? spi::null_of(TEXTOID) : spi::text(m.key_id),
             spi::json(m.definition),
             spi::bytes(m.layout),
             spi::json(m.spaces),
             spi::bigint(as_signed(m.state_hash)),
             spi::bigint(as_signed(m.log_tick)),
             spi::bigint(as_signed(m.row_hash)),
             spi::integer(m.chunks),
             spi::bigint(as_signed(m.chunks_hash)),
             spi::bigint(as_signed(m.hash)),
             spi::bigint(as_signed(raw_bytes)),
             spi::bigint(as_signed(stored_bytes)),
             spi::float8(duration_ms)});
    });
}

} // namespace gamelan::pg
