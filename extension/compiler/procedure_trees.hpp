// The analysed statements of a procedure, made ready to be looked at: views and rules applied, defaults
// filled in, aliases of joins replaced, small SQL functions inlined, constants folded. Postgres zone: plain
// data in the current memory context.
#pragma once

#include "core/base/no_postgres.hpp"

#include "extension/pg/pg.hpp"

namespace gamelan::compiler {

// A column of a component that a statement mentions; as a key ("entity", "cell"), which rows there are.
struct TouchedColumn {
    const char* component;
    const char* column;
    bool is_write;
};

struct StatementTree {
    const char* text;    // on one line, shortened
    const char* refusal; // why there is no query to compile; or nullptr
    Query* query;
    TouchedColumn* touched;
    int touched_count;
    bool is_deterministic;
};

struct ProcedureTrees {
    const char* name;    // without its schema
    const char* refusal; // why there are no statements; or nullptr
    Oid owner;
    StatementTree* statements;
    int count;
};

// Raises 42883 when there is no such procedure, and what compile_procedure() lets through.
ProcedureTrees read_procedure(Oid procedure, const char* game);

// x IN (SELECT y FROM …) as a condition of the inner query: y = x.
Node* condition_of_in(const SubLink* link);

// The target list of an INSERT … SELECT over the rows of the SELECT, which is entry `number` of the range
// table.
List* values_of_select(Query* insert, int number);

} // namespace gamelan::compiler
