// Which rows of a tick an observer is told of.
#pragma once

#include "core/game/rules.hpp"
#include "core/store/world_store.hpp"

#include <vector>

namespace gamelan::sim {

struct Observed {
    std::vector<std::uint64_t>
        handles;                     // entities as they are, or were; slots of cells. In the order of slots
    std::vector<std::uint64_t> mask; // the slots of those that are there still, a bit each
    bool are_cells = false;
};

// Rows of `components` that came, changed or went since the tick began; of components that the world does
// not have, none. A row that came has not also changed. All components lie over one space.
Observed observe(const store::Snapshot& before, const store::Snapshot& now, std::uint64_t tick,
                 game::RunOn run_on, const std::vector<std::string>& components);

} // namespace gamelan::sim
