// What the body of a procedure or function uses, as far as it can be seen: PostgreSQL keeps the analysed
// queries of LANGUAGE sql with BEGIN ATOMIC or RETURN. Bodies that are kept as text show nothing. Postgres
// zone: palloc'd, raises.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>

#include "extension/pg/pg.hpp"

namespace gamelan::pg {

// What gives another result the next time: the clock, chance, sequences, the session.
struct UnsteadyCall {
    int statement;    // of the body, from 1
    const char* name; // with its arguments' types
    const char* hint; // what to use instead
};

enum class ColumnAccess : std::uint8_t { read, insert, update, erase };

struct ColumnUse {
    int statement;
    Oid relation;
    AttrNumber column; // 0 for the row as a whole
    ColumnAccess access;
};

struct RoutineBody {
    bool is_seen;   // false: kept as text
    List* unsteady; // of UnsteadyCall*, in the order of the body
    List* columns;  // of ColumnUse*
    List* hidden;   // Oids of functions it calls whose own bodies are kept as text
};

// Follows views, and the functions made with SQL that it calls, those of schema game excepted.
RoutineBody inspect_body(Oid routine);

} // namespace gamelan::pg
