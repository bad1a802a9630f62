// Declaring components: the validator of the wrapper's options, and the event triggers that check DDL, also
// on procedures and functions that are declared to be systems and actions. Their contracts are the COMMENTs
// in extension/sql/25-components.sql and 36-following.sql.
//
// The triggers fire for all DDL of a few tags, run as the extension's owner, and look first whether anything
// of ours is concerned.
#include "core/base/no_postgres.hpp"

#include <cstring>

#include "extension/functions/component_checks.hpp"
#include "extension/pg/catalog_definition.hpp"
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
#include "catalog/pg_proc.h"
#include "catalog/pg_user_mapping.h"
#include "commands/event_trigger.h"
#include "foreign/foreign.h"
#include "tcop/deparse_utility.h"
}

namespace {

using namespace gamelan;
using namespace gamelan::pg;
using namespace gamelan::pg::component_checks;

// Without preload there is no worker to tell.
void announce() {
    if (shared != nullptr)
        transaction::announce_definitions_at_commit();
}

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

const char* last_name(const Node* object) {
    return strVal(llast(castNode(ObjectWithArgs, object)->objname));
}

// A procedure or function: it may be declared to be a system or an action.
void follow_routine(Oid routine, const CollectedCommand* command) {
    Node* statement = command->type == SCT_Simple ? command->parsetree : nullptr;
    const bool is_renamed = statement != nullptr && IsA(statement, RenameStmt);
    const bool is_moved = statement != nullptr && IsA(statement, AlterObjectSchemaStmt);
    const spi::Argument old_name =
        is_renamed ? spi::text(last_name(castNode(RenameStmt, statement)->object)) : spi::null_of(TEXTOID);
    (void)spi::run("SELECT game._routine_changed($1::oid, $2, $3 <> 0)::int",
                   {spi::bigint(routine), old_name, spi::integer(is_moved)});
    // At the next tick boundary after the commit, worlds run the new body.
    if (spi::integer_at(0, 1) != 0)
        announce();
}

void follow_component_rename(Oid component, const CollectedCommand* command) {
    if (command->type != SCT_Simple || !IsA(command->parsetree, RenameStmt) || !is_component(component))
        return;
    const RenameStmt* rename = castNode(RenameStmt, command->parsetree);
    if (rename->renameType == OBJECT_TABLE || rename->renameType == OBJECT_FOREIGN_TABLE)
        (void)spi::run("SELECT game._component_renamed($1::oid, $2)",
                       {spi::bigint(component), spi::text(rename->relation->relname)});
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
        if (commands[i].catalog == RelationRelationId && OidIsValid(commands[i].object)) {
            check_table(commands[i].object, commands[i].command);
            follow_component_rename(commands[i].object, commands[i].command);
        } else if (commands[i].catalog == ProcedureRelationId && OidIsValid(commands[i].object))
            follow_routine(commands[i].object, commands[i].command);
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
                 "WHERE object_type IN ('foreign table', 'foreign table column', 'schema', 'trigger', "
                 "'function', 'procedure')",
                 {});
    auto** schemas = static_cast<char**>(palloc((count + 1) * sizeof(char*)));
    std::uint64_t schema_count = 0;
    bool has_declared = false;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string_view kind = spi::text_at(i, 1);
        if (kind == "schema") {
            const std::string_view name = spi::text_at(i, 2);
            schemas[schema_count++] = pnstrdup(name.data(), name.size());
        } else if (kind != "trigger") {
            has_declared = true;
            announce();
        } else if (spi::integer_at(i, 3) != 0) {
            ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                            errmsg("the triggers of game.component and game.cell cannot be dropped"),
                            errhint("They belong to the extension.")));
        }
    }
    for (std::uint64_t i = 0; i < schema_count; ++i)
        (void)spi::run("SELECT game._forget_game($1)", {spi::text(schemas[i])});
    if (has_declared)
        (void)spi::run("SELECT game._declared_dropped()", {});
    SPI_finish();
    PG_RETURN_NULL();
}

} // extern "C"
