// Declaring components: the validator of the wrapper's options, and the event triggers that check DDL. Their
// contracts are the COMMENTs in extension/sql/25-components.sql.
//
// The triggers fire for all DDL of a few tags, run as the extension's owner, and look first whether anything
// of ours is concerned. Expressions that users wrote (defaults, CHECKs, domains) are only ever evaluated as
// the table's owner.
#include "core/codec/definition.hpp"

#include <algorithm>
#include <cstring>

#include "extension/pg/bridge.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/component_types.hpp"
#include "extension/pg/shared.hpp"
#include "extension/pg/spi.hpp"
#include "extension/pg/transaction.hpp"

extern "C" {
#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_user_mapping.h"
#include "commands/event_trigger.h"
#include "foreign/foreign.h"
#include "parser/parse_type.h"
#include "tcop/deparse_utility.h"
}

namespace {

using namespace gamelan;
using namespace gamelan::pg;

const char* schema_name_of(Relation relation) {
    return get_namespace_name(RelationGetNamespace(relation));
}

const char* quoted_name(Relation relation) {
    return quote_qualified_identifier(schema_name_of(relation), RelationGetRelationName(relation));
}

bool is_reserved_schema(const char* name) {
    return std::strncmp(name, "pg_", 3) == 0 || std::strcmp(name, "game") == 0 ||
           std::strcmp(name, "public") == 0 || std::strcmp(name, "information_schema") == 0;
}

bool game_is_registered(const char* schema) {
    return spi::run("SELECT FROM game.game WHERE name = $1", {spi::text(schema)}) > 0;
}

bool game_has_worlds(const char* schema) {
    return spi::run("SELECT FROM game.world_definition WHERE game = $1 LIMIT 1", {spi::text(schema)}) > 0;
}

// ---- what a component must be like

ComponentSpace check_space(Relation relation) {
    const char* name = RelationGetRelationName(relation);
    switch (const ComponentSpace space = space_of(RelationGetRelid(relation))) {
    case ComponentSpace::entity:
    case ComponentSpace::cell:
        return space;
    case ComponentSpace::both:
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                 errmsg("component \"%s\" cannot be of entities and of cells at once", name),
                 errhint("Let it inherit, directly or through other components, from game.component or "
                         "from game.cell, not from both.")));
        break;
    case ComponentSpace::none:
        break;
    }
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
             errmsg("foreign table \"%s\" of server \"gamelan\" is no component", name),
             errhint("Add INHERITS (game.component) for what entities have, or INHERITS (game.cell) for what "
                     "every cell of a grid has.")));
    pg_unreachable();
}

// Parents that are neither game.component, game.cell nor components would bring rows that no world has.
void check_parents(Relation relation) {
    const std::uint64_t rows =
        spi::run("SELECT inhparent::bigint FROM pg_catalog.pg_inherits WHERE inhrelid = $1::oid",
                 {spi::bigint(RelationGetRelid(relation))});
    for (std::uint64_t row = 0; row < rows; ++row) {
        const auto parent = static_cast<Oid>(spi::bigint_at(row, 1));
        if (parent != component_parent() && parent != cell_parent() && !is_component(parent))
            ereport(ERROR,
                    (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                     errmsg("component \"%s\" inherits from \"%s\", which is no component",
                            RelationGetRelationName(relation), get_rel_name(parent)),
                     errhint("A component inherits from game.component, game.cell or other components.")));
    }
}

void check_place(Relation relation) {
    const char* schema = schema_name_of(relation);
    if (is_reserved_schema(schema))
        ereport(ERROR,
                (errcode(ERRCODE_RESERVED_NAME),
                 errmsg("components cannot lie in schema \"%s\"",
                        get_namespace_name_or_temp(RelationGetNamespace(relation))),
                 errhint("Make a game first: SELECT game.create_game('arena'); then create the table as "
                         "arena.%s.",
                         quote_identifier(RelationGetRelationName(relation)))));
    // Data comes after the definitions when a dump is restored: no more than a notice, which dumps switch
    // off.
    if (!game_is_registered(schema))
        ereport(NOTICE, (errmsg("schema \"%s\" is not a game yet", schema),
                         errhint("SELECT game.create_game(%s) makes it one.", quote_literal_cstr(schema))));
}

