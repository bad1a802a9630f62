#include "test/oracle/systems.hpp"

#include "core/base/random.hpp"

#include <algorithm>

#include "test/oracle/types.hpp"

namespace gamelan::oracle {

namespace {

constexpr std::uint64_t world_seed = 42;
constexpr int tick_rate = 20;
constexpr std::int64_t entities = 150; // more than a block

std::string digits(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
}

} // namespace

SystemRound::SystemRound(Pair& pair, std::uint64_t seed, SystemCounts& counts)
    : pair_(pair), random_(seed), counts_(counts), bodies_(random_, schema_) {}

void SystemRound::begin() {
    pair_.history.clear();
    declare();
    add_table(true);
    add_table(true);
    for (int i = 0; i < 4; ++i)
        add_table(false);
    make_worlds();
    make_context();
    add_table_of_events();
    for (const auto& table : schema_.tables)
        fill(*table);
}

void SystemRound::declare() {
    Session& twin = pair_.twin;
    twin.must("RESET ALL");
    twin.must("SET client_min_messages = error");
    twin.must("SET timezone = 'UTC'");
    twin.must("SELECT game.drop_world(id) FROM game.world WHERE game IN ('hot', 'systems')");
    twin.must("DROP SCHEMA IF EXISTS hot, twin, cold, systems CASCADE");
    twin.must("CREATE SCHEMA twin");
    twin.must("CREATE SCHEMA cold");
    twin.must("CREATE TYPE cold.mood AS ENUM ('glad', 'sad', 'mad', 'Übermütig', 'of two minds')");
    twin.must("CREATE DOMAIN cold.percent AS int CHECK (VALUE BETWEEN 0 AND 100)");
    twin.must("SET search_path = twin, cold");
    pair_.hot.must("RESET ALL");
    pair_.hot.must("SET client_min_messages = error");
    pair_.hot.must("SET timezone = 'UTC'");
    pair_.hot.must("SELECT game.create_game('systems')");
    pair_.hot.must("SET search_path = systems, cold");
}

HotColumn SystemRound::new_column(const std::string& number, bool is_of_cells, std::string& definition) {
    HotColumn column;
    column.name = "x" + number;
    column.type = Formulas(random_).any_type();
    std::string type = sql_name(column.type);
    if (column.type == Fixed::i32 && random_.one_in(3)) {
        column.is_percent = true;
        type = "percent";
    }
    if (column.type == Fixed::i64 && random_.one_in(3)) {
        column.is_reference = true;
        column.is_cell = random_.one_in(2);
        column.name = (column.is_cell ? "h" : "e") + number;
    }
    const bool has_default = is_of_cells || random_.one_in(3);
    column.not_null = has_default && !column.is_reference && random_.one_in(3);
    definition += (definition.empty() ? "" : ", ") + column.name + " " + type;
    if (has_default && !column.is_reference)
        definition +=
            " DEFAULT " +
            (column.is_percent ? "1" : quote(plain_value(random_, type_named(sql_name(column.type)))));
    definition += column.not_null ? " NOT NULL" : "";
    return column;
}

void SystemRound::add_table(bool is_of_cells) {
    auto table = std::make_unique<HotTable>();
    table->is_of_cells = is_of_cells;
    table->name = (is_of_cells ? "g" : "c") + std::to_string(schema_.tables.size());
    std::string definition;
    const std::size_t count = random_.between(is_of_cells ? 2 : 1, 5);
    for (std::size_t i = 0; i < count; ++i) {
        table->columns.push_back(new_column(std::to_string(i), is_of_cells, definition));
    }
    if (!is_of_cells && schema_.tables.size() < 4)
        for (const char* axis : {"px", "py"}) {
            HotColumn& column = table->columns.emplace_back();
            column.name = axis;
            column.type = random_.one_in(2) ? Fixed::f32 : Fixed::f64;
            column.is_place = true;
            definition += std::string(", ") + axis + " " + sql_name(column.type);
        }
    if (random_.one_in(3)) {
        // Rows are made to satisfy it: where it cannot fail and holds for what is stored, or it is not asked.
        const HotColumn& column = random_.pick(table->columns);
        if (column.type == Fixed::i32 || column.type == Fixed::i16)
            table->check = column.name + " > -32000";
    }
    if (!table->check.empty())
        definition += ", CONSTRAINT limited CHECK (" + table->check + ")";
    const std::string parent = is_of_cells ? "game.cell" : "game.component";
    const std::string key = table->handle();
    const Statement hot{"CREATE FOREIGN TABLE " + table->name + " (" + definition + ") INHERITS (" + parent +
                        ") SERVER gamelan"};
    const Answer declared = pair_.hot.ask(hot);
    if (!declared.sqlstate.empty()) {
        // A default that its own CHECK refuses: another try.
        if (declared.sqlstate != "23514")
            throw Difference(hot.text() + "\n" + declared.message);
        return add_table(is_of_cells);
    }
    pair_.note(hot.text());
    pair_.twin.must("CREATE TABLE " + table->name + " (world bigint NOT NULL DEFAULT 1, " + key +
                    " bigint NOT NULL PRIMARY KEY, " + definition + ")");
    schema_.tables.push_back(std::move(table));
}

void SystemRound::add_table_of_events() {
    HotTable& told = schema_.told;
    told = {};
    told.name = "told";
    std::string definition;
    for (std::size_t i = random_.between(1, 4); i > 0; --i) {
        HotColumn column;
        column.name = "y" + std::to_string(i);
        column.type = Formulas(random_).any_type();
        column.not_null = random_.one_in(4);
        definition += ", " + column.name + " " + sql_name(column.type) + (column.not_null ? " NOT NULL" : "");
        if (random_.one_in(3))
            definition += " DEFAULT " + quote(plain_value(random_, type_named(sql_name(column.type))));
        if (column.type == Fixed::i32 || column.type == Fixed::f64)
            definition +=
                " CHECK (" + column.name + " IS NULL OR " + column.name + " < 1000000 OR entity > 40)";
        told.columns.push_back(column);
    }
    pair_.hot.must("CREATE TABLE systems.told (" + definition.substr(2) + ") INHERITS (game.event_row)");
    pair_.twin.must("CREATE TABLE twin.told (tick bigint DEFAULT twin.tick(), entity bigint" + definition +
                    ")");
}

void SystemRound::make_worlds() {
    const std::string n = random_.pick(std::vector<std::string>{"1", "2", "4"}); // 12, 42 or 162 cells
    for (int i = 0; i < worlds; ++i) {
        const auto id =
            pair_.hot.must("SELECT game.create_world('systems " + std::to_string(i) +
                           "', 'systems', seed => " + std::to_string(world_seed) + ", tick_rate => " +
                           std::to_string(tick_rate) + ", config => '{\"n\": " + n + "}')");
        world_[i] = std::stoll(id.at(0));
        pair_.hot.must("SELECT count(*) FROM (SELECT game.spawn_many(" + id.at(0) + ", " +
                       std::to_string(entities) + ")) AS s");
        pair_.hot.must("SELECT game.step_world(" + id.at(0) + ", 1)");
    }
    tick_ = 1;
    schema_.entities.clear();
    for (std::int64_t entity = 1; entity <= entities; ++entity)
        schema_.entities.push_back(entity);
    schema_.cells.clear();
    for (const std::string& cell :
         pair_.hot.must("SELECT cell FROM " + schema_.tables[0]->name +
                        " WHERE world = " + std::to_string(world_[0]) + " ORDER BY cell"))
        schema_.cells.push_back(std::stoll(cell));
    const auto first = pair_.hot.must("SELECT min(cell) FROM " + schema_.tables[0]->name +
                                      " WHERE world = " + std::to_string(world_[executor]));
    cell_distance_ = std::stoll(first.at(0)) - schema_.cells.at(0);
    make_systems();
}

// Those of one world are off in the other.
void SystemRound::make_systems() {
    for (int player = 0; player < worlds; ++player)
        for (std::size_t place = 0; place < systems; ++place) {
            const std::string name = (player == kernel ? "systems.k" : "systems.e") + std::to_string(place);
            pair_.hot.must("CREATE PROCEDURE " + name + "() BEGIN ATOMIC SELECT 1; END");
            pair_.hot.must("SELECT game.create_system('" + name + "', enabled => false)");
            pair_.hot.must("SELECT game.enable_system(" + std::to_string(world_[player]) + ", '" + name +
                           "')");
        }
}

// What the functions of schema game say in a tick, for the twin.
void SystemRound::make_context() {
    Session& twin = pair_.twin;
    twin.must("CREATE TABLE twin.context (tick bigint, dt double precision, now timestamptz)");
    twin.must("INSERT INTO twin.context VALUES (0, " + digits(1.0 / tick_rate) + ", '2000-01-01 00:00Z')");
    twin.must(
        "CREATE FUNCTION twin.tick() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT tick FROM twin.context'");
    twin.must("CREATE FUNCTION twin.dt() RETURNS double precision STABLE LANGUAGE sql AS 'SELECT dt FROM "
              "twin.context'");
    twin.must("CREATE FUNCTION twin.now() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT now FROM "
              "twin.context'");
    twin.must("CREATE FUNCTION twin.world_id() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT 1::bigint'");
    twin.must("CREATE TABLE twin.chance (key bigint PRIMARY KEY, number double precision, normal double "
              "precision)");
    twin.must(
        "CREATE FUNCTION twin.random(key bigint) RETURNS double precision STABLE STRICT LANGUAGE sql AS "
        "'SELECT number FROM twin.chance WHERE chance.key = $1'");
    twin.must("CREATE FUNCTION twin.gauss(key bigint) RETURNS double precision STABLE STRICT LANGUAGE sql AS "
              "'SELECT normal FROM twin.chance WHERE chance.key = $1'");
    twin.must("CREATE TABLE twin.around (cell bigint, neighbour bigint, PRIMARY KEY (cell, neighbour))");
    twin.must("INSERT INTO twin.around SELECT c.cell, n FROM systems." + schema_.tables[0]->name +
              " AS c, game.neighbors(c.world, c.cell) AS n WHERE c.world = " + std::to_string(world_[0]));
    twin.must(
        "CREATE FUNCTION twin.neighbors(cell bigint) RETURNS SETOF bigint STABLE STRICT LANGUAGE sql AS "
        "'SELECT neighbour FROM twin.around WHERE around.cell = $1'");
    make_places();
    twin.must("CREATE TABLE twin.event (entity bigint, payload jsonb)");
    twin.must(
        "CREATE FUNCTION twin.emit(kind text, entity bigint, payload jsonb) RETURNS void VOLATILE LANGUAGE "
        "plpgsql AS 'BEGIN INSERT INTO twin.event VALUES (entity, payload); END'");
}

// The functions that find rows by their place, as plain arithmetic over tables.
void SystemRound::make_places() {
    Session& twin = pair_.twin;
    twin.must(
        "CREATE FUNCTION twin.within(ax float8, ay float8, bx float8, by float8, radius float8) RETURNS "
        "boolean LANGUAGE sql IMMUTABLE AS 'SELECT $5 >= 0 AND ($1 - $3) * ($1 - $3) + ($2 - $4) * ($2 - "
        "$4) <= $5 * $5'");
    // Coordinates that are numbers.
    const std::string placed =
        "SELECT entity, px::float8 AS x, py::float8 AS y FROM %s WHERE px BETWEEN -1e30 "
        "AND 1e30 AND py BETWEEN -1e30 AND 1e30";
    const auto create = [&](const std::string& head, const std::string& result, const std::string& query) {
        twin.must(
            "CREATE FUNCTION twin." + head + ", columns name[]) RETURNS " + result +
            " STABLE LANGUAGE plpgsql AS $$ BEGIN IF $2 BETWEEN -1e30 AND 1e30 AND $3 BETWEEN -1e30 AND "
            "1e30 THEN RETURN QUERY EXECUTE format('SELECT " +
            query + "', component) USING $2, $3, $4; END IF; END $$");
    };
    create("near(component regclass, ax float8, ay float8, radius float8", "SETOF bigint",
           "entity FROM (" + placed + ") p WHERE twin.within(x, y, $1, $2, $3)");
    twin.must(
        "CREATE FUNCTION twin.pairs(component regclass, radius float8, columns name[]) RETURNS TABLE (a "
        "bigint, b bigint, distance float8) STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE "
        "format('SELECT p.entity, q.entity, sqrt((p.x - q.x) * (p.x - q.x) + (p.y - q.y) * (p.y - q.y)) "
        "FROM (" +
        placed + ") p JOIN (" + placed +
        ") q ON p.entity < q.entity AND twin.within(p.x, p.y, q.x, q.y, $1)', component, component) USING "
        "$2; END $$");
    create("nearest(component regclass, ax float8, ay float8, count int",
           "TABLE (entity bigint, distance float8)",
           "entity, sqrt((x - $1) * (x - $1) + (y - $2) * (y - $2)) FROM (" + placed +
               ") p ORDER BY 2, 1 LIMIT $3");
    twin.must("CREATE FUNCTION twin.in_box(component regclass, ax float8, ay float8, bx float8, by float8, "
              "columns name[]) RETURNS SETOF bigint STABLE LANGUAGE plpgsql AS $$ BEGIN "
              "IF num_nulls($2, $3, $4, $5) > 0 THEN RETURN; END IF; "
              "IF 'NaN' IN ($2, $3, $4, $5) THEN RAISE invalid_parameter_value; END IF; "
              "RETURN QUERY EXECUTE "
              "format('SELECT entity FROM (" +
              placed +
              ") p WHERE x BETWEEN least($1, $3) AND greatest($1, $3) AND y BETWEEN least($2, $4) AND "
              "greatest($2, $4)', component) USING $2, $3, $4, $5; END $$");
    // Conditions that cost more are tested later, and which is tested first decides which of them can fail.
    twin.must(
        "DO $$ DECLARE f record; BEGIN FOR f IN SELECT t.oid::regprocedure AS name, max(g.procost) AS cost, "
        "CASE WHEN t.proretset THEN max(g.prorows) END AS rows FROM pg_proc AS t JOIN pg_proc AS g ON "
        "g.proname "
        "= t.proname AND g.pronamespace = 'game'::regnamespace WHERE t.pronamespace = 'twin'::regnamespace "
        "GROUP BY t.oid, t.proretset LOOP "
        "EXECUTE format('ALTER FUNCTION %s COST %s', f.name, f.cost); "
        "IF f.rows > 0 THEN EXECUTE format('ALTER FUNCTION %s ROWS %s', f.name, f.rows); END IF; "
        "END LOOP; END $$");
}

// Rows of the table's handle and columns.
std::string SystemRound::values_for(const HotTable& table) {
    std::string rows;
    for (const std::int64_t handle : table.is_of_cells ? schema_.cells : schema_.entities) {
        if (!table.is_of_cells && random_.one_in(3))
            continue;
        rows += (rows.empty() ? "(" : ", (") + std::to_string(handle);
        for (const HotColumn& column : table.columns) {
            std::string value = stored_value(random_, column);
            if (column.is_reference && random_.one_in(5))
                value = "NULL";
            else if (column.is_reference)
                value = std::to_string(random_.pick(column.is_cell ? schema_.cells : schema_.entities));
            else if (table.check.starts_with(column.name + " "))
                value = std::to_string(random_.below(100));
            rows += ", " + value;
        }
        rows += ")";
    }
    return rows;
}

void SystemRound::fill(const HotTable& table) {
    std::string columns;
    for (const HotColumn& column : table.columns)
        columns += ", " + column.name;
    pair_.twin.must("INSERT INTO " + table.name + " (" + table.handle() + columns + ") VALUES " +
                    values_for(table));
    for (int player = 0; player < worlds; ++player) {
        const std::string id = std::to_string(world_[player]);
        const auto value = [&](const HotColumn& column) {
            return of_player(player, "t." + column.name, column.is_cell);
        };
        if (table.is_of_cells) {
            std::string assignments;
            for (const HotColumn& column : table.columns)
                assignments += (assignments.empty() ? "" : ", ") + column.name + " = " + value(column);
            pair_.hot.must("UPDATE " + table.name + " AS c SET " + assignments + " FROM twin." + table.name +
                           " AS t WHERE c.world = " + id +
                           " AND c.cell = " + of_player(player, "t.cell", true));
        } else {
            std::string values;
            for (const HotColumn& column : table.columns)
                values += ", " + value(column);
            pair_.hot.must("INSERT INTO " + table.name + " (world, entity" + columns + ") SELECT " + id +
                           ", entity" + values + " FROM twin." + table.name + " AS t");
        }
        pair_.hot.must("SELECT game.step_world(" + id + ", 1)");
    }
    ++tick_;
}

std::string SystemRound::of_player(int player, const std::string& handle, bool is_cell) const {
    return player == executor && is_cell ? handle + " + " + std::to_string(cell_distance_) : handle;
}

std::string SystemRound::columns_of(const HotTable& table, int player) const {
    const auto value = [&](const std::string& name, bool is_cell) {
        return player == executor && is_cell ? name + " - " + std::to_string(cell_distance_) : name;
    };
    std::string out = value(table.handle(), table.is_of_cells);
    for (const HotColumn& column : table.columns)
        out += ", " + value(column.name, column.is_cell);
    return out;
}

// What the functions of schema game say in that tick.
void SystemRound::prepare_tick(std::int64_t tick) {
    pair_.twin.must("UPDATE twin.context SET tick = " + std::to_string(tick) +
                    ", now = timestamptz '2000-01-01 00:00Z' + interval '1 us' * " +
                    std::to_string(tick * 1'000'000 / tick_rate));
    pair_.twin.must("TRUNCATE twin.event, twin.told");
    const auto uses_chance = [](const Body& body) {
        return body.sql.find("random(") != std::string::npos || body.sql.find("gauss(") != std::string::npos;
    };
    if (std::none_of(played_.begin(), played_.end(), uses_chance))
        return;
    std::string values;
    for (const std::int64_t handle : schema_.entities)
        values += (values.empty() ? "(" : ", (") + std::to_string(handle) + ", '" +
                  digits(random_at(world_seed, static_cast<std::uint64_t>(tick), handle)) + "', '" +
                  digits(gauss_at(world_seed, static_cast<std::uint64_t>(tick), handle)) + "')";
    pair_.twin.must("TRUNCATE twin.chance");
    pair_.twin.must("INSERT INTO twin.chance VALUES " + values);
}

} // namespace gamelan::oracle
