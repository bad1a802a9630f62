// Values of events as JSON.
#pragma once

#include "core/store/column_type.hpp"

#include <cstddef>
#include <string>

namespace gamelan::kernel {

// Appends a boolean, an integer or a float as jsonb prints it once to_jsonb() has it. `value` points to its
// bytes.
void append_json(std::string& out, ColumnType type, const std::byte* value);

} // namespace gamelan::kernel
