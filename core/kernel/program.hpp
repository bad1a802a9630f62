// What the compiler of systems says and the executor does: statements over the components of one space, as
// typed expressions. A statement goes over the rows of its space that have all of its components; what it
// reads of other rows comes through sources.
//
// Meaning is PostgreSQL 15's throughout: three-valued logic, the order of NaN, which operations fail and with
// which SQLSTATE, and in which branches (CASE, COALESCE, AND and OR evaluate from left to right and only as
// far as needed). One liberty: an operation whose result is NaN gives the one NaN that Postgres reads from
// 'NaN', whatever its sign would have been there; SQL cannot tell them apart, the state hash could.
//
// Types are column types: boolean, i8 ("char": ordered as if it had no sign), i16, i32, i64, f32, f64, span
// (interval), bytes16 (uuid), and code, of which only equality is known. Dates are i32 (days since 2000) and
// timestamps i64 (microseconds since 2000), compared as such. Values between columns may be decimal
// (numeric).
#pragma once

#include "core/kernel/fault.hpp"
#include "core/store/layout.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace gamelan::grid {
class Planet;
}

namespace gamelan::kernel {

using store::ColumnId;
using store::ComponentId;

inline constexpr std::size_t max_statements = 256; // of a system
// Of a statement.
inline constexpr std::size_t max_nodes = 4096;
inline constexpr std::size_t max_assignments = 256;
inline constexpr std::size_t max_checks = 1024;
inline constexpr std::size_t max_sources = 32;
inline constexpr std::size_t max_aggregates = 64;
inline constexpr std::size_t max_fields = 256;
inline constexpr std::size_t max_call_bytes = 65536;
inline constexpr std::size_t max_statement_components = 64; // of the own row or of a source
inline constexpr std::size_t max_coordinates = 3;
// How deep an expression goes; each argument of CASE and COALESCE counts.
inline constexpr std::size_t max_depth = 1000;

// Numbers of this and the other enumerations are part of a stored format: new ones go to the end.
enum class Op : std::uint8_t {
    // Leaves.
    column,
    constant,
    parameter,
    entity, // i64: the handle of the row's entity, or the id of its cell
    // Boolean: whether a source's row has a component. Never NULL.
    has_row,
    // Boolean: whether the row is one that the system observes in this tick (game.observed()).
    observed,
    // The value of one of the statement's aggregates. Those over neighbours are evaluated where they stand;
    // those
    // over all rows beforehand, but fail only there.
    aggregate,
    // Numbers of one type, of which the result is too; add, subtract and negate know spans as well, and all
    // but
    // divide and modulo decimals.
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
    // Decimal: a sum (decimal, without digits behind the point) divided by a count (i64).
    average,
    // f64: how far a source's row is from the place it was looked for from (near, nearest).
    distance,
};
inline constexpr Op last_op = Op::distance;

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
    // Of the world; without one it has no cells that could be named or have neighbours.
    const grid::Planet* planet = nullptr;
    // Bits of the slots that are observed, of the space whose systems run; those beyond the end are not.
    std::span<const std::uint64_t> observed = {};
};

// A value of a fixed-width type, its bytes in the low end.
struct Value {
    ColumnType type = ColumnType::i32;
    bool is_null = false;
    std::uint64_t bits = 0;
    std::uint64_t high = 0; // the bytes behind the first eight, of types that have them

    template <class T>
    static Value of(ColumnType type, T value) {
        return of_bytes(type, &value, sizeof value);
    }
    static Value null(ColumnType type) { return {type, true, 0, 0}; }
    // At most 16.
    static Value of_bytes(ColumnType type, const void* bytes, std::size_t count) {
        Value out{type, false, 0, 0};
        std::memcpy(&out.bits, bytes, count < sizeof out.bits ? count : sizeof out.bits);
        if (count > sizeof out.bits)
            std::memcpy(&out.high, static_cast<const char*>(bytes) + sizeof out.bits,
                        count - sizeof out.bits);
        return out;
    }
    void copy_to(void* out) const {
        const std::size_t width = width_of(type);
        std::memcpy(out, &bits, width < sizeof bits ? width : sizeof bits);
        if (width > sizeof bits)
            std::memcpy(static_cast<char*>(out) + sizeof bits, &high, width - sizeof bits);
    }
    bool operator==(const Value&) const = default;
};

// Place of a node in Expressions.
struct NodeId {
    std::uint32_t value;
    bool operator==(const NodeId&) const = default;
};