void check_enum(Oid enum_type) {
    const char* one = nullptr;
    const char* other = nullptr;
    if (find_label_collision(enum_type, &one, &other))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("the labels \"%s\" and \"%s\" of the enum %s cannot be told apart", one, other,
                        format_type_be(enum_type)),
                 errdetail("Components store labels as 32 bits of their hash, and these two have the same."),
                 errhint("Choose another label.")));
}

void check_index(Relation relation, const FormData_pg_attribute& attribute, ColumnType type) {
    const HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(RelationGetRelid(relation)),
                                            Int16GetDatum(attribute.attnum));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for a column of \"%s\"", RelationGetRelationName(relation));
    bool is_null = false;
    const Datum options = SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attfdwoptions, &is_null);
    const store::IndexKind kind = index_option(options, is_null);
    ReleaseSysCache(tuple);
    if (kind == store::IndexKind::ordered && !is_ordered(type))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("column \"%s\" of component \"%s\" cannot have an ordered index",
                        NameStr(attribute.attname), RelationGetRelationName(relation)),
                 errdetail("Its type is %s.", format_type_be(attribute.atttypid)),
                 errhint("Ordered indexes are for booleans, \"char\", numbers of fixed width, dates and "
                         "timestamps. Others can have index 'hash'.")));
}

void check_default(Relation relation, const FormData_pg_attribute& attribute, ComponentSpace space) {
    const DefaultValue found = default_of(RelationGetRelid(relation), attribute.attnum, attribute.atttypid,
                                          attribute.atttypmod, relation->rd_rel->relowner);
    if (space != ComponentSpace::cell)
        return;
    const char* column = NameStr(attribute.attname);
    const char* table = RelationGetRelationName(relation);
    if (found.is_mutable)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("the default of column \"%s\" of cell component \"%s\" is not constant",
                               column, table),
                        errdetail("Every cell of every world holds the default from the start."),
                        errhint("Use an expression of constants and IMMUTABLE functions.")));
    // What an inherited column has, its parent was checked for: a dump sets its default apart.
    if (found.is_null && attribute.attnotnull && attribute.attinhcount == 0)
        ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
                        errmsg("column \"%s\" of cell component \"%s\" is NOT NULL and has no default",
                               column, table),
                        errdetail("Every cell of every world holds the default from the start."),
                        errhint("Give the column a DEFAULT.")));
}

void check_column(Relation relation, const FormData_pg_attribute& attribute, ComponentSpace space) {
    const char* column = NameStr(attribute.attname);
    const char* table = RelationGetRelationName(relation);
    if (is_handle_column(column)) {
        const bool is_handle = std::strcmp(column, "world") == 0 ||
                               std::strcmp(column, space == ComponentSpace::cell ? "cell" : "entity") == 0;
        if (!is_handle || attribute.attinhcount == 0)
            ereport(ERROR,
                    (errcode(ERRCODE_RESERVED_NAME),
                     errmsg("a column of component \"%s\" cannot be called \"%s\"", table, column),
                     errhint("world, entity and cell name the row a value belongs to; call a reference to "
                             "another row by its role, for instance target or home_cell.")));
        return;
    }
    const std::optional<ColumnType> type = column_type_of(attribute.atttypid);
    if (!type)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("column \"%s\" of component \"%s\" cannot be of type %s", column, table,
                               format_type_be(attribute.atttypid)),
                        errhint("%s", supported_types_hint)));
    if (attribute.attgenerated != '\0')
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("column \"%s\" of component \"%s\" cannot be generated", column, table),
                        errhint("Compute the value where it is written, or in a view.")));
    if (*type == ColumnType::code)
        check_enum(getBaseType(attribute.atttypid));
    check_index(relation, attribute, *type);
    check_default(relation, attribute, space);
}

