// Ids of worlds are never used twice, and a world's game never changes: what is known of an id stays true,
// and only the slot has to be looked at again.
#include "extension/fdw/worlds.hpp"

#include "extension/pg/definition.hpp"
#include "extension/pg/shared.hpp"

#include <string>
#include <unordered_map>

#include "extension/pg/bridge.hpp"
#include "extension/pg/residence.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/tick_scope.hpp"

namespace gamelan::fdw {

namespace {

constexpr long worker_timeout_ms = 10000;
constexpr long worker_poll_ms = 5;
constexpr long recovery_timeout_ms = 5000;
constexpr std::size_t max_known_worlds = 1U << 17;

struct KnownWorld {
    store::WorldSlot slot;
    GameNumber game;
};

std::unordered_map<std::int64_t, KnownWorld>& known_worlds() {
    static auto& worlds = *new std::unordered_map<std::int64_t, KnownWorld>;
    return worlds;
}

// The game of the world in that slot; nothing when another is there by now, or it has no definition yet.
std::optional<GameNumber> read_game(const WorldPlace& world) {
    std::string bytes(pg::max_definition_bytes, '\0');
    std::size_t used = 0;
    LWLockAcquire(pg::shared->lock, LW_SHARED);
    if (pg::region().control(world.slot).world_id.load() == world.id) {
        used = pg::runtime(world.slot).definition_bytes;
        std::memcpy(bytes.data(), pg::runtime(world.slot).definition, used);
    }
    LWLockRelease(pg::shared->lock);
    if (used == 0)
        return std::nullopt;
    return game_number(pg::decode_definition({bytes.data(), used}).game);
}

std::optional<GameNumber> game_of(const WorldPlace& world) {
    auto& known = known_worlds();
    if (const auto found = known.find(world.id); found != known.end()) {
        found->second.slot = world.slot;
        return found->second.game;
    }
    const auto game = read_game(world);
    if (game) {
        if (known.size() >= max_known_worlds)
            known.clear();
        known.emplace(world.id, KnownWorld{world.slot, *game});
    }
    return game;
}

bool is_in_slot(const WorldPlace& world) {
    return pg::region().control(world.slot).world_id.load(std::memory_order_acquire) == world.id;
}

bool is_worker_ready(std::uint64_t definitions) {
    return pg::shared->world_worker.pid.load() != 0 && pg::shared->definitions_adopted.load() >= definitions;
}

[[noreturn]] void raise_no_worker() {
    ereport(ERROR,
            (errcode(MAKE_SQLSTATE('W', 'G', '0', '1', '3')), errmsg("the world worker is not running"),
             RecoveryInProgress() ? errdetail("The server is a standby; worlds are played on the primary.")
                                  : errdetail("It did not answer for %ld seconds.", worker_timeout_ms / 1000),
             errhint("Look at the server log.")));
    pg_unreachable();
}

} // namespace

GameNumber game_number(std::string_view name) {
    static auto& names = *new std::vector<std::string>;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name)
            return static_cast<GameNumber>(i);
    names.emplace_back(name);
    return static_cast<GameNumber>(names.size() - 1);
}

std::optional<store::WorldSlot> find_world(std::int64_t world_id, GameNumber game) {
    // Inside a tick there is one world.
    if (const pg::TickScope* scope = pg::TickScope::current();
        scope != nullptr && scope->world_id() != world_id)
        return std::nullopt;
    const auto& known = known_worlds();
    if (const auto found = known.find(world_id); found != known.end()) {
        if (game != any_game && found->second.game != game)
            return std::nullopt;
        if (is_in_slot({world_id, found->second.slot}))
            return found->second.slot;
    }
    const auto slot = pg::region().find(world_id);
    const auto its_game = slot ? game_of({world_id, *slot}) : std::nullopt;
    if (!its_game || (game != any_game && *its_game != game))
        return std::nullopt;
    return slot;
}

void list_worlds(GameNumber game, std::vector<WorldPlace>& out) {
    out.clear();
    if (const pg::TickScope* scope = pg::TickScope::current()) {
        if (const auto slot = find_world(scope->world_id(), game))
            out.push_back({scope->world_id(), *slot});
        return;
    }
    bool is_any_evicted = false;
    for (std::uint32_t i = 0; i < pg::region().world_slots(); ++i) {
        const std::int64_t id = pg::region().control({i}).world_id.load(std::memory_order_acquire);
        const auto its_game = id != 0 ? game_of({id, {i}}) : std::nullopt;
        if (its_game && (game == any_game || *its_game == game))
            out.push_back({id, {i}});
    }
    // All at once: whoever goes through them waits for the first only.
    for (const WorldPlace& world : out)
        if (pg::runtime(world.slot).state.load() == pg::WorldState::evicted) {
            pg::runtime(world.slot).is_touched.store(true);
            is_any_evicted = true;
        }
    if (is_any_evicted)
        pg::wake(pg::shared->world_worker);
}

void require_worker() {
    pg::require_shared_memory();
    const int worker = pg::shared->world_worker.pid.load();
    if (worker == MyProcPid)
        return;
    const std::uint64_t definitions = pg::shared->definitions_version.load();
    if (pg::shared->database_oid.load() == MyDatabaseId && is_worker_ready(definitions))
        return;
    const char* database = get_database_name(MyDatabaseId);
    if (database == nullptr || std::strcmp(database, pg::settings::database) != 0)
        ereport(ERROR, (errcode(MAKE_SQLSTATE('W', 'G', '0', '1', '3')),
                        errmsg("no world is played in this database"),
                        errdetail("The server plays the worlds of database \"%s\".", pg::settings::database),
                        errhint("Connect to that one, or set gamelan.database and restart the server.")));
    for (long waited_ms = 0; waited_ms < worker_timeout_ms; waited_ms += worker_poll_ms) {
        if (pg::shared->database_oid.load() == MyDatabaseId && is_worker_ready(definitions))
            return;
        if (RecoveryInProgress())
            break;
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, worker_poll_ms,
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    raise_no_worker();
}

bool is_recovering(const WorldPlace& world) {
    const pg::WorldState state = pg::runtime(world.slot).state.load();
    return state != pg::WorldState::waiting && state != pg::WorldState::failed;
}

bool wait_for_version(const WorldPlace& world) {
    pg::residence::touch(world.slot, world.id);
    pg::WorldRuntime& runtime = pg::runtime(world.slot);
    const TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), recovery_timeout_ms);
    ConditionVariablePrepareToSleep(&runtime.published);
    bool is_there = false;
    while (is_in_slot(world) && !(is_there = pg::region().control(world.slot).root.load() != 0)) {
        const long left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
        if (!is_recovering(world) || left_ms <= 0)
            break;
        (void)ConditionVariableTimedSleep(&runtime.published, Min(left_ms, 100), PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
    if (is_there || !is_in_slot(world))
        return is_there;
    ereport(ERROR, (errcode(MAKE_SQLSTATE('W', 'G', '0', '1', '0')),
                    errmsg("world " INT64_FORMAT " is not in memory yet", world.id),
                    errdetail("It is %s.", pg::name_of(runtime.state.load())),
                    errhint("Look at game.world and at the server log.")));
}

} // namespace gamelan::fdw
