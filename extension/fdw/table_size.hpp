// How large a component is right now, for the planner: read from the store, since nobody analyses a table
// that changes sixty times a second.
#pragma once

#include "extension/fdw/table_info.hpp"

namespace gamelan::fdw {

struct TableSize {
    double worlds = 1; // of the table's game, at least 1
    double rows = 0;   // in all of them
    double slots = 0;
};

// Counted over samples of worlds and blocks; kept for a second. Postgres zone; when no version can be read,
// an assumption.
TableSize size_of(const TableInfo& table);

} // namespace gamelan::fdw
