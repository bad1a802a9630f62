#include "core/codec/definition.hpp"

#include <cstring>

#include "extension/functions/component_checks.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/component_types.hpp"
#include "extension/pg/spi.hpp"

extern "C" {
#include "catalog/pg_attribute.h"
}

namespace gamelan::pg::component_checks {

namespace {

const char* schema_name_of(Relation relation) {
    return get_namespace_name(RelationGetNamespace(relation));
}

bool is_reserved_schema(const char* name) {
    return std::strncmp(name, "pg_", 3) == 0 || std::strcmp(name, "game") == 0 ||
           std::strcmp(name, "public") == 0 || std::strcmp(name, "information_schema") == 0;
}

bool game_is_registered(const char* schema) {
    return spi::run("SELECT FROM game.game WHERE name = $1", {spi::text(schema)}) > 0;
}

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

void check_index(Relation relation, const FormData_pg_attribute& attribute, ColumnType type) {
    const HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(RelationGetRelid(relation)),
                                            Int16GetDatum(attribute.attnum));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for a column of \"%s\"", RelationGetRelationName(relation));
    bool is_null = false;
    const Datum options = SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attfdwoptions, &is_null);
    const store::IndexKind kind = index_option(options, is_null);
    ReleaseSysCache(tuple);
    if (kind == store::IndexKind::ordered && !has_order(type))
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

} // namespace

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

} // namespace gamelan::pg::component_checks
