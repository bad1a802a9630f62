// The world worker: owns the worlds of one database and plays them.
//
// A turn of its loop: publish and answer the ticks that have become durable; take in interrupts and changed
// definitions; build the ticks that are due; write what they must leave behind in one transaction for all
// worlds, which the flusher brings to disk meanwhile. Between turns it sleeps on a timer set to the next
// deadline, its latch and the postmaster. No transaction spans turns.
//
// What it must survive: a turn that cannot be written (disk full, a cancel) is as if it had not been, and is
// tried again. Any other error ends the process, and the launcher starts it again: published ticks are still
// in shared memory, committed ones in the log, others vanish; taken commands fail with "unknown outcome".
// DROP DATABASE asks it to leave (hooks.cpp). DROP EXTENSION takes the tables away between two turns: the
// worlds then leave memory. A crash of any backend takes shared memory away: the worlds come back from
// checkpoint and log.
#include "bgworker/crumbs.hpp"
#include "bgworker/hosted_world.hpp"
#include "bgworker/recovery.hpp"

#include <sys/timerfd.h>

#include <algorithm>
#include <limits>

#include "bgworker/entry_points.hpp"
#include "extension/fdw/view.hpp"
#include "extension/pg/bridge.hpp"
#include "extension/pg/native_library.hpp"
#include "extension/pg/pause_points.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::worker {

namespace {

using pg::WorldState;
namespace requests = pg::requests;
namespace spi = pg::spi;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int32_t max_inbox_rows_per_tick = 1000;
constexpr std::int64_t eviction_poll_ns = 10'000'000;

Oid definition_table = InvalidOid;
bool are_catalogs_changed = true;

// DROP EXTENSION sends this without telling us otherwise.
void on_relation_change(Datum, Oid relation) {
    if (relation == InvalidOid || relation == definition_table)
        are_catalogs_changed = true;
}

// What the catalogs and the registry say of games made with SQL.
struct Declared {
    GameComponents components;
    std::map<std::string, std::shared_ptr<const GameRules>, std::less<>> rules;
    std::map<std::int64_t, WorldFlags> flags;
};

class Worker {
  public:
    void run();

  private:
    void turn(std::int64_t now_ns);
    void read_definitions_if_changed(std::int64_t now_ns);
    void adopt_definitions(const std::vector<DefinitionRow>& rows, const Declared& declared,
                           std::int64_t now_ns);
    void read_rules(std::vector<DefinitionRow>& rows, Declared& declared, std::int64_t now_ns);
    HostedWorld* find_or_add(const DefinitionRow& row, std::int64_t now_ns);
    void host(const DefinitionRow& row, const Declared& declared, std::int64_t now_ns);
    void drop(HostedWorld& world);
    void release_leavers();
    void bring_back_evicted();
    void take_back_old_pins(std::int64_t now_ns);
    void build_due_ticks(std::int64_t now_ns, TurnLog& log, bool& has_transaction);
    void build(HostedWorld& world, std::int64_t now_ns, TurnLog& log, bool& has_transaction);
    bool are_definitions_changing() const;
    void settle();
    void play(std::int64_t now_ns);
    XLogRecPtr commit(const TurnLog& log, bool& has_transaction);
    void undo_turn(const pg::PgError& caught, std::int64_t now_ns);
    void check_paused_syncs();
    void stop_broken(HostedWorld& world, const Error& error);
    void sleep_until_needed();
    void write_heads_at_end();

