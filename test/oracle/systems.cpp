#include "test/oracle/systems.hpp"

#include "core/base/random.hpp"

#include <algorithm>

#include "test/oracle/types.hpp"

namespace gamelan::oracle {

namespace {

constexpr std::uint64_t world_seed = 42;
constexpr int tick_rate = 20;
constexpr std::int64_t entities = 150; // more than a block

const char* const player_names[] = {"kernel", "executor", "table"};

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
        text.replace(at, what.size(), with);
    return text;
}

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

void SystemRound::add_table(bool is_of_cells) {
    auto table = std::make_unique<HotTable>();
    table->is_of_cells = is_of_cells;
    table->name = (is_of_cells ? "g" : "c") + std::to_string(schema_.tables.size());
    std::string definition;
    Formulas types(random_);
    const std::size_t count = random_.between(is_of_cells ? 2 : 1, 5);
    for (std::size_t i = 0; i < count; ++i) {
        HotColumn column;
        column.name = "x" + std::to_string(i);
        column.type = types.any_type();
        std::string type = sql_name(column.type);
        if (column.type == Fixed::i32 && random_.one_in(3)) {
            column.is_percent = true;
            type = "percent";
        }
        if (column.type == Fixed::i64 && random_.one_in(3)) {
            column.is_reference = true;
            column.is_cell = random_.one_in(2);
            column.name = (column.is_cell ? "h" : "e") + std::to_string(i);
        }
        const bool has_default = is_of_cells || random_.one_in(3);
        column.not_null = has_default && !column.is_reference && random_.one_in(3);
        definition += (definition.empty() ? "" : ", ") + column.name + " " + type;
        if (has_default && !column.is_reference)
            definition +=
                " DEFAULT " +
                (column.is_percent ? "1" : quote(plain_value(random_, type_named(sql_name(column.type)))));
        definition += column.not_null ? " NOT NULL" : "";
        table->columns.push_back(column);
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

void SystemRound::make_worlds() {
    for (int i = 0; i < worlds; ++i) {
        const auto id =
            pair_.hot.must("SELECT game.create_world('systems " + std::to_string(i) +
                           "', 'systems', seed => " + std::to_string(world_seed) + ", tick_rate => " +
                           std::to_string(tick_rate) + ", config => '{\"n\": 1}')");
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
    for (const char* name : {"k", "e"}) {
        pair_.hot.must(std::string("CREATE PROCEDURE systems.") + name + "() BEGIN ATOMIC SELECT 1; END");
        pair_.hot.must(std::string("SELECT game.create_system('systems.") + name + "', enabled => false)");
    }
    pair_.hot.must("SELECT game.enable_system(" + std::to_string(world_[0]) +
                   ", 'systems.k'), game.enable_system(" + std::to_string(world_[1]) + ", 'systems.e')");
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
    twin.must("CREATE TABLE twin.chance (key bigint PRIMARY KEY, number double precision)");
    twin.must(
        "CREATE FUNCTION twin.random(key bigint) RETURNS double precision STABLE STRICT LANGUAGE sql AS "
        "'SELECT number FROM twin.chance WHERE chance.key = $1'");
    twin.must("CREATE TABLE twin.around (cell bigint, neighbour bigint, PRIMARY KEY (cell, neighbour))");
    twin.must("INSERT INTO twin.around SELECT c.cell, n FROM systems." + schema_.tables[0]->name +
              " AS c, game.neighbors(c.world, c.cell) AS n WHERE c.world = " + std::to_string(world_[0]));
    twin.must(
        "CREATE FUNCTION twin.neighbors(cell bigint) RETURNS SETOF bigint STABLE STRICT LANGUAGE sql AS "
        "'SELECT neighbour FROM twin.around WHERE around.cell = $1'");
    twin.must("CREATE TABLE twin.event (entity bigint, payload jsonb)");
    twin.must(
        "CREATE FUNCTION twin.emit(kind text, entity bigint, payload jsonb) RETURNS void VOLATILE LANGUAGE "
        "plpgsql AS 'BEGIN INSERT INTO twin.event VALUES (entity, payload); END'");
}

void SystemRound::fill(const HotTable& table) {
    std::string rows;
    std::string columns;
    for (const HotColumn& column : table.columns)
        columns += ", " + column.name;
    const auto& handles = table.is_of_cells ? schema_.cells : schema_.entities;
    for (const std::int64_t handle : handles) {
        if (!table.is_of_cells && random_.one_in(3))
            continue;
        rows += (rows.empty() ? "(" : ", (") + std::to_string(handle);
        for (const HotColumn& column : table.columns) {
            std::string value = stored_value(random_, column);
            if (column.is_reference && random_.one_in(5))
                value = "NULL";
            else if (column.is_reference)
                value = std::to_string(random_.pick(column.is_cell ? schema_.cells : schema_.entities));
            if (!table.check.empty() && table.check.starts_with(column.name + " "))
                value = std::to_string(random_.below(100));
            rows += ", " + value;
        }
        rows += ")";
    }
    const std::string handle = table.handle();
    pair_.twin.must("INSERT INTO " + table.name + " (" + handle + columns + ") VALUES " + rows);
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

// Systems whose numbers are asked for have those of this tick.
void SystemRound::prepare_chance(std::int64_t tick, const Body& body) {
    pair_.twin.must("UPDATE twin.context SET tick = " + std::to_string(tick) +
                    ", now = timestamptz '2000-01-01 00:00Z' + interval '1 us' * " +
                    std::to_string(tick * 1'000'000 / tick_rate));
    pair_.twin.must("TRUNCATE twin.event");
    if (body.sql.find("random(") == std::string::npos)
        return;
    std::string values;
    for (const auto* handles : {&schema_.entities, &schema_.cells})
        for (const std::int64_t handle : *handles)
            values += (values.empty() ? "(" : ", (") + std::to_string(handle) + ", '" +
                      digits(random_at(world_seed, static_cast<std::uint64_t>(tick), handle)) + "')";
    pair_.twin.must("TRUNCATE twin.chance");
    pair_.twin.must("INSERT INTO twin.chance VALUES " + values);
}

std::string SystemRound::body_of(const std::string& sql, const char* functions) const {
    return " BEGIN ATOMIC" + replaced(sql, "game.", functions) + "\n";
}

void SystemRound::install(const Body& body) {
    const Answer made =
        pair_.twin.ask({"CREATE OR REPLACE PROCEDURE twin.s()" + body_of(body.sql, "twin.") + "END"});
    if (!made.sqlstate.empty())
        differ(body, "the generator wrote what Postgres does not understand: " + made.message);
    pair_.hot.must("CREATE OR REPLACE PROCEDURE systems.k()" + body_of(body.sql, "game.") + "END");
    // A statement that is not compiled sends all of them to the executor.
    std::string of_executor = body.sql;
    for (const std::int64_t cell : schema_.cells)
        of_executor = replaced(of_executor, std::to_string(cell), std::to_string(cell + cell_distance_));
    pair_.hot.must("CREATE OR REPLACE PROCEDURE systems.e()" + body_of(of_executor, "game.") + "SELECT 1; END");
    pair_.hot.must("SELECT game.enable_system(" + std::to_string(world_[0]) +
                   ", 'systems.k'), game.enable_system(" + std::to_string(world_[1]) + ", 'systems.e')");
    note_path();
}

void SystemRound::note_path() {
    const auto reasons = pair_.hot.must(
        "SELECT reason FROM game.explain_system('systems.k') WHERE path <> 'kernel' AND steps IS NULL");
    if (reasons.empty())
        ++counts_.compiled;
    for (const std::string& reason : reasons)
        ++counts_.reasons[reason];
}

std::string SystemRound::error_of(int player, std::int64_t tick) {
    const auto rows =
        pair_.hot.must("SELECT sqlstate, coalesce(entity::text, '') FROM game.system_error WHERE world = " +
                       std::to_string(world_[player]) + " AND last_tick = " + std::to_string(tick));
    if (rows.empty())
        return "";
    const std::size_t bar = rows[0].find(" | ");
    if (player == kernel)
        failed_entity_ = rows[0].substr(bar + 3);
    return rows[0].substr(0, bar);
}

std::string SystemRound::play_world(int player, std::int64_t& tick) {
    const auto reached = pair_.hot.must("SELECT game.step_world(" + std::to_string(world_[player]) + ", 1)");
    tick = std::stoll(reached.at(0));
    return error_of(player, tick);
}

std::string SystemRound::play_table(const std::string& procedure) {
    return pair_.twin.ask({"CALL " + procedure + "()"}).sqlstate;
}

// Of several rows that fail, each player may meet another one first: the tables are asked about the kernel's.
bool SystemRound::may_fail_with(const std::string& code) {
    std::vector<std::string> handles{failed_entity_};
    if (failed_entity_.empty()) {
        handles.clear();
        for (const std::int64_t cell : schema_.cells)
            handles.push_back(std::to_string(cell));
    }
    pair_.twin.must("BEGIN");
    bool is_found = false;
    // Of the target only that row matters; of which table it is a row, this does not know.
    for (const auto& table : schema_.tables)
        for (const std::string& handle : handles) {
            if (is_found)
                break;
            pair_.twin.must("SAVEPOINT a");
            pair_.twin.must("DELETE FROM " + table->name + " WHERE " + table->handle() + " <> " + handle);
            is_found = play_table("twin.s") == code;
            pair_.twin.must("ROLLBACK TO a");
        }
    pair_.twin.must("ROLLBACK");
    return is_found;
}

void SystemRound::differ(const Body& body, const std::string& what) {
    throw Difference(what + "\nThe system:" + body.sql);
}

void SystemRound::compare(const Body& body, const std::string codes[3]) {
    if (codes[kernel] == codes[executor] && codes[kernel] == codes[heap])
        return;
    const bool all_fail = !codes[kernel].empty() && !codes[executor].empty() && !codes[heap].empty();
    if (all_fail && may_fail_with(codes[kernel]))
        return;
    std::string what = "SQLSTATEs differ:";
    for (int player = 0; player < 3; ++player)
        what += std::string(" ") + player_names[player] + " " +
                (codes[player].empty() ? "succeeds" : codes[player]);
    for (int player = 0; player < worlds; ++player)
        for (const std::string& message : pair_.hot.must(
                 "SELECT message FROM game.system_error WHERE world = " + std::to_string(world_[player]) +
                 " AND last_tick = " + std::to_string(tick_)))
            what += std::string("\n  ") + player_names[player] + ": " + message;
    differ(body, what + "\n  kernel's row: " + failed_entity_);
}

void SystemRound::compare_rows(const HotTable& table, const Body& body) {
    const std::string columns = columns_of(table, heap);
    const auto expected = pair_.twin.must("SELECT " + columns + " FROM " + table.name + " ORDER BY 1");
    counts_.rows += expected.size();
    for (int player = 0; player < worlds; ++player) {
        const auto found = pair_.hot.must("SELECT " + columns_of(table, player) + " FROM " + table.name +
                                          " WHERE world = " + std::to_string(world_[player]) + " ORDER BY 1");
        if (found == expected)
            continue;
        std::string what = "rows of " + table.name + " differ: (" + columns + ")";
        int shown = 0;
        for (const std::string& row : found)
            if (!std::binary_search(expected.begin(), expected.end(), row) && shown++ < 5 &&
                std::find(expected.begin(), expected.end(), row) == expected.end())
                what += std::string("\n  ") + player_names[player] + ": " + row;
        shown = 0;
        for (const std::string& row : expected)
            if (std::find(found.begin(), found.end(), row) == found.end() && shown++ < 5)
                what += "\n  table: " + row;
        differ(body, what);
    }
}

void SystemRound::compare_events(std::int64_t tick, const Body& body) {
    auto expected = pair_.twin.must("SELECT entity, payload FROM twin.event");
    std::sort(expected.begin(), expected.end());
    for (int player = 0; player < worlds; ++player) {
        auto found = pair_.hot.must(
            "SELECT entity - CASE WHEN entity > 1000000000000 THEN " +
            std::to_string(player == executor ? cell_distance_ : 0) +
            " ELSE 0 END, payload FROM game.event WHERE kind = 'happened' AND world = " +
            std::to_string(world_[player]) + " AND tick = " + std::to_string(tick));
        std::sort(found.begin(), found.end());
        if (found == expected)
            continue;
        std::string what = "events differ:";
        for (const std::string& event : found)
            what += std::string("\n  ") + player_names[player] + ": " + event;
        for (const std::string& event : expected)
            what += "\n  table: " + event;
        differ(body, what);
    }
}

void SystemRound::step() {
    const Body body = bodies_.next();
    ++counts_.cases;
    failed_entity_.clear();
    install(body);
    prepare_chance(tick_ + 1, body);
    std::string codes[3];
    std::int64_t ticks[worlds] = {};
    for (int player = 0; player < worlds; ++player)
        codes[player] = play_world(player, ticks[player]);
    tick_ = ticks[0];
    if (ticks[0] != ticks[1])
        differ(body, "the worlds are at different ticks");
    codes[heap] = play_table("twin.s");
    compare(body, codes);
    if (!codes[heap].empty()) {
        ++counts_.failed;
        ++counts_.errors[codes[heap]];
        pair_.twin.must("TRUNCATE twin.event");
    }
    for (const auto& each : schema_.tables)
        compare_rows(*each, body);
    compare_events(tick_, body);
    pair_.note("-- tick " + std::to_string(tick_) + (codes[0].empty() ? "" : " fails with " + codes[0]) +
               body.sql);
}

} // namespace gamelan::oracle
