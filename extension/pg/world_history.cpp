#include "extension/pg/world_history.hpp"

#include "core/base/control_build.hpp"
#include "core/codec/command_batch.hpp"
#include "core/game/schema_game.hpp"
#include "extension/pg/json_input.hpp"
#include "extension/pg/native_library.hpp"
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

// Writes the chunks of one checkpoint. False when the watcher stops it.
bool load_chunks(store::WorldStore& store, const Manifest& manifest, std::uint64_t goal, Watcher& watcher) {
    const std::optional<cipher::Key> key = key_of(manifest);
    std::uint64_t chain = 0;
    for (std::int32_t ordinal = 0; ordinal < manifest.chunks; ++ordinal) {
        const codec::CheckpointChunk chunk = read_chunk(manifest, ordinal, key);
        codec::restore_part(store, codec::decompress(chunk));
        chain = codec::chain_checksum(chain, chunk.checksum);
        if (!watcher.go_on({Phase::loading, goal, manifest.tick, goal}))
            return false;
    }
    if (chain != manifest.chunks_hash)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint is damaged: its parts are not those its manifest names");
    return true;
}

// Where the log still has the row that the checkpoint stands behind, it has to be that one.
void check_place_in_log(const Manifest& manifest) {
    const std::optional<LogRow> row = newest_log_row(manifest.world, manifest.tick);
    if (row && (row->tick != manifest.log_tick || row->row_hash != manifest.row_hash))
        throw Error(sqlstate::corrupt_data, "a checkpoint does not fit the log: its newest row is of tick " +
                                                std::to_string(manifest.log_tick) + ", the log's of tick " +
                                                std::to_string(row->tick));
}

enum class Attempt { loaded, refused, stopped };

// Whether somebody wants us to stop, or the server is in trouble; a page that cannot be read is a damaged
// checkpoint.
bool is_for_the_caller(const ErrorData& data) {
    return is_fatal(data) && data.sqlerrcode != ERRCODE_DATA_CORRUPTED &&
           data.sqlerrcode != ERRCODE_INDEX_CORRUPTED;
}

// Not the checkpoint's fault: an older one would be no better.
bool is_for_the_caller(const Error& error) {
    return error.code() == sqlstate::checkpoint_key_missing || error.code() == sqlstate::out_of_memory;
}

// Whatever is wrong with a checkpoint, also for Postgres (a torn page, a missing TOAST row), is told to the
// watcher.
Attempt try_checkpoint(const game::World& rules, const std::vector<Manifest>& manifests, std::size_t index,
                       const Place& place, std::unique_ptr<store::WorldStore>& store, Watcher& watcher) {
    std::string reason;
    Attempt attempt = Attempt::refused;
    Subtransaction subtransaction;
    try {
        store = load_chain(rules, manifests, index, place, watcher);
        attempt = store ? Attempt::loaded : Attempt::stopped;
    } catch (const PgError& error) {
        if (is_for_the_caller(*error.data()))
            throw;
        reason = error.what();
    } catch (const Error& error) {
        if (is_for_the_caller(error))
            throw;
        reason = error.what();
    } catch (const std::exception& error) {
        reason = error.what();
    }
    subtransaction.end(attempt != Attempt::refused);
    if (attempt != Attempt::loaded)
        clear(place);
    if (attempt == Attempt::refused)
        watcher.pass_over(manifests[index].tick, reason);
    return attempt;
}

// False when the watcher stops it.
bool run_empty_ticks(State& state, std::uint64_t target, std::uint64_t goal, Watcher& watcher) {
    sim::Simulation& simulation = *state.simulation;
    while (simulation.tick() < target) {
        simulation.run_tick({});
        simulation.store().publish();
        if (simulation.tick() % ticks_between_looks == 0 &&
            !watcher.go_on({Phase::replaying, state.from_tick(), simulation.tick(), goal}))
            return false;
    }
    return true;
}

