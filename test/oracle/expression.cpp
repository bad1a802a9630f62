#include "test/oracle/expression.hpp"

namespace gamelan::oracle {

namespace {

const std::vector<const char*> comparisons{
    "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"};

// Types whose comparison operators exist between them.
bool are_comparable(const Type& left, const Type& right) {
    if (left.family != right.family)
        return false;
    return left.family != Family::array || left.name == right.name;
}

} // namespace

std::string Source::key() const {
    if (table->kind == Kind::cold)
        return column("id");
    return column("world") + ", " + column(table->handle());
}

std::string Expressions::constant(const Value& value, const Type& type) {
    if (parameters_ == nullptr || random_.one_in(3))
        return literal(value, type);
    parameters_->push_back(value);
    return "$" + std::to_string(parameters_->size()) + "::" + type.name;
}

std::string Expressions::world() {
    const std::int64_t id = random_.one_in(15) ? 1 : random_.pick(schema_.worlds).id;
    return constant(std::to_string(id), type_named("bigint"));
}

std::string Expressions::entity(Kind kind) {
    const World& chosen = random_.pick(schema_.worlds);
    const std::vector<std::int64_t>& handles = kind == Kind::cells ? chosen.cells : chosen.entities;
    const std::int64_t id = handles.empty() || random_.one_in(15) ? 4294967297 : random_.pick(handles);
    return constant(std::to_string(id), type_named("bigint"));
}

std::optional<Expressions::Operand> Expressions::column(const std::vector<Source>& sources) {
    const Source& source = random_.pick(sources);
    if (source.table->columns.empty())
        return std::nullopt;
    const Column& column = random_.pick(source.table->columns);
    return Operand{source.column(column.name), column.type};
}

std::optional<Expressions::Operand> Expressions::column_like(const std::vector<Source>& sources,
                                                             const Type& type) {
    std::vector<Operand> found;
    for (const Source& source : sources)
        for (const Column& column : source.table->columns)
            if (are_comparable(*column.type, type))
                found.push_back({source.column(column.name), column.type});
    if (found.empty())
        return std::nullopt;
    return random_.pick(found);
}

std::string Expressions::list(const Type& type) {
    std::string out;
    for (std::size_t i = random_.between(1, 5); i > 0; --i)
        out +=
            constant(random_.one_in(12) ? Value() : plain_value(random_, type), type) + (i > 1 ? ", " : "");
    return out;
}

std::string Expressions::own_test(const Operand& operand) {
    const std::string& text = operand.text;
    switch (operand.type->family) {
    case Family::boolean:
        return random_.pick(std::vector<std::string>{text, "NOT " + text, text + " IS TRUE",
                                                     text + " IS NOT FALSE", text + " IS UNKNOWN",
                                                     text + " = true"});
    case Family::number:
        return random_.pick(std::vector<std::string>{
            text + " > 2", text + " = 7", "7 >= " + text, text + " < 0.5", text + " = 100::smallint",
            text + " <> 1::bigint", text + " <= 2.5::real", text + " > '-Infinity'::float8",
            "abs(" + text + "::numeric) > 1"});
    case Family::text:
        return random_.pick(std::vector<std::string>{text + " LIKE 'a%'", "length(" + text + ") > 3",
                                                     text + " ~ '^[a-z]+$'", "lower(" + text + ") = 'a'",
                                                     text + " ILIKE '%A%'"});
    case Family::json:
        return random_.pick(std::vector<std::string>{text + " ? 'a'", "jsonb_typeof(" + text + ") = 'object'",
                                                     text + " @> '{\"a\": 1}'"});
    case Family::moment:
        return random_.pick(std::vector<std::string>{"isfinite(" + text + ")", text + " > date '2000-01-01'",
                                                     text + " = timestamp '2000-01-01'",
                                                     text + " <= timestamptz '2024-02-29 10:30+00'"});
    case Family::array:
        return random_.pick(std::vector<std::string>{"cardinality(" + text + ") > 1", text + "[1] IS NULL"});
    default:
        return text + " IS NOT NULL";
    }
}

std::string Expressions::of_operand(const Operand& operand, const std::vector<Source>& sources) {
    const std::string& text = operand.text;
    const Type& type = *operand.type;
    const auto plain = [&](const Type& of) {
        return constant(random_.one_in(15) ? Value() : plain_value(random_, of), of);
    };
    const std::size_t choice = random_.below(10);
    switch (choice == 2 && type.family == Family::array ? 1 : choice) {
    case 0:
        return text + (random_.one_in(2) ? " IS NULL" : " IS NOT NULL");
    case 1:
        return text + (random_.one_in(4) ? " NOT IN (" : " IN (") + list(type) + ")";
    case 2:
        return text + (random_.one_in(4) ? " <> ALL (ARRAY[" : " = ANY (ARRAY[") + list(type) + "])";
    case 3:
        return text + (random_.one_in(3) ? " NOT BETWEEN " : " BETWEEN ") + plain(type) + " AND " +
               plain(type);
    case 4:
        return own_test(operand);
    case 5:
        if (const auto other = column_like(sources, type))
            return text + " " + random_.pick(comparisons) + " " + other->text;
        break;
    case 6: { // another type, either side
        std::vector<const Type*> others;
        for (const Type& other : types())
            if (are_comparable(type, other))
                others.push_back(&other);
        const std::string value = plain(*random_.pick(others));
        const std::string sign = random_.pick(comparisons);
        return random_.one_in(2) ? text + " " + sign + " " + value : value + " " + sign + " " + text;
    }
    default:
        break;
    }
    return text + " " + (random_.one_in(2) ? "=" : random_.pick(comparisons)) + " " + plain(type);
}

std::string Expressions::key_condition(const Source& source) {
    if (source.table->kind == Kind::cold)
        return source.column("id") + " < " + std::to_string(random_.below(50));
    const std::string world_name = source.column("world");
    const auto some = [&] { return entity(source.table->kind); };
    const std::string handle = source.column(source.table->handle());
    if (random_.one_in(10))
        return "(" + world_name + ", " + handle + ") > (" + world() + ", " + some() + ")";
    std::string out;
    if (random_.percent(80))
        out = world_name + (random_.one_in(4) ? " IN (" + world() + ", " + world() + ")" : " = " + world());
    if (!out.empty() && random_.one_in(4))
        return out;
    out += (out.empty() ? "" : " AND ") + handle;
    switch (random_.below(5)) {
    case 0:
        return out + " IN (" + some() + ", " + some() + ", " + some() + ")";
    case 1:
        return out + " " + random_.pick(comparisons) + " " + some();
    case 2:
        return out + " BETWEEN " + some() + " AND " + some();
    case 3:
        return out + " < 30::smallint";
    default:
        return out + " = " + some();
    }
}

std::string Expressions::comparison(const std::vector<Source>& sources) {
    if (random_.one_in(5))
        return key_condition(random_.pick(sources));
    if (const auto operand = column(sources))
        return of_operand(*operand, sources);
    return key_condition(random_.pick(sources));
}

std::string Expressions::condition(const std::vector<Source>& sources, int depth) {
    if (depth == 0 || random_.one_in(3))
        return comparison(sources);
    switch (random_.below(5)) {
    case 0:
        return "NOT (" + condition(sources, depth - 1) + ")";
    case 1:
    case 2:
        return "(" + condition(sources, depth - 1) + " OR " + condition(sources, depth - 1) + ")";
    default:
        return condition(sources, depth - 1) + " AND " + condition(sources, depth - 1);
    }
}

std::string Expressions::value(const Type& type, const std::vector<Source>& sources) {
    std::vector<std::string> same;
    for (const Source& source : sources)
        for (const Column& column : source.table->columns)
            if (column.type == &type)
                same.push_back(source.column(column.name));
    if (same.empty() || random_.one_in(3))
        return constant(random_value(random_, type), type);
    const std::string from = random_.pick(same);
    switch (random_.below(6)) {
    case 0:
        return from;
    case 1:
        return "coalesce(" + from + ", " + constant(plain_value(random_, type), type) + ")";
    case 2:
        return "CASE WHEN " + condition(sources, 1) + " THEN " + from + " ELSE " +
               constant(random_value(random_, type), type) + " END";
    default:
        return fill(random_.pick(type.changes), from);
    }
}

std::string Expressions::result(const std::vector<Source>& sources) {
    const auto operand = column(sources);
    if (!operand)
        return "1";
    switch (random_.below(6)) {
    case 0:
        return "coalesce(" + operand->text + "::text, 'none')";
    case 1:
        return "(" + condition(sources, 1) + ")";
    case 2:
        return "md5(" + operand->text + "::text)";
    default:
        return operand->text;
    }
}

} // namespace gamelan::oracle
