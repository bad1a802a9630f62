#include "test/oracle/queries.hpp"

#include <algorithm>

namespace gamelan::oracle {

namespace {

// Types whose sums do not depend on the order of rows.
bool has_exact_sum(const Type& type) {
    return type.family == Family::number && type.name != "real" && type.name != "double precision";
}

bool has_extremes(const Type& type) {
    return type.family == Family::number || type.family == Family::moment || type.family == Family::text ||
           type.family == Family::enumeration;
}

} // namespace

std::string Queries::from(const Table& table, const std::string& alias, bool may_be_only) {
    const std::string only = may_be_only && table.children > 0 && random_.one_in(2) ? "ONLY " : "";
    return only + table.name + (alias.empty() ? "" : " AS " + alias);
}

std::string Queries::results(const std::vector<Source>& sources) {
    std::string out;
    for (const Source& source : sources)
        out += (out.empty() ? "" : ", ") + source.key();
    if (random_.one_in(3)) {
        const std::string& alias = random_.pick(sources).alias;
        return out + (alias.empty()       ? ", *"
                      : random_.one_in(2) ? ", " + alias + ".*"
                                          : ", " + alias + "::text");
    }
    for (std::size_t i = random_.below(5); i > 0; --i)
        out += ", " + make_.result(sources);
    return out;
}

std::string Queries::where(const std::vector<Source>& sources, int percent) {
    return random_.percent(static_cast<std::size_t>(percent)) ? " WHERE " + make_.condition(sources) : "";
}

std::string Queries::key_equality(const Source& left, const Source& right) {
    if (left.table->kind == Kind::cold || right.table->kind == Kind::cold) {
        const Source& cold = left.table->kind == Kind::cold ? left : right;
        const Source& other = left.table->kind == Kind::cold ? right : left;
        if (other.table->kind == Kind::cold)
            return left.column("id") + " = " + right.column("id");
        return cold.column("id") + " = " + other.column(other.table->handle()) + " % 50";
    }
    return left.column("world") + " = " + right.column("world") + " AND " +
           left.column(left.table->handle()) + " = " + right.column(right.table->handle());
}

// ORDER BY that leaves no choice, perhaps with LIMIT.
std::string Queries::ordered_tail(const std::vector<Source>& sources) {
    std::string out = " ORDER BY ";
    const Source& first = random_.pick(sources);
    if (!first.table->columns.empty() && random_.one_in(2)) {
        const Column& column = random_.pick(first.table->columns);
        out += fill(column.type->canonical, first.column(column.name));
        out += random_.pick(std::vector<std::string>{"", " DESC", " NULLS FIRST", " DESC NULLS LAST"}) + ", ";
    }
    for (std::size_t i = 0; i < sources.size(); ++i) {
        out += (i == 0 ? "" : ", ") + sources[i].key();
        if (sources[i].table->children > 0)
            out += ", " + sources[i].column("tableoid") + "::regclass::text";
    }
    if (random_.one_in(2))
        out += " LIMIT " + std::to_string(random_.below(40));
    if (random_.one_in(4))
        out += " OFFSET " + std::to_string(random_.below(20));
    return out;
}

Query Queries::simple() {
    const Table& table = schema_.any(random_);
    const std::vector<Source> sources{{random_.one_in(3) ? "" : "t", &table}};
    Query out;
    out.statement.sql =
        "SELECT " + results(sources) + " FROM " + from(table, sources[0].alias) + where(sources);
    if (random_.one_in(3)) {
        out.statement.sql += ordered_tail(sources);
        out.order = Order::total;
    }
    return out;
}

// A join of much with much is counted only.
Query Queries::wide_join() {
    const Table& table = schema_.any(random_);
    if (table.columns.empty())
        return simple();
    const std::string name = random_.pick(table.columns).name;
    const std::string sign = random_.one_in(5) ? " < " : " = ";
    return {{"SELECT count(*), count(b." + name + ") FROM " + from(table, "a") + " JOIN " + from(table, "b") +
             " ON a.world = b.world AND a." + name + sign + "b." + name +
             where({{"a", &table}, {"b", &table}}, 60)},
            Order::any};
}

Query Queries::join() {
    if (random_.one_in(5))
        return wide_join();
    std::vector<Source> sources{{"a", &schema_.any(random_)}};
    std::string tables = from(*sources[0].table, "a");
    for (std::size_t i = random_.between(1, 2); i > 0; --i) {
        const Table& table = random_.one_in(4) ? *schema_.place : schema_.any(random_);
        sources.push_back({std::string(1, static_cast<char>('a' + sources.size())), &table});
        const Source& right = sources.back();
        const std::string kind =
            random_.pick(std::vector<std::string>{"JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"});
        std::string on = key_equality(sources[random_.below(sources.size() - 1)], right);
        if (random_.one_in(3) && kind != "FULL JOIN")
            on += " AND " + make_.condition({right}, 1);
        tables += " " + kind + " " + from(table, right.alias) + " ON " + on;
    }
    Query out;
    out.statement.sql = "SELECT " + results(sources) + " FROM " + tables + where(sources, 60);
    if (random_.one_in(4)) {
        out.statement.sql += ordered_tail(sources);
        out.order = Order::total;
    }
    return out;
}

Query Queries::lateral() {
    const Table& table = schema_.any(random_);
    const Source inner{"t", &table};
    std::string key = "t.world = e.world AND t." + std::string(table.handle()) + " = e.entity";
    std::string body;
    if (random_.one_in(3))
        body =
            "SELECT count(*) AS n, " + aggregate(inner) + " AS x FROM " + from(table, "t") + " WHERE " + key;
    else
        body = "SELECT t.* FROM " + from(table, "t") + " WHERE " + key;
    if (random_.one_in(2))
        body += " AND " + make_.condition({inner}, 1);
    Query out;
    out.statement.sql = "SELECT e.world, e.entity, x.* FROM cold.entity AS e " +
                        std::string(random_.one_in(2) ? "CROSS JOIN LATERAL (" : "LEFT JOIN LATERAL (");
    const bool is_left = out.statement.sql.find("LEFT") != std::string::npos;
    out.statement.sql += body + ") AS x" + (is_left ? " ON true" : "") + " WHERE e.entity % " +
                         std::to_string(random_.between(1, 9)) + " = 0";
    return out;
}

Query Queries::semi_join() {
    const Table& outer = schema_.any(random_);
    const Table& inner = schema_.any(random_);
    const Source left{"t", &outer};
    const Source right{"s", &inner};
    std::string test;
    switch (random_.below(4)) {
    case 0:
        test = "t.world IN (SELECT s.world FROM " + from(inner, "s") + " WHERE " +
               make_.condition({right}, 1) + ")";
        break;
    case 1:
        test = "(t.world, t." + std::string(outer.handle()) + ") " + (random_.one_in(2) ? "NOT IN" : "IN") +
               " (SELECT " + right.key() + " FROM " + from(inner, "s") + where({right}) + ")";
        break;
    default:
        test = std::string(random_.one_in(2) ? "NOT " : "") + "EXISTS (SELECT FROM " + from(inner, "s") +
               " WHERE " + key_equality(left, right) + " AND " + make_.condition({left, right}, 1) + ")";
    }
    Query out;
    out.statement.sql = "SELECT " + results({left}) + " FROM " + from(outer, "t") + " WHERE " + test;
    if (random_.one_in(2))
        out.statement.sql += " AND " + make_.condition({left});
    return out;
}

// The same value, printed the same, for equal values of the column.
std::string Queries::grouped(const Source& source) {
    if (source.table->columns.empty() || random_.one_in(5))
        return source.column("world");
    const Column& column = random_.pick(source.table->columns);
    return fill(column.type->canonical, source.column(column.name));
}

std::string Queries::aggregate(const Source& source) {
    if (source.table->columns.empty() || random_.one_in(4))
        return "count(*)";
    const Column& column = random_.pick(source.table->columns);
    const std::string name = source.column(column.name);
    const Type& type = *column.type;
    std::vector<std::string> choices{
        "count(" + name + ")", "count(DISTINCT " + fill(type.canonical, name) + ")",
        "string_agg(" + name + "::text, ',' ORDER BY " + name + "::text)", "count(*)"};
    if (has_exact_sum(type))
        choices.push_back("sum(" + name + ")");
    if (has_extremes(type)) {
        choices.push_back("min(" + fill(type.canonical, name) + ")");
        choices.push_back("max(" + fill(type.canonical, name) + ")");
    }
    if (type.family == Family::boolean)
        choices.push_back("bool_or(" + name + ")");
    std::string out = random_.pick(choices);
    if (random_.one_in(4))
        out += " FILTER (WHERE " + make_.condition({source}, 1) + ")";
    return out;
}

Query Queries::aggregates() {
    const Table& table = schema_.any(random_);
    const Source source{"t", &table};
    std::string list;
    for (std::size_t i = random_.between(1, 3); i > 0; --i)
        list += ", " + aggregate(source);
    Query out;
    if (random_.one_in(3)) {
        out.statement.sql = "SELECT" + list.substr(1) + " FROM " + from(table, "t") + where({source});
        return out;
    }
    const std::string group = grouped(source);
    out.statement.sql =
        "SELECT " + group + list + " FROM " + from(table, "t") + where({source}, 60) + " GROUP BY " + group;
    if (random_.one_in(3))
        out.statement.sql += " HAVING count(*) > " + std::to_string(random_.below(6));
    if (random_.one_in(3)) {
        out.statement.sql += " ORDER BY " + group + (random_.one_in(2) ? " LIMIT 5" : "");
        out.order = Order::total;
    }
    return out;
}

Query Queries::set_operation() {
    const Table& left = schema_.any(random_);
    const Table& right = schema_.any(random_);
    const auto part = [&](const Table& table, const std::string& result) {
        return "SELECT " + result + " FROM " + from(table, "t") + where({{"t", &table}}, 70);
    };
    std::string left_result = "t.world";
    std::string right_result = "t.world";
    for (const Column& a : left.columns)
        for (const Column& b : right.columns)
            if (a.type == b.type && random_.one_in(2)) {
                left_result = fill(a.type->canonical, "t." + a.name);
                right_result = fill(b.type->canonical, "t." + b.name);
            }
    const std::string operation = random_.pick(
        std::vector<std::string>{"UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL"});
    return {{part(left, left_result) + " " + operation + " " + part(right, right_result)}, Order::any};
}

Query Queries::window() {
    const Table& table = schema_.any(random_);
    const Source source{"t", &table};
    std::string total = source.key();
    if (table.children > 0)
        total += ", t.tableoid::regclass::text";
    const std::string over = " OVER (PARTITION BY " + grouped(source) + " ORDER BY " + total + ")";
    const std::string call = random_.pick(std::vector<std::string>{
        "row_number()", "count(*)", "lag(t.world, 2)", "first_value(t." + std::string(table.handle()) + ")"});
    return {
        {"SELECT " + source.key() + ", " + call + over + " FROM " + from(table, "t") + where({source}, 60)},
        Order::any};
}

// All components of some entities, by what they inherit from.
Query Queries::parents() {
    const std::string worlds = random_.one_in(3)
                                   ? "world IN (" + make_.world() + ", " + make_.world() + ") AND entity < 40"
                                   : "world = " + make_.world() + " AND entity = " + make_.entity();
    return {{"SELECT tableoid::regclass, * FROM component WHERE " + worlds}, Order::any};
}

Query Queries::scalar() {
    const Table& table = schema_.any(random_);
    const Table& other = schema_.any(random_);
    const Source left{"t", &table};
    const Source right{"s", &other};
    Query out;
    out.statement.sql = "WITH chosen AS " + std::string(random_.one_in(2) ? "MATERIALIZED " : "") +
                        "(SELECT * FROM " + from(table, "t") + where({left}) + ") SELECT count(*), (SELECT " +
                        aggregate(right) + " FROM " + from(other, "s") + where({right}) +
                        "), min(world) FROM chosen AS t" + where({left}, 50);
    return out;
}

Query Queries::next() {
    std::vector<Value> parameters;
    const bool has_parameters = random_.percent(30);
    make_.use_parameters(has_parameters ? &parameters : nullptr);
    using Make = Query (Queries::*)();
    static const std::vector<Make> kinds{&Queries::simple,        &Queries::simple,     &Queries::simple,
                                         &Queries::join,          &Queries::join,       &Queries::lateral,
                                         &Queries::semi_join,     &Queries::aggregates, &Queries::aggregates,
                                         &Queries::set_operation, &Queries::window,     &Queries::parents,
                                         &Queries::scalar};
    Query out = (this->*random_.pick(kinds))();
    make_.use_parameters(nullptr);
    out.statement.parameters = std::move(parameters);
    out.statement.is_prepared = has_parameters && random_.one_in(2);
    return out;
}

Query Queries::for_cursor() {
    make_.use_parameters(nullptr);
    return random_.one_in(3) ? join() : simple();
}

} // namespace gamelan::oracle