// Before the ticks up to it are played: a row that was damaged may name any tick.
void check_row(const State& state, const LogRow& row) {
    if (!control_build::skips_chain &&
        chain_row(state.position.row_hash, row.tick, row.commands, row.state_hash) != row.row_hash)
        diverged("the hash chain", row.tick);
}

void replay_row(State& state, const LogRow& row) {
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
        PushActiveSnapshot(ActiveSnapshotSet() ? GetActiveSnapshot() : GetTransactionSnapshot());
    });
}

void CallersTransaction::end() {
    pg_call([] {
        PopActiveSnapshot();
        SPI_finish();
    });
}

// Native systems are played again, in whatever process this is.
static std::unique_ptr<game::World> rules_of(const World& world) {
    install_native_loader();
    return make_rules(world.id, world.definition);
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
        std::int64_t first_tick;
    };
    return with_tables(tables, "gamelan: reading a world's definition", [&] {
        const Row row = pg_call([&] {
            if (spi::read("SELECT d.game, d.seed, d.config, (g.name IS NOT NULL)::int, d.first_tick "
                          "FROM game.world_definition AS d LEFT JOIN game.game AS g ON g.name = d.game "
                          "WHERE d.id = $1",
                          {spi::bigint(world_id)}) == 0)
                return Row{};
            return Row{true,
                       spi::text_at(0, 1),
                       spi::bigint_at(0, 2),
                       flatten_object(spi::json_at(0, 3), "a world's config"),
                       spi::integer_at(0, 4) != 0,
                       spi::bigint_at(0, 5)};
        });
        if (!row.is_found)
            throw Error(sqlstate::undefined_world, "world " + std::to_string(world_id) + " does not exist");
        World world{world_id,
                    {std::string(row.game), static_cast<std::uint64_t>(row.seed), {}},
                    static_cast<std::uint64_t>(row.first_tick)};
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

void clear(const Place& place) {
    if (place.region.control(place.slot).root.load() == 0)
        return store::Arena(place.region, place.slot, 0).release_all();
    store::WorldStore store = store::WorldStore::take_over(place.region, place.slot, place.limit_units);
    give_back(store);
}

std::unique_ptr<store::WorldStore> load_chain(const game::World& rules,
                                              const std::vector<Manifest>& manifests, std::size_t index,
                                              const Place& place, Watcher& watcher) {
    const std::vector<const Manifest*> chain = chain_of(manifests, index);
    const Manifest& newest = *chain.back();
    check_place_in_log(newest);
    auto store = std::make_unique<store::WorldStore>(
        store::WorldStore::create(place.region, place.slot, rules.layout(), place.limit_units));
    store->begin_tick();
    codec::restore_layout(*store, newest.layout);
    codec::restore_spaces(*store, newest.extents);
    for (const Manifest* manifest : chain)
        if (!load_chunks(*store, *manifest, newest.tick, watcher))
            return nullptr;
    const std::uint64_t state_hash = store->seal(newest.tick).state_hash_kept();
    if (!control_build::skips_checksums && state_hash != newest.state_hash)
        throw Error(sqlstate::corrupt_data, "a checkpoint is damaged: the state hash differs");
    store->publish();
    return store;
}

// A log without its first rows would look like one in which nothing happened.
static void require_log(const World& world, std::uint64_t after_tick, Tables& tables) {
    const std::optional<LogRow> removed = with_tables(tables, "gamelan: looking where a log begins",
                                                      [&] { return newest_removed_row(world.id); });
    if (!removed || removed->tick <= after_tick)
        return;
    throw Error(
        sqlstate::recovery_failed,
        "the log of world " + std::to_string(world.id) + " up to tick " + std::to_string(removed->tick) +
            " was removed",
        "It would have to lead on from tick " + std::to_string(after_tick) + ".",
        "game.archive lists the archives of the log; game.restore_archive(file, true) brings them back.");
}

State load_beginning(const World& world, const Place& place) {
    if (world.first_tick > 0)
        throw Error(sqlstate::recovery_failed,
                    "no checkpoint of world " + std::to_string(world.id) + " can be used",
                    "It began at tick " + std::to_string(world.first_tick) +
                        " with the state of another world, which only a checkpoint has.",
                    "game.checkpoint lists those that are kept, game.verify() says what is wrong with them.");
    std::unique_ptr<game::World> rules = rules_of(world);
    store::WorldStore store =
        store::WorldStore::create(place.region, place.slot, rules->layout(), place.limit_units);
    State out;
    out.simulation = std::make_unique<sim::Simulation>(world.id, std::move(rules), std::move(store));
    try {
        out.simulation->generate();
    } catch (...) {
        give_back(out.simulation->store());
        throw;
    }
    return out;
}

State load(const World& world, std::uint64_t at_or_before, const Place& place, Tables& tables,
           Watcher& watcher) {
    std::unique_ptr<game::World> rules = rules_of(world);
    std::unique_ptr<store::WorldStore> store;
    State out;
    const Attempt attempt = with_tables(tables, "gamelan: loading a world from its checkpoints", [&] {
        Attempt last = Attempt::refused;
        const std::vector<Manifest> manifests = read_manifests(world.id, at_or_before);
        for (std::size_t i = 0; i < manifests.size() && last == Attempt::refused; ++i) {
            last = try_checkpoint(*rules, manifests, i, place, store, watcher);
            if (last != Attempt::loaded)
                continue;
            out.position = {manifests[i].log_tick, manifests[i].row_hash};
            for (const Manifest* manifest : chain_of(manifests, i))
                out.chain.push_back(manifest->tick);
        }
        return last;
    });
    if (attempt == Attempt::stopped)
        return {};
    watcher.choose(out.chain);
    if (attempt == Attempt::refused)
        return load_beginning(world, place);
    out.simulation = std::make_unique<sim::Simulation>(world.id, std::move(rules), std::move(*store));
    return out;
}

bool replay(const World& world, State& state, std::uint64_t to_tick, Tables& tables, Watcher& watcher) {
    if (to_tick > state.simulation->tick())
        require_log(world, state.simulation->tick(), tables);
    for (;;) {
        const std::vector<LogRow> rows = with_tables(tables, "gamelan: replaying the log of a world", [&] {
            return read_log(world.id, state.simulation->tick(), to_tick, batch_rows);
        });
        for (const LogRow& row : rows) {
            check_row(state, row);
            if (!run_empty_ticks(state, row.tick - 1, to_tick, watcher))
                return false;
            replay_row(state, row);
            if (row.tick % ticks_between_looks == 0 &&
                !watcher.go_on({Phase::replaying, state.from_tick(), row.tick, to_tick}))
                return false;
        }
        if (rows.size() < static_cast<std::size_t>(batch_rows))
            return run_empty_ticks(state, to_tick, to_tick, watcher);
    }
}

State recover(const World& world, std::uint64_t newest_checkpoint, std::uint64_t tick, const Place& place,
              Tables& tables, Watcher& watcher) {
    std::uint64_t at_or_before = newest_checkpoint;
    std::optional<Error> first;
    for (;;) {
        State state = load(world, at_or_before, place, tables, watcher);
        if (!state.simulation)
            return {};
        try {
            if (replay(world, state, tick, tables, watcher))
                return state;
            give_back(state.simulation->store());
            return {};
        } catch (const Error& error) {
            give_back(state.simulation->store());
            const bool is_last = state.chain.empty() || state.chain.front() == 0;
            if (is_last || error.code() == sqlstate::out_of_memory)
                throw first ? *first : error;
            watcher.pass_over(state.from_tick(), error.message());
            first = first ? first : std::optional(error);
            at_or_before = state.chain.front() - 1;
        }
    }
}

} // namespace gamelan::pg::history
