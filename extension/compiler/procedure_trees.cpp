// Everything runs as the procedure's owner, so that nobody's functions are evaluated or inlined with more
// rights than they would run with. Each statement is prepared in a subtransaction: whatever the planner's
// simplifications raise (1 / 0 as a constant) is then a reason, as the statement will raise it each time.
#include "extension/compiler/procedure_trees.hpp"

#include "extension/compiler/compiler.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "extension/pg/catalog_definition.hpp"

extern "C" {
#include "access/sysattr.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rewriteManip.h"
#include "storage/lmgr.h"
#include "utils/ruleutils.h"
}

namespace gamelan::compiler {

namespace {

constexpr std::size_t max_text_bytes = 160;

// The walkers of Postgres 15 are declared without their arguments.
using Walker = bool (*)();
using Mutator = Node* (*)();
Walker walker(bool (*function)(Node*, void*)) {
    return reinterpret_cast<Walker>(reinterpret_cast<void (*)()>(function));
}
Mutator mutator(Node* (*function)(Node*, void*)) {
    return reinterpret_cast<Mutator>(reinterpret_cast<void (*)()>(function));
}

// Spaces and line ends as one space, cut at a letter's end.
const char* shorten(const char* text) {
    auto* out = static_cast<char*>(palloc(std::strlen(text) + 8));
    std::size_t length = 0;
    for (const char* at = text; *at != '\0'; ++at) {
        const bool is_space = std::isspace(static_cast<unsigned char>(*at)) != 0;
        if (!is_space)
            out[length++] = *at;
        else if (length > 0 && out[length - 1] != ' ')
            out[length++] = ' ';
    }
    while (length > 0 && (out[length - 1] == ' ' || out[length - 1] == ';'))
        --length;
    if (length > max_text_bytes) {
        length = static_cast<std::size_t>(
            pg_mbcliplen(out, static_cast<int>(length), static_cast<int>(max_text_bytes)));
        std::memcpy(out + length, "…", sizeof "…");
        return out;
    }
    out[length] = '\0';
    return out;
}

// --- what a statement touches ---

struct Survey {
    Oid schema; // of the game
    StatementTree* out;
    int room;
    bool is_permitted;
};

void touch(Survey& survey, const char* component, const char* column, bool is_write) {
    StatementTree& out = *survey.out;
    for (int i = 0; i < out.touched_count; ++i)
        if (out.touched[i].is_write == is_write && std::strcmp(out.touched[i].column, column) == 0 &&
            std::strcmp(out.touched[i].component, component) == 0)
            return;
    if (out.touched_count == survey.room) {
        survey.room = survey.room * 2 + 16;
        const Size bytes = static_cast<Size>(survey.room) * sizeof(TouchedColumn);
        out.touched = static_cast<TouchedColumn*>(out.touched == nullptr ? palloc(bytes)
                                                                         : repalloc(out.touched, bytes));
    }
    out.touched[out.touched_count++] = {component, column, is_write};
}

// All columns when `columns` names the whole row; `has_all` forces that.
void touch_columns(Survey& survey, Oid relation, const Bitmapset* columns, bool has_all, bool is_write) {
    const char* component = get_rel_name(relation);
    if (component == nullptr || (bms_is_empty(columns) && !has_all))
        return;
    has_all = has_all || bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, columns);
    const Relation table = table_open(relation, NoLock);
    for (int i = 0; i < RelationGetNumberOfAttributes(table); ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(RelationGetDescr(table), i);
        const bool is_named = bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, columns);
        if ((has_all || is_named) && !column->attisdropped &&
            std::strcmp(NameStr(column->attname), "world") != 0)
            touch(survey, component, pstrdup(NameStr(column->attname)), is_write);
    }
    table_close(table, NoLock);
}

