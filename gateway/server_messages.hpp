// The texts the gateway sends (docs/protocol.md, section 3), except snapshots and deltas
// (core/codec/state_json.hpp).
#pragma once

#include "gateway/config.hpp"
#include "gateway/outbox.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gamelan::gateway {

inline constexpr std::int64_t protocol_version = 1;

namespace gateway_error {
inline constexpr std::string_view malformed = "WGP01";
inline constexpr std::string_view early = "WGP02";
inline constexpr std::string_view too_big = "WGP03";
inline constexpr std::string_view rate_limited = "WGP04";
inline constexpr std::string_view too_many_waiting = "WGP05";
inline constexpr std::string_view database_lost = "WGP06";
inline constexpr std::string_view unknown_type = "WGP07";
inline constexpr std::string_view unsupported_protocol = "WGP08";
} // namespace gateway_error

// A row of game.world. Texts named json are JSON values as PostgreSQL writes them.
struct WorldInfo {
    std::int64_t id = 0;
    std::string name;
    std::string game;
    std::string state;
    std::string tick_rate_json;
    std::string config_json;
};

// What game.describe tells of a world's game: JSON arrays.
struct GameDescription {
    std::string columns_json;
    std::string actions_json;
};

struct ErrorText {
    std::string code;
    std::string message;
    std::string detail; // empty when there is none
    std::string hint;   // empty when there is none
};

// How far a world has come.
struct Progress {
    std::uint64_t tick = 0;
    std::uint64_t durable_tick = 0; // at most tick
};

// `name/version` of this program.
std::string server_name();

SharedText hello_text(std::string_view session, std::string_view token, const WorldInfo& world,
                      Progress progress, const GameDescription& description, const Config& config);
SharedText durable_text(std::uint64_t tick);
SharedText ack_text(std::int64_t seq, std::int64_t tick, std::string_view result_json);
SharedText error_text(std::optional<std::int64_t> seq, const ErrorText& error);
SharedText pong_text(std::string_view nonce_json, std::string_view time_json, std::uint64_t tick);
SharedText status_text(bool database_ok, std::string_view message);

// Takes the two arrays out of a game.describe result; nothing when it is not of that form.
std::optional<GameDescription> read_description(std::string_view json);

} // namespace gamelan::gateway
