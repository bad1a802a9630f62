// Applies rows that SQL wrote to the tick that is being built. Deterministic: what it does depends on the
// write set and the state only, so that the log can repeat it.
#pragma once

#include "core/store/world_store.hpp"

#include <string_view>
#include <vector>

namespace gamelan::sim {

// Throws Error at the first row that does not fit the state; the caller holds a savepoint and takes
// everything back. Errors: undefined_entity (a stale or unknown handle), unique_violation (insert where a row
// is), serialization_failure (the row is gone or changed, or the state is another than expected),
// undefined_table, undefined_column, datatype_mismatch (the definitions changed meanwhile), out_of_memory.
// `freed`: entities that went, as the handles of those that may come in their slots. `is_first`: nothing was
// written in this tick before. Returns whether entities came back: slots that were free may be taken now.
bool apply_writes(store::WorldStore& store, std::string_view write_set, std::vector<store::Entity>& freed,
                  bool is_first = false);

} // namespace gamelan::sim
