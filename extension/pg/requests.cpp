#include "extension/pg/requests.hpp"

#include <cstring>
#include <limits>

#include "extension/pg/bridge.hpp"
#include "extension/pg/residence.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/tick_scope.hpp"

namespace gamelan::pg::requests {

namespace {

// In Request::next of one that is in no queue and on no free list.
constexpr std::uint32_t next_taken = std::numeric_limits<std::uint32_t>::max();

constexpr long worker_timeout_ms = 10000;
constexpr long worker_poll_ms = 5;

// What this session waits for, so that an error or the session's end abandons it. Bounded by
// gamelan.max_requests.
std::uint32_t* mine = nullptr;
std::uint32_t mine_count = 0;
std::uint32_t mine_room = 0;

void remember(std::uint32_t index) {
    mine[mine_count++] = index;
}

void forget(std::uint32_t index) {
    for (std::uint32_t i = 0; i < mine_count; ++i) {
        if (mine[i] == index) {
            mine[i] = mine[--mine_count];
            return;
        }
    }
}

// Before a request is taken from the free list: nothing may fail once it is ours.
void reserve_memory() {
    if (mine_count < mine_room)
        return;
    const std::uint32_t room = mine_room == 0 ? 64 : mine_room * 2;
    mine = static_cast<std::uint32_t*>(mine == nullptr
                                           ? MemoryContextAlloc(TopMemoryContext, room * sizeof *mine)
                                           : repalloc(mine, room * sizeof *mine));
    mine_room = room;
}

void free_locked(std::uint32_t index) {
    Request& entry = request(index);
    entry.state.store(RequestState::free);
    entry.next = shared->free_request;
    shared->free_request = index + 1;
}

void free_request(std::uint32_t index) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    free_locked(index);
    LWLockRelease(shared->lock);
}

void abandon(std::uint32_t index) {
    Request& entry = request(index);
    RequestState state = entry.state.load();
    while (state == RequestState::submitted || state == RequestState::taken)
        if (entry.state.compare_exchange_weak(state, RequestState::abandoned))
            return;
    free_request(index); // answered, and nobody will read it
}

// The worker's half of a finished request: either the session reads it, or nobody does.
void finish(std::uint32_t index) {
    Request& entry = request(index);
    Latch* waiter = entry.waiter;
    RequestState expected = RequestState::taken;
    if (entry.state.compare_exchange_strong(expected, RequestState::done))
        SetLatch(waiter);
    else
        free_request(index);
}

// Until the worker is there and has taken in all definitions that were committed before: so that a world can
// be used right after it was created. False when that takes too long, or cannot happen. SQL inside a tick is
// played by the worker itself, which takes in definitions between ticks: it would wait for itself.
bool wait_for_worker() {
    if (TickScope::current() != nullptr)
        return true;
    const std::uint64_t version = shared->definitions_version.load();
    for (long waited_ms = 0; waited_ms < worker_timeout_ms; waited_ms += worker_poll_ms) {
        const bool is_up =
            shared->database_oid.load() == MyDatabaseId && shared->world_worker.pid.load() != 0;
        if (is_up && shared->definitions_adopted.load() >= version)
            return true;
        if (RecoveryInProgress())
            return false;
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, worker_poll_ms,
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    return shared->database_oid.load() == MyDatabaseId && shared->world_worker.pid.load() != 0;
}

} // namespace

store::WorldSlot require_world(std::int64_t world_id) {
    require_shared_memory();
    const char* mine_name = get_database_name(MyDatabaseId);
    if (mine_name == nullptr || std::strcmp(mine_name, settings::database) != 0)
        ereport(ERROR, (errcode(MAKE_SQLSTATE('W', 'G', '0', '1', '3')),
                        errmsg("no world is played in this database"),
                        errdetail("The server plays the worlds of database \"%s\".", settings::database),
                        errhint("Connect to that one, or set gamelan.database and restart the server.")));
    if (!wait_for_worker())
        ereport(ERROR,
                (errcode(MAKE_SQLSTATE('W', 'G', '0', '1', '3')), errmsg("the world worker is not running"),
                 errdetail(RecoveryInProgress() ? "The server is a standby; worlds are played on the primary."
                                                : "It did not answer for 10 seconds."),
                 errhint("Look at the server log.")));
    const auto slot = region().find(world_id);
    if (!slot)
        ereport(ERROR,
                (errcode(MAKE_SQLSTATE('W', 'G', '0', '0', '1')),
                 errmsg("world " INT64_FORMAT " does not exist", world_id),
                 errhint("SELECT id, name FROM game.world lists the worlds. One that was just created exists "
                         "for others once its transaction has committed.")));
    residence::touch(*slot, world_id);
    return *slot;
}

void require_running(store::WorldSlot slot, std::int64_t world_id) {
    WorldRuntime& world = runtime(slot);
    const WorldState state = world.state.load();
    if (state == WorldState::running)
        return;
    char reason[max_reason_bytes];
    LWLockAcquire(shared->lock, LW_SHARED);
    strlcpy(reason, world.reason, sizeof reason);
    LWLockRelease(shared->lock);
    const char* hint = state == WorldState::created || state == WorldState::paused
                           ? "Start it with game.start_world() or game.resume_world(), or queue the command "
                             "with game.enqueue()."
                           : "Look at game.world and at the server log.";
    ereport(ERROR, (errcode(MAKE_SQLSTATE('W', 'G', '0', '1', '0')),
                    errmsg("world " INT64_FORMAT " is not running", world_id),
                    reason[0] != '\0' ? errdetail("It is %s: %s", name_of(state), reason)
                                      : errdetail("It is %s.", name_of(state)),
                    errhint("%s", hint)));
}

bool try_submit(RequestKind kind, store::WorldSlot slot, std::int64_t world_id, std::int64_t ticks,
                std::string_view payload, Handle& handle) {
    if (TickScope::current() != nullptr)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a system or action cannot wait for a tick"),
                 errdetail("It runs inside of one."),
                 errhint("Write rows, or queue a command with game.enqueue().")));
    const auto room = static_cast<std::size_t>(settings::max_command_bytes);
    if (payload.size() > room)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the command is too large"),
                        errdetail("It has %zu bytes, %zu fit.", payload.size(), room),
                        errhint("Raise gamelan.max_command_bytes and restart the server.")));
    reserve_memory();
    WorldRuntime& world = runtime(slot);
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    const std::uint32_t index = shared->free_request - 1;
    if (shared->free_request == 0) {
        LWLockRelease(shared->lock);
        return false;
    }
    Request& entry = request(index);
    shared->free_request = entry.next;
    entry.kind = kind;
    entry.next = 0;
    entry.world_id = world_id;
    entry.ticks = ticks;
    entry.waiter = MyLatch;
    entry.answer_tick = 0;
    entry.sqlstate[0] = '\0';
    entry.payload_bytes = static_cast<std::uint32_t>(payload.size());
    std::memcpy(entry.payload, payload.data(), payload.size());
    entry.state.store(RequestState::submitted);
    if (world.queue_tail != 0)
        request(world.queue_tail - 1).next = index + 1;
    else
        world.queue_head = index + 1;
    world.queue_tail = index + 1;
    world.queue_length.fetch_add(1);
    LWLockRelease(shared->lock);
    remember(index);
    // A running world looks at its queue at its next tick anyway.
    if (kind != RequestKind::call)
        wake(shared->world_worker);
    handle = {index};
    return true;
}

