#include "bgworker/recovery.hpp"

#include "core/codec/command_batch.hpp"
#include "core/codec/write_set.hpp"
#include "extension/pg/pause_points.hpp"
#include "extension/pg/tick_log.hpp"
#include "extension/pg/world_history.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/checkpoints.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::worker {

namespace {

using pg::WorldState;
namespace history = pg::history;
namespace spi = pg::spi;

constexpr std::int32_t inbox_batch_rows = 100;

history::Place place_of(store::WorldSlot slot) {
    const std::uint64_t limit_mb = pg::settings::world_memory_limit_mb > 0
                                       ? static_cast<std::uint64_t>(pg::settings::world_memory_limit_mb)
                                       : static_cast<std::uint64_t>(pg::settings::memory_mb);
    return {pg::region(), slot, static_cast<std::uint32_t>(limit_mb * (1024 * 1024 / store::unit_bytes))};
}

// Keeps game.recovery, tells the server log of what is passed over, and stops when the worker is asked to
// end.
class RecoveryWatcher final : public history::Watcher {
  public:
    RecoveryWatcher(const HostedWorld& world, std::uint64_t target)
        : world_id_(world.id()), report_(world.runtime().recovery) {
        report_.target.store(target);
        report_.from_tick.store(0);
        report_.tick.store(0);
        report_.phase.store(pg::RecoveryPhase::loading);
        change([&] {
            report_.started_at = GetCurrentTimestamp();
            report_.replay_started_at = report_.ended_at = 0;
            report_.chain[0] = report_.damage[0] = '\0';
        });
    }

    bool go_on(const history::Progress& progress) override {
        report_.tick.store(progress.tick);
        pg::pg_call([] { CHECK_FOR_INTERRUPTS(); });
        return ShutdownRequestPending == 0;
    }

    void choose(const std::vector<std::uint64_t>& chain) override {
        std::string text;
        for (const std::uint64_t tick : chain)
            text += (text.empty() ? "full " : ", incremental ") + std::to_string(tick);
        begin_replay(text.empty() ? "beginning" : text, chain.empty() ? 0 : chain.back());
    }

    void pass_over(std::uint64_t tick, const std::string& reason) override {
        damage_ += (damage_.empty() ? "tick " : "; tick ") + std::to_string(tick) + ": " + reason;
        change([&] { copy(report_.damage, sizeof report_.damage, damage_); });
        report_.phase.store(pg::RecoveryPhase::loading);
        pg::pg_call([&] {
            ereport(WARNING, (errcode(ERRCODE_DATA_CORRUPTED),
                              errmsg("the checkpoint of world " INT64_FORMAT " at tick " UINT64_FORMAT
                                     " cannot be used: %s",
                                     world_id_, tick, reason.c_str()),
                              errhint("An older checkpoint and the log are used instead.")));
        });
    }

    void begin_replay(const std::string& chain, std::uint64_t from_tick) {
        report_.from_tick.store(from_tick);
        report_.tick.store(from_tick);
        change([&] {
            copy(report_.chain, sizeof report_.chain, chain);
            report_.replay_started_at = GetCurrentTimestamp();
        });
        report_.phase.store(pg::RecoveryPhase::replaying);
    }

    void end(pg::RecoveryPhase phase, std::uint64_t tick) {
        report_.tick.store(tick);
        change([&] { report_.ended_at = GetCurrentTimestamp(); });
        report_.phase.store(phase);
    }

  private:
    static void copy(char* out, std::size_t room, const std::string& text) {
        const std::size_t bytes = Min(text.size(), room - 1);
        std::memcpy(out, text.data(), bytes);
        out[bytes] = '\0';
    }
    static void change(auto&& f) {
        LWLockAcquire(pg::shared->lock, LW_EXCLUSIVE);
        f();
        LWLockRelease(pg::shared->lock);
    }

