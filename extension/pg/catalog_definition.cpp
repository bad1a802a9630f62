// The catalogs are read with one snapshot, so that a change that commits meanwhile is seen whole or not at
// all. Everything is first collected as plain data in Postgres's memory, under one guard, then copied to the
// core's structures.
#include "extension/pg/catalog_definition.hpp"

#include "core/base/hash.hpp"

#include <algorithm>
#include <cstring>

#include "extension/pg/bridge.hpp"

extern "C" {
#include "access/genam.h"
#include "access/reloptions.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
}

namespace gamelan::pg {

namespace {

struct FoundColumn {
    NameData name;
    AttrNumber number;
    ColumnType type;
    store::IndexKind index;
    bool has_fill;
    EncodedValue fill;
};

struct FoundComponent {
    NameData name;
    Oid oid;
    ComponentSpace space;
    FoundColumn* columns;
    int column_count;
};

struct Found {
    FoundComponent* components;
    int count;
};

bool precedes(const FoundComponent& a, const FoundComponent& b) {
    return std::strcmp(NameStr(a.name), NameStr(b.name)) < 0;
}

// The default's expression as stored, of the column's type; null when there is none.
Node* default_expression(Oid relation, AttrNumber column, Oid type, std::int32_t typmod, Snapshot snapshot) {
    Node* expression = nullptr;
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_attrdef_adrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(relation));
    ScanKeyInit(&keys[1], Anum_pg_attrdef_adnum, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(column));
    const Relation catalog = table_open(AttrDefaultRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, AttrDefaultIndexId, true, snapshot, 2, keys);
    if (const HeapTuple tuple = systable_getnext(scan)) {
        bool is_null = false;
        const Datum stored = heap_getattr(tuple, Anum_pg_attrdef_adbin, RelationGetDescr(catalog), &is_null);
        if (!is_null)
            expression = static_cast<Node*>(stringToNode(TextDatumGetCString(stored)));
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    if (expression == nullptr)
        expression = get_typdefault(type);
    if (expression == nullptr)
        return nullptr;
    return coerce_to_target_type(nullptr, expression, exprType(expression), type, typmod, COERCION_ASSIGNMENT,
                                 COERCE_IMPLICIT_CAST, -1);
}

// As the current role. The value lies in the current memory context.
DefaultValue evaluate(Node* expression, Oid type) {
    DefaultValue out{true, false, true, static_cast<Datum>(0)};
    Expr* planned = expression_planner(reinterpret_cast<Expr*>(expression));
    out.is_mutable = contain_mutable_functions(reinterpret_cast<Node*>(planned));
    if (out.is_mutable)
        return out;
    EState* state = CreateExecutorState();
    ExprState* prepared = ExecPrepareExpr(planned, state);
    const Datum value = ExecEvalExprSwitchContext(prepared, GetPerTupleExprContext(state), &out.is_null);
    if (!out.is_null) {
        std::int16_t width = 0;
        bool by_value = false;
        get_typlenbyval(type, &width, &by_value);
        // Flat, also where a function returned something expanded or toasted.
        out.value =
            width == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) : datumCopy(value, by_value, width);
    }
    FreeExecutorState(state);
    return out;
}

DefaultValue evaluate_as(Oid owner, Node* expression, Oid type) {
    AsOwner role(owner);
    const DefaultValue out = evaluate(expression, type);
    role.end();
    return out;
}

// What makes a process or a statement end, whatever it was doing.
bool must_pass_on(int code) {
    return code == ERRCODE_QUERY_CANCELED || code == ERRCODE_ADMIN_SHUTDOWN || code == ERRCODE_CRASH_SHUTDOWN;
}

// The default encoded as a fill, in `column`; none when it is NULL, mutable, or cannot be evaluated.
void fill_column(FoundColumn& column, const FoundComponent& component, Oid type, std::int32_t typmod,
                 Oid owner, Snapshot snapshot) {
    Node* expression = default_expression(component.oid, column.number, type, typmod, snapshot);
    if (expression == nullptr)
        return;
    const MemoryContext memory = CurrentMemoryContext;
    const ResourceOwner resources = CurrentResourceOwner;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
        const DefaultValue found = evaluate_as(owner, expression, type);
        if (!found.is_null) {
            column_codec_of(type).encode(found.value, column.fill);
            column.has_fill = true;
        }
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
        ereport(LOG, (errmsg("the default of column \"%s\" of component \"%s\" cannot be evaluated: %s",
                             NameStr(column.name), NameStr(component.name), error->message),
                      errdetail("Rows that were there before the column hold NULL.")));
        FreeErrorData(error);
    }
    PG_END_TRY();
}