void survey_relation(Survey& survey, const RangeTblEntry* entry) {
    if (!pg::is_component(entry->relid) || get_rel_namespace(entry->relid) != survey.schema) {
        // Rows of ordinary tables change under a replay; a view's own entry reads nothing.
        if (entry->relkind != RELKIND_VIEW)
            survey.out->is_deterministic = false;
        return;
    }
    touch_columns(survey, entry->relid, entry->selectedCols, false, false);
    // Which rows there are is read even when no column is.
    if ((entry->requiredPerms & ACL_INSERT) == 0)
        touch(survey, get_rel_name(entry->relid),
              pg::space_of(entry->relid) == pg::ComponentSpace::cell ? "cell" : "entity", false);
    const bool moves_rows = (entry->requiredPerms & (ACL_INSERT | ACL_DELETE)) != 0;
    touch_columns(survey, entry->relid, entry->insertedCols, moves_rows, true);
    touch_columns(survey, entry->relid, entry->updatedCols, false, true);
}

bool survey_function(Oid function, void* context) {
    Survey& survey = *static_cast<Survey*>(context);
    if (pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK)
        survey.is_permitted = false;
    if (func_volatile(function) == PROVOLATILE_IMMUTABLE)
        return false;
    const Oid game = get_namespace_oid("game", true);
    const char* name = get_func_name(function);
    // Those of game are made to be the same in a replay, but for numbered chance and whoever asks.
    const bool is_ours = name != nullptr && get_func_namespace(function) == game;
    if (!is_ours)
        survey.out->is_deterministic = false;
    return false;
}

bool survey_node(Node* node, void* context) {
    if (node == nullptr)
        return false;
    Survey& survey = *static_cast<Survey*>(context);
    if (IsA(node, RangeTblEntry)) {
        const auto* entry = castNode(RangeTblEntry, node);
        if (entry->rtekind == RTE_RELATION)
            survey_relation(survey, entry);
        return false;
    }
    if (IsA(node, Query)) {
        Query* query = castNode(Query, node);
        if (query->limitCount != nullptr || query->limitOffset != nullptr || query->hasDistinctOn ||
            query->hasWindowFuncs)
            survey.out->is_deterministic = false;
        if (!ExecCheckRTPerms(query->rtable, false))
            survey.is_permitted = false;
        return query_tree_walker(query, walker(survey_node), context, QTW_EXAMINE_RTES_BEFORE);
    }
    if (IsA(node, SQLValueFunction) || IsA(node, NextValueExpr))
        survey.out->is_deterministic = false;
    else
        (void)check_functions_in_node(node, survey_function, context);
    return expression_tree_walker(node, walker(survey_node), context);
}

// --- rows that functions of ours find by their place ---

const char* const place_functions[] = {"near", "nearest", "in_box", "pairs"};