// Which row a column is read from: place in Statement::sources. The row itself is always there.
struct SourceId {
    std::uint32_t value;
    bool operator==(const SourceId&) const = default;
};
inline constexpr SourceId own_row{0};

struct Node {
    Op op = Op::constant;
    ColumnType type = ColumnType::i32;
    SourceId source = own_row;             // of a column, an entity, has_row
    ColumnId column{store::none};          // of a column
    ComponentId component{store::none};    // of has_row
    std::uint32_t aggregate = store::none; // of an aggregate: place in Statement::aggregates
    Parameter parameter = Parameter::dt;   // of a parameter
    Value constant;                        // of a constant
    std::vector<NodeId> arguments;
    bool can_fail = false; // it or what it is made of
    bool operator==(const Node&) const = default;
};

// The expressions of a statement. Nodes that say the same are one node. All makers throw
// Error(datatype_mismatch) when operands are of types that the operation does not know, and
// Error(feature_not_supported) beyond max_nodes.
class Expressions {
  public:
    NodeId column(ColumnId column, ColumnType type, SourceId source = own_row);
    NodeId constant(const Value& value);
    NodeId parameter(Parameter parameter);
    NodeId entity(SourceId source = own_row);
    NodeId has_row(ComponentId component, SourceId source = own_row);
    NodeId observed();
    NodeId distance(SourceId source);
    // `type`: result_type() of the aggregate.
    NodeId aggregate(std::uint32_t place, ColumnType type);
    NodeId make(Op op, std::vector<NodeId> arguments);
    NodeId cast(NodeId argument, ColumnType type);
    // low <= value AND value <= high
    NodeId between(NodeId value, NodeId low, NodeId high);
    // value = first OR value = second …
    NodeId in_list(NodeId value, const std::vector<NodeId>& list);
    // A node as another statement has it, over nodes of this one; what it says of types is not believed.
    NodeId add(const Node& node);

    const Node& operator[](NodeId id) const { return nodes_[id.value]; }
    std::size_t size() const { return nodes_.size(); }
    bool operator==(const Expressions& other) const { return nodes_ == other.nodes_; }

  private:
    NodeId intern(Node node);

    std::vector<Node> nodes_;
    std::unordered_multimap<std::uint64_t, std::uint32_t> places_; // of nodes, by hash
};

struct Assignment {
    ColumnId column;
    NodeId value;
    bool is_not_null = false;
    std::string column_name; // for the error
    bool operator==(const Assignment&) const = default;
};

// Evaluated over the row as it will be; fails where false.
struct Check {
    NodeId condition;
    std::string name;
    // Not empty: a constraint of this domain, of a column's new value; without a name, its NOT NULL.
    std::string domain = {};
    bool operator==(const Check&) const = default;
};

enum class SourceKind : std::uint8_t {
    own,        // the row that the statement is at
    reference,  // the row of the entity or cell that `key` names
    neighbours, // the rows of the cells around the row's own cell, for aggregates only
    all,        // every row of its components, for aggregates only
    // Rows of entities by their place, found by an index of `coordinates`; for aggregates only. NULL among
    // the arguments is no row, and so is a place that is not finite.
    near,    // at most so far from a place: its coordinates, radius. In the order of handles
    nearest, // so many that are nearest to a place: its coordinates, count (i32). By distance, then by handle
    in_box,  // between two corners: coordinates of one, of the other. In the order of handles
    // For conditions that squares of differences decide: those that are at most so far from a place, others
    // perhaps, and all where one of these squares could overflow or vanish. In the order of slots
    within,
};

// Rows that columns are read from.
struct RowSource {
    SourceKind kind = SourceKind::own;
    // The row has these, all of one space; of the own row empty, as the statement has them. A reference whose
    // key is NULL, or names no such row, is no row.
    std::vector<ComponentId> components;
    // i64, over sources before this one: an entity's handle, or a cell's id. It is evaluated for all rows
    // that the conditions on earlier sources leave.
    std::optional<NodeId> key;
    // A LEFT JOIN: where there is no row, its columns are NULL. Otherwise the statement passes such a row by.
    bool is_optional = false;
    // Of rows by their place: columns of the first component, and what is asked, over the own row and
    // references. All f64 but for a count.
    std::vector<ColumnId> coordinates = {};
    std::vector<NodeId> arguments = {};
    bool operator==(const RowSource&) const = default;
};

