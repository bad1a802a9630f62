#include "extension/pg/procedure.hpp"

#include <cstring>
#include <unordered_map>

#include "extension/fdw/point_update.hpp"
#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/catcache.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/tuplestore.h"
}

namespace gamelan::pg::procedure {

namespace {

struct Kept {
    MemoryContext memory;
    std::uint64_t generation; // of the catalogs that the plans are for
    Oid owner;
    Oid result_type;
    bool is_strict;
    bool is_procedure;
    bool is_parsed;
    int parameters;
    Oid* parameter_types;
    List* statements; // of PlannedStmt
    List* points;     // for each of them, what runs it without the executor, or null
    SPIPlanPtr call;  // of one that is not parsed
};

constinit std::uint64_t generation_of_catalogs = 1;
constinit int current_statement = 0;

std::unordered_map<Oid, Kept*>& kept_procedures() {
    static auto& kept = *new std::unordered_map<Oid, Kept*>;
    return kept;
}

void on_relation_change(Datum, Oid) {
    ++generation_of_catalogs;
}
void on_catalog_change(Datum, int, uint32) {
    ++generation_of_catalogs;
}

void watch_catalogs() {
    static bool is_watching = false;
    if (is_watching)
        return;
    is_watching = true;
    CacheRegisterRelcacheCallback(on_relation_change, 0);
    for (const int cache : {PROCOID, TYPEOID, NAMESPACEOID, OPEROID, CONSTROID})
        CacheRegisterSyscacheCallback(cache, on_catalog_change, 0);
}

// The analysed statements of a body; NIL when it is a text.
List* parsed_statements(HeapTuple row) {
    bool is_null = true;
    const Datum body = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_prosqlbody, &is_null);
    if (is_null)
        return NIL;
    Node* tree = static_cast<Node*>(stringToNode(TextDatumGetCString(body)));
    return IsA(tree, List) ? linitial_node(List, castNode(List, tree)) : list_make1(tree);
}

void plan(List* queries, Kept& kept) {
    ListCell* cell;
    foreach (cell, queries) {
        Query* query = lfirst_node(Query, cell);
        AcquireRewriteLocks(query, true, false);
        List* rewritten = QueryRewrite(query);
        ListCell* inner;
        foreach (inner, rewritten) {
            Query* one = lfirst_node(Query, inner);
            // A row that is returned is the executor's to form.
            const bool is_plain =
                settings::compile && (one->returningList == NIL || !type_is_rowtype(kept.result_type));
            kept.points = lappend(kept.points, is_plain ? fdw::prepare_point_update(one) : nullptr);
            kept.statements = lappend(kept.statements, pg_plan_query(one, "", 0, nullptr));
        }
    }
}

const char* call_text(const Form_pg_proc function, const Kept& kept) {
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(
        &text, "%s %s(", kept.is_procedure ? "CALL" : "SELECT",
        quote_qualified_identifier(get_namespace_name(function->pronamespace), NameStr(function->proname)));
    for (int i = 0; i < kept.parameters; ++i)
        appendStringInfo(&text, "%s$%d", i == 0 ? "" : ", ", i + 1);
    appendStringInfoChar(&text, ')');
    return text.data;
}

// Ends the role and the settings it began, unless an error does.
class AsFunctionOwner {
  public:
    AsFunctionOwner(Oid owner, const char* search_path) {
        GetUserIdAndSecContext(&role_, &context_);
        SetUserIdAndSecContext(owner, context_ | SECURITY_LOCAL_USERID_CHANGE);
        if (search_path == nullptr)
            return;
        settings_ = NewGUCNestLevel();
        (void)set_config_option("search_path", search_path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
                                0, false);
    }
    void end() {
        if (settings_ != 0)
            AtEOXact_GUC(true, settings_);
        SetUserIdAndSecContext(role_, context_);
    }

