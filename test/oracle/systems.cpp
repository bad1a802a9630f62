#include "test/oracle/systems.hpp"

#include <algorithm>

namespace gamelan::oracle {

namespace {

const char* const player_names[] = {"kernel", "executor", "table"};

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
        text.replace(at, what.size(), with);
    return text;
}

// CREATE OR REPLACE PROCEDURE, but for its head.
std::string body_of(const std::string& sql, const char* functions) {
    return "() BEGIN ATOMIC" + replaced(sql, "game.", functions) + "\n";
}

void list_missing(const std::vector<std::string>& rows, const std::vector<std::string>& others,
                  const char* player, std::string& out) {
    int shown = 0;
    for (const std::string& row : rows)
        if (std::find(others.begin(), others.end(), row) == others.end() && shown++ < 5)
            out += std::string("\n  ") + player + ": " + row;
}

} // namespace

void SystemRound::install(std::size_t place, const std::string& sql) {
    const std::string number = std::to_string(place);
    const Answer made =
        pair_.twin.ask({"CREATE OR REPLACE PROCEDURE twin.s" + number + body_of(sql, "twin.") + "END"});
    if (!made.sqlstate.empty())
        differ("the generator wrote what Postgres does not understand: " + made.message);
    pair_.hot.must("CREATE OR REPLACE PROCEDURE systems.k" + number + body_of(sql, "game.") + "END");
    // A statement that is not compiled sends all of them to the executor.
    std::string of_executor = sql;
    for (const std::int64_t cell : schema_.cells)
        of_executor = replaced(of_executor, std::to_string(cell), std::to_string(cell + cell_distance_));
    pair_.hot.must("CREATE OR REPLACE PROCEDURE systems.e" + number + body_of(of_executor, "game.") +
                   "SELECT 1; END");
}

void SystemRound::note_path(std::size_t place) {
    const auto reasons =
        pair_.hot.must("SELECT reason FROM game.explain_system('systems.k" + std::to_string(place) +
                       "') WHERE path <> 'kernel' AND steps IS NULL");
    counts_.compiled += reasons.empty();
    for (const std::string& reason : reasons)
        ++counts_.reasons[reason];
}

void SystemRound::read_error(int player, std::size_t place, Outcome& out) {
    const auto rows =
        pair_.hot.must("SELECT sqlstate, coalesce(entity::text, '') FROM game.system_error WHERE world = " +
                       std::to_string(world_[player]) + " AND last_tick = " + std::to_string(tick_) +
                       " AND system = '" + (player == kernel ? "k" : "e") + std::to_string(place) + "'");
    if (rows.empty())
        return;
    const std::size_t end = rows[0].find(" | ");
    out.codes[player] = rows[0].substr(0, end);
    if (player == kernel)
        out.failed_entity = rows[0].substr(end + 3);
}

std::int64_t SystemRound::play_world(int player) {
    return std::stoll(
        pair_.hot.must("SELECT game.step_world(" + std::to_string(world_[player]) + ", 1)").at(0));
}

// Each atomic, as in a tick.
void SystemRound::play_tables(std::vector<Outcome>& outcomes) {
    pair_.twin.must("BEGIN");
    for (std::size_t place = 0; place < outcomes.size(); ++place) {
        Outcome& outcome = outcomes[place];
        pair_.twin.must("SAVEPOINT a");
        outcome.codes[heap] = pair_.twin.ask({"CALL twin.s" + std::to_string(place) + "()"}).sqlstate;
        if (!outcome.codes[heap].empty())
            pair_.twin.must("ROLLBACK TO a");
        compare_codes(place, outcome);
        pair_.twin.must("RELEASE a");
    }
    pair_.twin.must("COMMIT");
}

