// Worlds played at random against a plain model (store_program.hpp).
#include "store_program.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

namespace gamelan::store {
namespace {

void play(const std::vector<std::uint8_t>& bytes, StoreProgram::Memory memory) {
    StoreProgram(bytes, memory).run();
}

std::vector<std::uint8_t> random_bytes(std::uint32_t seed, std::size_t count) {
    std::mt19937 random(seed);
    std::vector<std::uint8_t> out(count);
    for (std::uint8_t& byte : out)
        byte = static_cast<std::uint8_t>(random());
    return out;
}

RC_GTEST_PROP(StoreProgramProperty, AWorldIsWhatItsModelIs, (const std::vector<std::uint8_t>& bytes)) {
    play(bytes, StoreProgram::Memory::plenty);
}

TEST(StoreProgram, LongLivesEndAsTheModelDoes) {
    for (std::uint32_t seed = 1; seed <= 6; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        EXPECT_NO_THROW(play(random_bytes(seed, 3000), StoreProgram::Memory::plenty));
    }
}

TEST(StoreProgram, RunningOutOfMemoryCostsATickAndNothingElse) {
    for (std::uint32_t seed = 1; seed <= 6; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        EXPECT_NO_THROW(play(random_bytes(seed, 3000), StoreProgram::Memory::scarce));
    }
}

} // namespace
} // namespace gamelan::store
