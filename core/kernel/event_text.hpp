// Values of events as JSON.
#pragma once

#include "core/store/column_type.hpp"

#include <cstddef>
#include <string>

namespace gamelan::kernel {

bool has_json(ColumnType type);

// Appends a boolean, a number or a uuid as jsonb prints it once to_jsonb() has it. `value` points
// to its bytes.
void append_json(std::string& out, ColumnType type, const std::byte* value);

// As Postgres prints a uuid; of its 16 bytes.
std::string uuid_text(const std::byte* value);

} // namespace gamelan::kernel
