// What a version of a world holds, for people who look after memory.
#pragma once

#include "core/store/snapshot.hpp"

#include <string>
#include <vector>

namespace gamelan::store {

struct ComponentUsage {
    std::string name;
    std::uint64_t rows = 0;
    std::uint64_t block_bytes = 0; // blocks and their tables
    std::uint64_t value_bytes = 0; // values of variable length that do not fit into their slot
    std::uint64_t index_bytes =
        0; // nodes of secondary indexes, as far as they can be told from their entries
};

// One for each component, and one named "" for the columns of native games. Reads each slot of columns of
// values: some 5 ns a row.
std::vector<ComponentUsage> usage_of(const Snapshot& snapshot);

} // namespace gamelan::store
