// Statements over a component, or over the row of defaults that a cell is before it is written. What users
// wrote is only ever evaluated as the table's owner.
#include <cstring>

#include "extension/functions/component_checks.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/spi.hpp"

namespace gamelan::pg::component_checks {

namespace {

const char* schema_name_of(Relation relation) {
    return get_namespace_name(RelationGetNamespace(relation));
}

const char* quoted_name(Relation relation) {
    return quote_qualified_identifier(schema_name_of(relation), RelationGetRelationName(relation));
}

bool game_is_registered(const char* schema) {
    return spi::run("SELECT FROM game.game WHERE name = $1", {spi::text(schema)}) > 0;
}

bool game_has_worlds(const char* schema) {
    return spi::run("SELECT FROM game.world_definition WHERE game = $1 LIMIT 1", {spi::text(schema)}) > 0;
}

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

} // namespace

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

} // namespace gamelan::pg::component_checks
