#include "test/oracle/types.hpp"

#include <stdexcept>

namespace gamelan::oracle {

namespace {

const std::vector<std::string> labels{"glad", "sad", "mad", "Übermütig", "of two minds"};

std::vector<Type> make_types() {
    std::vector<Type> out;
    const auto add = [&](Type type) { out.push_back(std::move(type)); };
    const std::vector<const char*> integer_changes{"% % 7", "% + 1", "-(% / 2)", "% & 12", "% * 3"};
    const std::vector<const char*> real_changes{"-%", "% * 2", "% + 0.5", "% / 3"};

    add({"boolean", Family::boolean, {"t", "f"}, "", "%", "ordered", {"NOT %", "% IS TRUE"}});
    add({"\"char\"", Family::character, {"a", "b", "z", "", " ", "7"}, "", "%", "ordered", {"%"}});
    add({"smallint",
         Family::number,
         {"0", "1", "-1", "2", "3", "7", "42", "100", "32767", "-32768"},
         "",
         "%",
         "ordered",
         integer_changes});
    add({"integer",
         Family::number,
         {"0", "1", "-1", "2", "3", "7", "42", "100", "32768", "2147483647", "-2147483648", "16777217"},
         "",
         "%",
         "ordered",
         integer_changes});
    add({"bigint",
         Family::number,
         {"0", "1", "-1", "2", "3", "7", "42", "100", "2147483648", "9223372036854775807",
          "-9223372036854775808", "9007199254740993", "4294967297"},
         "",
         "%",
         "ordered",
         integer_changes});
    add({"real",
         Family::number,
         {"0", "-0", "1", "-1", "2.5", "0.1", "7", "100", "NaN", "Infinity", "-Infinity", "3.4028235e38",
          "1e-45", "16777216"},
         "",
         "(% + 0)",
         "ordered",
         real_changes});
    add({"double precision",
         Family::number,
         {"0", "-0", "1", "-1", "2.5", "0.1", "7", "100", "NaN", "Infinity", "-Infinity",
          "1.7976931348623157e308", "5e-324", "9007199254740992", "0.10000000149011612"},
         "",
         "(% + 0)",
         "ordered",
         real_changes});
    add({"date",
         Family::moment,
         {"2000-01-01", "1999-12-31", "2024-02-29", "1970-01-01", "infinity", "-infinity", "4713-01-01 BC",
          "5874897-12-31"},
         "",
         "%",
         "ordered",
         {"% + 1", "% - 30"}});
    add({"timestamp",
         Family::moment,
         {"2000-01-01 00:00:00", "1999-12-31 23:59:59.999999", "2024-02-29 12:30:00",
          "1970-01-01 00:00:00.000001", "infinity", "-infinity", "4713-01-01 00:00:00 BC",
          "294276-12-31 23:59:59.999999"},
         "",
         "%",
         "ordered",
         {"% + interval '1 day'", "date_trunc('hour', %)"}});
    add({"timestamptz",
         Family::moment,
         {"2000-01-01 00:00:00+00", "1999-12-31 23:59:59.999999+00", "2024-02-29 12:30:00+02",
          "1970-01-01 00:00:00+00", "infinity", "-infinity", "4713-01-01 00:00:00+00 BC"},
         "",
         "%",
         "ordered",
         {"% + interval '1 hour'"}});
    add({"interval",
         Family::interval,
         {"0", "1 day", "24 hours", "1 mon", "30 days", "-1 year 3 days", "00:00:00.000001",
          "100000000 years", "-100000000 years -1 day"},
         "",
         "%::text",
         "hash",
         {"% * 2", "-%", "% + interval '1 day'"}});
    add({"uuid",
         Family::uuid,
         {"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
          "12345678-9abc-def0-1234-56789abcdef0", "12345678-9abc-def0-1234-56789abcdef1"},
         "",
         "%",
         "hash",
         {"%"}});
    add({"mood", Family::enumeration, labels, "", "%", "hash", {"%"}});
    add({"percent",
         Family::number,
         {"0", "1", "2", "7", "42", "50", "100"},
         "101",
         "%",
         "ordered",
         {"% + 1", "% / 2", "100 - %"}});
    add({"word",
         Family::text,
         {"a", "ab", "x y", "glad", "ü"},
         "NO",
         "%",
         "hash",
         {"% || 'a'", "left(%, 1)", "upper(%)"}});
    add({"text",
         Family::text,
         {"", "a", "ab", "glad", "A", " ", "x y", "twelve bytes", "thirteen byte", "ünï — 漢字",
          "a\nb\t\\N,\"'", "a text that lies in the heap of values, being long", "%_"},
         "",
         "%",
         "hash",
         {"% || 'a'", "left(%, 3)", "upper(%)", "% || %"}});
    add({"varchar(20)",
         Family::text,
         {"", "a", "ab", "glad", "twenty characters !!", "ü"},
         "",
         "%",
         "hash",
         {"% || 'a'", "left(%, 3)"}});
    add({"bytea",
         Family::bytes,
         {"\\x", "\\x00", "\\x00ff00ff", "\\x61", "\\x000102030405060708090a0b0c0d0e0f"},
         "",
         "%",
         "hash",
         {"% || '\\x00'"}});
    add({"jsonb",
         Family::json,
         {"null", "1", "1.0", "\"a\"", "[]", "{}", "true", "{\"a\": 1, \"b\": [1, 2, {\"c\": null}]}",
          "[1, \"zwei\", 3.5e10]"},
         "",
         "%::text",
         "hash",
         {"% || '{\"k\": 1}'", "% -> 'a'", "jsonb_build_array(%)"}});
    add({"numeric",
         Family::number,
         {"0", "1", "1.0", "1.00", "-1", "0.1", "7", "100", "NaN", "Infinity", "-Infinity", "1e-20",
          "123456789012345678901234567890.123456789"},
         "",
         "trim_scale(%)",
         "hash",
         {"% + 1", "% / 3", "-%"}});
    add({"numeric(10,2)",
         Family::number,
         {"0", "1", "-1.50", "0.10", "99999999.99", "7"},
         "",
         "trim_scale(%)",
         "hash",
         {"% + 1", "% * 2"}});
    add({"integer[]",
         Family::array,
         {"{}", "{1}", "{1,NULL,3}", "{{1,2},{3,4}}", "[5:6]={7,8}", "{1,2,3,4,5,6,7,8,9,10}"},
         "",
         "%",
         "hash",
         {"% || 1", "array_remove(%, 1)"}});
    add({"text[]",
         Family::array,
         {"{}", "{a}", "{NULL}", "{\"x y\",\"\",ü}", "{{a},{b}}"},
         "",
         "%",
         "hash",
         {"% || 'a'::text"}});
    add({"double precision[]",
         Family::array,
         {"{}", "{NaN}", "{0,1}", "{Infinity,NULL,0.1}"},
         "",
         "%",
         "hash",
         {"% || 1::float8"}});
    add({"boolean[]", Family::array, {"{}", "{t}", "{t,f,NULL}"}, "", "%", "hash", {"% || true"}});
    add({"uuid[]", Family::array, {"{}", "{00000000-0000-0000-0000-000000000001}"}, "", "%", "hash", {"%"}});
    return out;
}

std::string long_text(Random& random) {
    const std::size_t bytes = random.one_in(4) ? 100'000 : random.between(100, 5000);
    std::string out;
    out.reserve(bytes);
    while (out.size() < bytes)
        out += static_cast<char>('!' + random.below(90));
    for (char& letter : out)
        if (letter == '\\' || letter == '\'')
            letter = '.';
    return out;
}

} // namespace

const std::vector<Type>& types() {
    static const std::vector<Type> all = make_types();
    return all;
}

const Type& type_named(std::string_view name) {
    for (const Type& type : types())
        if (type.name == name)
            return type;
    throw std::logic_error("no type " + std::string(name));
}

Value random_value(Random& random, const Type& type) {
    if (random.one_in(12))
        return std::nullopt;
    if (!type.refused.empty() && random.one_in(40))
        return type.refused;
    if (type.name == "text" && random.one_in(60))
        return long_text(random);
    if (type.name == "integer" && random.one_in(3))
        return std::to_string(static_cast<std::int64_t>(random.below(2000)) - 1000);
    if (type.name == "uuid" && random.one_in(3)) {
        std::string out = type.values[2];
        out.back() = "0123456789abcdef"[random.below(16)];
        return out;
    }
    return random.pick(type.values);
}

std::string plain_value(Random& random, const Type& type) {
    return random.pick(type.values);
}

std::string quote(std::string_view text) {
    std::string out = "'";
    for (const char letter : text) {
        if (letter == '\'')
            out += '\'';
        out += letter;
    }
    return out + "'";
}

std::string literal(const Value& value, const Type& type) {
    return (value ? quote(*value) : std::string("NULL")) + "::" + type.name;
}

std::string fill(std::string_view pattern, std::string_view with) {
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        // "% % 7" is a remainder: a sign between spaces stands for itself.
        const bool is_operator = pattern[i] == '%' && i > 0 && pattern[i - 1] == ' ' &&
                                 i + 2 < pattern.size() && pattern[i + 1] == ' ' && pattern[i + 2] == '7';
        if (pattern[i] == '%' && !is_operator)
            out += with;
        else
            out += pattern[i];
    }
    return out;
}

} // namespace gamelan::oracle