// As the functions ask it; and what compilation looks up is locked.
void survey_place(Survey& survey, const FuncExpr* call) {
    const char* name = get_func_name(call->funcid);
    const auto is_name = [&](const char* known) { return name != nullptr && std::strcmp(name, known) == 0; };
    if (get_func_namespace(call->funcid) != get_namespace_oid("game", true) ||
        std::none_of(std::begin(place_functions), std::end(place_functions), is_name))
        return;
    const auto* component = static_cast<const Const*>(linitial(call->args));
    if (!IsA(component, Const) || component->constisnull)
        return;
    const Oid relation = DatumGetObjectId(component->constvalue);
    LockRelationOid(relation, AccessShareLock);
    if (get_rel_name(relation) == nullptr)
        return;
    touch(survey, get_rel_name(relation), "entity", false);
    const ArrayType* names = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, call->args) {
        const auto* argument = static_cast<const Const*>(lfirst(cell));
        if (IsA(argument, Const) && argument->consttype == NAMEARRAYOID && !argument->constisnull)
            names = DatumGetArrayTypeP(argument->constvalue);
    }
    Datum* columns = nullptr;
    int count = 0;
    if (names != nullptr)
        deconstruct_array(const_cast<ArrayType*>(names), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &columns,
                          nullptr, &count);
    const char* const usual[] = {"x", "y", "z"};
    bool may_read = pg_attribute_aclcheck(relation, get_attnum(relation, "entity"), GetUserId(),
                                          ACL_SELECT) == ACLCHECK_OK;
    const auto has_value = [&](int place) {
        const auto* argument = static_cast<const Const*>(list_nth(call->args, place));
        return !IsA(argument, Const) || !argument->constisnull;
    };
    const bool is_of_z = is_name("in_box") ? has_value(6) || has_value(7) : !is_name("pairs") && has_value(5);
    for (int i = 0; i < (names != nullptr ? count : is_of_z ? 3 : 2); ++i) {
        const char* column = names != nullptr ? NameStr(*DatumGetName(columns[i])) : usual[i];
        const AttrNumber number = get_attnum(relation, column);
        if (number == InvalidAttrNumber)
            continue;
        touch(survey, get_rel_name(relation), pstrdup(column), false);
        may_read =
            may_read && pg_attribute_aclcheck(relation, number, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
    }
    if (!may_read && pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
        survey.is_permitted = false;
}

bool survey_places(Node* node, void* context) {
    if (node == nullptr)
        return false;
    if (IsA(node, Query))
        return query_tree_walker(castNode(Query, node), walker(survey_places), context, 0);
    if (IsA(node, FuncExpr))
        survey_place(*static_cast<Survey*>(context), castNode(FuncExpr, node));
    return expression_tree_walker(node, walker(survey_places), context);
}

// --- simplification ---

void simplify(Query* query);

bool simplify_links(Node* node, void* context) {
    if (node == nullptr)
        return false;
    if (IsA(node, SubLink)) {
        simplify(castNode(Query, castNode(SubLink, node)->subselect));
        return simplify_links(castNode(SubLink, node)->testexpr, context);
    }
    return expression_tree_walker(node, walker(simplify_links), context);
}

Node* simplified(Query* query, Node* node) {
    if (node == nullptr)
        return nullptr;
    node = flatten_join_alias_vars(query, node);
    fix_opfuncids(node);
    node = eval_const_expressions(nullptr, node);
    // What it negated has no function yet.
    fix_opfuncids(node);
    (void)simplify_links(node, nullptr);
    return node;
}

void simplify(Query* query) {
    check_stack_depth();
    query->targetList =
        reinterpret_cast<List*>(simplified(query, reinterpret_cast<Node*>(query->targetList)));
    query->jointree = castNode(FromExpr, simplified(query, reinterpret_cast<Node*>(query->jointree)));
    query->limitCount = simplified(query, query->limitCount);
    ListCell* cell = nullptr;
    foreach (cell, query->rtable) {
        auto* entry = lfirst_node(RangeTblEntry, cell);
        if (entry->rtekind == RTE_SUBQUERY)
            simplify(entry->subquery);
        else if (entry->rtekind == RTE_FUNCTION)
            entry->functions =
                reinterpret_cast<List*>(simplified(query, reinterpret_cast<Node*>(entry->functions)));
        else if (entry->rtekind == RTE_VALUES)
            entry->values_lists =
                reinterpret_cast<List*>(simplified(query, reinterpret_cast<Node*>(entry->values_lists)));
    }
}

// --- statements ---

Query* copy_of(const Query* query) {
    return static_cast<Query*>(copyObjectImpl(query));
}

void prepare_query(Query* stored, Oid schema, StatementTree& out) {
    AcquireRewriteLocks(stored, true, false);
    out.text = shorten(pg_get_querydef(copy_of(stored), false));
    List* rewritten = pg_rewrite_query(copy_of(stored));
    if (list_length(rewritten) != 1) {
        out.refusal = "rules make it several statements, or none";
        return;
    }
    Query* query = linitial_node(Query, rewritten);
    Survey survey{schema, &out, 0, true};
    out.is_deterministic = true;
    (void)survey_node(reinterpret_cast<Node*>(query), &survey);
    if (!survey.is_permitted) {
        out.refusal = "the procedure's owner may not do this with one of its tables or functions";
        return;
    }
    simplify(query);
    (void)survey_places(reinterpret_cast<Node*>(query), &survey);
    if (!survey.is_permitted)
        out.refusal = "the procedure's owner may not do this with one of its tables or functions";
    else
        out.query = query;
}

// What makes a process or a statement end, or is worth another try.
bool must_pass_on(int code) {
    return code == ERRCODE_QUERY_CANCELED || code == ERRCODE_ADMIN_SHUTDOWN ||
           code == ERRCODE_CRASH_SHUTDOWN || code == ERRCODE_OUT_OF_MEMORY ||
           code == ERRCODE_LOCK_NOT_AVAILABLE;
}

void prepare(Query* stored, Oid schema, StatementTree& out) {
    const MemoryContext memory = CurrentMemoryContext;
    const ResourceOwner resources = CurrentResourceOwner;
    out.text = "";
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
        prepare_query(stored, schema, out);
        ReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(memory);
        CurrentResourceOwner = resources;
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        ErrorData* error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(memory);
        CurrentResourceOwner = resources;
        if (must_pass_on(error->sqlerrcode))
            ReThrowError(error);
        out.query = nullptr;
        out.refusal = psprintf("it cannot be planned: %s", error->message);
    }
    PG_END_TRY();
}