void check_limits_of(Relation relation, int columns) {
    if (columns > static_cast<int>(codec::max_component_columns))
        ereport(ERROR, (errcode(ERRCODE_TOO_MANY_COLUMNS),
                        errmsg("component \"%s\" has too many columns", RelationGetRelationName(relation)),
                        errdetail("It has %d, %zu is the limit.", columns, codec::max_component_columns),
                        errhint("Split it into several components.")));
    (void)spi::run(
        "SELECT pg_catalog.count(DISTINCT f.ftrelid), pg_catalog.count(*) "
        "FROM pg_catalog.pg_foreign_table AS f "
        "JOIN pg_catalog.pg_class AS c ON c.oid = f.ftrelid "
        "JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = $1::oid AND f.ftserver = $2::oid AND a.attnum > 0 AND NOT a.attisdropped",
        {spi::bigint(RelationGetNamespace(relation)), spi::bigint(component_server())});
    const std::int64_t components = spi::bigint_at(0, 1);
    // The two handles of each stand for its two planes.
    const std::int64_t planes = 2 * spi::bigint_at(0, 2) - 2 * components;
    if (components > static_cast<std::int64_t>(codec::max_components) ||
        planes > static_cast<std::int64_t>(codec::max_component_planes))
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("game \"%s\" has too many components", schema_name_of(relation)),
                        errdetail("It has %lld with %lld columns; %zu components are the limit, and %zu for "
                                  "components plus columns.",
                                  static_cast<long long>(components),
                                  static_cast<long long>(planes / 2 - components), codec::max_components,
                                  codec::max_component_planes / 2),
                        errhint("Put columns that are used together into one component.")));
}

// Declared somewhere it could never have a row: as a partition, or on another server of our wrapper.
void check_kind(Relation relation) {
    const char* name = RelationGetRelationName(relation);
    if (relation->rd_rel->relispartition)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("component \"%s\" cannot be a partition", name),
                 errhint("Use INHERITS (game.component).")));
}

void check_component(Relation relation) {
    check_kind(relation);
    const ComponentSpace space = check_space(relation);
    check_parents(relation);
    check_place(relation);
    int columns = 0;
    const TupleDesc descriptor = RelationGetDescr(relation);
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute& attribute = *TupleDescAttr(descriptor, i);
        if (attribute.attisdropped)
            continue;
        check_column(relation, attribute, space);
        columns += is_handle_column(NameStr(attribute.attname)) ? 0 : 1;
    }
    check_limits_of(relation, columns);
}

// ---- rows that are there already

// As the owner. Rows are counted in `SPI_processed`.
std::uint64_t run_as_owner(Relation relation, const char* query) {
    AsOwner role(relation->rd_rel->relowner);
    const int result = SPI_execute(query, false, 1);
    role.end();
    if (result != SPI_OK_SELECT)
        elog(ERROR, "a check failed: %s", SPI_result_code_string(result));
    return SPI_processed;
}

// What a row of a cell component is that nobody has written: a subquery with the component's columns.
const char* default_row(Relation relation) {
    (void)spi::run("SELECT pg_catalog.string_agg(pg_catalog.format('CAST(%s AS %s) AS %I', "
                   "coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), "
                   "pg_catalog.pg_get_expr(t.typdefaultbin, 0), 'NULL'), "
                   "pg_catalog.format_type(a.atttypid, a.atttypmod), a.attname), ', ' ORDER BY a.attnum) "
                   "FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid "
                   "LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
                   "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped",
                   {spi::bigint(RelationGetRelid(relation))});
    const std::string_view columns = spi::text_at(0, 1);
    return psprintf("(SELECT %.*s) AS %s", static_cast<int>(columns.size()), columns.data(),
                    quote_identifier(RelationGetRelationName(relation)));
}

void check_not_null(Relation relation, const char* source) {
    const TupleDesc descriptor = RelationGetDescr(relation);
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute& attribute = *TupleDescAttr(descriptor, i);
        const char* column = NameStr(attribute.attname);
        if (attribute.attisdropped || !attribute.attnotnull || is_handle_column(column))
            continue;
        if (run_as_owner(relation, psprintf("SELECT 1 FROM %s WHERE %s IS NULL LIMIT 1", source,
                                            quote_identifier(column))) > 0)
            ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
                            errmsg("column \"%s\" of relation \"%s\" contains null values", column,
                                   RelationGetRelationName(relation)),
                            errtablecol(relation, i + 1)));
    }
}