// Of several rows that fail, each player may meet another one first: the tables are asked about the kernel's,
// or when it named none, about all.
bool SystemRound::may_fail_with(std::size_t place, const Outcome& outcome) {
    const auto fails_with_only = [&](const std::vector<const HotTable*>& tables, const std::string& handle) {
        pair_.twin.must("SAVEPOINT b");
        for (const HotTable* table : tables)
            pair_.twin.must("DELETE FROM " + table->name + " WHERE " + table->handle() + " <> " + handle);
        const std::string code = pair_.twin.ask({"CALL twin.s" + std::to_string(place) + "()"}).sqlstate;
        pair_.twin.must("ROLLBACK TO b");
        return code == outcome.codes[kernel];
    };
    // Of the target only that row matters; of which table it is a row, this does not know.
    std::vector<const HotTable*> alike[2]; // entities, cells
    for (const auto& table : schema_.tables) {
        alike[table->is_of_cells ? 1 : 0].push_back(table.get());
        if (!outcome.failed_entity.empty() && fails_with_only({table.get()}, outcome.failed_entity))
            return true;
        if (outcome.failed_entity.empty())
            for (const std::int64_t handle : table->is_of_cells ? schema_.cells : schema_.entities)
                if (fails_with_only({table.get()}, std::to_string(handle)))
                    return true;
    }
    if (outcome.failed_entity.empty())
        return false;
    // A condition on a table that is joined is asked of rows that no row of the target is joined with, too.
    for (const auto& tables : alike)
        if (fails_with_only(tables, outcome.failed_entity))
            return true;
    // The row may be there only because of another one of the same table: so all rows become like it, but for
    // where they are.
    return std::any_of(schema_.tables.begin(), schema_.tables.end(),
                       [&](const auto& table) { return fails_when_all_are_like(place, *table, outcome); });
}

bool SystemRound::fails_when_all_are_like(std::size_t place, const HotTable& table, const Outcome& outcome) {
    std::string names;
    for (const auto& column : table.columns)
        if (column.name != "px" && column.name != "py")
            names += (names.empty() ? "" : ", ") + column.name;
    if (names.empty())
        return false;
    pair_.twin.must("SAVEPOINT b");
    pair_.twin.must("UPDATE " + table.name + " SET (" + names + ") = (SELECT " + names + " FROM " +
                    table.name + " WHERE " + table.handle() + " = " + outcome.failed_entity +
                    ") WHERE EXISTS (SELECT FROM " + table.name + " WHERE " + table.handle() + " = " +
                    outcome.failed_entity + ")");
    const std::string code = pair_.twin.ask({"CALL twin.s" + std::to_string(place) + "()"}).sqlstate;
    pair_.twin.must("ROLLBACK TO b");
    return code == outcome.codes[kernel];
}

void SystemRound::differ(const std::string& what) {
    std::string out = what;
    for (std::size_t place = 0; place < played_.size(); ++place)
        out += "\nSystem " + std::to_string(place) + ":" + played_[place].sql;
    throw Difference(out);
}

void SystemRound::compare_codes(std::size_t place, const Outcome& outcome) {
    const std::string& code = outcome.codes[kernel];
    if (code == outcome.codes[executor] && code == outcome.codes[heap])
        return;
    const bool all_fail = !code.empty() && !outcome.codes[executor].empty() && !outcome.codes[heap].empty();
    if (all_fail && may_fail_with(place, outcome))
        return;
    std::string what = "SQLSTATEs of system " + std::to_string(place) + " differ:";
    for (int player = 0; player < 3; ++player)
        what += std::string(" ") + player_names[player] + " " +
                (outcome.codes[player].empty() ? "succeeds" : outcome.codes[player]);
    for (int player = 0; player < worlds; ++player)
        for (const std::string& message :
             pair_.hot.must("SELECT system, message FROM game.system_error WHERE world = " +
                            std::to_string(world_[player]) + " AND last_tick = " + std::to_string(tick_)))
            what += std::string("\n  ") + player_names[player] + ": " + message;
    differ(what + "\n  kernel's row: " + outcome.failed_entity);
}

void SystemRound::compare_rows(const HotTable& table) {
    const std::string columns = columns_of(table, heap);
    const auto expected = pair_.twin.must("SELECT " + columns + " FROM " + table.name + " ORDER BY 1");
    counts_.rows += expected.size();
    for (int player = 0; player < worlds; ++player) {
        const auto found = pair_.hot.must("SELECT " + columns_of(table, player) + " FROM " + table.name +
                                          " WHERE world = " + std::to_string(world_[player]) + " ORDER BY 1");
        if (found == expected)
            continue;
        std::string what = "rows of " + table.name + " differ: (" + columns + ")";
        list_missing(found, expected, player_names[player], what);
        list_missing(expected, found, player_names[heap], what);
        differ(what);
    }
}

