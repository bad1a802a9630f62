#include "extension/pg/transaction.hpp"

#include "core/store/layout.hpp"

#include "core/codec/command_batch.hpp"

#include "extension/pg/command_queue.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "extension/fdw/write_mode.hpp"
#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/residence.hpp"
#include "extension/pg/settings.hpp"
#include "extension/pg/tick_scope.hpp"

extern "C" {
#include "utils/resowner.h"
}

namespace gamelan::pg::transaction {

namespace {

struct Checkpointed {
    store::WorldSlot slot;
    std::int64_t world_id;
    ChainHead head;
    SubTransactionId subtransaction;
};

// Handles of entities that this transaction took from a world's pool.
struct Reserved {
    store::WorldSlot slot;
    std::int64_t world_id;
    SubTransactionId subtransaction;
    std::uint64_t first;
    std::uint32_t count; // of handles that follow one another
};

struct Eviction {
    store::WorldSlot slot;
    std::int64_t world_id;
    SubTransactionId subtransaction;
};

struct Pending {
    bool is_change_announced = false; // in definitions_pending
    std::vector<Eviction> evictions;
    CommandQueue queue;
    std::vector<Reserved> reserved;
    std::vector<Checkpointed> checkpoints;
    // Innermost subtransaction that changed definitions and still stands; 0 = none.
    SubTransactionId definitions_changed_by = InvalidSubTransactionId;
    std::vector<std::int64_t> doorbells; // worlds to ring after the commit
};

// Leaked on purpose: no destructors at process exit.
Pending& pending() {
    static auto& instance = *new Pending;
    return instance;
}

void clear() {
    pending().queue.clear();
    pending().reserved.clear();
    pending().doorbells.clear();
    pending().checkpoints.clear();
    pending().evictions.clear();
    pending().definitions_changed_by = InvalidSubTransactionId;
}

void insert_inbox_row(std::int64_t world_id, const char* bytes, std::size_t size) {
    const Oid schema = get_namespace_oid("game", false);
    const Oid table_oid = get_relname_relid("inbox", schema);
    const Oid sequence_oid = get_relname_relid("inbox_id_seq", schema);
    if (!OidIsValid(table_oid) || !OidIsValid(sequence_oid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the table game.inbox does not exist"),
                        errhint("Was the extension dropped in this transaction?")));
    auto* commands = static_cast<bytea*>(palloc(size + VARHDRSZ));
    SET_VARSIZE(commands, size + VARHDRSZ);
    std::memcpy(VARDATA(commands), bytes, size);
    const Relation table = table_open(table_oid, RowExclusiveLock);
    Datum values[4] = {Int64GetDatum(nextval_internal(sequence_oid, false)), Int64GetDatum(world_id),
                       CStringGetTextDatum(session_id()), PointerGetDatum(commands)};
    bool nulls[4] = {};
    const HeapTuple row = heap_form_tuple(RelationGetDescr(table), values, nulls);
    CatalogTupleInsert(table, row);
    heap_freetuple(row);
    table_close(table, NoLock);
}

// All commands of one world as one batch, palloc'd; removes them from the queue.
struct Batch {
    std::int64_t world_id;
    const char* bytes;
    std::size_t size;
};

// Written rows have a handle too, for game.conflict.
std::int64_t next_handle() {
    const Oid sequence = get_relname_relid("command_handle_seq", get_namespace_oid("game", false));
    if (!OidIsValid(sequence))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("the sequence game.command_handle_seq does not exist"),
                        errhint("Was the extension dropped in this transaction?")));
    return nextval_internal(sequence, false);
}