  private:
    Oid role_ = InvalidOid;
    int context_ = 0;
    int settings_ = 0;
};

Kept* prepare(Oid function, const char* search_path) {
    const HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(row))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("function %u does not exist", function)));
    const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(row));
    const MemoryContext memory =
        AllocSetContextCreate(TopMemoryContext, "gamelan procedure", ALLOCSET_SMALL_SIZES);
    const MemoryContext old = MemoryContextSwitchTo(memory);
    auto* kept = static_cast<Kept*>(palloc0(sizeof(Kept)));
    kept->memory = memory;
    kept->owner = form->proowner;
    kept->result_type = form->prorettype;
    kept->is_strict = form->proisstrict;
    kept->is_procedure = form->prokind == PROKIND_PROCEDURE;
    kept->parameters = form->pronargs;
    kept->parameter_types = static_cast<Oid*>(palloc(sizeof(Oid) * Max(form->pronargs, 1)));
    std::memcpy(kept->parameter_types, form->proargtypes.values, sizeof(Oid) * Max(form->pronargs, 0));
    List* queries = parsed_statements(row);
    kept->is_parsed = queries != NIL;
    AsFunctionOwner owner(kept->owner, search_path);
    if (kept->is_parsed) {
        plan(queries, *kept);
    } else {
        kept->call = SPI_prepare(call_text(const_cast<Form_pg_proc>(form), *kept), kept->parameters,
                                 kept->parameter_types);
        if (kept->call == nullptr || SPI_keepplan(kept->call) != 0)
            elog(ERROR, "could not prepare a call: %s", SPI_result_code_string(SPI_result));
    }
    owner.end();
    kept->generation = generation_of_catalogs;
    ReleaseSysCache(row);
    MemoryContextSwitchTo(old);
    return kept;
}

void forget(Kept* kept) {
    if (kept->call != nullptr)
        SPI_freeplan(kept->call);
    MemoryContextDelete(kept->memory);
}

Kept* look_up(Oid function, const char* search_path) {
    watch_catalogs();
    // Waits for invalidations that were sent before now.
    AcceptInvalidationMessages();
    auto& all = kept_procedures();
    const auto found = all.find(function);
    if (found != all.end() && found->second->generation == generation_of_catalogs)
        return found->second;
    if (found != all.end()) {
        Kept* old = found->second;
        all.erase(found);
        forget(old);
    }
    Kept* kept = prepare(function, search_path);
    sql_boundary([&] { kept_procedures().emplace(function, kept); });
    return kept;
}

void lock_relations(const Kept& kept) {
    ListCell* statement;
    foreach (statement, kept.statements) {
        ListCell* cell;
        foreach (cell, lfirst_node(PlannedStmt, statement)->rtable) {
            const auto* entry = lfirst_node(RangeTblEntry, cell);
            if (entry->rtekind == RTE_RELATION)
                LockRelationOid(entry->relid, static_cast<LOCKMODE>(entry->rellockmode));
        }
    }
}

// Who waits for a lock may find another table than the one that the plan was made for.
Kept* look_up_and_lock(Oid function, const char* search_path) {
    for (;;) {
        Kept* kept = look_up(function, search_path);
        lock_relations(*kept);
        if (kept->generation == generation_of_catalogs)
            return kept;
    }
}

ParamListInfo parameters_of(const Kept& kept, std::span<const Argument> arguments) {
    if (kept.parameters == 0)
        return nullptr;
    ParamListInfo out = makeParamList(kept.parameters);
    for (int i = 0; i < kept.parameters; ++i) {
        out->params[i].value = arguments[static_cast<std::size_t>(i)].value;
        out->params[i].isnull = arguments[static_cast<std::size_t>(i)].is_null;
        out->params[i].pflags = PARAM_FLAG_CONST;
        out->params[i].ptype = kept.parameter_types[i];
    }
    return out;
}