void check_constraints(Relation relation, const char* source) {
    const std::uint64_t count = spi::run(
        "SELECT conname::text, pg_catalog.pg_get_expr(conbin, conrelid) FROM pg_catalog.pg_constraint "
        "WHERE conrelid = $1::oid AND contype = 'c' AND convalidated ORDER BY conname",
        {spi::bigint(RelationGetRelid(relation))});
    // The next statement takes the place of the result.
    auto** names = static_cast<char**>(palloc((count + 1) * sizeof(char*)));
    auto** expressions = static_cast<char**>(palloc((count + 1) * sizeof(char*)));
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string_view name = spi::text_at(i, 1);
        const std::string_view expression = spi::text_at(i, 2);
        names[i] = pnstrdup(name.data(), name.size());
        expressions[i] = pnstrdup(expression.data(), expression.size());
    }
    for (std::uint64_t i = 0; i < count; ++i)
        if (run_as_owner(relation,
                         psprintf("SELECT 1 FROM %s WHERE NOT (%s) LIMIT 1", source, expressions[i])) > 0)
            ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
                            errmsg("check constraint \"%s\" of relation \"%s\" is violated by some row",
                                   names[i], RelationGetRelationName(relation)),
                            errtableconstraint(relation, names[i])));
}

// The cast raises by itself, naming the domain's constraint.
void check_domains(Relation relation, const char* source) {
    const TupleDesc descriptor = RelationGetDescr(relation);
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute& attribute = *TupleDescAttr(descriptor, i);
        if (attribute.attisdropped || get_typtype(attribute.atttypid) != TYPTYPE_DOMAIN)
            continue;
        (void)run_as_owner(relation, psprintf("SELECT pg_catalog.count(CAST(CAST(%s AS %s) AS %s)) FROM %s",
                                              quote_identifier(NameStr(attribute.attname)),
                                              format_type_be_qualified(getBaseType(attribute.atttypid)),
                                              format_type_be_qualified(attribute.atttypid), source));
    }
}

void check_rows(Relation relation, const char* source) {
    check_not_null(relation, source);
    check_constraints(relation, source);
    check_domains(relation, source);
}

// What cells hold before anybody writes to them. Not while a dump is restored, which brings the definitions
// before the game's row, and some defaults after the constraints.
void check_default_row(Relation relation) {
    if (space_of(RelationGetRelid(relation)) == ComponentSpace::cell &&
        game_is_registered(schema_name_of(relation)))
        check_rows(relation, default_row(relation));
}

// The rows of worlds. Without a world there are none.
void check_existing_rows(Relation relation) {
    if (game_has_worlds(schema_name_of(relation)))
        check_rows(relation, psprintf("ONLY %s", quoted_name(relation)));
}

// A column with a default that is not constant: heap tables would evaluate it for each row.
void check_added_column(Relation relation, const char* column) {
    const AttrNumber number = get_attnum(RelationGetRelid(relation), column);
    if (number == InvalidAttrNumber)
        return;
    const FormData_pg_attribute& attribute = *TupleDescAttr(RelationGetDescr(relation), number - 1);
    const DefaultValue found = default_of(RelationGetRelid(relation), number, attribute.atttypid,
                                          attribute.atttypmod, relation->rd_rel->relowner);
    if (!found.is_mutable || !game_has_worlds(schema_name_of(relation)))
        return;
    if (run_as_owner(relation, psprintf("SELECT 1 FROM ONLY %s LIMIT 1", quoted_name(relation))) > 0)
        ereport(
            ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("the default of column \"%s\" is not constant, and component \"%s\" has rows", column,
                    RelationGetRelationName(relation)),
             errhint("Add the column without a default, UPDATE the rows, then ALTER COLUMN … SET DEFAULT.")));
}

// Without preload there is no worker to tell.
void announce() {
    if (shared != nullptr)
        transaction::announce_definitions_at_commit();
}

// ---- which commands concern components

// What an ALTER TABLE asks for.
struct Alteration {
    bool touches_rows = false;     // constraints that rows could violate
    bool touches_default = false;  // what a row holds that nobody has written
    List* added_columns = nullptr; // of char*
};

void examine(AlterTableCmd* step, const char* table, Alteration& out) {
    switch (step->subtype) {
    case AT_AlterColumnType:
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("the type of a column of component \"%s\" cannot be changed", table),
                 errhint("Add a column of the new type, copy the values with UPDATE, drop the old column and "
                         "rename the new one.")));
        break;
    case AT_DropInherit: {
        const Oid parent = RangeVarGetRelid(castNode(RangeVar, step->def), NoLock, true);
        if (parent == component_parent() || parent == cell_parent())
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("component \"%s\" cannot leave its space", table),
                            errhint("Drop it, and create another one.")));
        break;
    }
    case AT_AddColumn:
#if PG_VERSION_NUM < 160000
    case AT_AddColumnRecurse:
#endif
        out.touches_rows = true;
        out.added_columns = lappend(out.added_columns, castNode(ColumnDef, step->def)->colname);
        break;
    case AT_AddConstraint:
#if PG_VERSION_NUM < 160000
    case AT_AddConstraintRecurse:
#endif
        out.touches_rows |= !castNode(Constraint, step->def)->skip_validation;
        break;
    case AT_ValidateConstraint:
#if PG_VERSION_NUM < 160000
    case AT_ValidateConstraintRecurse:
#endif
    case AT_SetNotNull:
    case AT_AddInherit:
        out.touches_rows = true;
        break;
    case AT_ColumnDefault:
        out.touches_default = step->def != nullptr;
        break;
    default:
        break;
    }
}

Alteration examine(const CollectedCommand* command, const char* table) {
    Alteration out;
    ListCell* cell = nullptr;
    if (command->type == SCT_AlterTable)
        foreach (cell, command->d.alterTable.subcmds) {
            Node* step = static_cast<CollectedATSubcmd*>(lfirst(cell))->parsetree;
            if (IsA(step, AlterTableCmd))
                examine(castNode(AlterTableCmd, step), table, out);
        }
    return out;
}

// The component, and those that inherit from it: an ALTER changes them too.
void check_with_heirs(Oid oid, const CollectedCommand* command) {
    ListCell* cell = nullptr;
    foreach (cell, find_all_inheritors(oid, AccessShareLock, nullptr)) {
        const Oid heir = lfirst_oid(cell);
        if (!is_component(heir))
            continue;
        const Relation relation = table_open(heir, AccessShareLock);
        const Alteration alteration = examine(command, RelationGetRelationName(relation));
        check_component(relation);
        ListCell* added = nullptr;
        foreach (added, alteration.added_columns)
            check_added_column(relation, static_cast<char*>(lfirst(added)));
        const bool is_new = command->type != SCT_AlterTable;
        if (alteration.touches_rows || alteration.touches_default || is_new)
            check_default_row(relation);
        if (alteration.touches_rows)
            check_existing_rows(relation);
        table_close(relation, NoLock);
    }
    announce();
}

bool changes_only_owner(const CollectedCommand* command) {
    if (command->type != SCT_AlterTable)
        return false;
    ListCell* cell = nullptr;
    foreach (cell, command->d.alterTable.subcmds) {
        Node* step = static_cast<CollectedATSubcmd*>(lfirst(cell))->parsetree;
        if (!IsA(step, AlterTableCmd) || castNode(AlterTableCmd, step)->subtype != AT_ChangeOwner)
            return false;
    }
    return true;
}

// game.component and game.cell: every component of every game inherits what they are.
void refuse_alteration(const CollectedCommand* command, const char* table) {
    if (!changes_only_owner(command))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("game.%s cannot be altered", table),
                        errhint("It belongs to the extension. Alter the components that inherit from it.")));
}

void check_table(Oid oid, const CollectedCommand* command) {
    if (is_component(oid))
        return check_with_heirs(oid, command);
    if (oid == component_parent() || oid == cell_parent())
        return refuse_alteration(command, get_rel_name(oid));
    const char kind = get_rel_relkind(oid);
    if (kind != RELKIND_RELATION && kind != RELKIND_FOREIGN_TABLE && kind != RELKIND_PARTITIONED_TABLE)
        return;
    if (space_of(oid) != ComponentSpace::none)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" inherits from a component and is none itself", get_rel_name(oid)),
                        errhint("Create it with CREATE FOREIGN TABLE … SERVER gamelan.")));
    if (kind == RELKIND_FOREIGN_TABLE) {
        const ForeignServer* server = GetForeignServer(GetForeignTable(oid)->serverid);
        const Oid ours = component_server();
        if (OidIsValid(ours) && server->fdwid == GetForeignServer(ours)->fdwid)
            ereport(ERROR,
                    (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                     errmsg("components are foreign tables of server \"gamelan\" only"),
                     errdetail("\"%s\" is one of server \"%s\".", get_rel_name(oid), server->servername)));
    }
}

