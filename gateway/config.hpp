// The gateway's settings. Each has one name, given as --name VALUE, as GAMELAN_GATEWAY_NAME in the
// environment, or as "name = value" in the file of --config; the first of these that is there counts, then
// the default.
#pragma once

#include "gateway/log.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gamelan::gateway {

struct Config {
    std::string listen = "127.0.0.1:8080";
    std::string port_file;
    std::string web_root;
    std::string database;
    std::string config;
    std::string log_level = "info";
    std::int64_t max_message_bytes = 4096;
    std::int64_t acts_per_second = 30;
    std::int64_t max_pending_acts = 32;
    std::int64_t max_queued_bytes = 1 << 20;
    std::int64_t socket_send_bytes = 256 << 10;
    std::int64_t hello_timeout_ms = 10'000;
    std::int64_t idle_timeout_ms = 60'000;
    std::int64_t max_connections = 1024;
    std::int64_t max_worlds = 16;
    std::int64_t max_state_bytes = 1 << 30;
    std::int64_t max_waiting_acts = 16'384;
    std::int64_t act_timeout_ms = 15'000;
    std::int64_t poll_wait_ms = 2'000;
    std::int64_t world_linger_ms = 30'000;
    std::int64_t reconnect_max_ms = 5'000;
    std::int64_t connect_timeout_ms = 5'000;

    std::string listen_host() const;
    int listen_port() const;
};

struct ConfigError {
    std::string message;
};
struct HelpWanted {};
struct VersionWanted {};
using ConfigResult = std::variant<Config, ConfigError, HelpWanted, VersionWanted>;

// `arguments` without the program's name. `environment` holds the GAMELAN_GATEWAY_* variables. Reads the file
// of
// --config. Unknown names, values out of range and doubled names in the file are errors.
ConfigResult read_config(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment);

// The text of --help.
std::string help_text();

} // namespace gamelan::gateway
