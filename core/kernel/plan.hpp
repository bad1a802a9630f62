// Systems made ready for one layout of a world: expressions as steps over registers, in the order in which
// Postgres would evaluate them.
//
// A register is a column of the block (no copy), a constant, or the result of a step. A step computes all
// lanes; which rows count decides only whose failures do, which columns change, and for which lanes functions
// of the C library are called.
#pragma once

#include "core/kernel/locator.hpp"
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
    // Rows elsewhere. find: slots (u32) of the rows of a lookup that the keys in[0] name, NULL where there is
    // none; for the selected rows.
    find,
    // Fails the check with the number `buffer` where in[0] is false.
    require,
    narrow_found, // the statement goes on with the selected rows that in[0] has found
    gather,       // values of a plane at the slots in[0]
    gather_bit,   // boolean, never NULL: bits of a plane at the slots in[0]
    found_key,    // the keys in[1] of the rows in[0] that were found
    has_own_row,  // boolean, never NULL: whether the row has the components of a row set
    observed,     // boolean, never NULL
    // A mask: rows of in[0] (a mask) that have a neighbour in the direction with the lookup's components.
    neighbour_rows,
    neighbour,     // values of a plane at the neighbours in the direction
    neighbour_bit, // bits of a plane there
    neighbour_id,  // ids of the cells there
    // An aggregate over the neighbours of what a query has derived of each cell; number: among the derived.
    stencil,
    // in[0] (absent at first) and in[1] (absent if the function has no argument) for the rows of the mask.
    accumulate,
    // Fails, for the rows of the mask, as the aggregate in[0] did.
    pass_fault,
    // Rows by their place. place: in[0] is argument number `direction` of the search that follows.
    place,
    // Finds for each row of the mask the rows of join `number`; the next `length` steps are played on pairs
    // of such rows, as many as a block has lanes at a time.
    search,
    pair_slots,    // of a pair: the slot of the row that was found
    pair_handle,   // and its handle; number: the plane of generations; in[0]: slots
    pair_distance, // and how far away it is
    spread,        // of a pair: the value in[0] of the row that it was found for
    fold,   // in[0] (absent if the function has no argument) of the pairs of the mask to their aggregate
    folded, // what join `number` has come to for each row
    tell,   // the statement's event, or row of events, of the pairs of the mask
};

// One more value for an aggregate.
struct Accumulation {
    AggregateFunction function = AggregateFunction::count;
    ColumnType type = ColumnType::i64; // of the argument
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
    std::uint8_t direction = 0;  // of neighbours
    std::uint32_t number = 0;    // of a lookup, a plane elsewhere, a row set, a join
    std::uint32_t length = 0;    // of a search
    Accumulation accumulation{}; // of accumulate, fold, folded
};

// A plane of values of the block.
struct Source {
    bool is_entity = false; // handles; `column` is then the generation, or none for cells
    ColumnId column{store::none};
    std::uint32_t nulls = store::none; // plane
    std::uint8_t width_bytes = 0;
    bool is_written = false;
};

// A plane that is read at other slots than the block's.
struct PlaneElsewhere {
    ColumnId plane{store::none};
    std::uint32_t nulls = store::none; // plane
    std::uint8_t width_bytes = 0;      // 0 for bits
    bool operator==(const PlaneElsewhere&) const = default;
};

// Rows that are found by their place.
struct GridPlan {
    ComponentId component;
    std::vector<ColumnId> coordinates;
    bool operator==(const GridPlan&) const = default;
};

// An aggregate over such rows.
struct JoinPlan {
    SourceKind kind = SourceKind::near;
    std::uint32_t grid = 0;
    std::uint32_t lookup = 0;             // the rows have its components
    std::uint32_t generation = 0;         // plane elsewhere
    bool is_ordered = false;              // the order of rows matters
    bool leaves_out_own = false;          // the own row is none of them
    bool has_distance = false;            // how far away they are is asked for
    std::size_t enough = ~std::size_t{0}; // more rows would change nothing
};

// A value that is the same in all lanes for a whole pass.
struct Fixed {
    enum class Kind : std::uint8_t { constant, parameter, random_word, aggregate } kind = Kind::constant;
    Value constant; // of an aggregate: its type, or what its decimal is cast to
    Parameter parameter = Parameter::dt;
    std::uint32_t aggregate = 0; // number among those of the pass
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
    std::string before; // of an append: nothing
    ColumnType type;
    Register value;
    bool is_not_null = false;
};

// Of a statement that only computes an aggregate over all its rows; or, for neighbours to add up, what each
// of its rows would add to one.
struct Reduction {
    bool is_derived = false;
    Accumulation accumulation;
    ColumnType type = ColumnType::i64; // of the result
    Register argument = no_register;
    std::uint32_t aggregate = 0; // its number among those, or among the derived, of the pass that asks
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
    std::vector<std::uint32_t> check_numbers; // of these in the statement
    std::vector<Register> blanks;             // of an insert: columns that become NULL
    bool does_nothing_on_conflict = false;
    std::uint32_t emission = 0; // of an emit: its number among the group's
    Register event_entity = no_register;
    std::vector<EventField> fields; // as jsonb has them: by length of their keys, then by their bytes
    bool is_of_each = false;        // its events are told of pairs, by a step
    std::uint32_t each_limit = 0;
    std::optional<Reduction> reduction;
};

struct QueryPlan;

// Statements over one space that run block by block: none reads elsewhere what one before it writes.
struct PassPlan {
    store::SpaceId space{store::none};
    bool is_of_cells = false;
    std::vector<Source> sources; // registers 0 …
    std::vector<Fixed> fixed;    // registers behind them
    std::vector<ComponentSet> row_sets;
    std::vector<Target> targets;
    std::vector<Lookup> lookups;
    std::vector<PlaneElsewhere> planes;
    std::vector<GridPlan> grids;
    std::vector<JoinPlan> joins;
    std::vector<StatementPlan> statements;
    std::vector<QueryPlan> queries; // whose results are fixed values
    bool has_neighbours = false;
    std::uint32_t aggregate_count = 0;
    std::uint32_t derived_count = 0;
    std::uint32_t emission_count = 0;
    std::uint32_t register_count = 0;
    std::uint32_t buffer_count = 0;
};

// What a statement needs to know of all rows of another source before it begins.
struct QueryPlan {
    PassPlan pass;           // a statement with a reduction for each aggregate
    std::uint32_t statement; // that asks: place in its pass
};

// Systems whose writes are kept or given up together. A system whose statements lie in several passes is in
// one group with all that share a pass with it.
struct GroupPlan {
    std::uint32_t first_system = 0;
    std::uint32_t system_count = 0;
    std::vector<PassPlan> passes;
};

// Systems in order, fused as far as can be. Throws Error(undefined_column) or Error(datatype_mismatch) when a
// statement does not fit the layout, and Error(feature_not_supported) beyond a limit.
std::vector<GroupPlan> make_plan(const store::Snapshot& layout, std::span<const System> systems);

} // namespace gamelan::kernel
