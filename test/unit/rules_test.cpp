// The rules of a world as bytes: round trips, and damage of every kind is found.
#include "core/codec/rules.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gamelan::codec {
namespace {

using game::Phase;
using game::Rules;
using game::RunOn;
using game::SystemPath;
using game::SystemRule;

Rules sample() {
    Rules out;
    out.tick_rate_hz = 30;
    out.time_scale = 0.1;
    SystemRule movement;
    movement.name = "movement";
    movement.path = SystemPath::kernel;
    movement.program = std::string("GLK\1\0", 5);
    movement.reads = {"velocity.x"};
    movement.writes = {"position.x", "position.y"};
    SystemRule death;
    death.name = "tod";
    death.phase = Phase::output;
    death.priority = -7;
    death.run_on = RunOn::destroy;
    death.observed = {"health"};
    death.every_n_ticks = 5;
    death.is_enabled = false;
    death.path = SystemPath::native;
    death.program = "lib:tod";
    death.condition = "GLK";
    out.systems = {movement, death};
    return out;
}

std::string some_name(std::size_t longest) {
    return (*rc::gen::arbitrary<std::string>()).substr(0, longest);
}

std::vector<std::string> some_names(std::size_t longest) {
    std::vector<std::string> out;
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i)
        out.push_back(some_name(longest));
    return out;
}

RC_GTEST_PROP(Rules, RoundTrip, ()) {
    Rules rules;
    rules.tick_rate_hz = *rc::gen::inRange<std::uint32_t>(1, max_tick_rate_hz + 1);
    rules.time_scale = *rc::gen::inRange(0, 1000) / 16.0;
    rules.max_events_per_tick = *rc::gen::inRange(1U, codec::max_events);
    for (int i = *rc::gen::inRange(0, 6); i > 0; --i) {
        SystemRule system;
        system.name = "n" + some_name(max_rule_name_bytes - 1);
        system.phase = static_cast<Phase>(*rc::gen::inRange(0, 5));
        system.priority = *rc::gen::arbitrary<std::int32_t>();
        system.run_on = static_cast<RunOn>(*rc::gen::inRange(0, 4));
        system.observed = some_names(max_rule_name_bytes);
        system.every_n_ticks = *rc::gen::inRange<std::uint32_t>(1, 0xffffffff);
        system.is_enabled = *rc::gen::arbitrary<bool>();
        system.path = static_cast<SystemPath>(*rc::gen::inRange(0, 4));
        system.program = *rc::gen::arbitrary<std::string>();
        system.condition = *rc::gen::arbitrary<std::string>();
        system.reads = some_names(max_rule_column_bytes);
        system.writes = some_names(max_rule_column_bytes);
        rules.systems.push_back(system);
    }
    RC_ASSERT(decode_rules(encode_rules(rules)) == rules);
}

TEST(Rules, AnUnknownVersionIsNamed) {
    std::string bytes = encode_rules(sample());
    bytes[3] = 9;
    try {
        (void)decode_rules(bytes);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::corrupt_data);
        EXPECT_NE(error.message().find("version is 9"), std::string::npos) << error.message();
    }
}

TEST(Rules, EveryChangedByteIsFound) {
    const std::string good = encode_rules(sample());
    ASSERT_EQ(decode_rules(good), sample());
    for (std::size_t at = 0; at < good.size(); ++at)
        for (int flip = 1; flip < 256; ++flip) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ flip);
            EXPECT_THROW(decode_rules(bad), Error) << "byte " << at << " ^ " << flip;
        }
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_THROW(decode_rules(std::string_view(good).substr(0, size)), Error) << size;
    EXPECT_THROW(decode_rules(good + "x"), Error);
}

void expect_refused(const Rules& rules, std::string_view why) {
    try {
        encode_rules(rules);
        ADD_FAILURE() << "not refused: " << why;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::invalid_config);
        EXPECT_NE(error.message().find(why), std::string::npos) << error.message();
    }
}

TEST(Rules, AreRefusedBeyondTheirLimits) {
    Rules odd = sample();
    odd.systems.resize(max_systems + 1, odd.systems[0]);
    expect_refused(odd, "too many systems");
    odd = sample();
    odd.tick_rate_hz = 0;
    expect_refused(odd, "a tick rate");
    odd = sample();
    odd.time_scale = std::numeric_limits<double>::quiet_NaN();
    expect_refused(odd, "a time scale");
    odd = sample();
    odd.systems[0].name = std::string(max_rule_name_bytes + 1, 'n');
    expect_refused(odd, "too long a one");
    odd = sample();
    odd.systems[0].every_n_ticks = 0;
    expect_refused(odd, "every zero ticks");
    odd = sample();
    odd.systems[1].observed.resize(max_rule_observed + 1);
    expect_refused(odd, "observes too much");
    odd = sample();
    odd.systems[1].program.resize(max_program_bytes + 1);
    expect_refused(odd, "too long a program");
    odd = sample();
    odd.systems[1].phase = static_cast<Phase>(5);
    expect_refused(odd, "unknown phase");
}

} // namespace
} // namespace gamelan::codec
