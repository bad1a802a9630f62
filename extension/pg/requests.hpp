// Requests from sessions to the world worker. Session side: submit, wait, collect. Worker side: take, answer.
#pragma once

#include "core/game/value.hpp"

#include <cstdint>
#include <span>
#include <string_view>

#include "extension/pg/shared.hpp"

namespace gamelan::pg::requests {

struct Handle {
    std::uint32_t index;
};

// Session side. All of these raise Postgres errors and hold no C++ objects.

// Finds the world, or raises undefined_world / worker_not_running with hints.
store::WorldSlot require_world(std::int64_t world_id);
// Raises world_not_running unless the world is one of those that apply commands by themselves.
void require_running(store::WorldSlot slot, std::int64_t world_id);

// Queues a request for a world; false when gamelan.max_requests are in flight. Raises when the payload is too
// large.
bool try_submit(RequestKind kind, store::WorldSlot slot, std::int64_t world_id, std::int64_t ticks,
                std::string_view payload, Handle& handle);
// The same, raising queue_full.
Handle submit(RequestKind kind, store::WorldSlot slot, std::int64_t world_id, std::int64_t ticks,
              std::string_view payload);

// Waits until it is answered; interruptible: then the request is abandoned (if it had not been taken, it
// never will be).
const Request& wait(Handle handle);
// Gives it back after wait(), copying nothing.
void release(Handle handle);
// Raises the error that the answer carries, if any. Releases the request in that case.
void raise_if_failed(Handle handle);
// Submits a request that is answered with a tick alone, waits, and returns it. Raises what the answer
// carries.
std::int64_t ask_for_tick(RequestKind kind, store::WorldSlot slot, std::int64_t world_id, std::int64_t ticks);
// Abandons everything this session still waits for: at the end of a transaction that failed, and at exit.
void abandon_all();

// Worker side.

// The next request in a world's queue, marked taken; or nothing. Frees abandoned ones on its way.
bool take(store::WorldSlot slot, std::uint32_t& index);
void answer(std::uint32_t index, std::uint64_t tick, std::string_view result);
void answer_error(std::uint32_t index, std::string_view sqlstate, std::string_view message,
                  std::string_view detail, std::string_view hint);
// A new worker: what its predecessor had taken may or may not have been applied.
void fail_orphans();
// A world that goes away: everything in its queue fails.
void fail_queue(store::WorldSlot slot, std::string_view sqlstate, std::string_view message,
                std::string_view hint);

} // namespace gamelan::pg::requests