void take_value(Tuplestorestate* store, TupleDesc descriptor, const Kept& kept, MemoryContext memory,
                Outcome& out) {
    TupleTableSlot* slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
    if (tuplestore_gettupleslot(store, true, false, slot)) {
        const MemoryContext old = MemoryContextSwitchTo(memory);
        if (type_is_rowtype(kept.result_type) &&
            !(descriptor->natts == 1 && type_is_rowtype(TupleDescAttr(descriptor, 0)->atttypid))) {
            TupleDesc blessed = BlessTupleDesc(CreateTupleDescCopy(descriptor));
            slot_getallattrs(slot);
            out.value = HeapTupleGetDatum(heap_form_tuple(blessed, slot->tts_values, slot->tts_isnull));
            out.is_null = false;
        } else {
            const Datum value = slot_getattr(slot, 1, &out.is_null);
            if (!out.is_null) {
                std::int16_t width = 0;
                bool by_value = false;
                get_typlenbyval(TupleDescAttr(descriptor, 0)->atttypid, &width, &by_value);
                out.value = datumCopy(value, by_value, width);
            }
        }
        MemoryContextSwitchTo(old);
    }
    ExecDropSingleTupleTableSlot(slot);
}

// False: it is the executor's. `memory`: for what it returns, null when that is not wanted.
bool run_point(fdw::PointUpdate& point, const PlannedStmt* statement, ParamListInfo parameters,
               MemoryContext memory, Outcome& out) {
    (void)ExecCheckRTPerms(statement->rtable, true);
    fdw::PointResult result;
    if (!fdw::run_point_update(point, parameters, result))
        return false;
    out.rows += result.rows;
    if (memory == nullptr || result.is_null)
        return true;
    const MemoryContext old = MemoryContextSwitchTo(memory);
    out.value = datumCopy(result.value, result.is_by_value, result.width_bytes);
    out.is_null = false;
    MemoryContextSwitchTo(old);
    return true;
}

void run_statement(PlannedStmt* statement, fdw::PointUpdate* point, const Kept& kept,
                   ParamListInfo parameters, bool is_last, MemoryContext memory, Outcome& out) {
    if (statement->commandType == CMD_UTILITY)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a system or action can only query and change rows")));
    CommandCounterIncrement();
    PushActiveSnapshot(GetTransactionSnapshot());
    const bool has_rows = statement->commandType == CMD_SELECT || statement->hasReturning;
    const bool is_wanted = is_last && has_rows && !kept.is_procedure && kept.result_type != VOIDOID;
    if (point != nullptr && run_point(*point, statement, parameters, is_wanted ? memory : nullptr, out)) {
        PopActiveSnapshot();
        return;
    }
    Tuplestorestate* store = nullptr;
    DestReceiver* receiver = None_Receiver;
    if (is_wanted) {
        store = tuplestore_begin_heap(false, false, work_mem);
        receiver = CreateDestReceiver(DestTuplestore);
        SetTuplestoreDestReceiverParams(receiver, store, CurrentMemoryContext, false, nullptr, nullptr);
    }
    QueryDesc* query = CreateQueryDesc(statement, "", GetActiveSnapshot(), InvalidSnapshot, receiver,
                                       parameters, nullptr, 0);
    ExecutorStart(query, 0);
    ExecutorRun(query, ForwardScanDirection, is_wanted ? 1 : 0, true);
    ExecutorFinish(query);
    if (statement->commandType != CMD_SELECT)
        out.rows += query->estate->es_processed;
    if (is_wanted)
        take_value(store, query->tupDesc, kept, memory, out);
    ExecutorEnd(query);
    FreeQueryDesc(query);
    if (is_wanted)
        tuplestore_end(store);
    PopActiveSnapshot();
}

