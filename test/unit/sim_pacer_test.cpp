// When ticks are due, in virtual time.
#include "core/sim/pacer.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace gamelan::sim {
namespace {

constexpr std::int64_t second = 1'000'000'000;

TEST(Pacer, NeverDriftsAtRatesThatDoNotDivideASecond) {
    for (const std::uint32_t rate : {1u, 7u, 30u, 60u, 144u, 240u}) {
        Pacer pacer(rate, 5, 0);
        for (std::uint32_t i = 0; i < rate * 100; ++i)
            EXPECT_EQ(pacer.take(pacer.next_deadline_ns()), 0);
        EXPECT_EQ(pacer.next_deadline_ns(), 100 * second + second / rate) << rate;
    }
}

TEST(Pacer, IsDueAtItsDeadlineAndNotBefore) {
    const Pacer pacer(10, 5, 1000);
    EXPECT_FALSE(pacer.is_due(second / 10 - 1));
    EXPECT_TRUE(pacer.is_due(second / 10));
}

TEST(Pacer, WorldsOfOneRateTickTogetherWheneverTheyStarted) {
    const Pacer early(30, 5, 7 * second + 123456789);
    Pacer late(30, 5, 9 * second + 987654321);
    EXPECT_EQ(late.next_deadline_ns() % second, 0);
    EXPECT_EQ(early.next_deadline_ns() - 7 * second, 4 * second / 30);
    late.restart(30, 7 * second + 123456789);
    EXPECT_EQ(late.next_deadline_ns(), early.next_deadline_ns());
}

TEST(Pacer, CatchesUpAFewTicksAndSkipsTheRest) {
    Pacer pacer(10, 3, 0);
    const std::int64_t now = 2 * second; // twenty periods later
    int run = 0;
    while (pacer.is_due(now)) {
        pacer.take(now);
        ++run;
    }
    EXPECT_EQ(run, 4) << "the one that is due, and three late ones";
    EXPECT_EQ(pacer.skipped_ticks(), 16u);
    EXPECT_EQ(pacer.next_deadline_ns(), now + second / 10) << "back on the old beat";
}

TEST(Pacer, CatchesUpWithAllTicksOrWithNone) {
    Pacer pacer(10, 3, 0);
    pacer.set_max_catch_up(std::numeric_limits<std::uint32_t>::max());
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(pacer.is_due(2 * second));
        pacer.take(2 * second);
    }
    EXPECT_FALSE(pacer.is_due(2 * second));
    EXPECT_EQ(pacer.skipped_ticks(), 0u);
    pacer.set_max_catch_up(0);
    pacer.take(4 * second);
    EXPECT_FALSE(pacer.is_due(4 * second)) << "only the one that is due now";
    EXPECT_EQ(pacer.skipped_ticks(), 19u);
}

TEST(Pacer, CountsATickAsLateBeyondOnePeriod) {
    Pacer pacer(10, 5, 0);
    EXPECT_EQ(pacer.take(second / 10 + 5), 5);
    EXPECT_EQ(pacer.late_ticks(), 0u);
    pacer.take(second / 5 + second / 10 + 1);
    EXPECT_EQ(pacer.late_ticks(), 1u);
}

TEST(Pacer, RestartForgetsWhatWasOverdue) {
    Pacer pacer(10, 5, 0);
    pacer.restart(20, 50 * second);
    EXPECT_EQ(pacer.next_deadline_ns(), 50 * second + second / 20);
    EXPECT_EQ(pacer.skipped_ticks(), 0u);
}

} // namespace
} // namespace gamelan::sim
