// UPDATE of the one row that a condition names by its handle (`WHERE entity = $1 AND …`), inside a tick,
// without the executor: actions are made of such statements, and to set the executor up and down costs
// several times what they do. The expressions are Postgres's own, prepared once; whatever is not plain is
// left to the executor, and so is everything that fails a constraint, which has the message for it.
//
// Postgres zone.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>

#include "extension/pg/pg.hpp"

extern "C" {
#include "nodes/params.h"
#include "nodes/parsenodes.h"
}

namespace gamelan::fdw {

struct PointUpdate;

// Of a statement that was analysed and rewritten, and whose tables are locked; in the current memory context,
// good until a catalog changes. Null when it is not of that kind.
PointUpdate* prepare_point_update(const Query* query);

struct PointResult {
    std::uint64_t rows = 0; // that it changed: 0 or 1
    // Of RETURNING, for the row it changed: good until the next run.
    bool is_null = true;
    Datum value = 0;
    bool is_by_value = false;
    std::int16_t width_bytes = 0; // as datumCopy() takes it
};

// False: nothing was done, the executor has to run the statement. The caller has checked the rights and
// locked the table.
bool run_point_update(PointUpdate& update, ParamListInfo parameters, PointResult& result);

} // namespace gamelan::fdw