List* stored_statements(HeapTuple tuple) {
    bool is_null = false;
    const Datum body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &is_null);
    if (is_null)
        return nullptr;
    Node* node = static_cast<Node*>(stringToNode(TextDatumGetCString(body)));
    // BEGIN ATOMIC makes a list of one list; RETURN makes a query.
    return IsA(node, List) ? linitial_node(List, castNode(List, node)) : list_make1(node);
}

const char* refuse_body(HeapTuple tuple) {
    const auto* row = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    if (row->prolang != SQLlanguageId)
        return psprintf("it is written in %s; only LANGUAGE sql with BEGIN ATOMIC … END is compiled",
                        get_language_name(row->prolang, false));
    return "its body is a text; only BEGIN ATOMIC … END keeps what Postgres made of it";
}

void read_statements(List* stored, const char* game, ProcedureTrees& out) {
    const Oid schema = get_namespace_oid(game, true);
    out.statements = static_cast<StatementTree*>(
        palloc0((static_cast<Size>(list_length(stored)) + 1) * sizeof(StatementTree)));
    pg::AsOwner role(out.owner);
    (void)set_config_option("lock_timeout", psprintf("%d", lock_wait_ms), PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_SAVE, true, 0, false);
    ListCell* cell = nullptr;
    foreach (cell, stored)
        prepare(lfirst_node(Query, cell), schema, out.statements[out.count++]);
    role.end();
}

Node* replace_parameters(Node* node, void* target) {
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Param) && castNode(Param, node)->paramkind == PARAM_SUBLINK)
        return static_cast<Node*>(copyObjectImpl(target));
    return expression_tree_mutator(node, mutator(replace_parameters), target);
}

} // namespace

ProcedureTrees read_procedure(Oid procedure, const char* game) {
    ProcedureTrees out{};
    const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(procedure));
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("there is no procedure with number %u", procedure)));
    const auto* row = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    out.name = pstrdup(NameStr(row->proname));
    out.owner = row->proowner;
    List* stored = stored_statements(tuple);
    if (stored == nullptr)
        out.refusal = refuse_body(tuple);
    else if (row->pronargs > 0)
        out.refusal = "it has arguments, which a system has not";
    ReleaseSysCache(tuple);
    if (out.refusal == nullptr)
        read_statements(stored, game, out);
    return out;
}

Node* condition_of_in(const SubLink* link) {
    const Query* inner = castNode(Query, link->subselect);
    const TargetEntry* target = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, inner->targetList)
        if (!lfirst_node(TargetEntry, cell)->resjunk)
            target = lfirst_node(TargetEntry, cell);
    // The outer side is seen from one level further in; the inner one takes the parameter's place after that.
    Node* outer = static_cast<Node*>(copyObjectImpl(link->testexpr));
    IncrementVarSublevelsUp(outer, 1, 0);
    return replace_parameters(outer, target->expr);
}

List* values_of_select(Query* insert, int number) {
    RangeTblEntry* select = rt_fetch(number, insert->rtable);
    bool has_sub_links = insert->hasSubLinks;
    Node* values =
        ReplaceVarsFromTargetList(static_cast<Node*>(copyObjectImpl(insert->targetList)), number, 0, select,
                                  select->subquery->targetList, REPLACEVARS_REPORT_ERROR, 0, &has_sub_links);
    return castNode(List, values);
}

} // namespace gamelan::compiler
