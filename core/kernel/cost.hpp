// What statements are expected to cost, for people, and to share out what was measured of several together.
#pragma once

#include "core/kernel/program.hpp"

namespace gamelan::kernel {

// Nanoseconds for each row that the statement goes over, all of them selected and none NULL, in a world of
// some 100,000. Of a sub-select over all rows as many rows are taken to be read.
double estimated_ns(const Statement& statement);

// What PostgreSQL's executor takes for each row it changes: docs/benchmarks.md, "Systems".
inline constexpr double executor_row_ns = 1500;

} // namespace gamelan::kernel
