// What the compiler of systems says and the executor does: statements over the components of one space, as
// typed expressions. Row-local UPDATEs: a row's new values depend on the same slot's values only.
//
// Meaning is PostgreSQL 15's throughout: three-valued logic, the order of NaN, which operations fail and with
// which SQLSTATE, and in which branches (CASE, COALESCE, AND and OR evaluate from left to right and only as
// far as needed). One liberty: an operation whose result is NaN gives the one NaN that Postgres reads from
// 'NaN', whatever its sign would have been there; SQL cannot tell them apart, the state hash could.
//
// Types are column types: boolean, i16, i32, i64, f32, f64, and code, of which only equality is known. Dates
// are i32 (days since 2000) and timestamps i64 (microseconds since 2000), compared as such.
#pragma once

#include "core/kernel/fault.hpp"
#include "core/store/layout.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace gamelan::kernel {

using store::ColumnId;
using store::ComponentId;

inline constexpr std::size_t max_nodes = 4096;      // of a statement
inline constexpr std::size_t max_assignments = 256; // of a statement

enum class Op : std::uint8_t {
    // Leaves.
    column,
    constant,
    parameter,
    entity, // i64: the handle of the row's entity
    // Numbers of one type, of which the result is too.
    add,
    subtract,
    multiply,
    divide,
    modulo, // integers
    negate,
    absolute,
    // Integers; a shift's second operand is i32.
    bit_and,
    bit_or,
    bit_xor,
    bit_not,
    shift_left,
    shift_right,
    // f64.
    sign,
    floor,
    ceil,
    round, // to even, as rint
    trunc,
    sqrt,
    exp,
    ln,
    sin,
    cos,
    power,
    atan2,
    // Dates (i32): date ± integer, date − date.
    date_add,
    date_subtract,
    date_difference,
    // A number in [0, 1), f64, that the world's seed, the tick and an i64 key decide.
    random,
    // Any type; equal and not_equal for codes.
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    is_null,
    is_not_null,
    is_distinct,
    is_not_distinct,
    // Boolean; two or more arguments.
    logical_and,
    logical_or,
    logical_not,
    // condition, result, condition, result, …, result
    choose,
    coalesce,
    nullif,
    greatest, // two or more arguments
    least,
    // From the argument's type to the node's.
    cast,
};

enum class Parameter : std::uint8_t {
    dt,      // f64: seconds of a tick
    dt_real, // f32: the same, rounded
    tick,    // i64
    now,     // i64: microseconds since 2000 of simulated time
};

// What a run gives to all statements.
struct TickInputs {
    double dt = 0;
    std::int64_t tick = 0;
    std::int64_t now_us = 0;
    std::uint64_t seed = 0;
};

// A value of a fixed-width type, its bytes in the low end.
struct Value {
    ColumnType type = ColumnType::i32;
    bool is_null = false;
    std::uint64_t bits = 0;

    template <class T>
    static Value of(ColumnType type, T value) {
        static_assert(sizeof(T) <= sizeof(std::uint64_t));
        Value out{type, false, 0};
        std::memcpy(&out.bits, &value, sizeof value);
        return out;
    }
    static Value null(ColumnType type) { return {type, true, 0}; }
    bool operator==(const Value&) const = default;
};

// Place of a node in Expressions.
struct NodeId {
    std::uint32_t value;
    bool operator==(const NodeId&) const = default;
};

struct Node {
    Op op = Op::constant;
    ColumnType type = ColumnType::i32;
    ColumnId column{store::none};        // of a column
    Parameter parameter = Parameter::dt; // of a parameter
    Value constant;                      // of a constant
    std::vector<NodeId> arguments;
    bool can_fail = false; // it or what it is made of
    bool operator==(const Node&) const = default;
};

// The expressions of a statement. Nodes that say the same are one node. All makers throw
// Error(datatype_mismatch) when operands are of types that the operation does not know, and
// Error(feature_not_supported) beyond max_nodes.
class Expressions {
  public:
    NodeId column(ColumnId column, ColumnType type);
    NodeId constant(const Value& value);
    NodeId parameter(Parameter parameter);
    NodeId entity();
    NodeId make(Op op, std::vector<NodeId> arguments);
    NodeId cast(NodeId argument, ColumnType type);
    // low <= value AND value <= high
    NodeId between(NodeId value, NodeId low, NodeId high);
    // value = first OR value = second …
    NodeId in_list(NodeId value, const std::vector<NodeId>& list);

    const Node& operator[](NodeId id) const { return nodes_[id.value]; }
    std::size_t size() const { return nodes_.size(); }

  private:
    NodeId intern(Node node);

    std::vector<Node> nodes_;
};

struct Assignment {
    ColumnId column;
    NodeId value;
    bool is_not_null = false;
    std::string column_name; // for the error
};

// Evaluated over the row as it will be; fails where false.
struct Check {
    NodeId condition;
    std::string name;
};

// UPDATE target SET … FROM the components joined by entity WHERE …. Where a column is assigned, checks see
// the new value, all else the old one.
struct Statement {
    ComponentId target;
    std::string target_name; // for errors
    // The rows have these; the target is one of them.
    std::vector<ComponentId> components;
    Expressions expressions;
    std::optional<NodeId> where;
    std::vector<Assignment> assignments; // in the order in which they are evaluated
    std::vector<Check> checks;
};

// What is atomic: all of its statements, or none.
struct System {
    std::string name;
    std::vector<Statement> statements;
};

constexpr bool is_integer(ColumnType type) {
    return type == ColumnType::i16 || type == ColumnType::i32 || type == ColumnType::i64;
}
constexpr bool is_float(ColumnType type) {
    return type == ColumnType::f32 || type == ColumnType::f64;
}
constexpr bool is_number(ColumnType type) {
    return is_integer(type) || is_float(type);
}
constexpr bool is_known(ColumnType type) {
    return is_number(type) || type == ColumnType::boolean || type == ColumnType::code;
}

} // namespace gamelan::kernel
