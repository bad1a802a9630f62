#include "gateway/log.hpp"

#include "core/codec/state_json.hpp"

#include <array>
#include <chrono>
#include <ctime>

#include <unistd.h>

namespace gamelan::gateway {
namespace {

constexpr std::array<std::string_view, 4> level_names = {"debug", "info", "warn", "error"};
LogLevel lowest = LogLevel::info;

std::string utc_now() {
    const auto now = std::chrono::system_clock::now();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    const auto since_epoch = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[40];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    std::string result(text, length);
    const std::string fraction = std::to_string(1000 + since_epoch.count() % 1000);
    result += '.';
    result.append(fraction, 1, 3);
    return result += 'Z';
}

} // namespace

std::optional<LogLevel> log_level_of(std::string_view name) {
    for (std::size_t i = 0; i < level_names.size(); ++i)
        if (level_names[i] == name)
            return static_cast<LogLevel>(i);
    return std::nullopt;
}

void set_log_level(LogLevel level) {
    lowest = level;
}

void log(LogLevel level, std::string_view event, LogFields fields) {
    if (level < lowest)
        return;
    std::string line = "{\"time\":\"" + utc_now() + "\",\"level\":\"";
    line += level_names[static_cast<std::size_t>(level)];
    line += "\",\"event\":";
    codec::append_json_string(line, event);
    for (const auto& [key, value] : fields) {
        line += ',';
        codec::append_json_string(line, key);
        line += ':';
        if (const auto* number = std::get_if<std::int64_t>(&value))
            line += std::to_string(*number);
        else
            codec::append_json_string(line, std::get<std::string_view>(value));
    }
    line += "}\n";
    // A log line that cannot be written is lost: there is nowhere left to say so.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

} // namespace gamelan::gateway
