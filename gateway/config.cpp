#include "gateway/config.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>

namespace gamelan::gateway {
namespace {

struct TextSetting {
    std::string Config::*member;
};
struct NumberSetting {
    std::int64_t Config::*member;
    std::int64_t least;
    std::int64_t most;
};
struct Setting {
    std::string_view name;
    std::variant<TextSetting, NumberSetting> kind;
    std::string_view help;
};

constexpr std::int64_t one_hour_ms = 3'600'000;
constexpr std::int64_t one_gib = 1 << 30;

const std::vector<Setting>& settings() {
    using C = Config;
    static const std::vector<Setting> all = {
        {"listen", TextSetting{&C::listen}, "ADDRESS:PORT to listen on; port 0 takes a free one"},
        {"port-file", TextSetting{&C::port_file}, "file that the chosen port is written to once it listens"},
        {"web-root", TextSetting{&C::web_root}, "folder of the page; none: only /ws, /healthz and /readyz"},
        {"database", TextSetting{&C::database},
         "libpq connection string or URL; PG* variables fill the gaps"},
        {"config", TextSetting{&C::config}, "file of 'name = value' lines, '#' starts a comment"},
        {"log-level", TextSetting{&C::log_level}, "debug, info, warn or error"},
        {"max-message-bytes", NumberSetting{&C::max_message_bytes, 256, 1 << 20}, "size of a client message"},
        {"acts-per-second", NumberSetting{&C::acts_per_second, 1, 100'000},
         "acts per second and connection; the burst is twice that"},
        {"max-pending-acts", NumberSetting{&C::max_pending_acts, 1, 10'000},
         "acts of a connection waiting for an answer"},
        {"max-queued-bytes", NumberSetting{&C::max_queued_bytes, 1024, one_gib},
         "bytes waiting for a connection before deltas give way to a snapshot"},
        {"socket-send-bytes", NumberSetting{&C::socket_send_bytes, 0, one_gib},
         "kernel send buffer of a connection; 0 leaves it to the system"},
        {"hello-timeout-ms", NumberSetting{&C::hello_timeout_ms, 1, one_hour_ms}, "time until hello"},
        {"idle-timeout-ms", NumberSetting{&C::idle_timeout_ms, 1, one_hour_ms},
         "time without a message before a connection is closed"},
        {"max-connections", NumberSetting{&C::max_connections, 1, 100'000}, "WebSocket connections"},
        {"max-worlds", NumberSetting{&C::max_worlds, 1, 1024},
         "worlds followed at once, each by its own database connection"},
        {"max-state-bytes", NumberSetting{&C::max_state_bytes, 1024, std::int64_t{1} << 40},
         "size of one world's state"},
        {"max-waiting-acts", NumberSetting{&C::max_waiting_acts, 1, 10'000'000},
         "acts of all connections waiting to be sent to the database"},
        {"act-timeout-ms", NumberSetting{&C::act_timeout_ms, 100, one_hour_ms},
         "time the database has to answer acts before its connection is given up"},
        {"poll-wait-ms", NumberSetting{&C::poll_wait_ms, 10, 60'000},
         "longest wait of one game.changes call"},
        {"world-linger-ms", NumberSetting{&C::world_linger_ms, 0, one_hour_ms},
         "how long a world is followed after its last client left"},
        {"reconnect-max-ms", NumberSetting{&C::reconnect_max_ms, 10, one_hour_ms},
         "longest pause between attempts to reach the database"},
        {"connect-timeout-ms", NumberSetting{&C::connect_timeout_ms, 10, one_hour_ms},
         "time one attempt to reach the database may take"},
    };
    return all;
}

const Setting* find_setting(std::string_view name) {
    const auto& all = settings();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Setting& s) { return s.name == name; });
    return found == all.end() ? nullptr : &*found;
}

std::string environment_name(std::string_view name) {
    std::string result = "GAMELAN_GATEWAY_";
    for (const char letter : name)
        result += letter == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    return result;
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::optional<ConfigError> assign(Config& config, const Setting& setting, std::string_view value,
                                  std::string_view source) {
    if (const auto* text = std::get_if<TextSetting>(&setting.kind)) {
        config.*(text->member) = value;
        return std::nullopt;
    }
    const auto& number = std::get<NumberSetting>(setting.kind);
    std::int64_t parsed = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    if (error != std::errc{} || end != value.data() + value.size() || parsed < number.least ||
        parsed > number.most)
        return ConfigError{std::string(source) + ": " + std::string(setting.name) +
                           " must be a whole number from " + std::to_string(number.least) + " to " +
                           std::to_string(number.most) + ", not '" + std::string(value) + "'"};
    config.*(number.member) = parsed;
    return std::nullopt;
}

using Values = std::map<std::string, std::string, std::less<>>;

// Reads --name VALUE and --name=VALUE.
std::variant<Values, ConfigError, HelpWanted, VersionWanted>
read_arguments(const std::vector<std::string>& arguments) {
    Values values;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        if (argument == "--help" || argument == "-h")
            return HelpWanted{};
        if (argument == "--version")
            return VersionWanted{};
        if (!argument.starts_with("--"))
            return ConfigError{"unexpected argument '" + argument + "'; --help lists the flags"};
        const auto equals = argument.find('=');
        const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
        if (!find_setting(name))
            return ConfigError{"unknown flag '--" + name + "'; --help lists the flags"};
        if (equals != std::string::npos)
            values[name] = argument.substr(equals + 1);
        else if (++i < arguments.size())
            values[name] = arguments[i];
        else
            return ConfigError{"flag '--" + name + "' needs a value"};
    }
    return values;
}

std::variant<Values, ConfigError> read_file(const std::string& path) {
    std::ifstream file(path);
    if (!file)
        return ConfigError{"cannot read the configuration file '" + path + "'"};
    Values values;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        const std::string where = path + ", line " + std::to_string(number);
        const std::string_view content = trimmed(line);
        if (content.empty() || content.front() == '#')
            continue;
        const auto equals = content.find('=');
        if (equals == std::string_view::npos)
            return ConfigError{where + ": expected 'name = value'"};
        const std::string name(trimmed(content.substr(0, equals)));
        if (!find_setting(name) || name == "config")
            return ConfigError{std::string(where).append(": unknown setting '").append(name).append("'")};
        if (!values.emplace(name, trimmed(content.substr(equals + 1))).second)
            return ConfigError{std::string(where).append(": '").append(name).append("' is set twice")};
    }
    return values;
}

std::optional<ConfigError> check(const Config& config) {
    if (config.listen_port() < 0 || config.listen_host().empty())
        return ConfigError{"listen must be ADDRESS:PORT, not '" + config.listen + "'"};
    if (!log_level_of(config.log_level))
        return ConfigError{"log-level must be debug, info, warn or error, not '" + config.log_level + "'"};
    return std::nullopt;
}

std::string default_text(const Setting& setting) {
    static const Config defaults;
    if (const auto* text = std::get_if<TextSetting>(&setting.kind))
        return defaults.*(text->member);
    return std::to_string(defaults.*(std::get<NumberSetting>(setting.kind).member));
}

} // namespace

std::string Config::listen_host() const {
    const auto colon = listen.rfind(':');
    return colon == std::string::npos ? std::string() : listen.substr(0, colon);
}

int Config::listen_port() const {
    const auto colon = listen.rfind(':');
    if (colon == std::string::npos)
        return -1;
    const std::string_view text = std::string_view(listen).substr(colon + 1);
    int port = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() && port <= 65535 ? port : -1;
}

ConfigResult read_config(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment) {
    auto flags_or = read_arguments(arguments);
    if (auto* error = std::get_if<ConfigError>(&flags_or))
        return *error;
    if (std::holds_alternative<HelpWanted>(flags_or))
        return HelpWanted{};
    if (std::holds_alternative<VersionWanted>(flags_or))
        return VersionWanted{};
    const auto& flags = std::get<Values>(flags_or);

    Config config;
    Values file;
    const auto in_flags = flags.find("config");
    const auto in_environment = environment.find(environment_name("config"));
    const std::string path = in_flags != flags.end()               ? in_flags->second
                             : in_environment != environment.end() ? in_environment->second
                                                                   : std::string();
    if (!path.empty()) {
        auto file_or = read_file(path);
        if (auto* error = std::get_if<ConfigError>(&file_or))
            return *error;
        file = std::get<Values>(std::move(file_or));
    }
    for (const Setting& setting : settings()) {
        const std::string variable = environment_name(setting.name);
        std::optional<ConfigError> error;
        if (const auto flag = flags.find(setting.name); flag != flags.end())
            error = assign(config, setting, flag->second, "flag --" + std::string(setting.name));
        else if (const auto set = environment.find(variable); set != environment.end())
            error = assign(config, setting, set->second, variable);
        else if (const auto line = file.find(setting.name); line != file.end())
            error = assign(config, setting, line->second, path);
        if (error)
            return *error;
    }
    if (auto error = check(config))
        return *error;
    return config;
}

std::string help_text() {
    std::string text =
        "gamelan-gateway: WebSocket and HTTP gateway of a Gamelan database\n\n"
        "Usage: gamelan-gateway [--FLAG VALUE]...\n\n"
        "Each flag can also be set as GAMELAN_GATEWAY_FLAG in the environment or as 'flag = value'\n"
        "in the file of --config; flags come before the environment, the environment before the file.\n\n";
    for (const Setting& setting : settings()) {
        std::string line = "  --" + std::string(setting.name);
        line.resize(std::max<std::size_t>(line.size() + 1, 24), ' ');
        text += line + std::string(setting.help);
        if (const std::string value = default_text(setting); !value.empty())
            text += " (" + value + ")";
        text += '\n';
    }
    return text + "  --help                this text\n"
                  "  --version             name and version\n";
}

} // namespace gamelan::gateway
