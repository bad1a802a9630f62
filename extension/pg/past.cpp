#include "extension/pg/past.hpp"

#include "extension/pg/private_region.hpp"
#include "extension/pg/reading.hpp"
#include "extension/pg/tick_scope.hpp"
#include "extension/pg/world_history.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "extension/pg/bridge.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/spi.hpp"

extern "C" {
#include "access/parallel.h"
}

namespace gamelan::pg::past {

// A simulation that stands at a tick of the past. Only its owner plays it on.
class State {
  public:
    explicit State(history::World world) : world_(std::move(world)) {}

    std::int64_t world_id() const { return world_.id; }
    std::uint64_t tick() const { return state_.simulation->tick(); }
    store::Snapshot snapshot() const { return state_.simulation->store().newest(); }

    void load(std::uint64_t tick, history::Tables& tables, history::Watcher& watcher) {
        state_ = history::state_at(world_, tick, {memory_.region(), memory_.slot(), memory_.limit_units()},
                                   tables, watcher);
    }
    void play_on(std::uint64_t tick, history::Tables& tables, history::Watcher& watcher) {
        (void)history::replay(world_, state_, tick, tables, watcher);
    }

  private:
    PrivateRegion memory_;
    history::World world_;
    history::State state_;
};

namespace {

char* as_of_tick = nullptr;
char* as_of_time = nullptr;
constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();
std::int64_t wanted_tick = none;
std::int64_t wanted_time = none;

// From playing on one tick at a time to making anew from a checkpoint, whichever may be less work.
constexpr std::uint64_t far_ticks = 100'000;

std::vector<std::shared_ptr<State>>& kept_states() {
    static auto& states = *new std::vector<std::shared_ptr<State>>; // the one used last is the last
    return states;
}

bool parse_tick(const char* text, std::int64_t& tick) {
    const char* end = text + std::strlen(text);
    const auto [rest, fault] = std::from_chars(text, end, tick);
    return fault == std::errc() && rest == end && tick >= 0;
}

// What a setting's text means, for the assign hook.
bool keep_meaning(void** extra, std::int64_t meaning) {
    *extra = std::malloc(sizeof meaning);
    if (*extra != nullptr)
        std::memcpy(*extra, &meaning, sizeof meaning);
    return *extra != nullptr;
}

std::int64_t meaning_of(const void* extra) {
    std::int64_t meaning = none;
    if (extra != nullptr)
        std::memcpy(&meaning, extra, sizeof meaning);
    return meaning;
}

bool check_tick(char** value, void** extra, GucSource) {
    std::int64_t tick = none;
    if ((*value)[0] != '\0' && !parse_tick(*value, tick)) {
        GUC_check_errdetail("It is a tick, or empty for the present.");
        return false;
    }
    return keep_meaning(extra, tick);
}

void assign_tick(const char*, void* extra) {
    wanted_tick = meaning_of(extra);
}

// Raises what the input function says.
bool check_time(char** value, void** extra, GucSource) {
    if ((*value)[0] == '\0')
        return keep_meaning(extra, none);
    if (!IsTransactionState()) {
        GUC_check_errdetail("It can only be set in a session.");
        return false;
    }
    const TimestampTz time = DatumGetTimestampTz(DirectFunctionCall3(
        timestamptz_in, CStringGetDatum(*value), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
    if (TIMESTAMP_NOT_FINITE(time)) {
        GUC_check_errdetail("It is a point in time.");
        return false;
    }
    return keep_meaning(extra, time);
}

void assign_time(const char*, void* extra) {
    wanted_time = meaning_of(extra);
}

// The log is nobody's to read but the extension's owner's; who may read a component may read its past.
class OwnersTables final : public history::Tables {
  public:
    void begin(const char* activity) override {
        pg_call([&] {
            GetUserIdAndSecContext(&user_, &context_);
            const Oid table = get_relname_relid("tick_log", get_namespace_oid("game", false));
            const HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
            if (!HeapTupleIsValid(row))
                ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no table game.tick_log")));
            const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
            ReleaseSysCache(row);
            SetUserIdAndSecContext(owner, context_ | SECURITY_LOCAL_USERID_CHANGE);
        });
        inner_.begin(activity);
    }
    // After an error the abort of the (sub)transaction brings the user back.
    void end() override {
        inner_.end();
        pg_call([&] { SetUserIdAndSecContext(user_, context_); });
    }

  private:
    history::CallersTransaction inner_;
    Oid user_ = InvalidOid;
    int context_ = 0;
};

// How far the log that we can see goes.
std::uint64_t reached(std::int64_t world_id, history::Tables& tables) {
    std::uint64_t live = 0;
    // What is published is committed, but not in the eyes of a transaction whose snapshot is older.
    if (!IsolationUsesXactSnapshot())
        if (const auto slot = region().find(world_id))
            live = region().control(*slot).tick.load();
    const std::int64_t head = history::with_tables(tables, "gamelan: reading a world's head", [&] {
        return pg_call([&] {
            return spi::run("SELECT tick FROM game.world_head WHERE world = $1", {spi::bigint(world_id)}) == 0
                       ? std::int64_t{0}
                       : spi::bigint_at(0, 1);
        });
    });
    return std::max(live, static_cast<std::uint64_t>(head));
}

void require_reached(std::int64_t world_id, std::int64_t tick, std::uint64_t reached_tick) {
    if (tick >= 0 && static_cast<std::uint64_t>(tick) <= reached_tick)
        return;
    throw Error(sqlstate::invalid_parameter,
                "world " + std::to_string(world_id) + " has not reached tick " + std::to_string(tick) +
                    " yet",
                "It stands at tick " + std::to_string(reached_tick) + ".",
                "RESET gamelan.as_of_tick shows the present. Name the world in the statement if others have "
                "come further.");
}

// The newest row of the log up to a tick.
struct LogTime {
    std::int64_t tick;
    TimestampTz time;
};
LogTime log_time(std::int64_t world_id, std::int64_t tick) {
    return pg_call([&] {
        if (spi::run("SELECT tick, created_at FROM game.tick_log WHERE world = $1 AND tick <= $2 "
                     "ORDER BY tick DESC LIMIT 1",
                     {spi::bigint(world_id), spi::bigint(tick)}) == 0)
            return LogTime{-1, 0};
        return LogTime{spi::bigint_at(0, 1), spi::time_at(0, 2)};
    });
}

// The tick that was current at a time. Rows of the log tell their time; in between, ticks pass at the world's
// rate, as far as the next row.
std::int64_t tick_at(std::int64_t world_id, TimestampTz time, std::int64_t most, history::Tables& tables) {
    return history::with_tables(tables, "gamelan: finding a tick by its time", [&] {
        struct Definition {
            double ticks_per_us;
            TimestampTz created;
        };
        const Definition world = pg_call([&] {
            if (spi::run("SELECT tick_rate, created_at FROM game.world_definition WHERE id = $1",
                         {spi::bigint(world_id)}) == 0)
                raise_error(sqlstate::undefined_world,
                            psprintf("world " INT64_FORMAT " does not exist", world_id));
            return Definition{spi::integer_at(0, 1) / 1e6, spi::time_at(0, 2)};
        });
        LogTime before{0, world.created};
        std::int64_t next = most + 1; // the first tick whose row is later
        for (std::int64_t low = 1, high = most; low <= high;) {
            const std::int64_t middle = low + (high - low) / 2;
            const LogTime row = log_time(world_id, middle);
            if (row.tick >= low && row.time > time) {
                next = row.tick;
                high = row.tick - 1;
            } else {
                if (row.tick >= low)
                    before = row;
                low = middle + 1;
            }
        }
        if (time < before.time)
            throw Error(sqlstate::invalid_parameter,
                        "world " + std::to_string(world_id) + " did not exist at that time");
        const double passed = static_cast<double>(time - before.time) * world.ticks_per_us;
        return static_cast<std::int64_t>(
            std::min(static_cast<double>(before.tick) + passed, static_cast<double>(next - 1)));
    });
}

std::shared_ptr<State> find_kept(std::int64_t world_id, std::uint64_t tick) {
    auto& kept = kept_states();
    const auto found = std::find_if(kept.begin(), kept.end(), [&](const auto& state) {
        return state->world_id() == world_id && state->tick() == tick;
    });
    if (found == kept.end())
        return nullptr;
    std::rotate(found, found + 1, kept.end());
    return kept.back();
}

// One that nobody else reads, and that is not far behind. It is taken off the list: if playing on fails, it
// is of no use.
std::shared_ptr<State> take_earlier(std::int64_t world_id, std::uint64_t tick) {
    auto& kept = kept_states();
    auto best = kept.end();
    for (auto state = kept.begin(); state != kept.end(); ++state)
        if (state->use_count() == 1 && (*state)->world_id() == world_id && (*state)->tick() < tick &&
            tick - (*state)->tick() < far_ticks && (best == kept.end() || (*state)->tick() > (*best)->tick()))
            best = state;
    if (best == kept.end())
        return nullptr;
    std::shared_ptr<State> out = std::move(*best);
    kept.erase(best);
    return out;
}

// Not on the list.
std::shared_ptr<State> make(std::int64_t world_id, std::uint64_t tick, history::Tables& tables,
                            history::Watcher& watcher) {
    std::shared_ptr<State> state = take_earlier(world_id, tick);
    if (state) {
        state->play_on(tick, tables, watcher);
        return state;
    }
    state = std::make_shared<State>(history::find_world(world_id, tables));
    state->load(tick, tables, watcher);
    return state;
}

void keep(std::shared_ptr<State> state) {
    auto& kept = kept_states();
    while (kept.size() >= static_cast<std::size_t>(settings::max_past_states))
        kept.erase(kept.begin());
    kept.push_back(std::move(state));
}

} // namespace

void define_settings() {
    DefineCustomStringVariable("gamelan.as_of_tick", "Tick of the past that statements of the session see.",
                               "Empty: the present.", &as_of_tick, "", PGC_USERSET,
                               GUC_DISALLOW_IN_FILE | GUC_NOT_IN_SAMPLE, check_tick, assign_tick, nullptr);
    DefineCustomStringVariable("gamelan.as_of_time", "Time of the past that statements of the session see.",
                               "Empty: the present. gamelan.as_of_tick goes before.", &as_of_time, "",
                               PGC_USERSET, GUC_DISALLOW_IN_FILE | GUC_NOT_IN_SAMPLE, check_time, assign_time,
                               nullptr);
}

Moment wanted() noexcept {
    if ((wanted_tick == none && wanted_time == none) || TickScope::current() != nullptr ||
        (MyBgworkerEntry != nullptr && !IsParallelWorker()))
        return {};
    return wanted_tick != none ? Moment{MomentKind::tick, wanted_tick}
                               : Moment{MomentKind::time, wanted_time};
}

void require_present() {
    if (wanted())
        ereport(ERROR,
                (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("the past cannot be written"),
                 errdetail("gamelan.as_of_tick or gamelan.as_of_time is set in this session."),
                 errhint("RESET it first. game.fork_world() makes a world that goes on from a past tick.")));
}

Walk::Walk(std::int64_t world_id, std::int64_t from, std::int64_t to) {
    OwnersTables tables;
    history::InterruptWatcher watcher;
    require_reached(world_id, to, reached(world_id, tables));
    state_ = make(world_id, static_cast<std::uint64_t>(from), tables, watcher);
}

Walk::~Walk() {
    try {
        if (state_)
            keep(std::move(state_));
    } catch (const std::bad_alloc&) {
        // It is made anew when somebody wants it.
    }
}

store::Snapshot Walk::at(std::int64_t tick) {
    OwnersTables tables;
    history::InterruptWatcher watcher;
    std::shared_ptr<State> state = std::move(state_); // of no use if this fails
    state->play_on(static_cast<std::uint64_t>(tick), tables, watcher);
    state_ = std::move(state);
    return state_->snapshot();
}

StatePtr at(std::int64_t world_id, const Moment& moment) {
    OwnersTables tables;
    history::InterruptWatcher watcher;
    const std::uint64_t most = reached(world_id, tables);
    const std::int64_t wanted_at =
        moment.kind == MomentKind::tick
            ? moment.value
            : tick_at(world_id, moment.value, static_cast<std::int64_t>(most), tables);
    const auto tick = static_cast<std::uint64_t>(wanted_at);
    require_reached(world_id, wanted_at, most);
    if (auto kept = find_kept(world_id, tick))
        return kept;
    std::shared_ptr<State> state = make(world_id, tick, tables, watcher);
    keep(state);
    return state;
}

store::Snapshot snapshot_of(const State& state) {
    return state.snapshot();
}

store::Snapshot readable(store::WorldSlot slot, std::int64_t world_id) {
    static auto& read_last = *new StatePtr;
    const Moment moment = wanted();
    if (!moment)
        return published(slot, world_id);
    read_last = nullptr;
    read_last = at(world_id, moment);
    return snapshot_of(*read_last);
}

} // namespace gamelan::pg::past
