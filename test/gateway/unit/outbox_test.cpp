#include "gateway/outbox.hpp"

#include <gtest/gtest.h>

namespace gamelan::gateway {
namespace {

SharedText shared(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

std::string next_whole(Outbox& outbox, std::int64_t now = 0) {
    std::string text;
    while (outbox.ready(now)) {
        const Outbox::Chunk chunk = outbox.next(3, now);
        EXPECT_EQ(chunk.first, text.empty());
        text += chunk.bytes;
        if (chunk.last)
            return text;
    }
    return "nothing";
}

TEST(Outbox, gives_messages_whole_and_in_chunks) {
    Outbox outbox;
    outbox.push_reply(shared("abcdefgh"));
    EXPECT_EQ(outbox.queued_bytes(), 8u);
    EXPECT_EQ(next_whole(outbox), "abcdefgh");
    EXPECT_TRUE(outbox.empty());
    EXPECT_EQ(outbox.queued_bytes(), 0u);
}

TEST(Outbox, replies_overtake_states_but_not_a_message_that_is_being_sent) {
    Outbox outbox;
    outbox.push_state(shared("state 1"), 0, 0);
    outbox.push_state(shared("state 2"), 0, 0);
    EXPECT_EQ(outbox.next(3, 0).bytes, "sta");
    outbox.push_reply(shared("ack"));
    EXPECT_EQ(outbox.next(100, 0).bytes, "te 1");
    EXPECT_EQ(next_whole(outbox), "ack");
    EXPECT_EQ(next_whole(outbox), "state 2");
}

TEST(Outbox, a_state_waits_for_the_answers_that_belong_before_it) {
    Outbox outbox;
    outbox.push_state(shared("state"), 2, 1000);
    EXPECT_FALSE(outbox.ready(999));
    outbox.set_answered(1);
    EXPECT_FALSE(outbox.ready(999));
    outbox.push_reply(shared("ack"));
    outbox.set_answered(2);
    EXPECT_EQ(next_whole(outbox, 999), "ack");
    EXPECT_EQ(next_whole(outbox, 999), "state");
}

TEST(Outbox, a_state_does_not_wait_for_ever) {
    Outbox outbox;
    outbox.push_state(shared("state"), 1, 1000);
    EXPECT_FALSE(outbox.ready(999));
    EXPECT_TRUE(outbox.ready(1000));
}

TEST(Outbox, dropping_states_keeps_replies_and_what_is_being_sent) {
    Outbox outbox;
    outbox.push_state(shared("begun"), 0, 0);
    outbox.push_state(shared("dropped"), 0, 0);
    outbox.push_reply(shared("ack"));
    EXPECT_EQ(next_whole(outbox), "ack");
    outbox.next(2, 0);
    outbox.push_reply(shared("pong"));
    outbox.drop_states();
    EXPECT_EQ(outbox.queued_bytes(), 4u);
    EXPECT_EQ(outbox.next(100, 0).bytes, "gun");
    EXPECT_EQ(next_whole(outbox), "pong");
    EXPECT_TRUE(outbox.empty());
}

} // namespace
} // namespace gamelan::gateway
