// What the planner may know of a component that nobody has analysed: how many worlds and handles there are.
// Without it, a join by (world, entity) looks as if it made rows by the million.
#pragma once

namespace gamelan::fdw {

// Adds a hook for the planner's statistics; once per process. Postgres zone.
void install_statistics_hook();

} // namespace gamelan::fdw