// Components with a column of that type, or of a domain over it; in `SPI_tuptable` until the next statement.
std::uint64_t find_users(Oid type) {
    return spi::run("WITH RECURSIVE over(oid) AS (SELECT $1::oid UNION SELECT t.oid FROM over "
                    "JOIN pg_catalog.pg_type AS t ON t.typbasetype = over.oid WHERE t.typtype = 'd') "
                    "SELECT DISTINCT a.attrelid::bigint FROM over "
                    "JOIN pg_catalog.pg_attribute AS a ON a.atttypid = over.oid "
                    "JOIN pg_catalog.pg_foreign_table AS f ON f.ftrelid = a.attrelid "
                    "WHERE f.ftserver = $2::oid AND NOT a.attisdropped ORDER BY 1",
                    {spi::bigint(type), spi::bigint(component_server())});
}

void check_enum_change(Oid type, Node* statement, Oid user) {
    if (IsA(statement, AlterEnumStmt) && castNode(AlterEnumStmt, statement)->oldVal != nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a label of the enum %s cannot be renamed while component \"%s\" uses it",
                               format_type_be(type), get_rel_name(user)),
                        errhint("Add the new label with ALTER TYPE … ADD VALUE, and UPDATE the rows that "
                                "have the old one.")));
    check_enum(type);
}

bool tightens(Node* statement) {
    if (!IsA(statement, AlterDomainStmt))
        return false;
    const char kind = castNode(AlterDomainStmt, statement)->subtype;
    return kind == 'C' || kind == 'O' || kind == 'V' || kind == 'T';
}

void check_type(Oid type, const CollectedCommand* command) {
    if (command->type != SCT_Simple)
        return;
    const char kind = get_typtype(type);
    if (kind != TYPTYPE_ENUM && kind != TYPTYPE_DOMAIN)
        return;
    const std::uint64_t count = find_users(type);
    if (count == 0)
        return;
    auto* users = static_cast<Oid*>(palloc(count * sizeof(Oid)));
    for (std::uint64_t i = 0; i < count; ++i)
        users[i] = static_cast<Oid>(spi::bigint_at(i, 1));
    if (kind == TYPTYPE_ENUM)
        check_enum_change(type, command->parsetree, users[0]);
    for (std::uint64_t i = 0; i < count && kind == TYPTYPE_DOMAIN; ++i) {
        const Relation relation = table_open(users[i], AccessShareLock);
        check_component(relation);
        check_default_row(relation);
        if (tightens(command->parsetree))
            check_existing_rows(relation);
        table_close(relation, NoLock);
    }
    announce();
}

// A renamed schema takes its game along.
void follow_rename(Node* statement) {
    if (!IsA(statement, RenameStmt) || castNode(RenameStmt, statement)->renameType != OBJECT_SCHEMA)
        return;
    const RenameStmt* rename = castNode(RenameStmt, statement);
    (void)spi::run("SELECT game._rename_game($1, $2)",
                   {spi::text(rename->subname), spi::text(rename->newname)});
}

// Nothing of ours can be concerned while the extension is being made, or the library is not preloaded with
// it.
bool must_look() {
    return !creating_extension && !IsBinaryUpgrade && OidIsValid(component_server());
}

void connect() {
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
}

void require_event_trigger(FunctionCallInfo fcinfo, const char* event) {
    if (!CALLED_AS_EVENT_TRIGGER(fcinfo) ||
        std::strcmp(reinterpret_cast<EventTriggerData*>(fcinfo->context)->event, event) != 0)
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("this function is for the event trigger of %s", event)));
}

// ---- the option of a column

void check_column_option(DefElem* option) {
    if (std::strcmp(option->defname, "index") != 0)
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
                        errmsg("columns of components have no option \"%s\"", option->defname),
                        errhint("Their option is index: 'hash' for equality, 'ordered' for ranges too.")));
    const char* kind = defGetString(option);
    if (std::strcmp(kind, "hash") != 0 && std::strcmp(kind, "ordered") != 0)
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                        errmsg("there is no index of kind \"%s\"", kind),
                        errhint("Use index 'hash' for equality, or index 'ordered' for ranges too.")));
}

