// The smallest and largest value of a block.
#pragma once

#include "core/store/column_rows.hpp"

namespace gamelan::store {

// Of the rows of block `index` that count, as order_key() has them; least > greatest when none does. For
// types that have_order().
Zone zone_of(const ColumnRows& rows, std::uint32_t index);

} // namespace gamelan::store
