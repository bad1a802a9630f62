#include "extension/pg/world_history.hpp"

#include "core/codec/command_batch.hpp"
#include "core/game/schema_game.hpp"
#include "extension/pg/checkpoint_rows.hpp"
#include "extension/pg/json_input.hpp"
#include "extension/pg/tick_log.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/spi.hpp"
#include "extension/pg/subtransaction.hpp"

namespace gamelan::pg::history {

namespace {

constexpr std::int32_t batch_rows = 1000;
constexpr std::uint64_t ticks_between_looks = 64;

[[noreturn]] void diverged(const std::string& what, std::uint64_t tick) {
    throw Error(sqlstate::recovery_failed, "the log does not lead to the state it was written for: " + what +
                                               " differs at tick " + std::to_string(tick));
}

void require_known_format(const Manifest& manifest) {
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
}

// Fills the store from a checkpoint and checks everything there is to check. Throws Error(corrupt_data).
// False when the watcher stops it.
bool load_checkpoint(store::WorldStore& store, std::int64_t world_id, const Manifest& manifest,
                     Watcher& watcher) {
    require_known_format(manifest);
    store.begin_tick();
    codec::restore_layout(store, manifest.layout);
    codec::restore_spaces(store, manifest.spaces);
    std::uint64_t chain = 0;
    for (std::int32_t ordinal = 0; ordinal < manifest.chunks; ++ordinal) {
        const codec::CheckpointChunk chunk = read_chunk(world_id, manifest.tick, ordinal);
        codec::restore_chunk(store, chunk);
        chain = codec::chain_checksum(chain, chunk.checksum);
        if (!watcher.go_on({Phase::loading, manifest.tick, 0, manifest.tick}))
            return false;
    }
    if (chain != manifest.chunks_hash)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint is damaged: its parts are not those its manifest names");
    if (store.seal(manifest.tick).state_hash_kept() != manifest.state_hash)
        throw Error(sqlstate::corrupt_data, "a checkpoint is damaged: the state hash differs");
    store.publish();
    return true;
}

enum class Attempt { loaded, refused, stopped };

// Whether somebody wants us to stop, or the server is in trouble; a page that cannot be read is a damaged
// checkpoint.
bool is_for_the_caller(const ErrorData& data) {
    return is_fatal(data) && data.sqlerrcode != ERRCODE_DATA_CORRUPTED &&
           data.sqlerrcode != ERRCODE_INDEX_CORRUPTED;
}

// Loads a checkpoint into a fresh store. Whatever is wrong with it, also for Postgres (a torn page, a missing
// TOAST row), is told to the watcher.
Attempt try_checkpoint(const World& world, const Manifest& manifest, const game::World& rules,
                       const Place& place, std::unique_ptr<store::WorldStore>& store, Watcher& watcher) {
    std::string reason;
    Attempt attempt = Attempt::refused;
    Subtransaction subtransaction;
    try {
        store = std::make_unique<store::WorldStore>(
            store::WorldStore::create(place.region, place.slot, rules.layout(), place.limit_units));
        attempt = load_checkpoint(*store, world.id, manifest, watcher) ? Attempt::loaded : Attempt::stopped;
    } catch (const PgError& error) {
        if (is_for_the_caller(*error.data()))
            throw;
        reason = error.what();
    } catch (const std::exception& error) {
        reason = error.what();
    }
    subtransaction.end(attempt != Attempt::refused);
    if (attempt == Attempt::loaded)
        return attempt;
    if (store)
        give_back(*store);
    store.reset();
    if (attempt == Attempt::refused)
        watcher.pass_over(manifest.tick, reason);
    return attempt;
}

// False when the watcher stops it.
bool run_empty_ticks(State& state, std::uint64_t target, std::uint64_t goal, Watcher& watcher) {
    sim::Simulation& simulation = *state.simulation;
    while (simulation.tick() < target) {
        simulation.run_tick({});
        simulation.store().publish();
        if (simulation.tick() % ticks_between_looks == 0 &&
            !watcher.go_on({Phase::replaying, state.checkpoint_tick, simulation.tick(), goal}))
            return false;
    }
    return true;
}

void replay_row(State& state, const LogRow& row) {
    if (chain_row(state.position.row_hash, row.tick, row.commands, row.state_hash) != row.row_hash)
        diverged("the hash chain", row.tick);
    sim::Simulation& simulation = *state.simulation;
    const sim::TickResult result = simulation.run_tick(codec::decode_commands(row.commands));
    for (const sim::Outcome& outcome : result.outcomes)
        if (!outcome.applied)
            diverged("the outcome of a command", row.tick);
    simulation.store().publish();
    if (row.state_hash && simulation.store().newest().state_hash_kept() != *row.state_hash)
        diverged("the state hash", row.tick);
    state.position = {row.tick, row.row_hash};
}

} // namespace

void OwnTransactions::begin(const char* activity) {
    pg_call([&] { spi::begin(activity); });
}

void OwnTransactions::end() {
    pg_call([] { spi::commit(); });
}

void CallersTransaction::begin(const char*) {
    pg_call([] {
        if (SPI_connect() != SPI_OK_CONNECT)
            elog(ERROR, "could not connect to SPI");
        PushActiveSnapshot(GetTransactionSnapshot());
    });
}

void CallersTransaction::end() {
    pg_call([] {
        PopActiveSnapshot();
        SPI_finish();
    });
}

bool InterruptWatcher::go_on(const Progress&) {
    pg_call([] { CHECK_FOR_INTERRUPTS(); });
    return true;
}

World find_world(std::int64_t world_id, Tables& tables) {
    struct Row {
        bool is_found;
        std::string_view game;
        std::int64_t seed;
        std::span<const JsonEntry> config;
        bool is_of_sql;
    };
    return with_tables(tables, "gamelan: reading a world's definition", [&] {
        const Row row = pg_call([&] {
            if (spi::run("SELECT d.game, d.seed, d.config, (g.name IS NOT NULL)::int "
                         "FROM game.world_definition AS d LEFT JOIN game.game AS g ON g.name = d.game "
                         "WHERE d.id = $1",
                         {spi::bigint(world_id)}) == 0)
                return Row{};
            return Row{true, spi::text_at(0, 1), spi::bigint_at(0, 2),
                       flatten_object(spi::json_at(0, 3), "a world's config"), spi::integer_at(0, 4) != 0};
        });
        if (!row.is_found)
            throw Error(sqlstate::undefined_world, "world " + std::to_string(world_id) + " does not exist");
        World world{world_id, {std::string(row.game), static_cast<std::uint64_t>(row.seed), {}}};
        const game::Module& module =
            row.is_of_sql ? game::schema_module() : game::find_module(world.definition.game);
        world.definition.config = module.complete(to_config(row.config));
        return world;
    });
}

// Readers seldom look at a world that is recovering; one that does is waited for.
void give_back(store::WorldStore& store) {
    while (!store.release())
        pg_usleep(1000);
}

State load_beginning(const World& world, const Place& place) {
    std::unique_ptr<game::World> rules = make_rules(world.id, world.definition);
    store::WorldStore store =
        store::WorldStore::create(place.region, place.slot, rules->layout(), place.limit_units);
    State out;
    out.simulation = std::make_unique<sim::Simulation>(world.id, std::move(rules), std::move(store));
    out.simulation->generate();
    return out;
}

State load(const World& world, std::uint64_t at_or_before, const Place& place, Tables& tables,
           Watcher& watcher) {
    std::unique_ptr<game::World> rules = make_rules(world.id, world.definition);
    std::unique_ptr<store::WorldStore> store;
    State out;
    const Attempt attempt = with_tables(tables, "gamelan: loading a world from its checkpoints", [&] {
        Attempt last = Attempt::refused;
        for (const Manifest& manifest : read_manifests(world.id, at_or_before)) {
            last = try_checkpoint(world, manifest, *rules, place, store, watcher);
            if (last == Attempt::refused)
                continue;
            out.position = {manifest.log_tick, manifest.row_hash};
            out.checkpoint_tick = manifest.tick;
            out.is_from_checkpoint = true;
            break;
        }
        return last;
    });
    if (attempt == Attempt::stopped)
        return {};
    if (attempt == Attempt::refused)
        return load_beginning(world, place);
    out.simulation = std::make_unique<sim::Simulation>(world.id, std::move(rules), std::move(*store));
    return out;
}

bool replay(const World& world, State& state, std::uint64_t to_tick, Tables& tables, Watcher& watcher) {
    for (;;) {
        const std::vector<LogRow> rows = with_tables(tables, "gamelan: replaying the log of a world", [&] {
            return read_log(world.id, state.simulation->tick(), to_tick, batch_rows);
        });
        for (const LogRow& row : rows) {
            if (!run_empty_ticks(state, row.tick - 1, to_tick, watcher))
                return false;
            replay_row(state, row);
            if (row.tick % ticks_between_looks == 0 &&
                !watcher.go_on({Phase::replaying, state.checkpoint_tick, row.tick, to_tick}))
                return false;
        }
        if (rows.size() < static_cast<std::size_t>(batch_rows))
            return run_empty_ticks(state, to_tick, to_tick, watcher);
    }
}

State state_at(const World& world, std::uint64_t tick, const Place& place, Tables& tables, Watcher& watcher) {
    State state = load(world, tick, place, tables, watcher);
    if (state.simulation && !replay(world, state, tick, tables, watcher)) {
        give_back(state.simulation->store());
        return {};
    }
    return state;
}

} // namespace gamelan::pg::history