    std::int64_t world_id_;
    pg::RecoveryReport& report_;
    std::string damage_;
};

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

// A worker before this one died; what it published is still there.
history::State from_memory(HostedWorld& world, const history::World& source, std::uint64_t target,
                           history::Tables& tables, RecoveryWatcher& watcher) {
    const history::Place place = place_of(world.slot());
    store::WorldStore store = store::WorldStore::take_over(place.region, place.slot, place.limit_units);
    const std::uint64_t tick = store.newest().tick();
    history::State out;
    spi::begin("gamelan: taking over a world");
    if (const std::optional<LogRow> row = newest_log_row(world.id(), tick))
        out.position = {row->tick, row->row_hash};
    spi::commit();
    out.simulation = std::make_unique<sim::Simulation>(
        world.id(), pg::make_rules(source.id, source.definition), std::move(store));
    watcher.begin_replay("memory", tick);
    try {
        if (history::replay(source, out, target, tables, watcher))
            return out;
    } catch (const Error&) {
        history::give_back(out.simulation->store());
        throw;
    }
    return {};
}

history::State from_tables(HostedWorld& world, const history::World& source, std::uint64_t target,
                           history::Tables& tables, RecoveryWatcher& watcher) {
    // What a worker that died while it recovered this world had taken; nobody ever saw it.
    store::Arena(pg::region(), world.slot(), 0).release_all();
    pg::checkpoints::begin_lifetime(world.slot());
    history::State out =
        history::recover(source, history::any_tick, target, place_of(world.slot()), tables, watcher);
    if (out.simulation && !out.chain.empty())
        world.runtime().last_checkpoint_tick.store(static_cast<std::int64_t>(out.from_tick()));
    return out;
}

// The newest durable tick. Rows beyond the head are there when a restore has brought them first.
std::uint64_t newest_tick(const DefinitionRow& definition) {
    spi::begin("gamelan: looking for a world's newest tick");
    const std::optional<LogRow> row = newest_log_row(definition.id, history::any_tick);
    spi::commit();
    return Max(definition.head_tick, row ? row->tick : 0);
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

std::string reason_of(const HostedWorld& world) {
    LWLockAcquire(pg::shared->lock, LW_SHARED);
    std::string reason = pg::runtime(world.slot()).reason;
    LWLockRelease(pg::shared->lock);
    return reason;
}

// `before`: why it could not be brought into memory the last time; the log need not say it again.
void report_failure(HostedWorld& world, const Error& error, const std::string& before) {
    world.set_state(WorldState::failed, error);
    if (reason_of(world) == before)
        return;
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
    const std::string before = world.state() == WorldState::failed ? reason_of(world) : std::string();
    if (!definition.fault.empty()) {
        world.set_state(WorldState::failed, definition.fault);
        return RecoveryResult::failed;
    }
    if (!is_complete(definition, missing)) {
        world.set_state(WorldState::waiting, missing);
        return RecoveryResult::waiting;
    }
    if (!definition.is_head_sound) {
        report_failure(world,
                       Error(sqlstate::corrupt_data,
                             "its row in game.world_head is damaged: the checksum differs", {},
                             "Restore the row, or let a superuser decide at which tick the world resumes."),
                       before);
        return RecoveryResult::failed;
    }
    world.set_state(WorldState::recovering);
    const std::uint64_t target = newest_tick(definition);
    RecoveryWatcher watcher(world, target);
    try {
        const history::World source{definition.id, definition.definition, definition.first_tick};
        history::OwnTransactions tables;
        const bool is_in_memory = pg::region().control(world.slot()).root.load() != 0;
        history::State state = is_in_memory ? from_memory(world, source, target, tables, watcher)
                                            : from_tables(world, source, target, tables, watcher);
        if (!state.simulation)
            return RecoveryResult::stopped;
        // What the worker before this one had committed and published need not have been on disk.
        if (is_in_memory)
            pg::pg_call([] { XLogFlush(GetXLogInsertRecPtr()); });
        pg::pg_call([] { pg::pause_point("world_recovered"); });
        const std::uint64_t tick = state.simulation->tick();
        const std::uint64_t from_tick = world.runtime().recovery.from_tick.load();
        watcher.end(pg::RecoveryPhase::done, tick);
        if (tick != from_tick)
            ereport(LOG,
                    (errmsg("world " INT64_FORMAT " recovered: from tick " UINT64_FORMAT " to " UINT64_FORMAT,
                            world.id(), from_tick, tick)));
        world.install(std::move(state.simulation), definition.head_tick, state.position.log_tick,
                      state.position.row_hash, queued_spawns(world.id()));
        return RecoveryResult::ready;
    } catch (const Error& error) {
        watcher.end(pg::RecoveryPhase::failed, world.runtime().recovery.tick.load());
        report_failure(world, error, before);
        return error.code() == sqlstate::checkpoint_key_missing ? RecoveryResult::locked
                                                                : RecoveryResult::failed;
    }
}

} // namespace gamelan::worker
