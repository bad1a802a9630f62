#include "core/kernel/cell_ids.hpp"

#include <algorithm>

namespace gamelan::kernel {

// Along a row of a strip only the place in the row changes: bits 31 to 16 of the id (core/grid/cell_id.hpp).
void write_cell_ids(const grid::Planet& planet, std::uint32_t first_slot, std::uint32_t count,
                    std::int64_t* ids) {
    const grid::HexSphere& sphere = planet.sphere();
    const std::uint32_t n = sphere.frequency();
    std::uint32_t done = 0;
    while (done < count) {
        const std::uint32_t slot = first_slot + done;
        const std::uint32_t index = slot % planet.layer_stride();
        const std::uint32_t run = sphere.is_pole(index) ? 1 : std::min(n - index % n, count - done);
        const std::int64_t first = planet.cell_id_of(slot);
        for (std::uint32_t i = 0; i < run; ++i)
            ids[done + i] = first + (std::int64_t{i} << 16);
        done += run;
    }
}

} // namespace gamelan::kernel