bool next_batch(Batch& out) {
    return sql_boundary([&] {
        CommandQueue& queue = pending().queue;
        if (queue.is_empty())
            return false;
        const std::int64_t world_id = queue.first_world();
        const std::int64_t handle = queue.has_rows(world_id) ? pg_call([] { return next_handle(); }) : 0;
        const char* actor = pg_call([] { return GetUserNameFromId(GetSessionUserId(), false); });
        const std::vector<game::Command> batch = queue.take(world_id, handle, actor);
        pending().doorbells.push_back(world_id);
        const std::string encoded = codec::encode_commands(batch);
        auto* bytes = static_cast<char*>(
            pg_call([&] { return MemoryContextAllocHuge(CurrentMemoryContext, encoded.size()); }));
        std::memcpy(bytes, encoded.data(), encoded.size());
        out = {world_id, bytes, encoded.size()};
        return true;
    });
}

// The rest of the way to the commit may be long; the worker must know before it can see our rows.
void announce_change() {
    if (shared == nullptr || pending().definitions_changed_by == InvalidSubTransactionId)
        return;
    shared->definitions_pending.fetch_add(1);
    pending().is_change_announced = true;
}

void end_announcement() {
    if (pending().is_change_announced)
        shared->definitions_pending.fetch_sub(1);
    pending().is_change_announced = false;
}

bool must_tell_definitions = false; // has committed, and the worker does not know yet

void before_commit() {
    if (pending().queue.is_empty())
        return;
    PushActiveSnapshot(GetTransactionSnapshot());
    Batch batch{};
    while (next_batch(batch)) {
        if (!region().find(batch.world_id))
            ereport(ERROR,
                    (errcode(MAKE_SQLSTATE('W', 'G', '0', '0', '1')),
                     errmsg("world " INT64_FORMAT " was dropped before its queued commands were committed",
                            batch.world_id)));
        insert_inbox_row(batch.world_id, batch.bytes, batch.size);
    }
    PopActiveSnapshot();
}

void note_checkpoint(const Checkpointed& done) {
    WorldRuntime& world = runtime(done.slot);
    if (region().control(done.slot).world_id.load() != done.world_id)
        return;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    world.chain = done.head;
    LWLockRelease(shared->lock);
    world.last_checkpoint_tick.store(done.head.tick);
    world.has_new_checkpoint.store(true);
    wake(shared->checkpointer);
}

void after_commit() {
    if (shared == nullptr)
        return;
    for (const std::int64_t world_id : pending().doorbells)
        if (const auto slot = region().find(world_id))
            runtime(*slot).inbox_doorbell.fetch_add(1);
    for (const Checkpointed& done : pending().checkpoints)
        note_checkpoint(done);
    for (const Eviction& eviction : pending().evictions)
        if (region().control(eviction.slot).world_id.load() == eviction.world_id)
            residence::let_go(eviction.slot);
    must_tell_definitions = pending().definitions_changed_by != InvalidSubTransactionId;
    if (!must_tell_definitions && !pending().doorbells.empty())
        wake(shared->world_worker);
    clear();
}

// After the messages that make other processes' catalog caches forget what we changed: told before, the
// worker could read the definitions from what it remembers. Called for each resource owner; the first does
// it.
void after_invalidation(ResourceReleasePhase phase, bool, bool is_top_level, void*) {
    if (!must_tell_definitions || !is_top_level || phase != RESOURCE_RELEASE_AFTER_LOCKS)
        return;
    must_tell_definitions = false;
    shared->definitions_version.fetch_add(1);
    end_announcement();
    wake(shared->world_worker);
}

// What the pool has no room for is lost until the world is loaded again. `subtransaction` 0: all.
// Null but in a tick of the world worker.
std::function<void()>& pool_refill() {
    static auto& refill = *new std::function<void()>;
    return refill;
}

std::uint64_t take_lowest(EntityPool& pool) {
    const auto is_lower = [](std::uint64_t a, std::uint64_t b) {
        return store::Entity{a}.slot() < store::Entity{b}.slot();
    };
    std::uint64_t* const lowest = std::min_element(pool.handles, pool.handles + pool.count, is_lower);
    return std::exchange(*lowest, pool.handles[--pool.count]);
}

