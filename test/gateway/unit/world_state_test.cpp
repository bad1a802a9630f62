#include "gateway/world_state.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace gamelan::gateway {
namespace {

using codec::StateMessage;
using codec::StateMessageBuilder;
using codec::StateMessageKind;
using Bytes = std::vector<std::byte>;

StateMessage decoded(StateMessageBuilder& builder) {
    StateMessage message;
    EXPECT_EQ(codec::decode_state_message(builder.finish(), message), codec::StateMessageError::none);
    return message;
}

StateMessage snapshot_of(std::uint64_t tick, const Bytes& values) {
    StateMessageBuilder builder(StateMessageKind::snapshot, tick, tick);
    builder.add_dense("a", ColumnType::u8, static_cast<std::uint32_t>(values.size()), values);
    return decoded(builder);
}

StateMessage delta_of(std::uint64_t base, const Bytes& before, const Bytes& after) {
    StateMessageBuilder builder(StateMessageKind::delta, base + 1, base);
    builder.add_difference("a", ColumnType::u8, static_cast<std::uint32_t>(after.size()), before, after);
    return decoded(builder);
}

Bytes column_of(const WorldState& state) {
    const StateMessage message = state.snapshot();
    const auto& column = message.columns.at(0);
    if (column.encoding == codec::ColumnEncoding::dense)
        return column.values;
    Bytes values;
    for (std::size_t i = 0; i < column.runs.size(); ++i)
        values.insert(values.end(), column.runs[i], column.values[i]);
    return values;
}

RC_GTEST_PROP(WorldState, deltas_lead_to_the_same_state_as_a_snapshot, ()) {
    const auto size = *rc::gen::inRange<std::size_t>(1, 100);
    const auto steps = *rc::gen::container<std::vector<std::vector<std::uint8_t>>>(
        rc::gen::container<std::vector<std::uint8_t>>(size, rc::gen::inRange<std::uint8_t>(0, 3)));
    WorldState state(1 << 20);
    Bytes now(size);
    RC_ASSERT(state.apply(snapshot_of(1, now)) == nullptr);
    for (const auto& step : steps) {
        Bytes next(size);
        std::transform(step.begin(), step.end(), next.begin(), [](std::uint8_t v) { return std::byte{v}; });
        RC_ASSERT(state.apply(delta_of(state.tick(), now, next)) == nullptr);
        now = next;
        RC_ASSERT(column_of(state) == now);
    }
    RC_ASSERT(state.tick() == 1 + steps.size());
}

TEST(WorldState, a_delta_from_another_tick_makes_the_state_unknown) {
    WorldState state(1 << 20);
    ASSERT_EQ(state.apply(snapshot_of(5, Bytes(4))), nullptr);
    EXPECT_NE(state.apply(delta_of(4, Bytes(4), Bytes(4, std::byte{1}))), nullptr);
    EXPECT_FALSE(state.known());
    EXPECT_EQ(state.apply(snapshot_of(3, Bytes(4))), nullptr);
    EXPECT_EQ(state.tick(), 3u);
}

TEST(WorldState, a_change_beyond_the_end_makes_a_column_longer_within_the_limit) {
    WorldState state(10);
    ASSERT_EQ(state.apply(snapshot_of(5, Bytes(4, std::byte{7}))), nullptr);
    const std::uint32_t beyond[] = {6};
    const std::uint32_t too_far[] = {10};
    StateMessageBuilder longer(StateMessageKind::delta, 6, 5);
    longer.add_sparse("a", ColumnType::u8, beyond, Bytes(1, std::byte{9}));
    ASSERT_EQ(state.apply(decoded(longer)), nullptr);
    EXPECT_EQ(state.lengthened(), std::vector<std::string>{"a"});
    const Bytes expected = {std::byte{7}, std::byte{7}, std::byte{7}, std::byte{7}, {}, {}, std::byte{9}};
    EXPECT_EQ(column_of(state), expected);
    StateMessageBuilder longest(StateMessageKind::delta, 7, 6);
    longest.add_sparse("a", ColumnType::u8, too_far, Bytes(1));
    EXPECT_NE(state.apply(decoded(longest)), nullptr);
}

TEST(WorldState, a_sparse_change_of_a_column_that_is_not_there_is_refused) {
    WorldState state(1 << 20);
    ASSERT_EQ(state.apply(snapshot_of(5, Bytes(4))), nullptr);
    const std::uint32_t far[] = {4};
    StateMessageBuilder unknown(StateMessageKind::delta, 6, 5);
    unknown.add_sparse("b", ColumnType::u8, far, Bytes(1));
    EXPECT_NE(state.apply(decoded(unknown)), nullptr);
}

TEST(WorldState, a_state_larger_than_the_limit_is_refused) {
    WorldState state(100);
    EXPECT_EQ(state.apply(snapshot_of(1, Bytes(100))), nullptr);
    EXPECT_NE(state.apply(snapshot_of(2, Bytes(101))), nullptr);
    EXPECT_FALSE(state.known());
}

} // namespace
} // namespace gamelan::gateway
