#include "extension/pg/hooks.hpp"

#include "extension/pg/shared.hpp"

#include <cstring>

#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"

namespace gamelan::pg {

namespace {

constexpr long leave_timeout_ms = 10000;
constexpr long leave_poll_ms = 10;

ProcessUtility_hook_type previous_utility = nullptr;

// The database that a command wants to itself; null = the command wants none.
const char* exclusive_database(Node* statement) {
    switch (nodeTag(statement)) {
    case T_DropdbStmt:
        return castNode(DropdbStmt, statement)->dbname;
    case T_RenameStmt: {
        const RenameStmt* rename = castNode(RenameStmt, statement);
        return rename->renameType == OBJECT_DATABASE ? rename->subname : nullptr;
    }
    case T_AlterDatabaseStmt: {
        const AlterDatabaseStmt* alter = castNode(AlterDatabaseStmt, statement);
        ListCell* cell = nullptr;
        foreach (cell, alter->options)
            if (std::strcmp(castNode(DefElem, lfirst(cell))->defname, "tablespace") == 0)
                return alter->dbname;
        return nullptr;
    }
    case T_CreatedbStmt: {
        ListCell* cell = nullptr;
        foreach (cell, castNode(CreatedbStmt, statement)->options) {
            DefElem* option = castNode(DefElem, lfirst(cell));
            if (std::strcmp(option->defname, "template") == 0 && option->arg != nullptr)
                return defGetString(option);
        }
        return nullptr;
    }
    default:
        return nullptr;
    }
}

// Asks the workers to leave, and waits until they have, or for a time that no healthy worker takes. Then the
// command itself reports who is still connected.
void clear_database(Oid database) {
    shared->stopped_database_oid.store(database);
    wake(shared->world_worker);
    wake(shared->checkpointer);
    for (long waited = 0; waited < leave_timeout_ms; waited += leave_poll_ms) {
        if (shared->world_worker.pid.load() == 0 && shared->checkpointer.pid.load() == 0)
            return;
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, leave_poll_ms,
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

void utility(PlannedStmt* planned, const char* query, bool is_read_only_tree, ProcessUtilityContext context,
             ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* receiver,
             QueryCompletion* completion) {
    const auto next = previous_utility != nullptr ? previous_utility : standard_ProcessUtility;
    const char* name = shared != nullptr ? exclusive_database(planned->utilityStmt) : nullptr;
    const bool is_ours = name != nullptr && std::strcmp(name, settings::database) == 0;
    const Oid database = is_ours && IsTransactionState() ? get_database_oid(name, true) : InvalidOid;
    // Only who may do it, may stop the worlds for it.
    if (!OidIsValid(database) || !pg_database_ownercheck(database, GetUserId())) {
        next(planned, query, is_read_only_tree, context, parameters, environment, receiver, completion);
        return;
    }
    PG_TRY();
    {
        clear_database(database);
        next(planned, query, is_read_only_tree, context, parameters, environment, receiver, completion);
    }
    PG_FINALLY();
    {
        shared->stopped_database_oid.store(InvalidOid);
        wake(shared->launcher);
    }
    PG_END_TRY();
}

} // namespace

void install_hooks() {
    previous_utility = ProcessUtility_hook;
    ProcessUtility_hook = utility;
}

} // namespace gamelan::pg
