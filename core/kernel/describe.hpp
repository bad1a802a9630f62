// Programs as text, for people and for tests.
#pragma once

#include "core/kernel/unbound.hpp"

#include <string>
#include <vector>

namespace gamelan::kernel {

// One line for each thing the statement does: its rows, what else it reads, its condition, what it assigns
// and checks. Columns of other rows are called #1.component.column after their source.
std::vector<std::string> describe(const Statement& statement, const Symbols& symbols);

// All statements, each behind a line with its number.
std::string describe(const UnboundSystem& system);

} // namespace gamelan::kernel
