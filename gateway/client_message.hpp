// From the bytes of one client message to a typed message or a named error (docs/protocol.md, section 2).
// A pure function, so that it can be fuzzed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace gamelan::gateway {

// Arrays and objects inside one another, the message itself included.
inline constexpr int max_nesting = 32;

struct HelloMessage {
    std::int64_t protocol = 0;
    std::optional<std::int64_t> world;
    std::optional<std::string> token;
};

struct ActMessage {
    std::int64_t seq = 0; // 1 … 2^53
    std::string action;
    std::string args_json; // an object that PostgreSQL's jsonb accepts
};

struct ResyncMessage {};

struct PingMessage {
    std::string nonce_json; // empty when absent
    std::string time_json;  // empty when absent
};

struct UnknownMessage {
    std::string type;
};

struct MalformedMessage {
    std::string reason; // for people; never holds a token
};

using ClientMessage =
    std::variant<HelloMessage, ActMessage, ResyncMessage, PingMessage, UnknownMessage, MalformedMessage>;

// `text` is the payload of one text message; any bytes are allowed. A `join` comes back as the act it is
// short for.
ClientMessage parse_client_message(std::string_view text);

} // namespace gamelan::gateway
