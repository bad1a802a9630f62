// Sub-selects over rows that are found by their place.
#include "test/oracle/bodies.hpp"

#include <algorithm>

namespace gamelan::oracle {

namespace {

bool has_place(const HotTable& table) {
    return std::any_of(table.columns.begin(), table.columns.end(),
                       [](const HotColumn& column) { return column.is_place; });
}

} // namespace

bool Bodies::has_places() const {
    return std::any_of(schema_.tables.begin(), schema_.tables.end(),
                       [](const auto& each) { return has_place(*each); });
}

// The row's own place, or a number.
std::string Bodies::place_of(const Row& own, const std::string& axis) {
    if (has_place(*own.table) && !random_.one_in(4))
        return own.alias + "." + axis + (random_.one_in(4) ? " + 1.5" : "");
    return std::to_string(static_cast<int>(random_.below(21)) - 10) + "::float8";
}

std::string Bodies::assigned_place(const Row& row, const HotColumn& column) {
    if (random_.one_in(8))
        return "NULL";
    return row.alias + "." + column.name + " + " + std::to_string(static_cast<int>(random_.below(7)) - 3);
}

Bodies::Around Bodies::around(const Row& own) {
    std::vector<const HotTable*> placed;
    for (const auto& each : schema_.tables)
        if (has_place(*each))
            placed.push_back(each.get());
    const HotTable& table = *random_.pick(placed);
    const std::string alias = new_alias();
    const std::string x = place_of(own, "px");
    const std::string y = place_of(own, "py");
    const std::string radius = random_.pick(std::vector<std::string>{"0", "0.5", "1", "2.5", "7", "100"});
    const std::size_t choice = random_.below(own.table->is_of_cells ? 4 : 5);
    if (choice == 0)
        return {table.name + " " + alias + " WHERE game.within(" + x + ", " + y + ", " + alias + ".px, " +
                    alias + ".py, " + radius + ")",
                {alias, &table},
                alias + ".entity",
                ""};
    const std::string found = new_alias();
    if (choice == 4) {
        const std::string partner = random_.one_in(2) ? "b" : "a";
        return {"game.pairs('" + table.name + "', " + radius + ", columns => '{px,py}') AS " + found +
                    "(a, b, distance) JOIN " + table.name + " " + alias + " ON " + alias +
                    ".entity = " + found + "." + partner + " WHERE " + found +
                    (partner == "b" ? ".a" : ".b") + " = " + own.alias + ".entity",
                {alias, &table},
                found + "." + partner,
                ""};
    }
    const std::string head = "('" + table.name + "', " + x + ", " + y + ", ";
    const std::string columns = ", columns => '{px,py}') AS " + found + "(entity";
    std::string from;
    if (choice == 1)
        from = "game.near" + head + radius + columns + ")";
    else if (choice == 2)
        from = "game.nearest" + head + std::to_string(random_.below(5)) + columns + ", distance)";
    else
        // A corner that is NaN would fail, for rows that only a plan decides.
        from = "game.in_box('" + table.name + "', nullif(" + x + ", 'NaN'), nullif(" + y +
               ", 'NaN'), nullif(" + place_of(own, "px") + ", 'NaN'), nullif(" + place_of(own, "py") +
               ", 'NaN')" + columns + ")";
    // Of the component itself, or of another one of the entity's.
    const HotTable& joined = random_.one_in(2) ? table : this->table(false);
    return {from + " JOIN " + joined.name + " " + alias + " ON " + alias + ".entity = " + found +
                ".entity WHERE true",
            {alias, &joined},
            found + ".entity",
            choice == 2 ? " ORDER BY " + found + ".distance, " + found + ".entity LIMIT 1" : ""};
}

std::string Bodies::by_place(const Row& own, const Around& around, std::string_view what) {
    std::string out = "SELECT " + std::string(what) + " FROM " + around.from;
    if (!own.table->is_of_cells && random_.one_in(2))
        out += " AND " + around.handle + " <> " + own.alias + ".entity";
    if (random_.one_in(3))
        out += " AND " + safe({around.found, {own.alias, own.table}}, Fixed::boolean, 1);
    return out;
}

std::string Bodies::emit_of_pairs() {
    std::vector<const HotTable*> placed;
    for (const auto& each : schema_.tables)
        if (has_place(*each))
            placed.push_back(each.get());
    const HotTable& table = *random_.pick(placed);
    const HotTable& other = this->table(false);
    const std::string radius = random_.pick(std::vector<std::string>{"0", "0.5", "1", "2.5"});
    const std::vector<Row> rows{{"y", &other}};
    Formulas formulas(random_);
    formulas.rows = rows;
    std::string out =
        "SELECT game.emit('happened', p.a, jsonb_build_object('b', p.b, 'k', " +
        formulas.make(random_.pick(std::vector{Fixed::boolean, Fixed::i32, Fixed::f64}), 2, false) +
        ")) FROM game.pairs('" + table.name + "', " + radius +
        ", columns => '{px,py}') AS p(a, b, distance) JOIN " + other.name + " y ON y.entity = p." +
        (random_.one_in(2) ? "a" : "b") + " WHERE p.distance >= 0";
    if (random_.one_in(2))
        out += " AND " + safe(rows, Fixed::boolean, 2);
    return out + ";";
}

std::string Bodies::exists_by_place(const Row& own) {
    return std::string(random_.one_in(3) ? "NOT " : "") + "EXISTS (" + by_place(own, around(own), "") + ")";
}

void Bodies::add_by_place(const Row& own, Formulas& formulas) {
    const Around where = around(own);
    if (!where.order.empty() && random_.one_in(2)) {
        const Fixed type = formulas.any_type();
        formulas.sub_selects.push_back(
            {"(" + by_place(own, where, safe({where.found}, type, 1)) + where.order + ")", type});
        return;
    }
    Fixed result = Fixed::i64;
    const std::string what = aggregate_of({where.found}, formulas, result);
    formulas.sub_selects.push_back({"(" + by_place(own, where, what) + ")", result});
}

} // namespace gamelan::oracle
