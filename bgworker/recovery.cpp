#include "bgworker/recovery.hpp"

#include "core/codec/checkpoint.hpp"
#include "core/codec/command_batch.hpp"
#include "core/codec/write_set.hpp"
#include "extension/pg/json_input.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::worker {

namespace {

using pg::WorldState;
namespace spi = pg::spi;

constexpr std::int32_t replay_batch_rows = 1000;
constexpr std::uint64_t ticks_between_looks = 64;

struct Manifest {
    std::uint64_t tick;
    std::int32_t format_version;
    std::string codec;
    std::uint64_t state_hash;
    std::uint64_t log_tick;
    std::uint64_t row_hash;
    std::int32_t chunks;
    std::uint64_t chunks_hash;
    bool is_of_definition; // written for the game, seed and configuration that the world has now
    std::vector<codec::SpaceExtent> spaces;
    std::string layout;
};

std::uint32_t memory_limit_units() {
    const std::uint64_t limit_mb = pg::settings::world_memory_limit_mb > 0
                                       ? static_cast<std::uint64_t>(pg::settings::world_memory_limit_mb)
                                       : static_cast<std::uint64_t>(pg::settings::memory_mb);
    return static_cast<std::uint32_t>(limit_mb * (1024 * 1024 / store::unit_bytes));
}

std::unique_ptr<game::World> make_rules(const DefinitionRow& row) {
    return pg::make_rules(row.id, row.definition);
}

// The slots of each space. Throws Error(corrupt_data).
std::vector<codec::SpaceExtent> to_extents(std::span<const pg::JsonEntry> entries) {
    std::vector<codec::SpaceExtent> out;
    for (const auto& [name, value] : pg::to_config(entries)) {
        const auto* slots = std::get_if<std::int64_t>(&value);
        if (slots == nullptr || *slots < 0 || *slots > store::max_slots)
            throw Error(sqlstate::corrupt_data,
                        "a checkpoint is damaged: the size of space " + name + " is none");
        out.push_back({name, static_cast<std::uint32_t>(*slots)});
    }
    return out;
}

constexpr std::int32_t inbox_batch_rows = 100;

// Entities that committed transactions spawn at the next tick: their handles are given out already.
std::vector<store::Entity> queued_spawns(std::int64_t world_id) {
    std::vector<store::Entity> out;
    std::int64_t last_id = 0;
    for (;;) {
        spi::begin("gamelan: reading queued commands");
        const std::vector<InboxRow> rows = read_inbox(world_id, inbox_batch_rows, last_id);
        spi::commit();
        for (const InboxRow& row : rows)
            for (const game::Command& command : codec::decode_commands(row.commands)) {
                if (command.kind != game::CommandKind::writes)
                    continue;
                codec::WriteSetReader reader(command.body);
                while (reader.next_group()) {
                    if (reader.group().operation != codec::RowOperation::spawn)
                        reader.skip_rows();
                    while (reader.rows_left() > 0) {
                        reader.next_row();
                        out.push_back({reader.handle()});
                    }
                }
            }
        if (rows.size() < static_cast<std::size_t>(inbox_batch_rows))
            return out;
        last_id = rows.back().id;
    }
}

// Newest first.
std::vector<Manifest> read_manifests(std::int64_t world_id) {
    std::vector<Manifest> out;
    const std::uint64_t count = spi::run(
        "SELECT c.tick, c.format_version, c.codec, c.state_hash, c.log_tick, c.row_hash, c.chunks, "
        "c.chunks_hash, "
        "(c.definition = jsonb_build_object('game', d.game, 'seed', d.seed, 'config', d.config))::int, "
        "CASE WHEN jsonb_typeof(c.spaces) = 'object' THEN c.spaces ELSE '{}' END, c.layout "
        "FROM game.checkpoint AS c JOIN game.world_definition AS d ON d.id = c.world "
        "WHERE c.world = $1 ORDER BY c.tick DESC",
        {spi::bigint(world_id)});
    for (std::uint64_t row = 0; row < count; ++row) {
        Manifest manifest{static_cast<std::uint64_t>(spi::bigint_at(row, 1)),
                          spi::integer_at(row, 2),
                          std::string(spi::text_at(row, 3)),
                          static_cast<std::uint64_t>(spi::bigint_at(row, 4)),
                          static_cast<std::uint64_t>(spi::bigint_at(row, 5)),
                          static_cast<std::uint64_t>(spi::bigint_at(row, 6)),
                          spi::integer_at(row, 7),
                          static_cast<std::uint64_t>(spi::bigint_at(row, 8)),
                          spi::integer_at(row, 9) != 0,
                          {},
                          std::string(spi::bytes_at(row, 11))};
        const std::span<const pg::JsonEntry> spaces =
            pg::flatten_object(spi::json_at(row, 10), "a checkpoint's spaces");
        try {
            manifest.spaces = to_extents(spaces);
        } catch (const Error&) {
            manifest.spaces.clear(); // then the state hash differs, and the checkpoint is refused for that
        }
        out.push_back(std::move(manifest));
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

// C++ zone: a Postgres error on the way (a torn page, a missing TOAST row) is an exception.
codec::CheckpointChunk read_chunk(std::int64_t world_id, std::uint64_t tick, std::int32_t ordinal) {
    const ChunkRow row = pg::pg_call([&] {
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
    pg::pg_call([] { SPI_freetuptable(SPI_tuptable); });
    return chunk;
}

// Fills the store from a checkpoint and checks everything there is to check. Throws Error(corrupt_data).
void load_checkpoint(store::WorldStore& store, std::int64_t world_id, const Manifest& manifest) {
    if (manifest.format_version != codec::checkpoint_format_version ||
        manifest.codec != codec::checkpoint_codec)
        throw Error(sqlstate::corrupt_data, "a checkpoint has format version " +
                                                std::to_string(manifest.format_version) + " (" +
                                                manifest.codec + "), this library knows version " +
                                                std::to_string(codec::checkpoint_format_version) + " (" +
                                                std::string(codec::checkpoint_codec) + ")");
    if (!manifest.is_of_definition)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint was written for another game, seed or configuration than the world has");
    store.begin_tick();
    codec::restore_layout(store, manifest.layout);
    codec::restore_spaces(store, manifest.spaces);
    std::uint64_t chain = 0;
    for (std::int32_t ordinal = 0; ordinal < manifest.chunks; ++ordinal) {
        const codec::CheckpointChunk chunk = read_chunk(world_id, manifest.tick, ordinal);
        codec::restore_chunk(store, chunk);
        chain = codec::chain_checksum(chain, chunk.checksum);
    }
    if (chain != manifest.chunks_hash)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint is damaged: its parts are not those its manifest names");
    if (store.seal(manifest.tick).state_hash_kept() != manifest.state_hash)
        throw Error(sqlstate::corrupt_data, "a checkpoint is damaged: the state hash differs");
    store.publish();
}

// Where the log continues from.
struct Position {
    std::uint64_t log_tick = 0;
    std::uint64_t row_hash = 0;
};

// Returns what a store holds. Readers seldom look at a world that is recovering; one that does is waited for.
void give_back(store::WorldStore& store) {
    while (!store.release())
        pg_usleep(1000);
}

// Loads a checkpoint into a fresh store; any error, also one of Postgres (a torn page, a missing TOAST row),
// is answered with false and the reason.
bool try_checkpoint(HostedWorld& world, const Manifest& manifest, const game::World& rules,
                    std::unique_ptr<store::WorldStore>& store, std::string& reason) {
    const MemoryContext memory = CurrentMemoryContext;
    const ResourceOwner owner = CurrentResourceOwner;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    try {
        store = std::make_unique<store::WorldStore>(
            store::WorldStore::create(pg::region(), world.slot(), rules.layout(), memory_limit_units()));
        load_checkpoint(*store, world.id(), manifest);
        ReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(memory);
        CurrentResourceOwner = owner;
        return true;
    } catch (const pg::PgError& error) {
        reason = error.what();
    } catch (const std::exception& error) {
        reason = error.what();
    }
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = owner;
    if (store)
        give_back(*store);
    store.reset();
    return false;
}

std::unique_ptr<sim::Simulation> from_checkpoint(HostedWorld& world, const DefinitionRow& definition,
                                                 Position& position) {
    spi::begin("gamelan: recovering a world from its checkpoints");
    std::unique_ptr<game::World> rules = make_rules(definition);
    std::unique_ptr<store::WorldStore> store;
    for (const Manifest& manifest : read_manifests(world.id())) {
        std::string reason;
        if (try_checkpoint(world, manifest, *rules, store, reason)) {
            position = {manifest.log_tick, manifest.row_hash};
            pg::runtime(world.slot()).last_checkpoint_tick.store(static_cast<std::int64_t>(manifest.tick));
            break;
        }
        ereport(WARNING, (errcode(ERRCODE_DATA_CORRUPTED),
                          errmsg("the checkpoint of world " INT64_FORMAT " at tick " UINT64_FORMAT
                                 " cannot be used: %s",
                                 world.id(), manifest.tick, reason.c_str()),
                          errhint("An older checkpoint and the log are used instead.")));
    }
    spi::commit();
    return store ? std::make_unique<sim::Simulation>(world.id(), std::move(rules), std::move(*store))
                 : nullptr;
}

std::unique_ptr<sim::Simulation> from_beginning(HostedWorld& world, const DefinitionRow& definition) {
    std::unique_ptr<game::World> rules = make_rules(definition);
    store::WorldStore store =
        store::WorldStore::create(pg::region(), world.slot(), rules->layout(), memory_limit_units());
    return std::make_unique<sim::Simulation>(world.id(), std::move(rules), std::move(store));
}

std::unique_ptr<sim::Simulation> from_memory(HostedWorld& world, const DefinitionRow& definition,
                                             Position& position) {
    store::WorldStore store = store::WorldStore::take_over(pg::region(), world.slot(), memory_limit_units());
    const std::uint64_t tick = store.newest().tick();
    spi::begin("gamelan: taking over a world");
    if (const std::optional<LogRow> row = newest_log_row(world.id(), tick))
        position = {row->tick, row->row_hash};
    spi::commit();
    return std::make_unique<sim::Simulation>(world.id(), make_rules(definition), std::move(store));
}

[[noreturn]] void diverged(const std::string& what, std::uint64_t tick) {
    throw Error(sqlstate::recovery_failed, "the log does not lead to the state it was written for: " + what +
                                               " differs at tick " + std::to_string(tick));
}

// Runs empty ticks up to `target`. False when the worker is asked to end.
bool run_empty_ticks(sim::Simulation& simulation, std::uint64_t target) {
    while (simulation.tick() < target) {
        simulation.run_tick({});
        simulation.store().publish();
        if (simulation.tick() % ticks_between_looks == 0) {
            pg::pg_call([] { CHECK_FOR_INTERRUPTS(); });
            if (ShutdownRequestPending)
                return false;
        }
    }
    return true;
}

void replay_row(sim::Simulation& simulation, const LogRow& row, Position& position) {
    if (chain_row(position.row_hash, row.tick, row.commands, row.state_hash) != row.row_hash)
        diverged("the hash chain", row.tick);
    const sim::TickResult result = simulation.run_tick(codec::decode_commands(row.commands));
    for (const sim::Outcome& outcome : result.outcomes)
        if (!outcome.applied)
            diverged("the outcome of a command", row.tick);
    simulation.store().publish();
    if (row.state_hash && simulation.store().newest().state_hash_kept() != *row.state_hash)
        diverged("the state hash", row.tick);
    position = {row.tick, row.row_hash};
}

// True when the world stands at its newest durable tick; false when the worker is asked to end.
bool replay(HostedWorld& world, sim::Simulation& simulation, const DefinitionRow& definition,
            Position& position) {
    for (;;) {
        spi::begin("gamelan: replaying the log of a world");
        const std::vector<LogRow> rows = read_log(world.id(), simulation.tick(), replay_batch_rows);
        spi::commit();
        for (const LogRow& row : rows) {
            if (!run_empty_ticks(simulation, row.tick - 1))
                return false;
            replay_row(simulation, row, position);
        }
        if (rows.size() < static_cast<std::size_t>(replay_batch_rows))
            return run_empty_ticks(simulation, definition.head_tick);
    }
}

// Whether all that the head names has arrived. A restore brings tables in any order.
bool is_complete(const DefinitionRow& definition, std::string& missing) {
    if (!definition.has_head) {
        missing = "its row in game.world_head has not arrived";
        return false;
    }
    if (definition.log_tick == 0)
        return true;
    spi::begin("gamelan: checking a world's log");
    const std::optional<LogRow> row = newest_log_row(definition.id, definition.log_tick);
    spi::commit();
    if (row && row->tick == definition.log_tick && row->row_hash == definition.row_hash)
        return true;
    missing = "the log row of tick " + std::to_string(definition.log_tick) +
              " has not arrived, or is not the one the head names";
    return false;
}

void report_failure(HostedWorld& world, const Error& error) {
    world.set_state(WorldState::failed, error);
    const char* code = error.code().c_str();
    ereport(WARNING, (errcode(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])),
                      errmsg("world " INT64_FORMAT " cannot be brought into memory: %s", world.id(),
                             error.message().c_str()),
                      errdetail_internal("%s%sThe world stays stopped; nothing was deleted.",
                                         error.detail().c_str(), error.detail().empty() ? "" : " "),
                      error.hint().empty() ? 0 : errhint("%s", error.hint().c_str())));
}

} // namespace

RecoveryResult recover(HostedWorld& world, const DefinitionRow& definition) {
    std::string missing;
    if (!definition.fault.empty()) {
        world.set_state(WorldState::failed, definition.fault);
        return RecoveryResult::failed;
    }
    if (!is_complete(definition, missing)) {
        world.set_state(WorldState::waiting, missing);
        return RecoveryResult::waiting;
    }
    world.set_state(WorldState::recovering);
    std::unique_ptr<sim::Simulation> simulation;
    try {
        Position position;
        if (pg::region().control(world.slot()).root.load() != 0) {
            simulation = from_memory(world, definition, position);
        } else {
            // What a worker that died while it recovered this world had taken; nobody ever saw it.
            store::Arena(pg::region(), world.slot(), 0).release_all();
            simulation = from_checkpoint(world, definition, position);
        }
        if (!simulation) {
            simulation = from_beginning(world, definition);
            simulation->generate();
        }
        const std::uint64_t from_tick = simulation->tick();
        if (!replay(world, *simulation, definition, position))
            return RecoveryResult::stopped;
        if (simulation->tick() != from_tick)
            ereport(LOG,
                    (errmsg("world " INT64_FORMAT " recovered: from tick " UINT64_FORMAT " to " UINT64_FORMAT,
                            world.id(), from_tick, simulation->tick())));
        world.install(std::move(simulation), definition.head_tick, position.log_tick, position.row_hash,
                      queued_spawns(world.id()));
        return RecoveryResult::ready;
    } catch (const Error& error) {
        if (simulation)
            give_back(simulation->store());
        report_failure(world, error);
        return RecoveryResult::failed;
    }
}

} // namespace gamelan::worker