void SystemRound::compare_events() {
    auto expected = pair_.twin.must("SELECT entity, payload FROM twin.event");
    std::sort(expected.begin(), expected.end());
    for (int player = 0; player < worlds; ++player) {
        auto found =
            pair_.hot.must("SELECT entity - CASE WHEN entity > 1000000000000 THEN " +
                           std::to_string(player == executor ? cell_distance_ : 0) +
                           " ELSE 0 END, payload FROM game.event WHERE kind = 'happened' AND world = " +
                           std::to_string(world_[player]) + " AND tick = " + std::to_string(tick_));
        std::sort(found.begin(), found.end());
        if (found == expected)
            continue;
        std::string what = "events differ:";
        list_missing(found, expected, player_names[player], what);
        list_missing(expected, found, player_names[heap], what);
        differ(what);
    }
}

// Both say of each of their systems that it told as much.
void SystemRound::compare_causes(const std::string& table) {
    std::vector<std::string> found[worlds];
    for (int player = 0; player < worlds; ++player)
        found[player] = pair_.hot.must("SELECT regexp_replace(coalesce(cause, 'none'), '^system " +
                                       std::string(player == kernel ? "k" : "e") + "', ''), count(*) FROM " +
                                       table + " WHERE world = " + std::to_string(world_[player]) +
                                       " AND tick = " + std::to_string(tick_) + " GROUP BY 1 ORDER BY 1");
    if (found[kernel] == found[executor])
        return;
    std::string what = "causes in " + table + " differ:";
    list_missing(found[kernel], found[executor], player_names[kernel], what);
    list_missing(found[executor], found[kernel], player_names[executor], what);
    differ(what);
}

void SystemRound::compare_told() {
    std::string columns = "entity";
    for (const HotColumn& column : schema_.told.columns)
        columns += ", " + column.name;
    auto expected = pair_.twin.must("SELECT " + columns + " FROM twin.told");
    std::sort(expected.begin(), expected.end());
    for (int player = 0; player < worlds; ++player) {
        auto found = pair_.hot.must("SELECT " + columns + " FROM systems.told WHERE world = " +
                                    std::to_string(world_[player]) + " AND tick = " + std::to_string(tick_));
        std::sort(found.begin(), found.end());
        if (found == expected)
            continue;
        std::string what = "rows of the table of events differ: (" + columns + ")";
        list_missing(found, expected, player_names[player], what);
        list_missing(expected, found, player_names[heap], what);
        differ(what);
    }
}

void SystemRound::step() {
    played_.clear();
    for (std::size_t i = random_.one_in(2) ? 1 : random_.between(2, systems); i > 0; --i)
        played_.push_back(bodies_.next());
    const std::string nothing = " DELETE FROM " + schema_.tables.back()->name + " WHERE entity = -1;";
    for (std::size_t place = 0; place < systems; ++place)
        install(place, place < played_.size() ? played_[place].sql : nothing);
    for (std::size_t place = 0; place < played_.size(); ++place)
        note_path(place);
    prepare_tick(tick_ + 1);
    const std::int64_t reached[worlds] = {play_world(kernel), play_world(executor)};
    if (reached[kernel] != reached[executor])
        differ("the worlds are at different ticks");
    tick_ = reached[kernel];
    std::vector<Outcome> outcomes(played_.size());
    for (std::size_t place = 0; place < outcomes.size(); ++place)
        for (int player = 0; player < worlds; ++player)
            read_error(player, place, outcomes[place]);
    play_tables(outcomes);
    for (const auto& table : schema_.tables)
        compare_rows(*table);
    compare_events();
    compare_told();
    compare_causes("game.event");
    compare_causes("systems.told");
    for (std::size_t place = 0; place < outcomes.size(); ++place) {
        const std::string& code = outcomes[place].codes[heap];
        ++counts_.systems;
        if (!code.empty())
            ++counts_.errors[code];
        pair_.note("-- tick " + std::to_string(tick_) + (code.empty() ? "" : ", fails with " + code) +
                   played_[place].sql);
    }
    ++counts_.cases;
}

} // namespace gamelan::oracle
