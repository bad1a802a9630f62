#include "test/oracle/writes.hpp"

#include <algorithm>

namespace gamelan::oracle {

namespace {

std::string sum_of(const Table& table) {
    return "SELECT " + quote(table.name) + ", count(*), md5(string_agg(md5(t::text), '' ORDER BY world, " +
           table.handle() + ")) FROM ONLY " + table.name + " AS t";
}

std::string copy_text(const Value& value) {
    if (!value)
        return "\\N";
    std::string out;
    for (const char letter : *value) {
        if (letter == '\\')
            out += "\\\\";
        else if (letter == '\n')
            out += "\\n";
        else if (letter == '\t')
            out += "\\t";
        else
            out += letter;
    }
    return out;
}

} // namespace

Table& Writes::writable(bool takes_inserts) {
    Table* table = &schema_.any(random_);
    while (takes_inserts && table->kind != Kind::entities)
        table = schema_.any_of(random_, Kind::entities);
    return *table;
}

// For a column, seldom one that is refused.
Value Writes::new_value(const Column& column) {
    return column.not_null && !random_.one_in(20) ? plain_value(random_, *column.type)
                                                  : random_value(random_, *column.type);
}

Writes::Key Writes::random_key(const Table& table) {
    const World& world = random_.pick(schema_.worlds);
    if (table.kind == Kind::cells && !world.cells.empty())
        return {world.id, random_.pick(world.cells)};
    return {world.id, world.entities.empty() ? 1 : random_.pick(world.entities)};
}

std::string Writes::key_literal(const Key& key) const {
    return std::to_string(key.world) + ", " + std::to_string(key.handle);
}

std::vector<const Column*> Writes::some_columns(const Table& table) {
    std::vector<const Column*> out;
    for (const Column& column : table.columns)
        if (random_.percent(column.not_null ? 95 : 75))
            out.push_back(&column);
    return out;
}

std::string Writes::returning(const Source& source) {
    if (!random_.one_in(3))
        return "";
    const std::string all = source.alias.empty() ? "*" : source.alias + ".*";
    return " RETURNING " + (random_.one_in(2) ? all : source.key() + ", " + make_.result({source}));
}

Statement Writes::insert_values() {
    const Table& table = writable(true);
    const auto columns = some_columns(table);
    std::string sql = "INSERT INTO " + table.name + " (world, entity";
    for (const Column* column : columns)
        sql += ", " + column->name;
    sql += ") VALUES ";
    const std::size_t rows = random_.one_in(3) ? random_.between(2, 6) : 1;
    for (std::size_t row = 0; row < rows; ++row) {
        sql += (row == 0 ? "(" : ", (") + key_literal(random_key(table));
        for (const Column* column : columns)
            sql += random_.one_in(10) ? ", DEFAULT" : ", " + literal(new_value(*column), *column->type);
        sql += ")";
    }
    if (random_.one_in(3))
        sql += " ON CONFLICT DO NOTHING";
    return {sql + returning({"", &table})};
}

Statement Writes::insert_select() {
    const Table& table = writable(true);
    const Table& from = writable(true);
    const auto columns = some_columns(table);
    errors_ = Errors::both_fail;
    const bool is_cold = random_.one_in(3);
    Source source{"s", &from};
    std::string sql = "INSERT INTO " + table.name + " (world, entity";
    std::string values = " SELECT s.world, s.entity";
    for (const Column* column : columns) {
        sql += ", " + column->name;
        values += ", " + (is_cold ? literal(new_value(*column), *column->type)
                                  : make_.value(*column->type, {source}));
    }
    sql += ")" + values + (is_cold ? " FROM cold.entity AS s" : " FROM ONLY " + from.name + " AS s");
    sql += " WHERE s.entity % " + std::to_string(random_.between(2, 9)) + " = 0";
    if (!is_cold)
        sql += " AND " + make_.condition({source});
    if (random_.percent(60))
        sql += " AND NOT EXISTS (SELECT FROM ONLY " + table.name +
               " AS o WHERE o.world = s.world AND o.entity = s.entity)";
    else if (random_.percent(60))
        return {sql + " ON CONFLICT DO NOTHING" + returning({"", &table})};
    return {sql + returning({"", &table})};
}

std::string Writes::assignments(const Table& table, const std::vector<Source>& sources,
                                const std::string& alias) {
    (void)alias;
    std::string out;
    for (const Column& column : table.columns)
        if (random_.one_in(3)) {
            const bool is_default = random_.one_in(15);
            out += (out.empty() ? "" : ", ") + column.name + " = " +
                   (is_default ? "DEFAULT" : make_.value(*column.type, sources));
        }
    if (out.empty()) {
        const Column& column = random_.pick(table.columns);
        out = column.name + " = " + make_.value(*column.type, sources);
    }
    return out;
}

Statement Writes::update() {
    const Table& table = writable(false);
    if (table.columns.empty())
        return remove();
    errors_ = Errors::both_fail;
    const Source target{"t", &table};
    const std::string only = table.children > 0 && random_.one_in(2) ? "ONLY " : "";
    const std::string head = "UPDATE " + only + table.name + " AS t SET ";
    if (random_.percent(60))
        return {head + assignments(table, {target}, "t") + " WHERE " + make_.condition({target}) +
                returning(target)};
    if (random_.one_in(2)) {
        const Source place{"p", schema_.place.get()};
        return {head + assignments(table, {target, place}, "t") + " FROM cold.place AS p WHERE p.id = t." +
                table.handle() + " % 50 AND " + make_.condition({target, place}) + returning(target)};
    }
    // Each row meets one row of the other, so that it is certain which.
    const Table* other = schema_.any_of(random_, table.kind);
    const Source source{"s", other};
    return {head + assignments(table, {target, source}, "t") + " FROM ONLY " + other->name +
            " AS s WHERE s.world = t.world AND s." + other->handle() + " = t." + table.handle() + " AND " +
            make_.condition({target, source}) + returning(target)};
}

Statement Writes::remove() {
    const Table& table = writable(true);
    const Source target{"t", &table};
    const std::string only = table.children > 0 && random_.one_in(2) ? "ONLY " : "";
    std::string sql = "DELETE FROM " + only + table.name + " AS t";
    // Not too many rows: the tables are to stay full.
    const std::string some = "t.entity % " + std::to_string(random_.between(3, 12)) + " = 0 AND ";
    if (random_.percent(70))
        return {sql + " WHERE " + some + make_.condition({target}) + returning(target)};
    const Table& other = schema_.any(random_);
    const Source source{"s", &other};
    // A row may meet several of the other table's.
    const std::string on = random_.one_in(2)
                               ? "s.world = t.world AND s." + std::string(other.handle()) + " = t.entity"
                               : "s.world = t.world";
    return {sql + " USING " + other.name + " AS s WHERE " + some + on + " AND " +
            make_.condition({source}, 1) + returning(target)};
}

Statement Writes::copy() {
    const Table& table = writable(true);
    const auto columns = some_columns(table);
    errors_ = Errors::both_fail;
    Statement out{"COPY " + table.name + " (world, entity"};
    for (const Column* column : columns)
        out.sql += ", " + column->name;
    out.sql += ") FROM STDIN";
    std::set<Key> used;
    for (std::size_t row = random_.between(1, 12); row > 0; --row) {
        const Key key = random_key(table);
        if (!used.insert(key).second && !random_.one_in(20))
            continue;
        out.copied += std::to_string(key.world) + "\t" + std::to_string(key.handle);
        for (const Column* column : columns) {
            const Value value = column->not_null && !random_.one_in(30) ? plain_value(random_, *column->type)
                                                                        : new_value(*column);
            out.copied += "\t" + copy_text(value);
        }
        out.copied += "\n";
    }
    return out;
}

void Writes::statement() {
    catch_up();
    errors_ = Errors::equal;
    std::vector<Value> parameters;
    make_.use_parameters(random_.one_in(4) ? &parameters : nullptr);
    Statement statement;
    switch (random_.below(10)) {
    case 0:
    case 1:
    case 2:
        statement = insert_values();
        break;
    case 3:
        statement = insert_select();
        break;
    case 4:
        statement = copy();
        break;
    case 5:
        statement = remove();
        break;
    default:
        statement = update();
    }
    make_.use_parameters(nullptr);
    statement.parameters = std::move(parameters);
    pair_.change(statement, errors_);
    settle();
    compare_all();
}

void Writes::step_in_transaction(const std::vector<Key>& keys, Touched& touched, bool& has_failed) {
    const Table& table = writable(true);
    const Key key = random_.pick(keys);
    const auto place = std::make_pair(table.name, key);
    const auto before = touched.find(place);
    const std::string where =
        " WHERE world = " + std::to_string(key.world) + " AND entity = " + std::to_string(key.handle);
    if (random_.percent(50)) {
        const auto columns = some_columns(table);
        std::string names;
        std::string values;
        for (const Column* column : columns) {
            names += ", " + column->name;
            values += ", " + literal(new_value(*column), *column->type);
        }
        const Answer answer = pair_.change({"INSERT INTO " + table.name + " (world, entity" + names +
                                            ") VALUES (" + key_literal(key) + values + ")"});
        has_failed = !answer.sqlstate.empty();
        if (!has_failed)
            touched[place] = Touch::inserted;
        return;
    }
    if (table.columns.empty() || random_.one_in(2)) {
        if (before != touched.end())
            return;
        pair_.change({"DELETE FROM ONLY " + table.name + where});
        touched[place] = Touch::deleted;
        return;
    }
    if (before != touched.end() && before->second != Touch::updated)
        return;
    const Column& column = random_.pick(table.columns);
    const Answer answer = pair_.change({"UPDATE ONLY " + table.name + " SET " + column.name + " = " +
                                        literal(new_value(column), *column.type) + where});
    has_failed = !answer.sqlstate.empty();
    touched[place] = Touch::updated;
}

void Writes::transaction() {
    catch_up();
    Touched touched;
    Touched at_savepoint;
    bool has_savepoint = false;
    // Few, so that statements meet each other's rows.
    std::vector<Key> keys;
    for (std::size_t i = 0; i < 3; ++i)
        keys.push_back(random_key(writable(true)));
    pair_.change({"BEGIN"});
    for (std::size_t i = random_.between(2, 8); i > 0; --i) {
        bool has_failed = false;
        step_in_transaction(keys, touched, has_failed);
        if (has_savepoint && (has_failed || random_.one_in(5))) {
            pair_.change({"ROLLBACK TO SAVEPOINT s"});
            touched = at_savepoint;
        } else if (has_failed) {
            break;
        } else if (!has_savepoint && random_.one_in(2)) {
            pair_.change({"SAVEPOINT s"});
            at_savepoint = touched;
            has_savepoint = true;
        } else if (has_savepoint && random_.one_in(5)) {
            pair_.change({"RELEASE SAVEPOINT s"});
            has_savepoint = false;
        }
    }
    pair_.change({random_.one_in(6) ? "ROLLBACK" : "COMMIT"});
    settle();
    compare_all();
}

std::string Writes::json_values(const Table& table, std::vector<std::pair<const Column*, Value>>& chosen) {
    std::string out;
    for (const Column& column : table.columns) {
        if (column.type->family == Family::array || column.type->family == Family::json || random_.one_in(2))
            continue;
        const Value value = new_value(column);
        chosen.emplace_back(&column, value);
        out += (out.empty() ? "" : ", ") + quote(column.name) + ", " + (value ? quote(*value) : "NULL") +
               "::text";
    }
    return "jsonb_build_object(" + out + ")";
}

void Writes::put() {
    catch_up();
    const Table& table = writable(true);
    if (table.children > 0)
        return;
    const Key key = random_key(table);
    std::vector<std::pair<const Column*, Value>> chosen;
    const std::string json = json_values(table, chosen);
    if (chosen.empty())
        return;
    std::string assigned;
    std::string names;
    std::string values;
    for (const auto& [column, value] : chosen) {
        const std::string text = literal(value, *column->type);
        assigned += (assigned.empty() ? "" : ", ") + column->name + " = " + text;
        names += ", " + column->name;
        values += ", " + text;
    }
    const std::string where =
        " WHERE world = " + std::to_string(key.world) + " AND entity = " + std::to_string(key.handle);
    const bool is_there = !pair_.twin.must("SELECT FROM " + table.name + where).empty();
    const Statement on_twin{is_there ? "UPDATE " + table.name + " SET " + assigned + where
                                     : "INSERT INTO " + table.name + " (world, entity" + names +
                                           ") VALUES (" + key_literal(key) + values + ")"};
    const Statement on_hot{"DO $do$BEGIN PERFORM game.put(" + key_literal(key) + ", " + quote(table.name) +
                           ", " + json + "); END$do$"};
    pair_.change(on_hot, {"DO $do$BEGIN " + on_twin.sql + "; END$do$"}, Errors::both_fail);
    settle();
    compare_all();
}

void Writes::guarded_update() {
    catch_up();
    if (!schema_.is_ticking)
        return statement();
    const Table& table = writable(true);
    if (table.children > 0)
        return;
    const Key key = random_key(table);
    std::vector<std::pair<const Column*, Value>> chosen;
    const std::string json = json_values(table, chosen);
    const auto version =
        pair_.hot.must("SELECT game.version(" + key_literal(key) + ", " + quote(table.name) + ")");
    const std::string where =
        " WHERE world = " + std::to_string(key.world) + " AND entity = " + std::to_string(key.handle);
    const bool is_there = !pair_.twin.must("SELECT FROM " + table.name + where).empty();
    if (is_there == (version[0] == "␀"))
        throw Difference("game.version says " + version[0] + " of the row of " + key_literal(key) + " in " +
                         table.name);
    if (!is_there || chosen.empty())
        return;
    const auto call = [&](const std::string& expected) {
        return Statement{"DO $do$BEGIN PERFORM game.update(" + key_literal(key) + ", " + quote(table.name) +
                         ", " + json + ", " + expected + "); END$do$"};
    };
    const Answer stale = pair_.hot.ask(call(std::to_string(std::stoll(version[0]) - 1)));
    if (stale.sqlstate.empty())
        throw Difference("a stale version was accepted: " + call(version[0]).text());
    compare(table);
    std::string assigned;
    for (const auto& [column, value] : chosen)
        assigned += (assigned.empty() ? "" : ", ") + column->name + " = " + literal(value, *column->type);
    pair_.change(call(version[0]),
                 {"DO $do$BEGIN UPDATE " + table.name + " SET " + assigned + where + "; END$do$"},
                 Errors::both_fail);
    compare(table);
}

void Writes::spawn(World& world, std::size_t count) {
    const std::string sql =
        "SELECT game.spawn_many(" + std::to_string(world.id) + ", " + std::to_string(count) + ")";
    pair_.note(sql + ";");
    std::string rows;
    for (const std::string& row : pair_.hot.must(sql)) {
        const std::int64_t entity = std::stoll(row);
        if (std::find(world.entities.begin(), world.entities.end(), entity) != world.entities.end())
            throw Difference("a handle was given out twice: " + row);
        world.entities.push_back(entity);
        rows += (rows.empty() ? "(" : ", (") + std::to_string(world.id) + ", " + row + ")";
    }
    if (!rows.empty())
        pair_.twin.must("INSERT INTO cold.entity VALUES " + rows);
    settle();
}

void Writes::despawn() {
    World& world = random_.pick(schema_.worlds);
    for (std::size_t i = random_.between(1, 3); i > 0 && world.entities.size() > 20; --i) {
        const std::size_t index = random_.below(world.entities.size());
        const Key key{world.id, world.entities[index]};
        world.entities.erase(world.entities.begin() + static_cast<std::ptrdiff_t>(index));
        gone_.push_back(key);
        const std::string sql = "SELECT game.despawn(" + key_literal(key) + ")";
        pair_.note(sql + ";");
        pair_.hot.must(sql);
        const std::string where =
            " WHERE world = " + std::to_string(key.world) + " AND entity = " + std::to_string(key.handle);
        pair_.twin.must("DELETE FROM component" + where);
        pair_.twin.must("DELETE FROM cold.entity" + where);
    }
    settle();
    if (random_.one_in(2))
        spawn(world, random_.between(1, 4));
    compare_all();
}

void Writes::stale_handle() {
    if (gone_.empty())
        return;
    const Key key = random_.pick(gone_);
    const Table& table = writable(true);
    const std::string where =
        " WHERE world = " + std::to_string(key.world) + " AND entity = " + std::to_string(key.handle);
    pair_.ask({"SELECT * FROM " + table.name + where});
    const Statement insert{"INSERT INTO " + table.name + " (world, entity) VALUES (" + key_literal(key) +
                           ")"};
    const Answer answer = pair_.hot.ask(insert);
    // NOT NULL and CHECK come first.
    if (answer.sqlstate != "WG020" && !answer.sqlstate.starts_with("23"))
        throw Difference("a handle of an entity that is gone was accepted: " + insert.text() + "\n  " +
                         answer.message);
}

void Writes::fill_table(const Table& table) {
    std::string names;
    std::string values;
    for (const Column& column : table.columns) {
        names += ", " + column.name;
        values += ", CASE (entity * " + std::to_string(random_.between(1, 30)) + " + world) % " +
                  std::to_string(random_.between(7, 13));
        for (std::size_t i = 0; i < 6; ++i)
            values +=
                " WHEN " + std::to_string(i) + " THEN " +
                literal(column.not_null || !random_.one_in(6) ? Value(plain_value(random_, *column.type))
                                                              : Value(),
                        *column.type);
        values += " ELSE " + literal(plain_value(random_, *column.type), *column.type) + " END";
    }
    pair_.change({"INSERT INTO " + table.name + " (world, entity" + names + ") SELECT world, entity" +
                  values + " FROM cold.entity WHERE entity % 5 <> " + std::to_string(random_.below(6))});
    settle();
    compare(table);
}

void Writes::catch_up() {
    // A column that a world does not have yet cannot be guarded: a write may have to be repeated (40001).
    if (schema_.is_behind)
        settle();
}

void Writes::settle() {
    schema_.is_behind = false;
    for (const World& world : schema_.worlds)
        if (!schema_.is_ticking)
            pair_.hot.must("SELECT game.step_world(" + std::to_string(world.id) + ")");
    for (const World& world : schema_.worlds)
        pair_.hot.must("SELECT game.sync(" + std::to_string(world.id) + ")");
}

void Writes::compare(const Table& table) {
    try {
        pair_.ask({sum_of(table)});
    } catch (const Difference&) {
        pair_.ask({"SELECT * FROM ONLY " + table.name}); // says which rows
        throw;
    }
}

void Writes::compare_all() {
    std::string sums;
    for (const auto& table : schema_.tables)
        sums += (sums.empty() ? "" : " UNION ALL ") + sum_of(*table);
    try {
        pair_.ask({sums});
    } catch (const Difference&) {
        for (const auto& table : schema_.tables)
            compare(*table);
        throw;
    }
}

} // namespace gamelan::oracle
