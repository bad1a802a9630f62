#include "test/oracle/changes.hpp"

#include <algorithm>

namespace gamelan::oracle {

namespace {

constexpr std::size_t places = 50;
constexpr std::size_t most_columns = 14;

// Two worlds with cells, one without.
const char* const world_config[] = {"{\"n\": 2}", "{}", "{\"n\": 1}"};

} // namespace

Table* Schema::any_of(Random& random, Kind kind) const {
    std::vector<Table*> found;
    for (const auto& table : tables)
        if (table->kind == kind)
            found.push_back(table.get());
    return found.empty() ? nullptr : random.pick(found);
}

void Changes::begin() {
    Session& hot = pair_.hot;
    Session& twin = pair_.twin;
    twin.must("SET client_min_messages = error");
    hot.must("SET client_min_messages = error");
    twin.must("SELECT game.drop_world(id) FROM game.world WHERE game = 'hot'");
    twin.must("DROP SCHEMA IF EXISTS hot, twin, cold CASCADE");
    twin.must("CREATE SCHEMA twin");
    twin.must("CREATE SCHEMA cold");
    twin.must("CREATE TYPE cold.mood AS ENUM ('glad', 'sad', 'mad', 'Übermütig', 'of two minds')");
    twin.must("CREATE DOMAIN cold.percent AS int CHECK (VALUE BETWEEN 0 AND 100)");
    twin.must("CREATE DOMAIN cold.word AS text CHECK (VALUE <> 'NO')");
    twin.must("CREATE TABLE twin.component (world bigint NOT NULL, entity bigint NOT NULL)");
    twin.must("CREATE TABLE twin.cell (world bigint NOT NULL, cell bigint NOT NULL)");
    twin.must("CREATE TABLE cold.entity (world bigint, entity bigint, PRIMARY KEY (world, entity))");
    schema_.place = std::make_unique<Table>(Table{"cold.place", Kind::cold, {}, nullptr, 0});
    std::string columns;
    std::string values;
    for (const char* type : {"integer", "bigint", "double precision", "text", "mood", "numeric", "boolean",
                             "timestamptz", "uuid"}) {
        const Column column{new_name("p"), &type_named(type)};
        columns += ", " + column.name + " " + type;
        values += ", CASE n % 7";
        for (std::size_t i = 0; i < 6; ++i)
            values += " WHEN " + std::to_string(i) + " THEN " +
                      literal(random_value(random_, *column.type), *column.type);
        values += " END";
        schema_.place->columns.push_back(column);
    }
    twin.must("CREATE TABLE cold.place (id int PRIMARY KEY" + columns + ")");
    twin.must("INSERT INTO cold.place SELECT n" + values + " FROM generate_series(0, " +
              std::to_string(places - 1) + ") AS n");
    schema_.is_ticking = random_.one_in(4);
    hot.must("SELECT game.create_game('hot')");
    for (const char* config : world_config) {
        const std::string name = "oracle " + std::to_string(schema_.worlds.size());
        const auto id = hot.must("SELECT game.create_world('" + name +
                                 "', 'hot', seed => 1, tick_rate => 240, config => '" + config + "')");
        if (schema_.is_ticking)
            hot.must("SELECT game.start_world(" + id.at(0) + ")");
        schema_.worlds.push_back({std::stoll(id.at(0)), {}, {}});
    }
}

Column Changes::new_column(std::string& index, std::string& more, bool is_of_cells) {
    const Type& type = random_.pick(types());
    Column column{new_name("c"), &type};
    if (random_.percent(30)) {
        index = type.index;
        if (index == "ordered" && random_.one_in(2))
            index = "hash";
    }
    const bool has_default = random_.percent(40);
    if (has_default)
        more = " DEFAULT " + literal(plain_value(random_, type), type);
    if (random_.percent(20) && (has_default || !is_of_cells)) {
        column.not_null = true;
        more += " NOT NULL";
    }
    return column;
}

std::string Changes::column_definition(const Column& column, bool is_hot, const std::string& index,
                                       const std::string& more) const {
    const std::string options = is_hot && !index.empty() ? " OPTIONS (index '" + index + "')" : "";
    return column.name + " " + column.type->name + options + more;
}

Table& Changes::create_table() {
    schema_.is_behind = true;
    auto table = std::make_unique<Table>();
    table->name = new_name("t");
    Table* parent = schema_.tables.empty() || !random_.one_in(3) ? nullptr : &schema_.any(random_);
    table->kind = parent != nullptr ? parent->kind : random_.one_in(5) ? Kind::cells : Kind::entities;
    if (schema_.tables.empty())
        table->kind = Kind::entities;
    table->parent = parent;
    if (parent != nullptr)
        table->columns = parent->columns;
    std::string hot;
    std::string twin;
    for (std::size_t i = random_.between(parent == nullptr ? 2 : 0, 7); i > 0; --i) {
        std::string index;
        std::string more;
        const Column column = new_column(index, more, table->kind == Kind::cells);
        hot += (hot.empty() ? "" : ", ") + column_definition(column, true, index, more);
        twin += column_definition(column, false, index, more) + ", ";
        table->columns.push_back(column);
    }
    const std::string base = parent != nullptr            ? parent->name
                             : table->kind == Kind::cells ? "cell"
                                                          : "component";
    const std::string hot_base = parent != nullptr ? "hot." + base : "game." + base;
    pair_.change({"CREATE FOREIGN TABLE hot." + table->name + " (" + hot + ") INHERITS (" + hot_base +
                  ") SERVER gamelan"},
                 {"CREATE TABLE twin." + table->name + " (" + twin + "PRIMARY KEY (world, " +
                  table->handle() + ")) INHERITS (twin." + base + ")"});
    for (Table* ancestor = parent; ancestor != nullptr; ancestor = ancestor->parent)
        ++ancestor->children;
    schema_.tables.push_back(std::move(table));
    Table& made = *schema_.tables.back();
    if (made.kind == Kind::cells) {
        // Cells have their rows from the start; the store says which cells there are.
        const auto cells = pair_.hot.must("SELECT world, cell FROM ONLY hot." + made.name);
        std::string rows;
        for (World& world : schema_.worlds)
            world.cells.clear();
        for (const std::string& cell : cells) {
            const std::size_t bar = cell.find(" | ");
            const std::string handle = cell.substr(bar + 3);
            for (World& world : schema_.worlds)
                if (std::to_string(world.id) == cell.substr(0, bar))
                    world.cells.push_back(std::stoll(handle));
            rows += (rows.empty() ? "(" : ", (") + cell.substr(0, bar) + ", " + handle + ")";
        }
        if (!rows.empty())
            pair_.twin.must("INSERT INTO twin." + made.name + " (world, cell) VALUES " + rows);
    }
    return made;
}

std::vector<Table*> Changes::family(Table& table) {
    std::vector<Table*> out;
    for (const auto& other : schema_.tables)
        for (Table* ancestor = other.get(); ancestor != nullptr; ancestor = ancestor->parent)
            if (ancestor == &table) {
                out.push_back(other.get());
                break;
            }
    return out;
}

bool Changes::alter_both(const std::string& sql) {
    return pair_.change({sql}).sqlstate.empty();
}

void Changes::add_column(Table& table) {
    if (table.columns.size() >= most_columns)
        return;
    std::string index;
    std::string more;
    const Column column = new_column(index, more, table.kind == Kind::cells);
    const std::string head = "ALTER TABLE " + table.name + " ADD COLUMN ";
    if (!pair_
             .change({head + column_definition(column, true, index, more)},
                     {head + column_definition(column, false, index, more)})
             .sqlstate.empty())
        return;
    for (Table* member : family(table))
        member->columns.push_back(column);
}

void Changes::drop_column(Table& table) {
    if (table.parent != nullptr || table.columns.size() < 3)
        return;
    const std::string name = random_.pick(table.columns).name;
    if (alter_both("ALTER TABLE " + table.name + " DROP COLUMN " + name + " CASCADE"))
        for (Table* member : family(table))
            std::erase_if(member->columns, [&](const Column& column) { return column.name == name; });
}

void Changes::rename_column(Table& table) {
    if (table.parent != nullptr || table.columns.empty())
        return;
    const std::string old_name = random_.pick(table.columns).name;
    const std::string name = new_name("r");
    if (alter_both("ALTER TABLE " + table.name + " RENAME COLUMN " + old_name + " TO " + name))
        for (Table* member : family(table))
            for (Column& column : member->columns)
                if (column.name == old_name)
                    column.name = name;
}

// Every cell of a world to come has the defaults, so that a component of cells refuses a condition that they
// break; a table looks at the rows that there are.
bool Changes::holds_for_defaults(Table& table, const Column& column, const std::string& condition) {
    for (const Table* member : family(table)) {
        const std::string stored = pair_.twin.must(
            "SELECT coalesce(max(pg_get_expr(d.adbin, d.adrelid)), 'NULL') FROM pg_attrdef AS d "
            "JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
            "WHERE d.adrelid = 'twin." +
            member->name + "'::regclass AND a.attname = '" + column.name + "'")[0];
        if (pair_.twin.must("SELECT coalesce(" + condition + ", true) FROM (SELECT CAST(" + stored + " AS " +
                            column.type->name + ") AS " + column.name + ") AS d")[0] != "t")
            return false;
    }
    return true;
}

void Changes::add_check(Table& table) {
    if (table.columns.empty())
        return;
    const std::string name = new_name("k");
    const Column& column = random_.pick(table.columns);
    const std::string condition =
        column.name + " IS DISTINCT FROM " + literal(plain_value(random_, *column.type), *column.type);
    if (table.kind == Kind::cells && !holds_for_defaults(table, column, condition))
        return;
    if (random_.one_in(2) && table.kind == Kind::entities)
        pair_.change({"DELETE FROM " + table.name + " WHERE NOT (" + condition + ")"});
    for (const World& world : schema_.worlds)
        pair_.hot.must("SELECT game.step_world(" + std::to_string(world.id) + ")");
    alter_both("ALTER TABLE " + table.name + " ADD CONSTRAINT " + name + " CHECK (" + condition + ")");
}

void Changes::set_not_null(Table& table) {
    if (table.columns.empty() || table.kind == Kind::cells)
        return;
    const std::string name = random_.pick(table.columns).name;
    const bool is_set = random_.one_in(2);
    if (!is_set && table.parent != nullptr)
        return;
    if (alter_both("ALTER TABLE " + table.name + " ALTER COLUMN " + name +
                   (is_set ? " SET NOT NULL" : " DROP NOT NULL")))
        for (Table* member : family(table))
            for (Column& column : member->columns)
                if (column.name == name)
                    column.not_null = is_set;
}

void Changes::set_default(Table& table) {
    if (table.columns.empty() || table.kind == Kind::cells)
        return;
    const Column& column = random_.pick(table.columns);
    const std::string change =
        random_.one_in(3) ? " DROP DEFAULT"
                          : " SET DEFAULT " + literal(plain_value(random_, *column.type), *column.type);
    alter_both("ALTER TABLE " + table.name + " ALTER COLUMN " + column.name + change);
}

void Changes::change_index(Table& table) {
    if (table.columns.empty())
        return;
    const Column& column = random_.pick(table.columns);
    const std::string sql = "ALTER FOREIGN TABLE hot." + table.name + " ALTER COLUMN " + column.name;
    pair_.note(sql + " OPTIONS …;");
    if (!pair_.hot.ask({sql + " OPTIONS (DROP index)"}).sqlstate.empty())
        pair_.hot.must(sql + " OPTIONS (ADD index '" + (random_.one_in(2) ? column.type->index : "hash") +
                       "')");
}

void Changes::drop_table(Table& table) {
    if (table.children > 0 || schema_.tables.size() < 4)
        return;
    pair_.change({"DROP FOREIGN TABLE hot." + table.name}, {"DROP TABLE twin." + table.name});
    for (Table* ancestor = table.parent; ancestor != nullptr; ancestor = ancestor->parent)
        --ancestor->children;
    std::erase_if(schema_.tables, [&](const auto& other) { return other.get() == &table; });
}

void Changes::alter() {
    schema_.is_behind = true;
    Table& table = schema_.any(random_);
    switch (random_.below(12)) {
    case 0:
    case 1:
    case 2:
        return add_column(table);
    case 3:
    case 4:
        return drop_column(table);
    case 5:
        return rename_column(table);
    case 6:
        return add_check(table);
    case 7:
        return set_not_null(table);
    case 8:
        return set_default(table);
    case 9:
    case 10:
        return change_index(table);
    default:
        return drop_table(table);
    }
}

} // namespace gamelan::oracle
