#include "extension/pg/checkpoints.hpp"

#include "core/codec/checkpoint_state.hpp"
#include "extension/pg/checkpoint_rows.hpp"
#include "extension/pg/pause_points.hpp"
#include "extension/pg/reading.hpp"

#include <variant>

#include "extension/pg/bridge.hpp"
#include "extension/pg/spi.hpp"
#include "extension/pg/transaction.hpp"

namespace gamelan::pg::checkpoints {

namespace {

// First key of the advisory locks that keep two checkpoints of one world apart.
constexpr std::int32_t lock_class = 0x474c4350;
// Where an increment would hold more than so much of the state, a full checkpoint is the better one.
constexpr std::uint64_t most_changed_percent = 75;
// Compressing under the pin saves memory of ours; the versions that the pin keeps cost memory of the worlds.
// So much of it, as a share of what one world may have.
constexpr std::uint64_t history_share = 32;

// What an increment can build on.
struct Base {
    bool exists;
    std::uint64_t tick;
    std::uint64_t sequence;
    std::uint64_t hash;
    std::uint32_t chain_length;
};

struct Plan {
    Kind kind;
    Policy policy;
    Base base;
    std::uint64_t lifetime;
    std::uint64_t logged_bytes;
};

std::uint64_t memory_limit_bytes() {
    const int limit_mb =
        settings::world_memory_limit_mb > 0 ? settings::world_memory_limit_mb : settings::memory_mb;
    return static_cast<std::uint64_t>(limit_mb) * 1024 * 1024;
}

std::string to_json(const std::vector<codec::SpaceExtent>& spaces) {
    std::string out = "{";
    for (const codec::SpaceExtent& extent : spaces)
        out += (out.size() > 1 ? ", \"" : "\"") + extent.name + "\": " + std::to_string(extent.slots);
    return out + "}";
}

// Postgres zone. The newest checkpoint, when it is of the store that is in the slot now and still there.
Base find_base(store::WorldSlot slot, std::int64_t world_id, const char* key_id) {
    const ChainHead head = chain_head(slot);
    if (head.lifetime == 0 ||
        spi::run("SELECT manifest_hash, chain_length FROM game.checkpoint WHERE world = $1 AND tick = $2 AND "
                 "format_version = $3 AND engine_version = $4 AND coalesce(key_id, '') = $5",
                 {spi::bigint(world_id), spi::bigint(head.tick),
                  spi::integer(codec::checkpoint_format_version), spi::text(GAMELAN_VERSION),
                  spi::text(key_id)}) == 0)
        return {};
    return {true, static_cast<std::uint64_t>(head.tick), head.sequence,
            static_cast<std::uint64_t>(spi::bigint_at(0, 1)),
            static_cast<std::uint32_t>(spi::integer_at(0, 2))};
}

// Under the pin. Whether the plan's kind can be had of this version, and is worth it.
bool is_increment(const Plan& plan, const store::Snapshot& snapshot) {
    if (!plan.base.exists || plan.base.sequence < snapshot.layout_version() || plan.kind == Kind::full ||
        plan.base.chain_length >= static_cast<std::uint32_t>(settings::max_chain_length))
        return false;
    if (plan.kind == Kind::incremental)
        return true;
    if (plan.policy.strategy == settings::Strategy::full ||
        (plan.policy.strategy == settings::Strategy::hybrid &&
         plan.base.chain_length + 1 >= static_cast<std::uint32_t>(plan.policy.full_every)))
        return false;
    const codec::Extent extent = codec::extent_of(snapshot, plan.base.sequence);
    return extent.changed_bytes * 100 <= extent.all_bytes * most_changed_percent;
}

// A version on its way into tables: parts in the order in which they are stored, most of them compressed.
struct Copy {
    codec::StateOutline outline;
    bool is_increment;
    std::vector<std::variant<codec::CheckpointPart, codec::CheckpointChunk>> parts;
};

// C++ zone. Parts are compressed at once while that keeps no other world, and no later tick of this one, from
// the memory they need; then they are only copied.
Copy copy_published(store::WorldSlot slot, std::int64_t world_id, const Plan& plan) {
    const std::uint64_t most_history = memory_limit_bytes() / history_share;
    const std::uint64_t history_before = runtime(slot).retired_bytes.load();
    const ReadPin pin;
    const store::Snapshot snapshot = published(slot, world_id);
    Copy copy{codec::outline_of(snapshot), is_increment(plan, snapshot), {}};
    const codec::Since since =
        copy.is_increment ? codec::Since(plan.base.sequence) : codec::Since(std::nullopt);
    codec::for_each_part(snapshot, since, [&](codec::CheckpointPart&& part) {
        if (runtime(slot).retired_bytes.load() <= history_before + most_history)
            copy.parts.emplace_back(codec::compress(part));
        else
            copy.parts.emplace_back(std::move(part));
    });
    pin.check();
    return copy;
}

struct Totals {
    std::uint64_t raw_bytes = 0;
    std::uint64_t stored_bytes = 0;
};

// On a machine that is busy the ticks come first: nobody waits for what a background process writes.
void pause_in_background() {
    if (MyBackendType == B_BG_WORKER)
        pg_usleep(1000);
}

// C++ zone. Gives each part's memory back once it is written.
Totals write_chunks(Copy& copy, Manifest& manifest, const std::optional<cipher::Key>& key) {
    Totals totals;
    for (auto& part : copy.parts) {
        if (const auto* raw = std::get_if<codec::CheckpointPart>(&part))
            part = codec::compress(*raw);
        auto& chunk = std::get<codec::CheckpointChunk>(part);
        if (key)
            cipher::seal(chunk, {manifest.world, manifest.tick, manifest.chunks}, *key);
        insert_chunk(manifest.world, manifest.tick, manifest.chunks, chunk);
        ++manifest.chunks;
        manifest.chunks_hash = codec::chain_checksum(manifest.chunks_hash, chunk.checksum);
        totals.raw_bytes += chunk.raw_bytes;
        totals.stored_bytes += chunk.data.size();
        part = codec::CheckpointChunk{};
        pause_in_background();
    }
    return totals;
}

// C++ zone. What was written, looked at with the eyes of a reader.
void read_back(const Manifest& manifest, const std::optional<cipher::Key>& key) {
    std::uint64_t chain = 0;
    for (std::int32_t ordinal = 0; ordinal < manifest.chunks; ++ordinal) {
        const codec::CheckpointChunk chunk = read_chunk(manifest, ordinal, key);
        (void)codec::decompress(chunk);
        chain = codec::chain_checksum(chain, chunk.checksum);
    }
    if (chain != manifest.chunks_hash)
        throw Error(sqlstate::corrupt_data, "a checkpoint that was just written reads back as another");
}

void read_back_manifest(const Manifest& written) {
    for (const Manifest& manifest : read_manifests(written.world, written.tick)) {
        check_manifest(manifest);
        if (manifest.tick == written.tick && manifest.hash == written.hash)
            return;
        break;
    }
    throw Error(sqlstate::corrupt_data, "the manifest of a checkpoint that was just written is not there");
}

Manifest manifest_of(const Copy& copy, std::int64_t world_id, const Plan& plan,
                     const std::optional<cipher::Key>& key) {
    Manifest out;
    out.world = world_id;
    out.tick = copy.outline.tick;
    out.kind = copy.is_increment ? incremental_kind : full_kind;
    if (copy.is_increment) {
        out.base_tick = plan.base.tick;
        out.base_hash = plan.base.hash;
        out.chain_length = plan.base.chain_length + 1;
    }
    out.format_version = codec::checkpoint_format_version;
    out.engine_version = GAMELAN_VERSION;
    out.codec = codec::checkpoint_codec;
    out.key_id = key ? key->id : std::string();
    out.layout = copy.outline.definition;
    out.spaces = to_json(copy.outline.spaces);
    out.state_hash = copy.outline.state_hash;
    return out;
}

// With what is written so far in view.
void with_new_snapshot(auto&& f) {
    pg_call([] {
        CommandCounterIncrement();
        PushActiveSnapshot(GetTransactionSnapshot());
    });
    f();
    pg_call([] { PopActiveSnapshot(); });
}

// C++ zone. The chunks, what they add up to, and the manifest, read back.
void write_rows(Copy& copy, Manifest& manifest, const std::optional<cipher::Key>& key, TimestampTz begun) {
    complete_manifest(manifest);
    const Totals totals = write_chunks(copy, manifest, key);
    manifest.hash = hash_of(manifest);
    with_new_snapshot([&] { read_back(manifest, key); });
    insert_manifest(manifest, totals.raw_bytes, totals.stored_bytes,
                    static_cast<double>(GetCurrentTimestamp() - begun) / 1000.0);
    with_new_snapshot([&] { read_back_manifest(manifest); });
    pg_call([] { pause_point("checkpoint_written"); });
}

// C++ zone. Returns what the next increment may build on.
ChainHead write(store::WorldSlot slot, std::int64_t world_id, Plan plan, TimestampTz begun) {
    const std::optional<cipher::Key> key = cipher::current_key();
    const std::string key_id = key ? key->id : std::string();
    plan.base = pg_call([&] { return find_base(slot, world_id, key_id.c_str()); });
    Copy copy = copy_published(slot, world_id, plan);
    const auto at = static_cast<std::int64_t>(copy.outline.tick);
    const bool is_same_store = runtime(slot).lifetime.load() == plan.lifetime;
    const bool exists = pg_call([&] {
        return spi::run("SELECT FROM game.checkpoint WHERE world = $1 AND tick = $2",
                        {spi::bigint(world_id), spi::bigint(at)}) != 0;
    });
    if (exists)
        return {0, at, 0, 0, 0};
    if (!is_same_store && copy.is_increment)
        throw Error(sqlstate::snapshot_too_old, "the world was loaded anew while its checkpoint was copied",
                    {}, "Try again.");
    Manifest manifest = manifest_of(copy, world_id, plan, key);
    write_rows(copy, manifest, key, begun);
    return {is_same_store ? plan.lifetime : 0, at, copy.outline.sequence, plan.logged_bytes, begun};
}

} // namespace

ChainHead chain_head(store::WorldSlot slot) {
    LWLockAcquire(shared->lock, LW_SHARED);
    ChainHead head = runtime(slot).chain;
    LWLockRelease(shared->lock);
    if (head.lifetime != runtime(slot).lifetime.load())
        head.lifetime = 0;
    return head;
}

void write_first(const store::Snapshot& state, std::int64_t world_id) {
    const TimestampTz begun = GetCurrentTimestamp();
    const std::optional<cipher::Key> key = cipher::current_key();
    Copy copy{codec::outline_of(state), false, {}};
    codec::for_each_part(state, codec::Since(std::nullopt), [&](codec::CheckpointPart&& part) {
        copy.parts.emplace_back(codec::compress(part));
    });
    Manifest manifest = manifest_of(copy, world_id, {}, key);
    write_rows(copy, manifest, key, begun);
}

void begin_lifetime(store::WorldSlot slot) {
    runtime(slot).lifetime.fetch_add(1);
}

Policy policy_of(std::int64_t world_id) {
    Policy out{static_cast<settings::Strategy>(settings::checkpoint_strategy),
               std::int64_t{settings::checkpoint_interval_s} * 1000000,
               settings::checkpoint_ticks,
               std::int64_t{settings::checkpoint_log_volume_kb} * 1024,
               settings::checkpoint_full_every,
               settings::checkpoint_generations,
               std::int64_t{settings::checkpoint_keep_s} * 1000000};
    if (spi::run(
            "SELECT CASE strategy WHEN 'full' THEN 0 WHEN 'incremental' THEN 1 WHEN 'hybrid' THEN 2 END, "
            "(extract(epoch FROM every) * 1000000)::bigint, every_ticks, every_log_bytes, full_every, "
            "generations, (extract(epoch FROM keep) * 1000000)::bigint "
            "FROM game.checkpoint_policy WHERE world = $1",
            {spi::bigint(world_id)}) == 0)
        return out;
    const auto bigint = [](int column, std::int64_t& value) {
        if (!spi::is_null(0, column))
            value = spi::bigint_at(0, column);
    };
    const auto integer = [](int column, std::int32_t& value) {
        if (!spi::is_null(0, column))
            value = spi::integer_at(0, column);
    };
    auto strategy = static_cast<std::int32_t>(out.strategy);
    integer(1, strategy);
    out.strategy = static_cast<settings::Strategy>(strategy);
    bigint(2, out.every_us);
    bigint(3, out.every_ticks);
    bigint(4, out.every_log_bytes);
    integer(5, out.full_every);
    integer(6, out.generations);
    bigint(7, out.keep_us);
    return out;
}

std::int64_t take(store::WorldSlot slot, std::int64_t world_id, Kind kind) {
    if (IsolationUsesXactSnapshot())
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("a checkpoint cannot be written in a REPEATABLE READ or SERIALIZABLE transaction"),
                 errhint("Use READ COMMITTED: the checkpoint must see the newest row of the log.")));
    if (TickScope::of(world_id) != nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a checkpoint cannot be written inside a tick of its world")));
    spi::run("SELECT pg_advisory_xact_lock($1, $2)",
             {spi::integer(lock_class), spi::integer(static_cast<std::int32_t>(world_id))});
    // A drop of the world waits for us, or we find it done: no checkpoint outlives its world.
    if (spi::run("SELECT FROM game.world_definition WHERE id = $1 FOR KEY SHARE", {spi::bigint(world_id)}) ==
        0)
        raise_error(sqlstate::undefined_world, psprintf("world " INT64_FORMAT " does not exist", world_id));
    const auto published_tick = static_cast<std::int64_t>(region().control(slot).tick.load());
    if (region().control(slot).root.load() != 0 &&
        spi::run("SELECT FROM game.checkpoint WHERE world = $1 AND tick = $2",
                 {spi::bigint(world_id), spi::bigint(published_tick)}) != 0)
        return published_tick;
    const TimestampTz begun = GetCurrentTimestamp();
    // Counted before the version is looked at: a row more in the next count does no harm.
    const Plan plan{
        kind, policy_of(world_id), {}, runtime(slot).lifetime.load(), runtime(slot).logged_bytes.load()};
    const ChainHead head = sql_boundary([&] { return write(slot, world_id, plan, begun); });
    if (head.taken_at != 0)
        transaction::announce_checkpoint_at_commit(slot, world_id, head);
    return head.tick;
}

} // namespace gamelan::pg::checkpoints
