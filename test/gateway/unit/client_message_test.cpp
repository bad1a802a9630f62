#include "gateway/client_message.hpp"

#include <gtest/gtest.h>

namespace gamelan::gateway {
namespace {

template <typename Message>
Message parsed(std::string_view text) {
    const ClientMessage message = parse_client_message(text);
    EXPECT_TRUE(std::holds_alternative<Message>(message)) << text;
    const auto* found = std::get_if<Message>(&message);
    return found ? *found : Message{};
}

bool is_malformed(std::string_view text) {
    return std::holds_alternative<MalformedMessage>(parse_client_message(text));
}

TEST(ClientMessage, hello_has_a_protocol_and_perhaps_a_world_and_a_token) {
    const auto bare = parsed<HelloMessage>(R"({"type":"hello","protocol":1})");
    EXPECT_EQ(bare.protocol, 1);
    EXPECT_FALSE(bare.world);
    EXPECT_FALSE(bare.token);
    const auto full =
        parsed<HelloMessage>(R"({"type":"hello","protocol":2,"world":7,"token":"t","more":[]})");
    EXPECT_EQ(full.protocol, 2);
    EXPECT_EQ(full.world, 7);
    EXPECT_EQ(full.token, "t");
}

TEST(ClientMessage, join_is_short_for_an_act) {
    const auto act = parsed<ActMessage>(R"({"type":"join","seq":3,"name":"A\"d\u00e9"})");
    EXPECT_EQ(act.seq, 3);
    EXPECT_EQ(act.action, "join");
    EXPECT_EQ(act.args_json, "{\"name\":\"A\\\"d\xC3\xA9\"}");
}

TEST(ClientMessage, an_act_keeps_its_arguments) {
    const auto act = parsed<ActMessage>(
        R"({"type":"act","seq":9007199254740992,"action":"claim","args":{"cell":"1152921504606846976","n":[1,-2.5,true,null]}})");
    EXPECT_EQ(act.seq, std::int64_t{1} << 53);
    EXPECT_EQ(act.args_json, R"({"cell":"1152921504606846976","n":[1,-2.5,true,null]})");
}

TEST(ClientMessage, ping_echoes_its_numbers_as_they_were) {
    const auto ping = parsed<PingMessage>(R"({"type":"ping","nonce":4,"time":12.5})");
    EXPECT_EQ(ping.nonce_json, "4");
    EXPECT_EQ(ping.time_json, "12.5");
    EXPECT_EQ(parsed<PingMessage>(R"({"type":"ping"})").nonce_json, "");
}

TEST(ClientMessage, an_unknown_type_is_named_and_cut) {
    EXPECT_EQ(parsed<UnknownMessage>(R"({"type":"fly"})").type, "fly");
    EXPECT_EQ(parsed<UnknownMessage>("{\"type\":\"" + std::string(500, 'x') + "\"}").type.size(), 64u);
}

TEST(ClientMessage, everything_else_is_malformed) {
    for (const char* text : {"",
                             " ",
                             "{",
                             "[]",
                             "1",
                             "\"hello\"",
                             "null",
                             "{}",
                             R"({"type":1})",
                             R"({"type":"hello"})",
                             R"({"type":"hello","protocol":1.5})",
                             R"({"type":"hello","protocol":1,"world":"1"})",
                             R"({"type":"hello","protocol":1,"token":1})",
                             R"({"type":"join","seq":1})",
                             R"({"type":"join","name":"a"})",
                             R"({"type":"join","seq":0,"name":"a"})",
                             R"({"type":"join","seq":-1,"name":"a"})",
                             R"({"type":"join","seq":9007199254740993,"name":"a"})",
                             R"({"type":"join","seq":"1","name":"a"})",
                             R"({"type":"act","seq":1,"action":"a"})",
                             R"({"type":"act","seq":1,"action":"a","args":[]})",
                             R"({"type":"act","seq":1,"action":1,"args":{}})",
                             R"({"type":"ping","nonce":"1"})",
                             R"({"type":"ping"} x)",
                             R"({"type":"act","seq":1,"action":"a","args":{"x":1e999}})",
                             R"({"type":"act","seq":1,"action":"a","args":{"x":"\u0000"}})",
                             R"({"type":"act","seq":1,"action":"a","args":{"\u0000":1}})",
                             R"({"type":"act","seq":1,"action":"a\u0000","args":{}})",
                             R"({"type":"act","seq":1,"action":"a","args":{"x":"\ud800"}})",
                             "{\"type\":\"\xFF\"}"})
        EXPECT_TRUE(is_malformed(text)) << text;
}

TEST(ClientMessage, nesting_has_a_limit_outside_of_strings) {
    const auto nested = [](int depth) {
        return "{\"type\":\"act\",\"seq\":1,\"action\":\"a\",\"args\":{\"x\":" +
               std::string(static_cast<std::size_t>(depth), '[') +
               std::string(static_cast<std::size_t>(depth), ']') + "}}";
    };
    EXPECT_FALSE(is_malformed(nested(max_nesting - 2)));
    EXPECT_TRUE(is_malformed(nested(max_nesting - 1)));
    EXPECT_TRUE(is_malformed(std::string(1'000'000, '[')));
    EXPECT_FALSE(
        is_malformed("{\"type\":\"join\",\"seq\":1,\"name\":\"" + std::string(100, '[') + "\\\"[[\"}"));
}

} // namespace
} // namespace gamelan::gateway
