#include "test/oracle/bodies.hpp"

#include <algorithm>

namespace gamelan::oracle {

namespace {

std::string joined(const std::vector<std::string>& list, const std::string& between) {
    std::string out;
    for (const std::string& part : list)
        out += (out.empty() ? "" : between) + part;
    return out;
}

// What may be summed up or compared whatever the order of rows: no two zeros, no rounding.
std::string orderless(const std::string& value, Fixed type) {
    return type == Fixed::f32 || type == Fixed::f64 ? "(" + value + " + 0::" + sql_name(type) + ")" : value;
}

} // namespace

const HotTable& Bodies::table(bool is_of_cells) {
    std::vector<const HotTable*> found;
    for (const auto& each : schema_.tables)
        if (each->is_of_cells == is_of_cells)
            found.push_back(each.get());
    return *random_.pick(found);
}

std::string Bodies::reference(const Row& row, bool to_cells) {
    std::vector<std::string> found;
    for (const HotColumn& column : row.table->columns)
        if (column.is_reference && column.is_cell == to_cells)
            found.push_back(row.alias + "." + column.name);
    return found.empty() ? "" : random_.pick(found);
}

std::string Bodies::assigned_cell(const std::vector<Row>& rows) {
    std::vector<std::string> found{"NULL::bigint", std::to_string(random_.pick(schema_.cells)) + "::bigint"};
    for (const Row& row : rows) {
        if (row.table->is_of_cells)
            found.push_back(row.alias + ".cell");
        for (const HotColumn& column : row.table->columns)
            if (column.is_cell)
                found.push_back(row.alias + "." + column.name);
    }
    return random_.pick(found);
}

std::string Bodies::safe(const std::vector<Row>& rows, Fixed type, int depth) {
    Formulas formulas(random_);
    formulas.rows = rows;
    return formulas.make(type, depth, false);
}

// One more entry of FROM, which is one row for each row of `to`.
void Bodies::join(Draft& draft, const Row& to) {
    const std::string alias = new_alias();
    const bool to_cells = random_.one_in(2);
    const std::string key = random_.one_in(2) ? reference(to, to_cells) : "";
    const bool is_own = key.empty();
    const HotTable& other = table(is_own ? to.table->is_of_cells : to_cells);
    const std::string handle = alias + "." + other.handle();
    std::string equality = handle + " = " + (is_own ? to.alias + "." + to.table->handle() : key);
    if (random_.one_in(2))
        equality = (is_own ? to.alias + "." + to.table->handle() : key) + " = " + handle;
    draft.has_join = true;
    if (!draft.from.empty() && random_.one_in(3)) {
        const bool is_left = random_.one_in(2);
        draft.from.back() = "(" + draft.from.back() + (is_left ? " LEFT" : "") + " JOIN " + other.name + " " +
                            alias + " ON " + equality;
        if (is_left && random_.one_in(3))
            draft.from.back() += " AND " + safe({{alias, &other}}, Fixed::boolean, 1);
        draft.from.back() += ")";
    } else {
        draft.from.push_back(other.name + " " + alias);
        draft.conditions.push_back(equality);
        if (random_.one_in(3))
            draft.conditions.push_back(alias + ".world = " + to.alias + ".world");
    }
    draft.rows.push_back({alias, &other});
}

void Bodies::add_joins(Draft& draft) {
    for (std::size_t i = random_.below(6); i > 3; --i) {
        // A JOIN within FROM sees what is in FROM only.
        const bool is_of_from = draft.rows.size() > 1 && random_.one_in(2);
        const Row to = is_of_from ? draft.rows.back() : draft.rows.front();
        const bool was_empty = draft.from.empty();
        if (was_empty || is_of_from) {
            join(draft, to);
        } else {
            std::vector<std::string> kept;
            std::swap(kept, draft.from);
            join(draft, to);
            draft.from.insert(draft.from.begin(), kept.begin(), kept.end());
        }
    }
}

std::string Bodies::few_rows(const Row& own) {
    const std::string handle = own.alias + "." + own.table->handle();
    const auto& handles = own.table->is_of_cells ? schema_.cells : schema_.entities;
    if (random_.one_in(2))
        return handle + " = " + std::to_string(random_.pick(handles));
    std::string list;
    for (std::size_t i = random_.between(1, 6); i > 0; --i)
        list += std::to_string(random_.pick(handles)) + (i > 1 ? ", " : "");
    return handle + " IN (" + list + ")";
}

// Components that a row has, or has not.
std::string Bodies::semi_join(const Draft& draft) {
    const Row& row = random_.pick(draft.rows);
    const std::string alias = new_alias();
    const bool to_cells = random_.one_in(3);
    std::string key = random_.one_in(3) ? reference(row, to_cells) : "";
    const bool is_own = key.empty();
    if (is_own)
        key = row.alias + "." + row.table->handle();
    const HotTable& other = table(is_own ? row.table->is_of_cells : to_cells);
    const std::string handle = alias + "." + other.handle();
    const std::string more = random_.one_in(2) ? " AND " + safe({{alias, &other}}, Fixed::boolean, 2) : "";
    const std::string no = random_.one_in(3) ? "NOT " : "";
    if (random_.one_in(2))
        return no + "EXISTS (SELECT FROM " + other.name + " " + alias + " WHERE " + handle + " = " + key +
               more + ")";
    return key + " " + no + "IN (SELECT " + handle + " FROM " + other.name + " " + alias + " WHERE true" +
           more + ")";
}

void Bodies::add_conditions(Draft& draft) {
    const Row own = draft.rows.front();
    if (random_.one_in(2))
        draft.conditions.push_back(few_rows(own));
    if (random_.one_in(3))
        draft.conditions.push_back(semi_join(draft));
    if (has_places() && random_.one_in(6))
        draft.conditions.push_back(exists_by_place(own));
    if (random_.one_in(8))
        draft.conditions.push_back(own.alias + ".world = game.world_id()");
    if (!random_.one_in(3)) {
        // What may fail is asked of other rows too where there are joins, as the plan likes.
        Formulas formulas(random_);
        formulas.rows = draft.rows;
        draft.conditions.push_back(formulas.make(
            Fixed::boolean, 3, draft.conditions.empty() && !draft.has_join && random_.one_in(2)));
    }
}

// An aggregate over the cells around.
std::string Bodies::neighbours(const Row& own, std::string_view what, const std::string& alias,
                               const std::string& condition) {
    const HotTable& other = table(true);
    const std::string cell = own.alias + ".cell";
    const std::string also = condition.empty() ? "" : " AND " + condition;
    (void)other;
    if (random_.one_in(2))
        return "SELECT " + std::string(what) + " FROM % " + alias + " WHERE " + alias +
               ".cell IN (SELECT game.neighbors(" + cell + "))" + also;
    return "SELECT " + std::string(what) + " FROM game.neighbors(" + cell + ") AS a(cell) JOIN % " + alias +
           " ON " + alias + ".cell = a.cell WHERE true" + also;
}

std::string Bodies::aggregate_of(const std::vector<Row>& inner, Formulas& formulas, Fixed& result) {
    const std::string filter =
        random_.one_in(3) ? " FILTER (WHERE " + safe(inner, Fixed::boolean, 1) + ")" : "";
    result = Fixed::i64;
    switch (random_.below(7)) {
    case 0:
        return "count(*)" + filter;
    case 5:
        result = Fixed::numeric;
        return "sum(" + safe(inner, Fixed::i64, 1) + ")" + filter;
    case 6:
        result = Fixed::numeric;
        return "avg(" + safe(inner, random_.pick(std::vector{Fixed::i16, Fixed::i32, Fixed::i64}), 1) + ")" +
               filter;
    case 1:
        return "count(" + safe(inner, formulas.any_type(), 1) + ")" + filter;
    case 2:
        return "sum(" + safe(inner, random_.one_in(2) ? Fixed::i16 : Fixed::i32, 1) + ")" + filter;
    case 3:
        result = Fixed::boolean;
        return random_.pick(std::vector<std::string>{"bool_and(", "bool_or(", "every("}) +
               safe(inner, Fixed::boolean, 1) + ")" + filter;
    default:
        result = random_.pick(std::vector{Fixed::i16, Fixed::i32, Fixed::i64, Fixed::f32, Fixed::f64,
                                          Fixed::date, Fixed::timestamp, Fixed::timestamptz});
        return (random_.one_in(2) ? "min(" : "max(") + orderless(safe(inner, result, 1), result) + ")" +
               filter;
    }
}

void Bodies::add_sub_selects(const Draft& draft, Formulas& formulas) {
    const Row own = draft.rows.front();
    for (std::size_t i = random_.below(4); i > 1; --i) {
        if (has_places() && random_.one_in(3)) {
            add_by_place(own, formulas);
            continue;
        }
        const std::string alias = new_alias();
        const Fixed type = formulas.any_type();
        const std::size_t chance = random_.below(own.table->is_of_cells ? 4 : 2);
        if (chance == 0) {
            // A value of another row.
            const bool to_cells = random_.one_in(3);
            const std::string key = reference(own, to_cells);
            const HotTable& other = table(key.empty() ? own.table->is_of_cells : to_cells);
            std::string text = "(SELECT " + safe({{alias, &other}}, type, 1) + " FROM " + other.name + " " +
                               alias + " WHERE " + alias + "." + other.handle() + " = " +
                               (key.empty() ? own.alias + "." + own.table->handle() : key);
            if (random_.one_in(2))
                text += " AND " + safe({{alias, &other}}, Fixed::boolean, 1);
            formulas.sub_selects.push_back({text + ")", type});
            continue;
        }
        const HotTable& other = table(chance >= 2 || random_.one_in(3));
        const std::vector<Row> inner{{alias, &other}};
        Fixed result = Fixed::i64;
        const std::string what = aggregate_of(inner, formulas, result);
        std::string text;
        if (chance >= 2) {
            // What is asked of the neighbours may ask the own row too.
            std::vector<Row> both = inner;
            both.push_back({own.alias, own.table});
            const std::string condition = random_.one_in(2) ? safe(both, Fixed::boolean, 1) : "";
            if (random_.one_in(4)) {
                result = Fixed::boolean;
                text = "EXISTS (" + neighbours(own, "1", alias, condition) + ")";
            } else {
                text = "(" + neighbours(own, what, alias, condition) + ")";
            }
            text.replace(text.find('%'), 1, other.name);
        } else {
            text = "(SELECT " + what + " FROM " + other.name + " " + alias;
            if (random_.one_in(3)) {
                const std::string second = new_alias();
                const HotTable& joined_table = table(other.is_of_cells);
                text += " JOIN " + joined_table.name + " " + second + " ON " + second + "." +
                        joined_table.handle() + " = " + alias + "." + other.handle();
            }
            if (random_.one_in(2))
                text += " WHERE " + safe(inner, Fixed::boolean, 1);
            text += ")";
        }
        formulas.sub_selects.push_back({text, result});
    }
}

std::string Bodies::where(const Draft& draft) const {
    return draft.conditions.empty() ? "" : " WHERE " + joined(draft.conditions, " AND ");
}

std::string Bodies::update(Body& body) {
    const HotTable& target = table(random_.one_in(3));
    Draft draft;
    draft.rows.push_back({"t", &target, true});
    add_joins(draft);
    add_conditions(draft);
    Formulas formulas(random_);
    formulas.rows = draft.rows;
    add_sub_selects(draft, formulas);
    std::vector<std::string> assignments;
    for (const HotColumn& column : target.columns) {
        if (!assignments.empty() && !random_.one_in(3))
            continue;
        const bool may_fail = random_.percent(70);
        std::string value = formulas.make(column.type, static_cast<int>(random_.between(1, 3)), may_fail);
        if (column.is_cell)
            value = assigned_cell(draft.rows);
        else if (column.is_place)
            value = assigned_place(draft.rows.front(), column);
        else if (random_.one_in(20))
            value = "DEFAULT";
        assignments.push_back(column.name + " = " + value);
    }
    if (assignments.empty())
        return "";
    body.has_join = body.has_join || draft.has_join;
    return "UPDATE " + target.name + " AS t SET " + joined(assignments, ", ") +
           (draft.from.empty() ? "" : " FROM " + joined(draft.from, ", ")) + where(draft) + ";";
}

std::string Bodies::erase(Body& body) {
    const HotTable& target = table(false);
    Draft draft;
    draft.rows.push_back({"t", &target, true});
    add_joins(draft);
    add_conditions(draft);
    draft.conditions.push_back(few_rows(draft.rows.front()));
    body.has_join = body.has_join || draft.has_join;
    return "DELETE FROM " + target.name + " AS t" +
           (draft.from.empty() ? "" : " USING " + joined(draft.from, ", ")) + where(draft) + ";";
}

std::string Bodies::insert(Body& body) {
    const HotTable& target = table(false);
    const HotTable& source = table(false);
    if (target.name == source.name)
        return "";
    Draft draft;
    draft.rows.push_back({"s", &source, true});
    draft.from.push_back(source.name + " s");
    if (random_.one_in(3))
        join(draft, draft.rows.front());
    add_conditions(draft);
    const bool does_nothing = random_.one_in(2);
    if (!does_nothing && !random_.one_in(4))
        draft.conditions.push_back("NOT EXISTS (SELECT FROM " + target.name +
                                   " x WHERE x.entity = s.entity)");
    Formulas formulas(random_);
    formulas.rows = draft.rows;
    std::vector<std::string> columns{"entity"};
    std::vector<std::string> values{"s.entity"};
    for (const HotColumn& column : target.columns) {
        if (random_.one_in(4))
            continue;
        columns.push_back(column.name);
        values.push_back(column.is_cell    ? assigned_cell(draft.rows)
                         : column.is_place ? std::to_string(random_.below(20)) + ".5"
                                           : formulas.make(column.type, 2, random_.one_in(2)));
    }
    body.has_join = body.has_join || draft.has_join;
    return "INSERT INTO " + target.name + " (" + joined(columns, ", ") + ") SELECT " + joined(values, ", ") +
           " FROM " + joined(draft.from, ", ") + where(draft) +
           (does_nothing ? " ON CONFLICT DO NOTHING" : "") + ";";
}

// The rows that events are told of.
Bodies::Draft Bodies::some_rows_of(const HotTable& source) {
    Draft draft;
    draft.rows.push_back({"s", &source, true});
    draft.from.push_back(source.name + " s");
    if (random_.one_in(3))
        join(draft, draft.rows.front());
    add_conditions(draft);
    draft.conditions.push_back(few_rows(draft.rows.front()));
    return draft;
}

std::string Bodies::emit(Body& body) {
    if (has_places() && random_.one_in(3))
        return emit_of_pairs();
    const HotTable& source = table(random_.one_in(4));
    Draft draft = some_rows_of(source);
    Formulas formulas(random_);
    formulas.rows = draft.rows;
    std::vector<std::string> fields;
    for (std::size_t i = random_.below(4); i > 0; --i)
        fields.push_back(
            "'k" + std::to_string(i) + "', " +
            formulas.make(random_.pick(std::vector{Fixed::boolean, Fixed::i16, Fixed::i32, Fixed::i64,
                                                   Fixed::f32, Fixed::f64, Fixed::uuid, Fixed::numeric}),
                          2, random_.one_in(2)));
    body.has_join = body.has_join || draft.has_join;
    const std::string entity = random_.one_in(4) ? "NULL" : std::string("s.") + source.handle();
    return "SELECT game.emit('happened', " + entity + ", jsonb_build_object(" + joined(fields, ", ") +
           ")) FROM " + joined(draft.from, ", ") + where(draft) + ";";
}

// Rows of a table of events.
std::string Bodies::append(Body& body) {
    const HotTable& source = table(random_.one_in(4));
    Draft draft = some_rows_of(source);
    Formulas formulas(random_);
    formulas.rows = draft.rows;
    add_sub_selects(draft, formulas);
    std::vector<std::string> columns{"entity"};
    std::vector<std::string> values{source.is_of_cells ? "NULL::bigint" : "s.entity"};
    for (const HotColumn& column : schema_.told.columns) {
        if (random_.one_in(4))
            continue;
        columns.push_back(column.name);
        values.push_back(formulas.make(column.type, 2, random_.one_in(2)));
    }
    body.has_join = body.has_join || draft.has_join;
    return "INSERT INTO told (" + joined(columns, ", ") + ") SELECT " + joined(values, ", ") + " FROM " +
           joined(draft.from, ", ") + where(draft) + ";";
}

std::string Bodies::statement(Body& body) {
    const std::size_t chance = random_.below(100);
    if (chance < 72)
        return update(body);
    if (chance < 82)
        return insert(body);
    if (chance < 88)
        return erase(body);
    return chance < 94 ? append(body) : emit(body);
}

Body Bodies::next() {
    Body out;
    aliases_ = 0;
    for (std::size_t i = random_.one_in(4) ? random_.between(2, 3) : 1; i > 0; --i) {
        std::string text;
        while (text.empty())
            text = statement(out);
        out.sql += "\n  " + text;
    }
    return out;
}

} // namespace gamelan::oracle
