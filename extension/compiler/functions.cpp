#include "extension/compiler/functions.hpp"

#include <string>
#include <string_view>
#include <unordered_map>

extern "C" {
#include "utils/fmgroids.h"
#include "utils/fmgrtab.h"
}

namespace gamelan::compiler {

namespace {

using kernel::Op;
using enum ColumnType;
using Kind = KernelFunction::Kind;

using Table = std::unordered_map<std::string, KernelFunction>;

struct Named {
    const char* name;
    Op op;
};
struct Family {
    const char* prefix;
    ColumnType type; // to which both operands are widened
};

constexpr Family integers[] = {{"int2", i16}, {"int4", i32}, {"int8", i64}};
constexpr Family floats[] = {{"float4", f32}, {"float8", f64}};
constexpr Family mixed[] = {{"int24", i32}, {"int42", i32}, {"int28", i64},   {"int82", i64},
                            {"int48", i64}, {"int84", i64}, {"float48", f64}, {"float84", f64}};
constexpr Family others[] = {{"bool", boolean}, {"date_", i32},     {"timestamp_", i64},
                             {"char", i8},      {"uuid_", bytes16}, {"interval_", span}};

constexpr Named comparisons[] = {{"eq", Op::equal},      {"ne", Op::not_equal}, {"lt", Op::less},
                                 {"le", Op::less_equal}, {"gt", Op::greater},   {"ge", Op::greater_equal}};
constexpr Named arithmetic[] = {
    {"pl", Op::add}, {"mi", Op::subtract}, {"mul", Op::multiply}, {"div", Op::divide}};
constexpr Named of_one_number[] = {{"um", Op::negate}, {"abs", Op::absolute}};
constexpr Named of_integers[] = {{"mod", Op::modulo},     {"and", Op::bit_and}, {"or", Op::bit_or},
                                 {"xor", Op::bit_xor},    {"not", Op::bit_not}, {"shl", Op::shift_left},
                                 {"shr", Op::shift_right}};
constexpr Named of_doubles[] = {{"dsign", Op::sign},   {"dfloor", Op::floor}, {"dceil", Op::ceil},
                                {"dround", Op::round}, {"dtrunc", Op::trunc}, {"dsqrt", Op::sqrt},
                                {"dexp", Op::exp},     {"dlog1", Op::ln},     {"dsin", Op::sin},
                                {"dcos", Op::cos},     {"dpow", Op::power},   {"datan2", Op::atan2}};
constexpr Named of_dates[] = {
    {"date_pli", Op::date_add}, {"date_mii", Op::date_subtract}, {"date_mi", Op::date_difference}};

constexpr Named of_spans[] = {
    {"interval_pl", Op::add}, {"interval_mi", Op::subtract}, {"interval_um", Op::negate}};

constexpr Named of_numerics[] = {{"numeric_add", Op::add},
                                 {"numeric_sub", Op::subtract},
                                 {"numeric_mul", Op::multiply},
                                 {"numeric_uminus", Op::negate},
                                 {"numeric_abs", Op::absolute}};

struct Cast {
    const char* name;
    ColumnType to;
};
constexpr Cast casts[] = {{"i2toi4", i32},
                          {"i4toi2", i16},
                          {"int28", i64},
                          {"int82", i16},
                          {"int48", i64},
                          {"int84", i32},
                          {"i2tof", f32},
                          {"i4tof", f32},
                          {"i8tof", f32},
                          {"i2tod", f64},
                          {"i4tod", f64},
                          {"i8tod", f64},
                          {"ftoi2", i16},
                          {"ftoi4", i32},
                          {"ftoi8", i64},
                          {"dtoi2", i16},
                          {"dtoi4", i32},
                          {"dtoi8", i64},
                          {"ftod", f64},
                          {"dtof", f32},
                          {"int4_bool", boolean},
                          {"bool_int4", i32},
                          {"chartoi4", i32},
                          {"i4tochar", i8},
                          {"int2_numeric", decimal},
                          {"int4_numeric", decimal},
                          {"int8_numeric", decimal},
                          {"numeric_int2", i16},
                          {"numeric_int4", i32},
                          {"numeric_int8", i64},
                          {"numeric_float4", f32},
                          {"numeric_float8", f64}};

template <std::size_t families, std::size_t names>
void add(Table& table, const Family (&of)[families], const Named (&named)[names]) {
    for (const Family& family : of)
        for (const Named& name : named)
            table[std::string(family.prefix) + name.name] = {Kind::operation, name.op, family.type};
}

Table make_table() {
    Table out;
    add(out, integers, arithmetic);
    add(out, floats, arithmetic);
    add(out, mixed, arithmetic);
    add(out, integers, comparisons);
    add(out, floats, comparisons);
    add(out, mixed, comparisons);
    add(out, others, comparisons);
    add(out, integers, of_one_number);
    add(out, floats, of_one_number);
    add(out, integers, of_integers);
    for (const Named& name : of_doubles)
        out[name.name] = {Kind::operation, name.op, f64};
    for (const Named& name : of_dates)
        out[name.name] = {Kind::operation, name.op, i32};
    for (const Named& name : of_spans)
        out[name.name] = {Kind::operation, name.op, span};
    for (const Named& name : comparisons)
        out[std::string("numeric_") + name.name] = {Kind::operation, name.op, decimal};
    for (const Named& name : of_numerics)
        out[name.name] = {Kind::operation, name.op, decimal};
    out["enum_eq"] = {Kind::operation, Op::equal, code};
    out["enum_ne"] = {Kind::operation, Op::not_equal, code};
    for (const Cast& cast : casts)
        out[cast.name] = {Kind::cast, Op::cast, cast.to};
    for (const auto* list : {&integers[0], &integers[1], &integers[2], &floats[0], &floats[1]})
        out[std::string(list->prefix) + "up"] = {Kind::identity, Op::column, list->type};
    out["radians"] = {Kind::radians, Op::multiply, f64};
    return out;
}

// The C function of a function of language internal that came with the server.
const char* builtin_name(Oid function) {
    if (function > fmgr_last_builtin_oid)
        return nullptr;
    const std::uint16_t place = fmgr_builtin_oid_index[function];
    return place == InvalidOidBuiltinMapping ? nullptr : fmgr_builtins[place].funcName;
}

} // namespace

std::optional<KernelFunction> kernel_function(Oid function) {
    static const Table table = make_table();
    const char* name = builtin_name(function);
    if (name == nullptr)
        return std::nullopt;
    const auto found = table.find(name);
    return found == table.end() ? std::nullopt : std::optional(found->second);
}

const char* deterministic_twin(Oid function) {
    switch (function) {
    case F_NOW:
    case F_TRANSACTION_TIMESTAMP:
    case F_STATEMENT_TIMESTAMP:
    case F_CLOCK_TIMESTAMP:
    case F_TIMEOFDAY:
        return "write game.now(), the simulated time";
    case F_RANDOM:
    case F_GEN_RANDOM_UUID:
        return "write game.random(key), which a replay repeats";
    case F_NEXTVAL:
    case F_CURRVAL:
    case F_LASTVAL:
        return "a sequence is not rolled back with a tick";
    default:
        return nullptr;
    }
}

} // namespace gamelan::compiler