void give_back_reserved(SubTransactionId subtransaction) {
    if (pending().reserved.empty())
        return;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    auto& reserved = pending().reserved;
    for (auto range = reserved.rbegin(); range != reserved.rend(); ++range) {
        if (subtransaction != InvalidSubTransactionId && range->subtransaction != subtransaction)
            continue;
        if (region().control(range->slot).world_id.load() != range->world_id)
            continue;
        EntityPool& pool = runtime(range->slot).entities;
        if (range->first + range->count == pool.next_slot)
            pool.next_slot = static_cast<std::uint32_t>(range->first);
        else
            for (std::uint32_t i = 0; i < range->count && pool.count < entity_pool_size; ++i)
                pool.handles[pool.count++] = range->first + i;
    }
    LWLockRelease(shared->lock);
    std::erase_if(reserved, [&](const Reserved& range) {
        return subtransaction == InvalidSubTransactionId || range.subtransaction == subtransaction;
    });
}

void on_transaction(XactEvent event, void*) {
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
        before_commit();
        announce_change();
        break;
    case XACT_EVENT_COMMIT:
        after_commit();
        break;
    case XACT_EVENT_ABORT:
        end_announcement();
        fdw::leave_write_mode();
        give_back_reserved(InvalidSubTransactionId);
        clear();
        requests::abandon_all();
        break;
    case XACT_EVENT_PRE_PREPARE:
        if (!pending().queue.is_empty() || !pending().checkpoints.empty() ||
            pending().definitions_changed_by != InvalidSubTransactionId)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("cannot PREPARE a transaction that has queued commands, changed worlds or "
                                   "written checkpoints"),
                            errhint("Commit it instead.")));
        break;
    default:
        break;
    }
}

void on_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void*) {
    Pending& state = pending();
    if (TickScope* scope = TickScope::current();
        scope != nullptr && (event == SUBXACT_EVENT_COMMIT_SUB || event == SUBXACT_EVENT_ABORT_SUB))
        scope->end_subtransaction(mine, parent, event == SUBXACT_EVENT_COMMIT_SUB);
    if (event == SUBXACT_EVENT_COMMIT_SUB) {
        state.queue.merge(mine, parent);
        for (Reserved& range : state.reserved)
            if (range.subtransaction == mine)
                range.subtransaction = parent;
        for (Checkpointed& done : state.checkpoints)
            if (done.subtransaction == mine)
                done.subtransaction = parent;
        for (Eviction& eviction : state.evictions)
            if (eviction.subtransaction == mine)
                eviction.subtransaction = parent;
        if (state.definitions_changed_by == mine)
            state.definitions_changed_by = parent;
    } else if (event == SUBXACT_EVENT_ABORT_SUB) {
        fdw::leave_write_mode();
        state.queue.discard(mine);
        give_back_reserved(mine);
        std::erase_if(state.checkpoints,
                      [&](const Checkpointed& done) { return done.subtransaction == mine; });
        std::erase_if(state.evictions,
                      [&](const Eviction& eviction) { return eviction.subtransaction == mine; });
        requests::abandon_all();
        // A change in an outer level may be forgotten here only if this level made it; ringing once too often
        // is harmless.
        if (state.definitions_changed_by == mine)
            state.definitions_changed_by = parent;
    }
}

} // namespace

// Where rows wait: for the commit, or inside a tick for the end of the statement.
static CommandQueue& rows() {
    TickScope* scope = TickScope::current();
    return scope != nullptr ? scope->rows() : pending().queue;
}

void install_callbacks() {
    RegisterXactCallback(on_transaction, nullptr);
    RegisterSubXactCallback(on_subtransaction, nullptr);
    RegisterResourceReleaseCallback(after_invalidation, nullptr);
}

void announce_definitions_at_commit() {
    pending().definitions_changed_by = GetCurrentSubTransactionId();
}

bool has_changed_definitions() {
    return pending().definitions_changed_by != InvalidSubTransactionId;
}

void announce_checkpoint_at_commit(store::WorldSlot slot, std::int64_t world_id, const ChainHead& head) {
    sql_boundary([&] {
        pending().checkpoints.push_back({slot, world_id, head, GetCurrentSubTransactionId()});
    });
}

