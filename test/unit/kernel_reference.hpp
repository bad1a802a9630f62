// What programs of kernels mean, one row at a time: written from PostgreSQL's documentation and behaviour, as
// plainly as can be, and sharing nothing with the kernels but the form of programs.
#pragma once

#include "core/kernel/program.hpp"

#include <functional>
#include <map>
#include <vector>

namespace gamelan::kernel::reference {

struct Failed {
    std::string code;
    std::string message;
};

// A row of all components of a slot.
struct Row {
    std::map<std::uint32_t, bool> has;        // by component
    std::map<std::uint32_t, Value> values;    // by column
    std::map<std::uint32_t, bool> is_touched; // by component
    std::uint64_t entity = 0;
};

// What an expression may read: a row of each source of its statement, nullptr where there is none.
struct Scope {
    std::vector<const Row*> rows;
    bool is_observed = false;
    std::function<Value(std::uint32_t)> aggregate; // by place in the statement
    double distance = 0;                           // of the row that was found by its place
};

// Throws Failed.
Value evaluate(const Expressions& expressions, NodeId id, const Scope& scope, const TickInputs& inputs);
Value evaluate(const Expressions& expressions, NodeId id, const Row& row, const TickInputs& inputs);

constexpr std::uint32_t no_slot = 0xffffffff;

struct SystemFailure {
    std::uint32_t system;
    std::uint32_t statement;
    std::uint32_t slot;
    Failed failed;
};

struct Event {
    std::uint32_t system;
    std::uint32_t statement;
    std::uint32_t slot;
    Value entity;
    std::string type;
    std::vector<std::pair<std::string, Value>> fields; // as the statement has them
};

struct World {
    std::vector<Row> rows;                                  // by slot of the entities
    std::vector<Row> cells;                                 // by slot; those that are no cells have no rows
    std::map<std::uint32_t, std::vector<ColumnId>> columns; // of components
    std::map<std::uint32_t, bool> is_of_cells;              // by component
    std::vector<bool> is_alive;                             // by slot of the entities
    std::vector<Event> events;
    std::size_t max_events = 1000000;
};

// Runs systems one after the other; each changes all its rows or none.
std::vector<SystemFailure> run(const std::vector<System>& systems, World& world, const TickInputs& inputs);

// Of two values that are not NULL: less than 0, 0, more than 0.
int compare(const Value& a, const Value& b);
bool is_true(const Value& value);
// a + b as Postgres adds them, of the same type.
Value add(const Value& a, const Value& b);

} // namespace gamelan::kernel::reference
