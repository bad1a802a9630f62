#include "test/oracle/formula.hpp"

#include "test/oracle/types.hpp"

namespace gamelan::oracle {

namespace {

const std::vector<Fixed> all_types{Fixed::boolean,     Fixed::i16,  Fixed::i32,       Fixed::i64,
                                   Fixed::f32,         Fixed::f64,  Fixed::date,      Fixed::timestamp,
                                   Fixed::timestamptz, Fixed::mood, Fixed::character, Fixed::uuid,
                                   Fixed::interval};
const std::vector<Fixed> integers{Fixed::i16, Fixed::i32, Fixed::i64};
const std::vector<Fixed> floats{Fixed::f32, Fixed::f64};
const std::vector<std::string> comparisons{
    "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"};
const std::vector<std::string> equalities{"=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"};

bool is_integer(Fixed type) {
    return type == Fixed::i16 || type == Fixed::i32 || type == Fixed::i64;
}
bool is_float(Fixed type) {
    return type == Fixed::f32 || type == Fixed::f64;
}

// Whether every number of one type is one of the other, or near one.
bool is_wider(Fixed type, Fixed than) {
    switch (type) {
    case Fixed::i32:
        return than == Fixed::i16;
    case Fixed::i64:
        return than == Fixed::i16 || than == Fixed::i32;
    case Fixed::f32:
    case Fixed::numeric:
        return is_integer(than);
    case Fixed::f64:
        return is_integer(than) || than == Fixed::f32;
    default:
        return false;
    }
}

std::string small_number(Random& random, Fixed type) {
    const std::string whole = std::to_string(static_cast<int>(random.below(41)) - 20);
    if (!is_float(type))
        return whole;
    return whole + random.pick(std::vector<std::string>{"", ".5", ".25", ".1"});
}

std::string some_value(Random& random, Fixed type, bool is_tame) {
    if (type == Fixed::numeric)
        return random.pick(std::vector<std::string>{"0", "0.5", "1.5", "-2.25", "10", "0.010", "-0.1",
                                                    "100000", "32767.5", "-2147483648.4",
                                                    "9223372036854775807.5"});
    if ((is_integer(type) || is_float(type)) && is_tame)
        return small_number(random, type);
    return plain_value(random, type_named(sql_name(type)));
}

} // namespace

const char* sql_name(Fixed type) {
    switch (type) {
    case Fixed::boolean:
        return "boolean";
    case Fixed::i16:
        return "smallint";
    case Fixed::i32:
        return "integer";
    case Fixed::i64:
        return "bigint";
    case Fixed::f32:
        return "real";
    case Fixed::f64:
        return "double precision";
    case Fixed::date:
        return "date";
    case Fixed::timestamp:
        return "timestamp";
    case Fixed::timestamptz:
        return "timestamptz";
    case Fixed::mood:
        return "mood";
    case Fixed::character:
        return "\"char\"";
    case Fixed::uuid:
        return "uuid";
    case Fixed::interval:
        return "interval";
    case Fixed::numeric:
        return "numeric";
    }
    return "";
}

std::string stored_value(Random& random, const HotColumn& column) {
    if (!column.not_null && random.one_in(7))
        return "NULL";
    if (column.is_percent)
        return std::to_string(random.below(101));
    if (column.is_place)
        return random.one_in(20) ? quote(random.pick(std::vector<std::string>{"NaN", "Infinity", "-Infinity",
                                                                              "1e20", "-0"}))
                                 : std::to_string(static_cast<int>(random.below(41)) - 20) +
                                       random.pick(std::vector<std::string>{"", ".5", ".25"});
    return quote(some_value(random, column.type, random.percent(80)));
}

// Mostly one that a row has: constants alone are folded before anybody plays them.
Fixed Formulas::any_type() {
    if (!rows.empty() && !random_.one_in(4))
        if (const HotTable& table = *random_.pick(rows).table; !table.columns.empty())
            return random_.pick(table.columns).type;
    return random_.pick(all_types);
}

std::string Formulas::literal(Fixed type) {
    if (random_.one_in(15))
        return std::string("NULL::") + sql_name(type);
    return quote(some_value(random_, type, random_.percent(75))) + "::" + sql_name(type);
}

std::string Formulas::leaf(Fixed type) {
    std::vector<std::string> found;
    for (const Row& row : rows) {
        for (const HotColumn& column : row.table->columns) {
            if (column.is_cell)
                continue;
            if (column.type == type)
                found.insert(found.end(), 2,
                             row.alias + "." + column.name + (column.is_percent ? "::int" : ""));
            else if (type == Fixed::boolean)
                found.push_back("(" + row.alias + "." + column.name + " IS NOT NULL)");
            else if (is_wider(type, column.type))
                found.push_back(row.alias + "." + column.name + "::" + sql_name(type));
        }
        if (type == Fixed::i64 && !row.table->is_of_cells)
            found.push_back(row.alias + "." + row.table->handle());
        if (type == Fixed::f64 && row.is_own && !row.table->is_of_cells)
            found.push_back((random_.one_in(3) ? "game.gauss(" : "game.random(") + row.alias + "." +
                            row.table->handle() + ")");
    }
    for (const SubSelect& select : sub_selects)
        if (select.type == type)
            found.insert(found.end(), 2, select.text);
    if (type == Fixed::f64)
        found.emplace_back("game.dt()");
    if (type == Fixed::i64)
        found.emplace_back("game.tick()");
    if (type == Fixed::timestamptz)
        found.emplace_back("game.now()");
    if (found.empty() || random_.one_in(8))
        return literal(type);
    return random_.pick(found);
}

std::string Formulas::make(Fixed type, int depth, bool may_fail) {
    if (depth <= 0 || random_.one_in(6))
        return leaf(type);
    if (random_.one_in(4))
        return common(type, depth, may_fail);
    switch (type) {
    case Fixed::boolean:
        return boolean(depth, may_fail);
    case Fixed::i16:
    case Fixed::i32:
    case Fixed::i64:
        return integer(type, depth, may_fail);
    case Fixed::f32:
    case Fixed::f64:
        return real(type, depth, may_fail);
    case Fixed::date:
        return date(depth, may_fail);
    case Fixed::interval:
        return interval(depth, may_fail);
    case Fixed::numeric:
        return numeric(depth, may_fail);
    case Fixed::character:
        if (may_fail && random_.one_in(2))
            return "(" + make(Fixed::i32, depth - 1, may_fail) + ")::\"char\"";
        return common(type, depth, may_fail);
    default:
        return common(type, depth, may_fail);
    }
}

// What there is for every type.
std::string Formulas::common(Fixed type, int depth, bool may_fail) {
    const auto part = [&](Fixed of) { return make(of, depth - 1, may_fail); };
    switch (random_.below(6)) {
    case 0:
        return "coalesce(" + part(type) + ", " + part(type) + (random_.one_in(3) ? ", " + part(type) : "") +
               ")";
    case 1:
        return "nullif(" + part(type) + ", " + part(type) + ")";
    case 2:
        return "CASE WHEN " + part(Fixed::boolean) + " THEN " + part(type) +
               (random_.one_in(3) ? " WHEN " + part(Fixed::boolean) + " THEN " + part(type) : "") +
               (random_.one_in(3) ? "" : " ELSE " + part(type)) + " END";
    case 3: {
        const Fixed tested = any_type();
        return "CASE " + part(tested) + " WHEN " + part(tested) + " THEN " + part(type) + " WHEN " +
               part(tested) + " THEN " + part(type) + " ELSE " + part(type) + " END";
    }
    case 4:
        if (type == Fixed::mood)
            return leaf(type);
        return (random_.one_in(2) ? "greatest(" : "least(") + part(type) + ", " + part(type) +
               (random_.one_in(3) ? ", " + part(type) : "") + ")";
    default:
        return leaf(type);
    }
}

// Another type of number, of which comparisons and sums with this one exist.
std::string Formulas::number_like(Fixed type, int depth, bool may_fail) {
    const Fixed other = is_integer(type) ? random_.pick(integers) : random_.pick(floats);
    return make(random_.one_in(3) ? other : type, depth, may_fail);
}

std::string Formulas::comparison(int depth, bool may_fail) {
    const Fixed type = random_.one_in(8) ? Fixed::numeric : any_type();
    const std::string left = make(type, depth - 1, may_fail);
    const bool is_number = is_integer(type) || is_float(type);
    const std::string right =
        is_number ? number_like(type, depth - 1, may_fail) : make(type, depth - 1, may_fail);
    return "(" + left + " " + random_.pick(type == Fixed::mood ? equalities : comparisons) + " " + right +
           ")";
}

std::string Formulas::boolean(int depth, bool may_fail) {
    const auto part = [&](Fixed of) { return make(of, depth - 1, may_fail); };
    const auto truth = [&] { return part(Fixed::boolean); };
    switch (random_.below(11)) {
    case 0:
        return "(" + truth() + " AND " + truth() + (random_.one_in(3) ? " AND " + truth() : "") + ")";
    case 1:
        return "(" + truth() + " OR " + truth() + (random_.one_in(3) ? " OR " + truth() : "") + ")";
    case 2:
        return "(NOT " + truth() + ")";
    case 3:
        return "(" + part(any_type()) + (random_.one_in(2) ? " IS NULL)" : " IS NOT NULL)");
    case 4:
        return "(" + truth() +
               random_.pick(std::vector<std::string>{" IS TRUE)", " IS NOT TRUE)", " IS FALSE)",
                                                     " IS NOT FALSE)", " IS UNKNOWN)", " IS NOT UNKNOWN)"});
    case 5: {
        const Fixed type = any_type();
        std::string list = literal(type);
        for (std::size_t i = random_.below(11); i > 0; --i)
            list += ", " + literal(type);
        return "(" + part(type) + (random_.one_in(3) ? " NOT IN (" : " IN (") + list + "))";
    }
    case 6: {
        const Fixed type = random_.pick(all_types);
        if (type == Fixed::mood)
            return comparison(depth, may_fail);
        return "(" + part(type) + (random_.one_in(3) ? " NOT BETWEEN " : " BETWEEN ") + part(type) + " AND " +
               part(type) + ")";
    }
    case 7:
        return "(" + part(Fixed::i32) + ")::boolean";
    case 8: {
        const Fixed type = random_.pick(integers);
        return "(" + part(type) + random_.pick(std::vector<std::string>{" < ANY ", " >= ALL ", " = ANY "}) +
               "(ARRAY[" + part(type) + ", " + literal(type) + "]))";
    }
    default:
        return comparison(depth, may_fail);
    }
}

std::string Formulas::integer(Fixed type, int depth, bool may_fail) {
    const auto part = [&](Fixed of) { return make(of, depth - 1, may_fail); };
    const std::string name = sql_name(type);
    const std::size_t chance = random_.below(may_fail ? 12 : 5);
    switch (chance) {
    case 0:
        return "(" + part(type) + random_.pick(std::vector<std::string>{" & ", " | ", " # "}) + part(type) +
               ")";
    case 1:
        return "(~ " + part(type) + ")";
    case 2:
        return "(" + part(type) + (random_.one_in(2) ? " << " : " >> ") + part(Fixed::i32) + ")";
    case 3:
        if (type == Fixed::i32)
            return "(" + part(random_.pick(std::vector{Fixed::boolean, Fixed::i16, Fixed::character})) +
                   ")::integer";
        if (type == Fixed::i64)
            return "(" + part(random_.one_in(2) ? Fixed::i16 : Fixed::i32) + ")::bigint";
        return common(type, depth, may_fail);
    case 4:
        return "(+ " + part(type) + ")";
    case 5:
        return "(- " + part(type) + ")";
    case 6:
        return "abs(" + part(type) + ")";
    case 7:
        if (type == Fixed::i32 && random_.one_in(2))
            return "(" + part(Fixed::date) + " - " + part(Fixed::date) + ")";
        if (random_.one_in(3))
            return "(" + part(Fixed::numeric) + ")::" + name;
        return "(" + part(random_.one_in(2) ? random_.pick(floats) : random_.pick(integers)) + ")::" + name;
    case 8:
        return "(" + part(type) + " % " + part(type) + ")";
    default: {
        const std::string op = random_.pick(std::vector<std::string>{" + ", " - ", " * ", " / "});
        // The wider of the two is the result's.
        const Fixed other = type == Fixed::i16   ? Fixed::i16
                            : type == Fixed::i32 ? random_.pick(std::vector{Fixed::i16, Fixed::i32})
                                                 : random_.pick(integers);
        const bool is_first = random_.one_in(2);
        return "(" + part(is_first ? type : other) + op + part(is_first ? other : type) + ")";
    }
    }
}

std::string Formulas::real(Fixed type, int depth, bool may_fail) {
    const auto part = [&](Fixed of) { return make(of, depth - 1, may_fail); };
    const bool is_double = type == Fixed::f64;
    const std::size_t chance = random_.below(may_fail ? 10 : 4);
    switch (chance) {
    case 0:
        return "(- " + part(type) + ")";
    case 1:
        return "abs(" + part(type) + ")";
    case 2:
        if (is_double)
            return random_.pick(
                       std::vector<std::string>{"floor", "ceil", "ceiling", "round", "trunc", "sign"}) +
                   "(" + part(type) + ")";
        return "(+ " + part(type) + ")";
    case 3:
        if (is_double && random_.one_in(2))
            return "(" + part(Fixed::f32) + ")::double precision";
        if (random_.one_in(3))
            return "(" + part(Fixed::numeric) + ")::" + sql_name(type);
        return "(" + part(random_.pick(integers)) + ")::" + sql_name(type);
    case 4:
        if (is_double)
            return random_.pick(std::vector<std::string>{"sqrt", "exp", "ln", "sin", "cos", "radians"}) +
                   "(" + part(type) + ")";
        return "(" + part(Fixed::f64) + ")::real";
    case 5:
        if (is_double)
            return (random_.one_in(2) ? "power(" : "atan2(") + part(type) + ", " + part(type) + ")";
        [[fallthrough]];
    default: {
        const std::string op = random_.pick(std::vector<std::string>{" + ", " - ", " * ", " / "});
        const Fixed other = is_double ? random_.pick(floats) : Fixed::f32;
        const bool is_first = random_.one_in(2);
        return "(" + part(is_first ? type : other) + op + part(is_first ? other : type) + ")";
    }
    }
}

std::string Formulas::interval(int depth, bool may_fail) {
    if (!may_fail)
        return common(Fixed::interval, depth, may_fail);
    const std::string part = make(Fixed::interval, depth - 1, may_fail);
    if (random_.one_in(3))
        return "(- " + part + ")";
    return "(" + part + (random_.one_in(2) ? " + " : " - ") + make(Fixed::interval, depth - 1, may_fail) +
           ")";
}

// Of which kernels know what cannot become too long.
std::string Formulas::numeric(int depth, bool may_fail) {
    const auto part = [&] { return make(Fixed::numeric, depth - 1, may_fail); };
    switch (random_.below(7)) {
    case 0:
        return "(- " + part() + ")";
    case 1:
        return "abs(" + part() + ")";
    case 2:
        return "(" + part() + (random_.one_in(2) ? " + " : " - ") + part() + ")";
    case 3:
        return "(" + part() + " * " + part() + ")";
    default:
        return "(" + make(random_.pick(integers), depth - 1, may_fail) + ")::numeric";
    }
}

std::string Formulas::date(int depth, bool may_fail) {
    if (!may_fail)
        return common(Fixed::date, depth, may_fail);
    const std::string days = make(Fixed::i32, depth - 1, may_fail);
    const std::string date = make(Fixed::date, depth - 1, may_fail);
    switch (random_.below(3)) {
    case 0:
        return "(" + date + " + " + days + ")";
    case 1:
        return "(" + days + " + " + date + ")";
    default:
        return "(" + date + " - " + days + ")";
    }
}

} // namespace gamelan::oracle