void evict_at_commit(store::WorldSlot slot, std::int64_t world_id) {
    sql_boundary([&] { pending().evictions.push_back({slot, world_id, GetCurrentSubTransactionId()}); });
}

void queue_command(std::int64_t world_id, std::string_view encoded) {
    if (pending().queue.commands() >= static_cast<std::size_t>(settings::max_queued_commands))
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                        errmsg("this transaction has queued too many commands"),
                        errdetail("The limit is %d.", settings::max_queued_commands),
                        errhint("Commit in between, or raise gamelan.max_queued_commands.")));
    sql_boundary([&] { pending().queue.add_command(world_id, GetCurrentSubTransactionId(), encoded); });
}

void queue_row(std::int64_t world_id, const std::shared_ptr<const codec::RowGroup>& group,
               std::string_view row) {
    const std::size_t limit = static_cast<std::size_t>(settings::max_queued_writes_kb) * 1024;
    CommandQueue& queue = rows();
    if (queue.row_bytes() + row.size() > limit)
        throw Error(sqlstate::queue_full, "this transaction has written too many rows of components",
                    "They take more than " + std::to_string(settings::max_queued_writes_kb) + " kB.",
                    "Commit in between, or raise gamelan.max_queued_writes.");
    queue.add_row(world_id, GetCurrentSubTransactionId(), group, row);
}

std::optional<bool> own_row(const CommandQueue::RowKey& key) {
    return rows().own_row(key);
}

void note_row(const CommandQueue::RowKey& key, bool is_there) {
    rows().note_row(key, GetCurrentSubTransactionId(), is_there);
}

PoolRefill::PoolRefill(std::function<void()> refill) {
    pool_refill() = std::move(refill);
}

PoolRefill::~PoolRefill() {
    pool_refill() = nullptr;
}

void reserve_entities(store::WorldSlot slot, std::int64_t world_id, std::uint32_t count,
                      std::vector<std::uint64_t>& out) {
    out.reserve(out.size() + count);
    auto& reserved = pending().reserved;
    reserved.reserve(reserved.size() + entity_pool_size + 1);
    const SubTransactionId mine = GetCurrentSubTransactionId();
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    EntityPool& pool = runtime(slot).entities;
    const bool is_known = pool.next_slot != 0 && region().control(slot).world_id.load() == world_id;
    const bool has_room = is_known && count <= store::max_slots - Min(pool.next_slot, store::max_slots);
    for (; has_room && count > 0; --count) {
        if (pool.count == 0 && pool_refill() && TickScope::current() != nullptr) {
            LWLockRelease(shared->lock);
            pool_refill()();
            reserved.reserve(reserved.size() + entity_pool_size + 1);
            LWLockAcquire(shared->lock, LW_EXCLUSIVE);
        }
        if (pool.count == 0)
            break;
        const std::uint64_t handle = take_lowest(pool);
        out.push_back(handle);
        reserved.push_back({slot, world_id, mine, handle, 1});
    }
    if (has_room && count > 0) {
        reserved.push_back({slot, world_id, mine, pool.next_slot, count});
        for (; count > 0; --count)
            out.push_back(pool.next_slot++);
    }
    LWLockRelease(shared->lock);
    if (!is_known)
        throw Error(sqlstate::world_not_running,
                    "world " + std::to_string(world_id) + " is not in memory yet", {},
                    "game.world says why; so does the server log.");
    if (!has_room)
        throw Error(sqlstate::world_full, "the world has no room for so many entities",
                    "A world holds " + std::to_string(store::max_slots - 1) + ".");
}

const char* session_id() {
    static char id[40];
    if (id[0] == '\0')
        snprintf(id, sizeof id, "%llx.%x", static_cast<unsigned long long>(MyStartTimestamp),
                 static_cast<unsigned>(MyProcPid));
    return id;
}

} // namespace gamelan::pg::transaction
