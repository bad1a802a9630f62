// Which function an action is, and what its parameters are: looked up for every command, and so remembered by
// each process until a definition or a catalog changes. Postgres zone: everything raises and pallocs.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>

#include "extension/pg/pg.hpp"

namespace gamelan::pg {

struct Action {
    Oid function;
    bool is_durable;
};

// Raises WG002, with a hint that lists the actions there are, and WG012 for one that has lost its policy.
// Reads game.action as the current user.
Action find_action(const char* game, const char* name);

struct Parameter {
    const char* name; // empty when it has none
    Oid type;
    Oid input_type; // what the input function wants to be told of the type
    FmgrInfo input;
    FmgrInfo output;
    Expr* fallback; // null: it must be named
};
struct Signature {
    const char* name;
    int count;
    Parameter* parameters; // in the order of the function
    bool is_output_fixed;  // no setting changes the text of any of the types
    bool can_be_action;    // all parameters have names, and are IN
};
// Good until the end of the transaction. Raises WG002 for a function that is not there.
const Signature& signature_of(Oid function);

} // namespace gamelan::pg
