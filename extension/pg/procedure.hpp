// Runs the functions and procedures of games in the world worker, as their owners. Postgres zone.
//
// Of bodies that are parsed (BEGIN ATOMIC) the plans are kept from tick to tick, until a catalog changes:
// PostgreSQL's own runner of SQL functions plans anew in each transaction. Other languages keep their own.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>
#include <span>

#include "extension/pg/pg.hpp"

namespace gamelan::pg::procedure {

struct Argument {
    Datum value;
    bool is_null;
};

struct Outcome {
    std::uint64_t rows = 0; // that its statements changed
    bool is_null = true;
    Datum value = 0; // as the function returns it, in the current memory context; of a set, the first
};

// The function of that name in a schema, whatever its parameters; InvalidOid when there is none.
Oid find(const char* schema, const char* name);

// Raises what its statements raise. `schema`: where names in bodies that are texts are looked up.
Outcome run(Oid function, std::span<const Argument> arguments, const char* schema);

// Of the last run: which of its statements it came to, the first is 1; 0 = not known.
int statement();

// Grows with every change of a catalog that plans depend on.
std::uint64_t catalog_generation();

// A value as jsonb. Null becomes null.
Datum to_jsonb(Oid type, const Outcome& outcome);

} // namespace gamelan::pg::procedure
