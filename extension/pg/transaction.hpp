// What a session's transaction will tell the world worker when it commits, and only then: queued commands
// (game.enqueue) and changed definitions.
//
// Commands are kept in memory per subtransaction and written to game.inbox just before the commit, one row a
// world. The row's id is drawn at that moment, so ids follow the order of commits that can know of each
// other: a transaction that saw another's effects draws later. The worker applies rows in id order among
// those it can see.
#pragma once

#include "core/game/value.hpp"
#include "core/store/region.hpp"
#include "extension/pg/command_queue.hpp"
#include "extension/pg/shared.hpp"

#include <functional>

#include "extension/pg/pg.hpp"

namespace gamelan::pg::transaction {

// Registers the callbacks; once per process, from _PG_init.
void install_callbacks();

// These raise, and are undone by ROLLBACK [TO].
void announce_definitions_at_commit();
bool has_changed_definitions();
// `head`: for the increment that follows; lifetime 0 = none can.
void announce_checkpoint_at_commit(store::WorldSlot slot, std::int64_t world_id, const ChainHead& head);
// The world gives its memory back if it still stands at its checkpoint then.
void evict_at_commit(store::WorldSlot slot, std::int64_t world_id);
// Returns nothing; `encoded` is a batch of one command. Raises when the transaction has queued too many.
void queue_command(std::int64_t world_id, std::string_view encoded);

// Rows written to components. C++ zone: these throw, and are undone by ROLLBACK [TO] like the above.
// `row`: packed as the group says. Throws Error(queue_full) beyond gamelan.max_queued_writes.
void queue_row(std::int64_t world_id, const std::shared_ptr<const codec::RowGroup>& group,
               std::string_view row);
std::optional<bool> own_row(const CommandQueue::RowKey& key);
void note_row(const CommandQueue::RowKey& key, bool is_there);
// Handles that no other session gets; those of a transaction that aborts are given back as far as there is
// room. Throws Error(world_not_running, world_full).
// Slots are handed out from the lowest.
void reserve_entities(store::WorldSlot slot, std::int64_t world_id, std::uint32_t count,
                      std::vector<std::uint64_t>& out);

// The name of this session in game.inbox and game.conflict. Lives as long as the process.
const char* session_id();

// While it lives, what a tick reserves beyond the pool comes from here, before new slots are taken.
class PoolRefill {
  public:
    explicit PoolRefill(std::function<void()> refill);
    ~PoolRefill();
    PoolRefill(const PoolRefill&) = delete;
    PoolRefill& operator=(const PoolRefill&) = delete;
};

} // namespace gamelan::pg::transaction