enum class AggregateFunction : std::uint8_t {
    count, // i64; of rows, or of those whose argument is not NULL
    sum,   // of i16 and i32: i64; of i64: decimal; of f32 and f64: the same, added in the order of rows
    least,
    greatest,
    every,  // boolean, as bool_and
    any,    // boolean, as bool_or
    exists, // boolean, never NULL; no argument
    // Of integers: decimal; of f32 and f64: f64, added in the order of rows. Of a source "all" only.
    average,
    first, // any type: of the first row, whether it is NULL or not; for rows by their place
    only,  // the same of the only row; fails when there are several
};

// Whether rows are found by their place.
constexpr bool is_by_place(SourceKind kind) {
    return kind >= SourceKind::near && kind <= SourceKind::within;
}
// Of a source by place: how many arguments it has.
constexpr std::size_t argument_count(SourceKind kind, std::size_t coordinates) {
    return kind == SourceKind::in_box ? 2 * coordinates : coordinates + 1;
}

// A scalar sub-select over the rows of a source (neighbours or all). NULL when there is no row, but for count
// and exists. Expressions may read the own row and its references too when the source is neighbours; of a
// source "all" they read that source alone.
struct Aggregate {
    AggregateFunction function = AggregateFunction::count;
    SourceId source = own_row;
    std::optional<NodeId> where;
    std::optional<NodeId> argument;
    bool operator==(const Aggregate&) const = default;
};

// What the sum of such values is; nothing when kernels have no sum of them.
std::optional<ColumnType> result_type(AggregateFunction function, ColumnType argument);

enum class StatementKind : std::uint8_t {
    update, // UPDATE target SET … FROM … WHERE …
    insert, // INSERT INTO target SELECT the row's own entity, …; columns without assignment become NULL
    remove, // DELETE FROM target USING … WHERE …
    emit,   // game.emit(name, entity, payload) for each row selected
    append, // INSERT INTO a table of events SELECT …; it reads what checks ask of its columns as its fields
    // A call for each row that makes or ends entities: the kernel says for which rows and with which values,
    // the host makes the calls. The last statement of its system.
    call,
};

// Whether nothing of the world changes: what it says is collected.
constexpr bool is_told(StatementKind kind) {
    return kind == StatementKind::emit || kind == StatementKind::append || kind == StatementKind::call;
}

// A value of an event's payload, under a key; of a column of a table of events, by its name; or of a
// parameter of a call, whose name is its type's in SQL.
struct Field {
    std::string name;
    NodeId value;
    bool is_not_null = false; // of append
    bool operator==(const Field&) const = default;
};

// Where a column is assigned, checks see the new value, all else the old one.
struct Statement {
    StatementKind kind = StatementKind::update;
    ComponentId target;      // of emit and append: none
    std::string target_name; // for errors; of emit: the type of the event; of append: the table
    // The own rows have these. An update's and a remove's target is one of them; an insert's is not.
    std::vector<ComponentId> components;
    std::vector<RowSource> sources = {RowSource{}}; // [0] is the own row
    std::vector<Aggregate> aggregates;
    Expressions expressions;
    std::optional<NodeId> where;
    std::vector<Assignment> assignments; // in the order in which they are evaluated
    std::vector<Check> checks;
    bool does_nothing_on_conflict = false; // of an insert: where a row is already; else unique_violation
    std::optional<NodeId> event_entity;    // of emit; NULL = none
    std::vector<Field> fields;             // of emit, append and call
    // Of emit and append: not one for each own row, but for each row of this source (near) of which
    // each_where holds; entity, fields and checks may read it. More than each_limit of them fail.
    std::optional<SourceId> each;
    std::optional<NodeId> each_where;
    std::uint32_t each_limit = 0;
    std::string sql; // of call: an expression in which $1 is the first field
    bool operator==(const Statement&) const = default;
};

constexpr bool is_call(const Statement& statement) {
    return statement.kind == StatementKind::call;
}

// What is atomic: all of its statements, or none.
struct System {
    std::string name;
    std::vector<Statement> statements;
    bool operator==(const System&) const = default;
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
    return is_number(type) || type == ColumnType::boolean || type == ColumnType::code ||
           type == ColumnType::i8 || type == ColumnType::bytes16 || type == ColumnType::span;
}

// What expressions may be of: columns are of no decimal.
constexpr bool is_value(ColumnType type) {
    return is_known(type) || type == ColumnType::decimal;
}

} // namespace gamelan::kernel
