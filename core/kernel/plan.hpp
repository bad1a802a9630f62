// Systems made ready for one layout of a world: expressions as steps over registers, in the order in which
// Postgres would evaluate them.
//
// A register is a column of the block (no copy), a constant, or the result of a step. A step computes all
// lanes; which rows count decides only whose failures do, which columns change, and for which lanes functions
// of the C library are called.
#pragma once

#include "core/kernel/operation.hpp"
#include "core/kernel/program.hpp"
#include "core/store/snapshot.hpp"

#include <span>

namespace gamelan::kernel {

using Register = std::uint16_t;
inline constexpr Register no_register = 0xffff;
// As a step's mask: the rows that the statement has selected so far.
inline constexpr Register selected_rows = 0xfffe;

enum class StepKind : std::uint8_t {
    lanes, // NULL where an input is
    // in[0] ± in[1] × in[2]; parts: multiply, then add. The parts serve when in[0] has NULLs: the product may
    // fail all the same.
    multiply_add,
    // in[0] op in[1] ? in[2] : in[3]; parts: compare, select, for when there are NULLs.
    compare_select,
    conjunction,
    disjunction,
    negation,
    null_test,     // is_null
    not_null_test, // is_not_null
    distinct,      // part: not_equal
    not_distinct,  // part: equal
    select,        // in[0] true ? in[1] : in[2]
    coalesce,      // in[0], or in[1] where it is NULL; part: select
    nullif,        // part: equal
    extreme,       // greatest or least of two; part: select
    // Masks: rows of in[0] (a mask) where in[1] is true, is not true, is not false, is NULL.
    rows_if_true,
    rows_unless_true,
    rows_unless_false,
    rows_if_null,
    // The statement goes on with the selected rows where in[0] is true.
    narrow,
};

struct Step {
    StepKind kind = StepKind::lanes;
    const Operation* operation = nullptr;
    const Operation* parts[2] = {};
    Register in[4] = {no_register, no_register, no_register, no_register};
    Register out = no_register;
    Register mask = selected_rows;
    std::uint16_t buffer = 0; // that holds what it computes
    // Number of the statement's result that this is, which may be written straight into the block.
    std::uint16_t result = no_register;
    std::uint8_t width_bytes = 0;
};

// A plane of values of the block.
struct Source {
    bool is_entity = false; // handles; `column` is then the generation
    ColumnId column{store::none};
    std::uint32_t nulls = store::none; // plane
    std::uint8_t width_bytes = 0;
    bool is_written = false;
};

// A value that is the same in all lanes for a whole run.
struct Fixed {
    enum class Kind : std::uint8_t { constant, parameter, random_word } kind = Kind::constant;
    Value constant;
    Parameter parameter = Parameter::dt;
    bool operator==(const Fixed&) const = default;
};

// Rows that have all of these components.
using ComponentSet = std::vector<ComponentId>;

struct Result {
    Register source;
    Register value;
    bool is_not_null;
};

// A component whose rows statements change.
struct Target {
    struct Column {
        ColumnId column;
        std::uint32_t nulls;
        Register source; // or no_register: no statement reads or writes it
    };
    ComponentId component{store::none};
    bool has_rows_changed = false; // by an insert or a remove
    std::vector<Column> columns;   // if so
};

// A value of an event, behind the text that comes before it: the opening brace or a comma, and the key.
struct EventField {
    std::string before;
    ColumnType type;
    Register value;
};

struct StatementPlan {
    StatementKind kind = StatementKind::update;
    std::uint32_t system;
    std::uint32_t number; // of the statement in its system
    std::uint32_t target; // number of its Target, or none
    std::uint32_t rows;   // number of its ComponentSet
    // Sources that the steps read: all of the WHERE, then what else the values need.
    std::vector<Register> where_sources;
    std::vector<Register> value_sources;
    std::vector<Step> where;
    std::vector<Step> values;
    std::vector<Result> results;
    std::vector<Step> check_steps;
    std::vector<Register> checks;
    std::vector<Register> blanks; // of an insert: columns that become NULL
    bool does_nothing_on_conflict = false;
    std::uint32_t emission = 0; // of an emit: its number among the group's
    Register event_entity = no_register;
    std::vector<EventField> fields; // as jsonb has them: by length of their keys, then by their bytes
};

// Systems whose statements run block by block.
struct GroupPlan {
    store::SpaceId space;
    std::uint32_t first_system = 0;
    std::uint32_t system_count = 0;
    std::vector<Source> sources; // registers 0 …
    std::vector<Fixed> fixed;    // registers behind them
    std::vector<ComponentSet> row_sets;
    std::vector<Target> targets;
    std::vector<StatementPlan> statements;
    std::uint32_t emission_count = 0;
    std::uint32_t register_count = 0;
    std::uint32_t buffer_count = 0;
};

// One group for each run of systems over the same space. Throws Error(feature_not_supported) for a system
// over several spaces, Error(undefined_column) or Error(datatype_mismatch) when a statement does not fit the
// layout.
std::vector<GroupPlan> make_plan(const store::Snapshot& layout, std::span<const System> systems);

} // namespace gamelan::kernel