Handle submit(RequestKind kind, store::WorldSlot slot, std::int64_t world_id, std::int64_t ticks,
              std::string_view payload) {
    Handle handle{};
    if (!try_submit(kind, slot, world_id, ticks, payload, handle))
        ereport(ERROR,
                (errcode(MAKE_SQLSTATE('W', 'G', '0', '1', '1')), errmsg("too many commands are in flight"),
                 errdetail("All %u places are taken.", shared->request_count),
                 errhint("Try again, or raise gamelan.max_requests and restart the server.")));
    return handle;
}

const Request& wait(Handle handle) {
    const Request& entry = request(handle.index);
    while (entry.state.load() != RequestState::done) {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    return entry;
}

void release(Handle handle) {
    forget(handle.index);
    free_request(handle.index);
}

void raise_if_failed(Handle handle) {
    const Request& entry = request(handle.index);
    if (entry.sqlstate[0] == '\0')
        return;
    char code[6];
    strlcpy(code, entry.sqlstate, sizeof code);
    const char* message = pstrdup(entry.payload);
    const char* detail = pstrdup(entry.payload + std::strlen(message) + 1);
    const char* hint = pstrdup(entry.payload + std::strlen(message) + std::strlen(detail) + 2);
    release(handle);
    raise_error(code, message, detail[0] != '\0' ? detail : nullptr, hint[0] != '\0' ? hint : nullptr);
}

std::int64_t ask_for_tick(RequestKind kind, store::WorldSlot slot, std::int64_t world_id,
                          std::int64_t ticks) {
    const Handle handle = submit(kind, slot, world_id, ticks, {});
    const Request& answer = wait(handle);
    raise_if_failed(handle);
    const auto tick = static_cast<std::int64_t>(answer.answer_tick);
    release(handle);
    return tick;
}

void abandon_all() {
    while (mine_count > 0)
        abandon(mine[--mine_count]);
}

bool take(store::WorldSlot slot, std::uint32_t& index) {
    WorldRuntime& world = runtime(slot);
    if (world.queue_length.load() == 0)
        return false;
    bool found = false;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    while (!found && world.queue_head != 0) {
        index = world.queue_head - 1;
        Request& entry = request(index);
        world.queue_head = entry.next;
        if (world.queue_head == 0)
            world.queue_tail = 0;
        world.queue_length.fetch_sub(1);
        RequestState expected = RequestState::submitted;
        entry.next = next_taken;
        if (entry.state.compare_exchange_strong(expected, RequestState::taken))
            found = true;
        else
            free_locked(index);
    }
    LWLockRelease(shared->lock);
    return found;
}

void answer(std::uint32_t index, std::uint64_t tick, std::string_view result) {
    Request& entry = request(index);
    if (result.size() > shared->request_bytes - offsetof(Request, payload)) {
        answer_error(index, "54000", "the action's answer is too large", "The action was applied.",
                     "Raise gamelan.max_command_bytes and restart the server.");
        return;
    }
    entry.answer_tick = tick;
    entry.payload_bytes = static_cast<std::uint32_t>(result.size());
    std::memcpy(entry.payload, result.data(), result.size());
    finish(index);
}

void answer_error(std::uint32_t index, std::string_view sqlstate, std::string_view message,
                  std::string_view detail, std::string_view hint) {
    Request& entry = request(index);
    // Three texts with a terminating zero each; the smallest payload is 512 bytes, so a message always fits.
    std::size_t room = shared->request_bytes - offsetof(Request, payload) - 3;
    char* out = entry.payload;
    for (const std::string_view text : {message, detail, hint}) {
        const std::size_t bytes = Min(text.size(), room);
        std::memcpy(out, text.data(), bytes);
        out[bytes] = '\0';
        out += bytes + 1;
        room -= bytes;
    }
    entry.payload_bytes = static_cast<std::uint32_t>(out - entry.payload);
    std::memcpy(entry.sqlstate, sqlstate.data(), 5);
    entry.sqlstate[5] = '\0';
    finish(index);
}

void fail_orphans() {
    for (std::uint32_t i = 0; i < shared->request_count; ++i) {
        const RequestState state = request(i).state.load();
        if (state == RequestState::abandoned && request(i).next == next_taken)
            free_request(i);
        else if (state == RequestState::taken)
            answer_error(i, "08007", "the world worker was restarted while it worked on the command",
                         "The command may or may not have been applied.",
                         "Look at the world's state before trying again.");
    }
}

void fail_queue(store::WorldSlot slot, std::string_view sqlstate, std::string_view message,
                std::string_view hint) {
    std::uint32_t index = 0;
    while (take(slot, index))
        answer_error(index, sqlstate, message, {}, hint);
}

} // namespace gamelan::pg::requests