    std::vector<std::unique_ptr<HostedWorld>> worlds_;
    std::vector<std::unique_ptr<HostedWorld>> leavers_; // dropped; their memory waits for readers
    GameRulesReader rules_reader_;
    bool is_compiling_ = true;
    bool is_version_told_ = false; // that the catalog's is another than ours
    std::uint64_t definitions_seen_ = 0;
    std::int64_t look_again_ns_ =
        0; // for an extension that is not there yet, or worlds that wait for a restore
    std::int64_t pins_looked_at_ns_ = 0;
    // After a turn of several worlds could not be written: so many turns of one world each, to find out whose
    // fault it was.
    std::size_t careful_turns_ = 0;
    int timer_ = -1;
    WaitEventSet* events_ = nullptr;
};

// For the next world of the slot.
void clear(pg::WorldRuntime& runtime, std::int64_t world_id) {
    pg::system_stats::forget(world_id);
    runtime.state.store(WorldState::none);
    runtime.last_checkpoint_tick.store(-1);
    runtime.late_ticks.store(0);
    runtime.skipped_ticks.store(0);
    runtime.commands_applied.store(0);
    runtime.retired_bytes.store(0);
    runtime.is_eviction_wanted.store(false);
    runtime.is_touched.store(false);
    for (auto& bucket : runtime.lateness)
        bucket.store(0);
    LWLockAcquire(pg::shared->lock, LW_EXCLUSIVE);
    runtime.entities.next_slot = runtime.entities.count = 0;
    LWLockRelease(pg::shared->lock);
}

void forget_foreign_worlds() {
    if (pg::shared->database_oid.load() == MyDatabaseId)
        return;
    // Worlds of a database that was dropped or renamed away. Nobody can read them any more.
    for (std::uint32_t i = 0; i < pg::shared->max_worlds; ++i) {
        if (pg::region().control({i}).world_id.load() == 0)
            continue;
        requests::fail_queue({i}, sqlstate::undefined_world, "the world's database went away", {});
        pg::region().control({i}).root.store(0);
        store::Arena(pg::region(), {i}, 0).release_all();
        clear(pg::runtime({i}), pg::region().control({i}).world_id.load());
        pg::region().release_slot({i});
    }
    pg::shared->database_oid.store(MyDatabaseId);
}

void Worker::run() {
    timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer_ < 0)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not create a timer: %m")));
    events_ = CreateWaitEventSet(TopMemoryContext, 3);
    AddWaitEventToSet(events_, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
    AddWaitEventToSet(events_, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
    AddWaitEventToSet(events_, WL_SOCKET_READABLE, timer_, nullptr, nullptr);
    while (!must_end()) {
        turn(monotonic_ns());
        if (!must_end())
            sleep_until_needed();
        look_around();
        // Invalidations tell of DROP EXTENSION; a turn without a transaction would not see them.
        AcceptInvalidationMessages();
    }
    write_heads_at_end();
}

void Worker::turn(std::int64_t now_ns) {
    settle();
    bring_back_evicted();
    read_definitions_if_changed(now_ns);
    release_leavers();
    take_back_old_pins(now_ns);
    for (const auto& world : worlds_) {
        world->evict_if_wanted();
        if (world->is_loaded())
            world->collect_requests();
        else
            world->refuse_requests();
    }
    check_paused_syncs();

    for (const auto& world : worlds_)
        world->begin_turn();
    try {
        play(now_ns);
    } catch (const pg::PgError& error) {
        undo_turn(error, now_ns);
    }
    settle();
}

// Also ticks of earlier turns. Those without anything to write come through at once.
void Worker::settle() {
    if (std::none_of(worlds_.begin(), worlds_.end(),
                     [](const auto& world) { return world->has_unsettled(); }))
        return;
    const Safe safe = Safe::now();
    const std::int64_t now_ns = monotonic_ns();
    for (const auto& world : worlds_)
        world->settle(safe, now_ns);
}

// Throws PgError: then nothing of the turn is in the tables.
void Worker::play(std::int64_t now_ns) {
    TurnLog log;
    bool has_transaction = false;
    build_due_ticks(now_ns, log, has_transaction);
    if (has_transaction || !log.is_empty())
        pg::pause_point("tick_built");
    for (const auto& world : worlds_)
        world->note_head(now_ns, pg::settings::head_interval_ms, log);
    const XLogRecPtr position = commit(log, has_transaction);
    for (const auto& world : worlds_)
        world->end_turn(position);
    if (position != 0)
        want_flushed(position);
    if (careful_turns_ > 0)
        --careful_turns_;
}

// Does not wait for the disk, unless somebody relies on a head. 0 when there was nothing to commit.
XLogRecPtr Worker::commit(const TurnLog& log, bool& has_transaction) {
    if (log.is_empty() && !has_transaction)
        return 0;
    const char* mode = log.must_be_flushed() ? "local" : "off";
    pg::pg_call([&] {
        if (!has_transaction)
            spi::begin("gamelan: writing a tick");
        has_transaction = true;
        log.write();
        pg::pause_point("tick_written");
        (void)set_config_option("synchronous_commit", mode, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
                                true, 0, false);
        spi::commit();
        pg::pause_point("tick_committed");
    });
    return XactLastCommitEnd;
}

void Worker::undo_turn(const pg::PgError& caught, std::int64_t now_ns) {
    constexpr std::int64_t retry_ns = second_ns;
    const int code = caught.data()->sqlerrcode;
    const Error error(unpack_sql_state(code), std::string("the tick could not be written: ") + caught.what(),
                      "Nothing of it was applied.", "The world goes on by itself when it can.");
    spi::abort();
    ereport(WARNING,
            (errcode(code), errmsg("%s", error.message().c_str()),
             errhint("The worlds go on by themselves when they can; every second it is tried again.")));
    std::size_t built = 0;
    for (const auto& world : worlds_) {
        built += world->has_built() ? 1 : 0;
        world->undo_turn(error, now_ns + retry_ns);
    }
    if (built > 1)
        careful_turns_ = 2 * worlds_.size();
    // What worlds took in of changed definitions in this turn they must take in again.
    are_catalogs_changed = true;
}

// Worlds that somebody touched come back as at the start: from their definitions on.
void Worker::bring_back_evicted() {
    for (const auto& world : worlds_)
        if (world->is_evicted() && world->is_wanted_back())
            are_catalogs_changed = true;
}

void Worker::take_back_old_pins(std::int64_t now_ns) {
    constexpr std::int64_t interval_ns = 100'000'000;
    const std::int64_t age_ms = pg::settings::max_snapshot_age_ms;
    if (age_ms == 0 || now_ns < pins_looked_at_ns_ + interval_ns)
        return;
    pins_looked_at_ns_ = now_ns;
    (void)pg::region().revoke_pins_since_before(
        static_cast<std::uint64_t>(GetCurrentTimestamp() / 1000 - age_ms));
}

void Worker::build_due_ticks(std::int64_t now_ns, TurnLog& log, bool& has_transaction) {
    // Whoever was first is last the next time, so that each gets its turn when only one does.
    if (careful_turns_ > 0)
        std::rotate(worlds_.begin(), worlds_.begin() + 1, worlds_.end());
    for (const auto& world : worlds_) {
        if (!world->is_due(now_ns))
            continue;
        try {
            build(*world, now_ns, log, has_transaction);
        } catch (const Error& error) {
            stop_broken(*world, error);
        }
        if (careful_turns_ > 0)
            return;
    }
}

// Whether a transaction whose rows may just have become visible has changed definitions that we have not
// read: its rows may need them. Asked after the inbox was read: it announces itself before it commits.
bool Worker::are_definitions_changing() const {
    return pg::shared->definitions_pending.load() != 0 ||
           pg::shared->definitions_version.load() != definitions_seen_;
}

void Worker::build(HostedWorld& world, std::int64_t now_ns, TurnLog& log, bool& has_transaction) {
    const auto begin = [&](const char* activity) {
        if (!has_transaction)
            pg::pg_call([&] { spi::begin(activity); });
        has_transaction = true;
    };
    Inbox inbox;
    if (world.wants_inbox()) {
        begin("gamelan: reading queued commands");
        // Rung first, read then: a commit in between rings again.
        world.note_doorbell();
        inbox.rows = read_inbox(world.id(), max_inbox_rows_per_tick);
        inbox.is_whole = inbox.rows.size() < static_cast<std::size_t>(max_inbox_rows_per_tick);
        if (!inbox.rows.empty() && are_definitions_changing())
            inbox = {{}, false};
        if (!inbox.is_whole)
            world.ring_again();
    }
    if (world.needs_transaction(inbox))
        begin("gamelan: playing a tick");
    world.build_tick(now_ns, inbox, log);
}

// Out of memory, mostly. The tick left no trace; the world pauses and says why, the others go on.
void Worker::stop_broken(HostedWorld& world, const Error& error) {
    ereport(WARNING, (errmsg("world " INT64_FORMAT " stopped: %s", world.id(), error.message().c_str()),
                      error.detail().empty() ? 0 : errdetail_internal("%s", error.detail().c_str()),
                      error.hint().empty() ? 0 : errhint("%s", error.hint().c_str())));
    world.set_state(WorldState::paused, error);
    world.fail_calls(error.code(), error.message(), error.hint());
}

void Worker::check_paused_syncs() {
    for (const auto& world : worlds_) {
        if (!world->is_loaded() || !world->has_paused_syncs() || world->is_due(0))
            continue;
        spi::begin("gamelan: reading queued commands");
        const bool is_empty = read_inbox(world->id(), 1).empty();
        spi::commit();
        world->answer_paused_syncs(is_empty);
    }
}

void Worker::read_definitions_if_changed(std::int64_t now_ns) {
    const std::uint64_t version = pg::shared->definitions_version.load();
    const bool is_setting_changed =
        std::exchange(is_compiling_, pg::settings::compile) != pg::settings::compile;
    if (version == definitions_seen_ && !are_catalogs_changed && !is_setting_changed &&
        now_ns < look_again_ns_)
        return;
    are_catalogs_changed = false;
    look_again_ns_ = std::numeric_limits<std::int64_t>::max();
    std::vector<DefinitionRow> rows;
    Declared declared;
    std::vector<std::int64_t> dropped;
    spi::begin("gamelan: reading definitions");
    const bool exists = extension_exists();
    if (exists) {
        definition_table = get_relname_relid("world_definition", get_namespace_oid("game", false));
        dropped = read_dropped_worlds();
        rows = read_definitions();
        declared.components = read_components(rows);
        read_rules(rows, declared, now_ns);
    } else if (!is_version_told_) {
        is_version_told_ = pg::warn_of_other_version();
    }
    spi::commit();
    if (!exists)
        look_again_ns_ = now_ns + second_ns;
    definitions_seen_ = version;
    adopt_definitions(rows, declared, now_ns);
    pg::shared->definitions_adopted.store(version);
    if (!dropped.empty()) {
        spi::begin("gamelan: removing dropped worlds");
        remove_dropped_worlds(dropped);
        spi::commit();
    }
}

// A session that holds a lock on what a system names is waited for, while the world plays on as before.
void Worker::read_rules(std::vector<DefinitionRow>& rows, Declared& declared, std::int64_t now_ns) {
    for (const DefinitionRow& row : rows) {
        const std::string& game = row.definition.game;
        if (!row.is_schema_game || !row.fault.empty())
            continue;
        declared.flags.emplace(row.id, read_world_flags(row.id));
        if (declared.rules.contains(game))
            continue;
        try {
            declared.rules.emplace(game, rules_reader_.read(game));
        } catch (const Error& error) {
            ereport(LOG, (errmsg("the systems of game \"%s\" cannot be read yet: %s", game.c_str(),
                                 error.message().c_str())));
            look_again_ns_ = std::min(look_again_ns_, now_ns + second_ns);
            declared.rules.emplace(game, nullptr);
        }
    }
}

void Worker::adopt_definitions(const std::vector<DefinitionRow>& rows, const Declared& declared,
                               std::int64_t now_ns) {
    for (const auto& world : worlds_) {
        const bool is_defined = std::any_of(rows.begin(), rows.end(),
                                            [&](const DefinitionRow& row) { return row.id == world->id(); });
        if (!is_defined)
            drop(*world);
    }
    std::erase_if(worlds_, [](const auto& world) { return world == nullptr; });
    for (const DefinitionRow& row : rows)
        host(row, declared, now_ns);
    // What a worker before this one held, and no definition names any more.
    for (std::uint32_t i = 0; i < pg::shared->max_worlds; ++i) {
        const std::int64_t id = pg::region().control({i}).world_id.load();
        const auto is_same = [&](const auto& world) { return world->slot().value == i; };
        if (id == 0 || std::any_of(worlds_.begin(), worlds_.end(), is_same) ||
            std::any_of(leavers_.begin(), leavers_.end(), is_same))
            continue;
        DefinitionRow gone{};
        gone.id = id;
        gone.tick_rate_hz = sim::min_tick_rate_hz;
        gone.fault = "dropped";
        worlds_.push_back(std::make_unique<HostedWorld>(store::WorldSlot{i}, gone));
        drop(*worlds_.back());
        std::erase_if(worlds_, [](const auto& world) { return world == nullptr; });
    }
}

// The world of that definition, new if need be; null when there is no room for it now.
HostedWorld* Worker::find_or_add(const DefinitionRow& row, std::int64_t now_ns) {
    for (const auto& world : worlds_)
        if (world->id() == row.id)
            return world.get();
    try {
        const std::optional<store::WorldSlot> held = pg::region().find(row.id);
        const store::WorldSlot slot = held ? *held : pg::region().claim_slot(row.id);
        return worlds_.emplace_back(std::make_unique<HostedWorld>(slot, row)).get();
    } catch (const Error& error) {
        ereport(WARNING,
                (errmsg("world " INT64_FORMAT " cannot be loaded: %s", row.id, error.message().c_str()),
                 errhint("%s", error.hint().c_str())));
        look_again_ns_ = std::min(look_again_ns_, now_ns + 10 * second_ns);
        return nullptr;
    }
}

void Worker::host(const DefinitionRow& row, const Declared& declared, std::int64_t now_ns) {
    HostedWorld* world = find_or_add(row, now_ns);
    if (world == nullptr)
        return;
    // An evicted world stays so until somebody touches it, or wants it to tick; and until readers let go of
    // it.
    if (world->is_evicted() && !world->is_wanted_back() && row.desired_state != "running")
        return;
    if (!world->finish_eviction()) {
        look_again_ns_ = std::min(look_again_ns_, now_ns + eviction_poll_ns);
        return;
    }
    const RecoveryResult result = world->is_loaded() ? RecoveryResult::ready : recover(*world, row);
    if (result == RecoveryResult::ready) {
        const auto found = declared.components.find(row.definition.game);
        world->want_components(found == declared.components.end() ? nullptr : found->second);
        const auto rules = declared.rules.find(row.definition.game);
        if (rules != declared.rules.end() && rules->second != nullptr)
            world->want_rules(rules->second, declared.flags.at(row.id), row.tick_rate_hz, row.time_scale);
        world->follow(row, monotonic_ns());
    } else if (result == RecoveryResult::waiting || result == RecoveryResult::locked)
        look_again_ns_ =
            std::min(look_again_ns_, now_ns + (result == RecoveryResult::locked ? 10 : 1) * second_ns);
}

void Worker::drop(HostedWorld& world) {
    world.fail_all(sqlstate::undefined_world, "the world was dropped", {});
    world.set_state(WorldState::none);
    const auto found = std::find_if(worlds_.begin(), worlds_.end(),
                                    [&](const auto& entry) { return entry.get() == &world; });
    leavers_.push_back(std::move(*found));
}

void Worker::release_leavers() {
    std::erase_if(leavers_, [](const auto& world) {
        if (!world->release())
            return false;
        pg::region().control(world->slot()).root.store(0);
        if (!world->is_loaded())
            store::Arena(pg::region(), world->slot(), 0).release_all();
        pg::WorldRuntime& runtime = world->runtime();
        clear(runtime, world->id());
        requests::fail_queue(world->slot(), sqlstate::undefined_world, "the world was dropped", {});
        pg::region().release_slot(world->slot());
        ConditionVariableBroadcast(&runtime.published);
        return true;
    });
}

void Worker::sleep_until_needed() {
    std::int64_t deadline_ns = look_again_ns_;
    for (const auto& world : worlds_)
        deadline_ns = std::min(deadline_ns, world->next_deadline_ns());
    const std::int64_t now_ns = monotonic_ns();
    const bool is_evicting = std::any_of(worlds_.begin(), worlds_.end(),
                                         [](const auto& world) { return !world->finish_eviction(); });
    if (!leavers_.empty() || is_evicting)
        deadline_ns = std::min(deadline_ns, now_ns + 10'000'000);
    deadline_ns = std::min(deadline_ns, now_ns + second_ns); // heads, and interrupts that wake nobody
    if (deadline_ns > now_ns) {
        itimerspec when{};
        when.it_value.tv_sec = deadline_ns / second_ns;
        when.it_value.tv_nsec = deadline_ns % second_ns;
        if (timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr) != 0)
            ereport(ERROR, (errcode_for_file_access(), errmsg("could not set a timer: %m")));
        WaitEvent occurred[3];
        (void)WaitEventSetWait(events_, -1, occurred, 3, PG_WAIT_EXTENSION);
        std::uint64_t expirations = 0;
        (void)!read(timer_, &expirations, sizeof expirations);
    }
    ResetLatch(MyLatch);
}

// The commit brings all before it to disk, so that whoever still waits gets an answer.
void Worker::write_heads_at_end() {
    TurnLog log;
    for (const auto& world : worlds_)
        world->note_head(monotonic_ns(), -1, log);
    if (!log.is_empty()) {
        spi::begin("gamelan: writing heads");
        if (extension_exists())
            log.write();
        spi::commit();
    }
    XLogFlush(pg::shared->flush_wanted.load());
    settle();
}

} // namespace

} // namespace gamelan::worker

extern "C" PGDLLEXPORT void gamelan_world_worker_main(Datum);

extern "C" void gamelan_world_worker_main(Datum) {
    using namespace gamelan;
    worker::start_process(pg::shared->world_worker);
    worker::connect_to_database("gamelan world worker " GAMELAN_VERSION);
    // Statements of systems see a state that no other process can, and are of one tick.
    SetConfigOption("max_parallel_workers_per_gather", "0", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
    SetConfigOption("jit", "off", PGC_SUSET, PGC_S_OVERRIDE);
    fdw::install_view_callbacks();
    worker::crumbs::open();
    pg::sql_boundary([] { pg::install_native_loader(); });
    CacheRegisterRelcacheCallback(worker::on_relation_change, static_cast<Datum>(0));
    pg::sql_boundary([] {
        worker::forget_foreign_worlds();
        pg::requests::fail_orphans();
        // Leaked on purpose: the process ends without running destructors.
        (new worker::Worker)->run();
    });
    proc_exit(0);
}
