// Public ids of many cells in a row.
#pragma once

#include "core/grid/planet.hpp"

#include <cstdint>

namespace gamelan::kernel {

// ids[i] = planet.cell_id_of(first_slot + i); all are cells of one layer.
void write_cell_ids(const grid::Planet& planet, std::uint32_t first_slot, std::uint32_t count,
                    std::int64_t* ids);

} // namespace gamelan::kernel
