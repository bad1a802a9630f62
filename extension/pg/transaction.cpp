#include "extension/pg/transaction.hpp"

#include "core/codec/command_batch.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/settings.hpp"

namespace gamelan::pg::transaction {

namespace {

struct Queued {
    std::int64_t world_id;
    SubTransactionId subtransaction;
    std::string encoded;
};

struct Checkpointed {
    store::WorldSlot slot;
    std::int64_t world_id;
    std::int64_t tick;
    SubTransactionId subtransaction;
};

struct Pending {
    std::vector<Queued> commands;
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
    pending().commands.clear();
    pending().doorbells.clear();
    pending().checkpoints.clear();
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

bool next_batch(Batch& out) {
    return sql_boundary([&] {
        auto& commands = pending().commands;
        if (commands.empty())
            return false;
        std::vector<game::Command> batch;
        const std::int64_t world_id = commands.front().world_id;
        for (const Queued& queued : commands)
            if (queued.world_id == world_id)
                for (game::Command& command : codec::decode_commands(queued.encoded))
                    batch.push_back(std::move(command));
        std::erase_if(commands, [&](const Queued& queued) { return queued.world_id == world_id; });
        pending().doorbells.push_back(world_id);
        const std::string encoded = codec::encode_commands(batch);
        auto* bytes = static_cast<char*>(
            pg_call([&] { return MemoryContextAllocHuge(CurrentMemoryContext, encoded.size()); }));
        std::memcpy(bytes, encoded.data(), encoded.size());
        out = {world_id, bytes, encoded.size()};
        return true;
    });
}

void before_commit() {
    if (pending().commands.empty())
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

void after_commit() {
    if (shared == nullptr)
        return;
    for (const std::int64_t world_id : pending().doorbells)
        if (const auto slot = region().find(world_id))
            runtime(*slot).inbox_doorbell.fetch_add(1);
    for (const Checkpointed& done : pending().checkpoints)
        if (region().control(done.slot).world_id.load() == done.world_id)
            runtime(done.slot).last_checkpoint_tick.store(done.tick);
    const bool has_definitions = pending().definitions_changed_by != InvalidSubTransactionId;
    if (has_definitions)
        shared->definitions_version.fetch_add(1);
    if (has_definitions || !pending().doorbells.empty())
        wake(shared->world_worker);
    clear();
}

void on_transaction(XactEvent event, void*) {
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
        before_commit();
        break;
    case XACT_EVENT_COMMIT:
        after_commit();
        break;
    case XACT_EVENT_ABORT:
        clear();
        requests::abandon_all();
        break;
    case XACT_EVENT_PRE_PREPARE:
        if (!pending().commands.empty() || !pending().checkpoints.empty() ||
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
    if (event == SUBXACT_EVENT_COMMIT_SUB) {
        for (Queued& queued : state.commands)
            if (queued.subtransaction == mine)
                queued.subtransaction = parent;
        for (Checkpointed& done : state.checkpoints)
            if (done.subtransaction == mine)
                done.subtransaction = parent;
        if (state.definitions_changed_by == mine)
            state.definitions_changed_by = parent;
    } else if (event == SUBXACT_EVENT_ABORT_SUB) {
        std::erase_if(state.commands, [&](const Queued& queued) { return queued.subtransaction == mine; });
        std::erase_if(state.checkpoints,
                      [&](const Checkpointed& done) { return done.subtransaction == mine; });
        requests::abandon_all();
        // A change in an outer level may be forgotten here only if this level made it; ringing once too often
        // is harmless.
        if (state.definitions_changed_by == mine)
            state.definitions_changed_by = parent;
    }
}

} // namespace

void install_callbacks() {
    RegisterXactCallback(on_transaction, nullptr);
    RegisterSubXactCallback(on_subtransaction, nullptr);
}

void announce_definitions_at_commit() {
    pending().definitions_changed_by = GetCurrentSubTransactionId();
}

void announce_checkpoint_at_commit(store::WorldSlot slot, std::int64_t world_id, std::int64_t tick) {
    sql_boundary([&] {
        pending().checkpoints.push_back({slot, world_id, tick, GetCurrentSubTransactionId()});
    });
}

void queue_command(std::int64_t world_id, std::string_view encoded) {
    if (pending().commands.size() >= static_cast<std::size_t>(settings::max_queued_commands))
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                        errmsg("this transaction has queued too many commands"),
                        errdetail("The limit is %d.", settings::max_queued_commands),
                        errhint("Commit in between, or raise gamelan.max_queued_commands.")));
    sql_boundary([&] {
        pending().commands.push_back({world_id, GetCurrentSubTransactionId(), std::string(encoded)});
    });
}

const char* session_id() {
    static char id[40];
    if (id[0] == '\0')
        snprintf(id, sizeof id, "%llx.%x", static_cast<unsigned long long>(MyStartTimestamp),
                 static_cast<unsigned>(MyProcPid));
    return id;
}

} // namespace gamelan::pg::transaction
