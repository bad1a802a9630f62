// Random programs over random rows: the executor against the interpreter that takes a row at a time.
#include "kernel_world.hpp"

#include "core/automaton/simd_level.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gamelan::kernel {
namespace {

using automaton::SimdLevel;

struct Outcome {
    std::vector<reference::Row> rows;
    std::vector<Failure> failures;
};

const TickInputs inputs{0.125, 77, 123456789, 42};

Outcome play(std::uint64_t seed, std::uint32_t block_slots, std::uint32_t wildness, Order order) {
    KernelWorld world(seed, 700, block_slots, wildness);
    Executor executor(world.store().working(), random_systems(seed + 1, world, wildness));
    RunReport report = executor.run(world.store(), inputs, order);
    Outcome out{world.read(), std::move(report.failures)};
    world.store().seal(2);
    world.store().publish();
    RC_ASSERT(world.store().lost_blocks() == 0);
    return out;
}

void compare(const Outcome& outcome, const std::vector<reference::SystemFailure>& failures,
             const std::vector<reference::Row>& rows) {
    RC_ASSERT(outcome.failures.size() == failures.size());
    for (std::size_t i = 0; i < failures.size(); ++i) {
        RC_ASSERT(outcome.failures[i].error.code() == failures[i].failed.code);
        RC_ASSERT(outcome.failures[i].error.message() == failures[i].failed.message);
        RC_ASSERT(outcome.failures[i].system == failures[i].system);
        RC_ASSERT(outcome.failures[i].statement == failures[i].statement);
        RC_ASSERT(outcome.failures[i].slot == failures[i].slot);
        RC_ASSERT(outcome.failures[i].entity->handle == rows[failures[i].slot].entity);
    }
    RC_ASSERT(difference(rows, outcome.rows) == "");
}

class SimdGuard {
  public:
    ~SimdGuard() { automaton::force_simd_level(automaton::best_simd_level()); }
};

RC_GTEST_PROP(KernelExecutor, DoesWhatTheInterpreterDoes, (std::uint64_t seed)) {
    const SimdGuard guard;
    const std::uint32_t wildness = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 400 : 20;
    const KernelWorld model(seed, 700, 64, wildness);
    std::vector<reference::Row> rows = model.rows();
    const auto failures = reference::run(random_systems(seed + 1, model, wildness), rows, inputs);
    RC_TAG(failures.empty() ? "ends well" : "has failures");
    for (const std::uint32_t block_slots : {64U, 256U, 1024U})
        for (const SimdLevel level : {SimdLevel::baseline, SimdLevel::avx2, SimdLevel::avx512}) {
            automaton::force_simd_level(level);
            compare(play(seed, block_slots, wildness, Order::block_major), failures, rows);
        }
    compare(play(seed, 1024, wildness, Order::system_major), failures, rows);
}

} // namespace
} // namespace gamelan::kernel
