// Actions of games made with SQL: their functions, and the arguments of a call. Who calls names arguments in
// a JSON object; a command carries an object too, with a value for every parameter in the order of the
// function: the text that the type's output function gives, or null. Postgres zone: everything raises and
// pallocs.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>

#include "extension/pg/action_lookup.hpp"

namespace gamelan::pg {

struct ActionArguments {
    int count;
    Datum* values; // in the order of the function's parameters
    bool* nulls;
};

// Who wrote the object.
enum class ArgumentForm : std::uint8_t {
    client,  // JSON as people and programs write it: a number for an integer, an array for an array
    command, // what encode_arguments wrote: texts
};

// Finds each parameter's value by name, and converts it to the parameter's type; what is not named gets its
// default, evaluated now as the current user. Raises WG003 (missing), WG004 (unknown) and WG005 (of another
// type, or refused by the type), each with the function's signature as hint.
ActionArguments match_arguments(Oid function, Jsonb* named, ArgumentForm form);

// What a command carries.
char* encode_arguments(Oid function, const ActionArguments& arguments);

} // namespace gamelan::pg
