#include "gateway/rate_limit.hpp"

#include <gtest/gtest.h>

namespace gamelan::gateway {
namespace {

int taken(RateLimit& limit, std::int64_t now_ms) {
    int count = 0;
    while (limit.take(now_ms))
        ++count;
    return count;
}

TEST(RateLimit, a_burst_of_twice_the_rate_is_allowed_at_once) {
    RateLimit limit(30, 1000);
    EXPECT_EQ(taken(limit, 1000), 60);
}

TEST(RateLimit, what_was_taken_comes_back_at_the_rate) {
    RateLimit limit(30, 0);
    taken(limit, 0);
    EXPECT_EQ(taken(limit, 100), 3);
    EXPECT_EQ(taken(limit, 133), 0);
    EXPECT_EQ(taken(limit, 134), 1);
    EXPECT_EQ(taken(limit, 1'000'000), 60);
}

TEST(RateLimit, a_clock_that_stands_still_gives_nothing) {
    RateLimit limit(1, 500);
    EXPECT_EQ(taken(limit, 500), 2);
    EXPECT_EQ(taken(limit, 400), 0);
}

} // namespace
} // namespace gamelan::gateway
