// One value more for the aggregate of each lane.
#pragma once

#include "core/kernel/masks.hpp"

#include <cstddef>

namespace gamelan::kernel {

struct AggregateLanes {
    const std::byte* before; // what there was so far, or nullptr
    const Byte* no_value;    // lanes of it without a value
    const std::byte* argument;
    const Byte* taken;
    std::byte* out;
    std::uint32_t count;
};

} // namespace gamelan::kernel
