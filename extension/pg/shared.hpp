// What the processes of one server share, besides the store's region: who the workers are, what each world is
// doing, and the requests between sessions and the world worker.
//
// Locking: `lock` (an LWLock) guards the free list and the queues of requests and the fields marked so. It is
// held for straight-line code only; nobody raises or calls Postgres while holding it. All else is atomic and
// has one writer.
#pragma once

#include "core/store/region.hpp"

#include <atomic>
#include <cstdint>

#include "extension/pg/pg.hpp"

namespace gamelan::pg {

// Numbers appear in no stored format.
enum class WorldState : std::uint32_t {
    none = 0,
    created = 1, // in memory, never started
    running = 2,
    paused = 3,
    recovering = 4,
    waiting = 5, // for data a restore has not brought yet
    failed = 6,
    evicted = 7, // in its checkpoint only; comes back when somebody touches it
    stalled = 8, // its ticks cannot be written; goes on by itself when they can
};
const char* name_of(WorldState state);

inline constexpr std::uint32_t lateness_buckets = 96;
inline constexpr std::size_t max_reason_bytes = 256;
inline constexpr std::size_t max_definition_bytes = 1024;

// Handles of entities for sessions to take, under the lock. next_slot = 0: the world's state is not known
// yet.
inline constexpr std::uint32_t entity_pool_size = 64;
struct EntityPool {
    std::uint32_t next_slot; // from here on all slots are new
    std::uint32_t count;
    std::uint64_t handles[entity_pool_size]; // slots that were freed
};

// The newest checkpoint of a world's store, which the next increment holds the changes since. Under the lock.
struct ChainHead {
    std::uint64_t lifetime; // WorldRuntime::lifetime that it was taken in; 0 = there is none
    std::int64_t tick;
    std::uint64_t sequence;     // of the version it holds
    std::uint64_t logged_bytes; // WorldRuntime::logged_bytes at that time
    std::int64_t taken_at;      // TimestampTz
};

// How a world came into memory, or is coming. Written by the world worker; texts and times under the lock.
enum class RecoveryPhase : std::uint32_t { none = 0, loading = 1, replaying = 2, done = 3, failed = 4 };
struct RecoveryReport {
    std::atomic<RecoveryPhase> phase;
    std::atomic<std::uint64_t> from_tick;
    std::atomic<std::uint64_t> tick;
    std::atomic<std::uint64_t> target;
    std::int64_t started_at; // TimestampTz; 0 = never
    std::int64_t replay_started_at;
    std::int64_t ended_at;
    char chain[128];
    char damage[768];
};

// Beside the store's WorldControl of the same slot. Written by the world's worker, except the queue and the
// doorbell.
struct WorldRuntime {
    std::atomic<WorldState> state;
    std::atomic<std::uint32_t> tick_rate_hz;
    std::atomic<std::uint32_t> measured_rate_mhz; // ticks per second × 1000, over the last second
    std::atomic<std::uint64_t> late_ticks;
    std::atomic<std::uint64_t> skipped_ticks;
    std::atomic<std::int64_t> last_checkpoint_tick; // -1 = none
    std::atomic<std::uint64_t> commands_applied;
    std::atomic<std::uint64_t>
        durable_tick; // the newest that is known to be; of a relaxed world behind the published one
    std::atomic<bool> is_eviction_wanted;     // by a session, after the commit of the checkpoint it stands at
    std::atomic<bool> is_touched;             // by a session that found it evicted
    std::atomic<std::int64_t> idle_since_ms;  // of a world that stands still, by the server's clock
    std::atomic<std::uint64_t> retired_bytes; // what only readers of older ticks can still see
    std::atomic<std::uint64_t> inbox_doorbell; // any committing session adds one
    std::atomic<std::uint64_t> lifetime;       // advanced whenever the slot gets a new store; 0 = it had none
    std::atomic<std::uint64_t> logged_bytes;   // of commands, since the server started
    std::atomic<bool> has_new_checkpoint;      // the checkpointer has yet to verify and to tidy up
    // How late ticks began: bucket = lateness_bucket(microseconds).
    std::atomic<std::uint32_t> lateness[lateness_buckets];
    ConditionVariable published;
    // Under the lock: first and last request waiting for this world, as index + 1.
    std::uint32_t queue_head;
    std::uint32_t queue_tail;
    std::atomic<std::uint32_t> queue_length; // may be read without it
    // Under the lock: why the world is waiting or failed; and its definition, so that any session can check
    // arguments.
    char reason[max_reason_bytes];
    EntityPool entities;
    std::uint32_t definition_bytes;
    char definition[max_definition_bytes];
    ChainHead chain;
    RecoveryReport recovery;
};

// Three buckets an octave, from 1 µs up; the last holds all that is later.
std::uint32_t lateness_bucket(std::int64_t lateness_us);
std::int64_t lateness_bucket_limit_us(std::uint32_t bucket);

enum class RequestState : std::uint32_t {
    free = 0,
    submitted = 1, // in its world's queue
    taken = 2,     // by the worker
    done = 3,      // the answer is there
    abandoned = 4, // nobody waits any more; the worker frees it
};

enum class RequestKind : std::uint32_t { call = 1, sync = 2, step = 3 };

struct alignas(64) Request {
    std::atomic<RequestState> state;
    RequestKind kind;
    std::uint32_t next; // free list or queue, index + 1
    std::int64_t world_id;
    std::int64_t ticks;          // step: how many
    Latch* waiter;               // of the session
    std::uint64_t answer_tick;   // the tick that applied it
    char sqlstate[6];            // empty = success
    std::uint32_t payload_bytes; // request: an encoded command; answer: JSON, or message \0 detail \0 hint \0
    char payload[FLEXIBLE_ARRAY_MEMBER];
};

struct WorkerEntry {
    std::atomic<int> pid; // 0 = none
    std::atomic<Latch*> latch;
};

struct SharedState {
    std::uint64_t magic;
    std::uint32_t layout_version;
    LWLock* lock;
    WorkerEntry launcher;
    WorkerEntry world_worker;
    WorkerEntry checkpointer;
    WorkerEntry flusher;
    std::atomic<std::uint64_t> flush_wanted; // position in the server's log up to which ticks are committed
    std::atomic<Oid> database_oid;           // whose worlds are in memory
    std::atomic<Oid> stopped_database_oid;   // workers stay away from it
    std::atomic<std::uint64_t>
        definitions_version; // advanced by every commit that changed game.world_definition
    std::atomic<std::uint32_t> definitions_pending; // transactions that commit such a change just now
    std::atomic<std::uint64_t> definitions_adopted; // the version the world worker has taken in
    std::uint32_t free_request;                     // under the lock, index + 1
    std::uint32_t request_count;
    std::uint32_t request_bytes; // distance between two
    std::uint32_t max_worlds;
};

// Set in every process of a server that preloads the library; null otherwise.
extern SharedState* shared;

// Called by _PG_init: asks for the memory and chains the hooks.
void install_shared_memory_hooks();

// Raises an error with a hint when the library was not preloaded.
void require_shared_memory();

const store::Region& region();
WorldRuntime& runtime(store::WorldSlot slot);
Request& request(std::uint32_t index);

// This process's place among the readers of the store.
store::PinSlot my_pin();

void wake(const WorkerEntry& worker);

} // namespace gamelan::pg