void run_parsed(const Kept& kept, std::span<const Argument> arguments, Outcome& out) {
    const MemoryContext caller = CurrentMemoryContext;
    const MemoryContext scratch =
        AllocSetContextCreate(caller, "gamelan procedure run", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(scratch);
    ParamListInfo parameters = parameters_of(kept, arguments);
    ListCell* cell;
    ListCell* point;
    forboth(cell, kept.statements, point, kept.points) {
        ++current_statement;
        run_statement(lfirst_node(PlannedStmt, cell), static_cast<fdw::PointUpdate*>(lfirst(point)), kept,
                      parameters, lnext(kept.statements, cell) == nullptr, caller, out);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(scratch);
}

void run_call(const Kept& kept, std::span<const Argument> arguments, Outcome& out) {
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * Max(arguments.size(), 1)));
    auto* nulls = static_cast<char*>(palloc(Max(arguments.size(), 1)));
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        values[i] = arguments[i].value;
        nulls[i] = arguments[i].is_null ? 'n' : ' ';
    }
    const MemoryContext caller = CurrentMemoryContext;
    if (const int result = SPI_execute_plan(kept.call, values, nulls, false, 1); result < 0)
        elog(ERROR, "a call failed: %s", SPI_result_code_string(result));
    if (kept.is_procedure || kept.result_type == VOIDOID || SPI_processed == 0 || SPI_tuptable == nullptr)
        return;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &out.is_null);
    if (!out.is_null) {
        std::int16_t width = 0;
        bool by_value = false;
        get_typlenbyval(TupleDescAttr(SPI_tuptable->tupdesc, 0)->atttypid, &width, &by_value);
        const MemoryContext old = MemoryContextSwitchTo(caller);
        out.value = datumCopy(value, by_value, width);
        MemoryContextSwitchTo(old);
    }
    SPI_freetuptable(SPI_tuptable);
}

} // namespace

Oid find(const char* schema, const char* name) {
    const Oid space = get_namespace_oid(schema, true);
    if (!OidIsValid(space))
        return InvalidOid;
    CatCList* list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
    Oid found = InvalidOid;
    for (int i = 0; i < list->n_members && !OidIsValid(found); ++i) {
        const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&list->members[i]->tuple));
        if (form->pronamespace == space)
            found = form->oid;
    }
    ReleaseSysCacheList(list);
    return found;
}

Outcome run(Oid function, std::span<const Argument> arguments, const char* schema) {
    current_statement = 0;
    const char* search_path = psprintf("%s, game", quote_identifier(schema));
    Kept* kept = look_up_and_lock(function, search_path);
    if (static_cast<std::size_t>(kept->parameters) != arguments.size())
        elog(ERROR, "a function has %d parameters, not %zu", kept->parameters, arguments.size());
    Outcome out;
    if (kept->is_strict)
        for (const Argument& argument : arguments)
            if (argument.is_null)
                return out;
    AsFunctionOwner owner(kept->owner, kept->is_parsed ? nullptr : search_path);
    if (kept->is_parsed)
        run_parsed(*kept, arguments, out);
    else
        run_call(*kept, arguments, out);
    owner.end();
    return out;
}

std::uint64_t catalog_generation() {
    watch_catalogs();
    return generation_of_catalogs;
}

int statement() {
    return current_statement;
}

Datum to_jsonb(Oid type, const Outcome& outcome) {
    static auto& plans = *new std::unordered_map<Oid, SPIPlanPtr>;
    SPIPlanPtr plan = nullptr;
    if (const auto found = plans.find(type); found != plans.end()) {
        plan = found->second;
    } else {
        Oid types[1] = {type};
        plan = SPI_prepare("SELECT pg_catalog.to_jsonb($1)", 1, types);
        if (plan == nullptr || SPI_keepplan(plan) != 0)
            elog(ERROR, "could not prepare: %s", SPI_result_code_string(SPI_result));
        sql_boundary([&] { plans.emplace(type, plan); });
    }
    const MemoryContext caller = CurrentMemoryContext;
    Datum values[1] = {outcome.value};
    const char nulls[1] = {outcome.is_null ? 'n' : ' '};
    if (const int result = SPI_execute_plan(plan, values, nulls, true, 1); result < 0)
        elog(ERROR, "a conversion failed: %s", SPI_result_code_string(result));
    bool is_null = true;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    const MemoryContext old = MemoryContextSwitchTo(caller);
    const Datum out =
        is_null ? DirectFunctionCall1(jsonb_in, CStringGetDatum("null")) : datumCopy(value, false, -1);
    MemoryContextSwitchTo(old);
    SPI_freetuptable(SPI_tuptable);
    return out;
}

} // namespace gamelan::pg::procedure