const char* name_of_catalog(Oid catalog) {
    switch (catalog) {
    case ForeignTableRelationId:
        return "components";
    case ForeignServerRelationId:
        return "servers of gamelan";
    case ForeignDataWrapperRelationId:
        return "the foreign-data wrapper gamelan";
    case UserMappingRelationId:
        return "user mappings of gamelan";
    default:
        return "these objects";
    }
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_fdw_validator);
PG_FUNCTION_INFO_V1(gamelan_ddl_ended);
PG_FUNCTION_INFO_V1(gamelan_objects_dropped);

PGDLLEXPORT Datum gamelan_fdw_validator(PG_FUNCTION_ARGS) {
    List* options = untransformRelOptions(PG_GETARG_DATUM(0));
    const Oid catalog = PG_GETARG_OID(1);
    ListCell* cell = nullptr;
    foreach (cell, options) {
        DefElem* option = static_cast<DefElem*>(lfirst(cell));
        if (catalog == AttributeRelationId) {
            check_column_option(option);
            continue;
        }
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
                        errmsg("%s have no option \"%s\"", name_of_catalog(catalog), option->defname),
                        errhint("Options belong to columns: hp integer OPTIONS (index 'ordered').")));
    }
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum gamelan_ddl_ended(PG_FUNCTION_ARGS) {
    require_event_trigger(fcinfo, "ddl_command_end");
    if (!must_look())
        PG_RETURN_NULL();
    connect();
    const std::uint64_t count = spi::run(
        "SELECT classid::bigint, objid::bigint, command FROM pg_catalog.pg_event_trigger_ddl_commands()", {});
    struct Command {
        Oid catalog;
        Oid object;
        const CollectedCommand* command;
    };
    auto* commands = static_cast<Command*>(palloc((count + 1) * sizeof(Command)));
    for (std::uint64_t i = 0; i < count; ++i) {
        bool is_null = false;
        const Datum command = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3, &is_null);
        commands[i] = {spi::is_null(i, 1) ? InvalidOid : static_cast<Oid>(spi::bigint_at(i, 1)),
                       spi::is_null(i, 2) ? InvalidOid : static_cast<Oid>(spi::bigint_at(i, 2)),
                       reinterpret_cast<const CollectedCommand*>(DatumGetPointer(command))};
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        if (commands[i].catalog == RelationRelationId && OidIsValid(commands[i].object))
            check_table(commands[i].object, commands[i].command);
        else if (commands[i].catalog == TypeRelationId && OidIsValid(commands[i].object))
            check_type(commands[i].object, commands[i].command);
        else if (commands[i].catalog == NamespaceRelationId && commands[i].command->type == SCT_Simple)
            follow_rename(commands[i].command->parsetree);
    }
    SPI_finish();
    PG_RETURN_NULL();
}

PGDLLEXPORT Datum gamelan_objects_dropped(PG_FUNCTION_ARGS) {
    require_event_trigger(fcinfo, "sql_drop");
    if (!must_look())
        PG_RETURN_NULL();
    connect();
    const std::uint64_t count =
        spi::run("SELECT object_type, object_name, (address_names[1] = 'game' AND address_names[2] IN "
                 "('component', 'cell'))::int FROM pg_catalog.pg_event_trigger_dropped_objects() "
                 "WHERE object_type IN ('foreign table', 'foreign table column', 'schema', 'trigger')",
                 {});
    auto** schemas = static_cast<char**>(palloc((count + 1) * sizeof(char*)));
    std::uint64_t schema_count = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string_view kind = spi::text_at(i, 1);
        if (kind == "schema") {
            const std::string_view name = spi::text_at(i, 2);
            schemas[schema_count++] = pnstrdup(name.data(), name.size());
        } else if (kind != "trigger") {
            announce();
        } else if (spi::integer_at(i, 3) != 0) {
            ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                            errmsg("the triggers of game.component and game.cell cannot be dropped"),
                            errhint("They belong to the extension.")));
        }
    }
    for (std::uint64_t i = 0; i < schema_count; ++i)
        (void)spi::run("SELECT game._forget_game($1)", {spi::text(schemas[i])});
    SPI_finish();
    PG_RETURN_NULL();
}

} // extern "C"
