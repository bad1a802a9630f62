// Plays systems over a KernelWorld both ways.
#pragma once

#include "kernel_world.hpp"

#include <gtest/gtest.h>

namespace gamelan::kernel {

inline TickInputs inputs_of(const KernelWorld& world) {
    return {0.125, 77, 123456789, 42, &world.planet()};
}

// Kernels must end as the interpreter says.
inline RunReport expect_same(KernelWorld& world, const std::vector<System>& systems) {
    reference::World model = world.model();
    const auto expected = reference::run(systems, model, inputs_of(world));
    Executor executor(world.layout(), systems);
    RunReport report = executor.run(world.store(), inputs_of(world));
    EXPECT_EQ(report.failures.size(), expected.size());
    for (std::size_t i = 0; i < std::min(expected.size(), report.failures.size()); ++i) {
        EXPECT_EQ(report.failures[i].error.code(), expected[i].failed.code);
        EXPECT_EQ(report.failures[i].slot, expected[i].slot);
    }
    EXPECT_EQ(difference(model.rows, world.read()), "");
    EXPECT_EQ(difference(model.cells, world.read_cells()), "");
    return report;
}

} // namespace gamelan::kernel