void collect_columns(FoundComponent& component, int attributes, Oid owner, Snapshot snapshot) {
    component.columns =
        static_cast<FoundColumn*>(palloc0((static_cast<std::size_t>(attributes) + 1) * sizeof(FoundColumn)));
    component.column_count = 0;
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(component.oid));
    ScanKeyInit(&keys[1], Anum_pg_attribute_attnum, BTGreaterStrategyNumber, F_INT2GT, Int16GetDatum(0));
    const Relation catalog = table_open(AttributeRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, AttributeRelidNumIndexId, true, snapshot, 2, keys);
    while (const HeapTuple tuple = systable_getnext(scan)) {
        const auto* attribute = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
        if (attribute->attisdropped || is_handle_column(NameStr(attribute->attname)) ||
            component.column_count == attributes)
            continue;
        FoundColumn& column = component.columns[component.column_count++];
        column.name = attribute->attname;
        column.number = attribute->attnum;
        column.type = column_codec_of(attribute->atttypid).stored;
        bool is_null = false;
        const Datum options =
            heap_getattr(tuple, Anum_pg_attribute_attfdwoptions, RelationGetDescr(catalog), &is_null);
        column.index = index_option(options, is_null);
        fill_column(column, component, attribute->atttypid, attribute->atttypmod, owner, snapshot);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
}

// False when the table is not in the schema.
bool collect_component(Oid relation, Oid schema, Snapshot snapshot, FoundComponent& out) {
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    const Relation catalog = table_open(RelationRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, ClassOidIndexId, true, snapshot, 1, &key);
    int attributes = 0;
    Oid owner = InvalidOid;
    if (const HeapTuple tuple = systable_getnext(scan)) {
        const auto* row = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        if (row->relnamespace == schema) {
            out.name = row->relname;
            out.oid = relation;
            attributes = row->relnatts;
            owner = row->relowner;
        }
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    if (!OidIsValid(owner))
        return false;
    out.space = space_of(relation);
    // One that is being declared wrongly is refused before it commits.
    if (out.space != ComponentSpace::entity && out.space != ComponentSpace::cell)
        return false;
    collect_columns(out, attributes, owner, snapshot);
    return true;
}

Found collect(const char* game) {
    Found out{nullptr, 0};
    const Oid schema = get_namespace_oid(game, true);
    const Oid server = component_server();
    if (!OidIsValid(schema) || !OidIsValid(server))
        return out;
    const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    int room = 16;
    out.components = static_cast<FoundComponent*>(palloc(room * sizeof(FoundComponent)));
    const Relation catalog = table_open(ForeignTableRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, snapshot, 0, nullptr);
    while (const HeapTuple tuple = systable_getnext(scan)) {
        const auto* row = reinterpret_cast<Form_pg_foreign_table>(GETSTRUCT(tuple));
        if (row->ftserver != server)
            continue;
        if (out.count == room) {
            room *= 2;
            out.components = static_cast<FoundComponent*>(
                repalloc(out.components, static_cast<std::size_t>(room) * sizeof(FoundComponent)));
        }
        if (collect_component(row->ftrelid, schema, snapshot, out.components[out.count]))
            ++out.count;
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    UnregisterSnapshot(snapshot);
    std::sort(out.components, out.components + out.count, precedes);
    return out;
}

store::ColumnDefinition to_column(const FoundColumn& found) {
    store::ColumnDefinition column;
    column.name = NameStr(found.name);
    column.type = found.type;
    column.index = found.index;
    column.key = found.number;
    if (found.has_fill)
        column.fill = found.fill.view();
    return column;
}

Oid table_of_ours(const char* name) {
    const Oid schema = get_namespace_oid("game", true);
    return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

void add_ancestors(Oid relation, List*& found) {
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    const Relation catalog = table_open(InheritsRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, InheritsRelidSeqnoIndexId, true, nullptr, 1, &key);
    while (const HeapTuple tuple = systable_getnext(scan))
        found =
            list_append_unique_oid(found, reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple))->inhparent);
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
}

} // namespace

AsOwner::AsOwner(Oid owner) : role_(InvalidOid), context_(0), settings_(NewGUCNestLevel()) {
    GetUserIdAndSecContext(&role_, &context_);
    SetUserIdAndSecContext(owner, context_ | SECURITY_RESTRICTED_OPERATION);
}

void AsOwner::end() {
    AtEOXact_GUC(false, settings_);
    SetUserIdAndSecContext(role_, context_);
}

bool is_handle_column(const char* name) {
    return std::strcmp(name, "world") == 0 || std::strcmp(name, "entity") == 0 ||
           std::strcmp(name, "cell") == 0;
}

Oid component_server() {
    return get_foreign_server_oid("gamelan", true);
}
Oid component_parent() {
    return table_of_ours("component");
}
Oid cell_parent() {
    return table_of_ours("cell");
}

bool is_component(Oid relation) {
    if (get_rel_relkind(relation) != RELKIND_FOREIGN_TABLE)
        return false;
    const HeapTuple tuple = SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return false;
    const Oid server = reinterpret_cast<Form_pg_foreign_table>(GETSTRUCT(tuple))->ftserver;
    ReleaseSysCache(tuple);
    return server == component_server();
}

ComponentSpace space_of(Oid relation) {
    List* ancestors = nullptr;
    add_ancestors(relation, ancestors);
    // The list grows while it is walked.
    for (int i = 0; i < list_length(ancestors); ++i)
        add_ancestors(list_nth_oid(ancestors, i), ancestors);
    const bool is_entity = list_member_oid(ancestors, component_parent());
    const bool is_cell = list_member_oid(ancestors, cell_parent());
    list_free(ancestors);
    if (is_entity)
        return is_cell ? ComponentSpace::both : ComponentSpace::entity;
    return is_cell ? ComponentSpace::cell : ComponentSpace::none;
}

store::IndexKind index_option(Datum options, bool is_null) {
    if (is_null)
        return store::IndexKind::none;
    ListCell* cell = nullptr;
    foreach (cell, untransformRelOptions(options)) {
        DefElem* option = static_cast<DefElem*>(lfirst(cell));
        if (std::strcmp(option->defname, "index") != 0)
            continue;
        const char* kind = defGetString(option);
        if (std::strcmp(kind, "hash") == 0)
            return store::IndexKind::hash;
        if (std::strcmp(kind, "ordered") == 0)
            return store::IndexKind::ordered;
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                        errmsg("there is no index of kind \"%s\"", kind),
                        errhint("Use index 'hash' for equality, or index 'ordered' for ranges too.")));
    }
    return store::IndexKind::none;
}

DefaultValue default_of(Oid relation, AttrNumber column, Oid type, std::int32_t typmod, Oid owner) {
    Node* expression = default_expression(relation, column, type, typmod, nullptr);
    if (expression == nullptr)
        return {false, false, true, static_cast<Datum>(0)};
    return evaluate_as(owner, expression, type);
}

std::uint64_t definition_incarnation() {
    const std::uint64_t identity[2] = {GetSystemIdentifier(), MyDatabaseId};
    return hash64({reinterpret_cast<const char*>(identity), sizeof identity});
}

store::Definition read_definition(std::string_view game) {
    const char* name = palloc_text(game);
    const Found found = pg_call([&] { return collect(name); });
    store::Definition out;
    out.incarnation = definition_incarnation();
    for (int i = 0; i < found.count; ++i) {
        const FoundComponent& component = found.components[i];
        store::ComponentDefinition& added = out.components.emplace_back();
        added.name = NameStr(component.name);
        added.space = component.space == ComponentSpace::cell ? store::cell_space : store::entity_space;
        added.key = component.oid;
        for (int j = 0; j < component.column_count; ++j)
            added.columns.push_back(to_column(component.columns[j]));
    }
    codec::check_limits(out);
    return out;
}

} // namespace gamelan::pg
