// Log lines as JSON objects on stderr, one a line: time (UTC), level, event, then the fields given.
// Callers never pass tokens, message bodies or connection strings.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace gamelan::gateway {

enum class LogLevel { debug, info, warn, error };

using LogValue = std::variant<std::int64_t, std::string_view>;
using LogFields = std::initializer_list<std::pair<std::string_view, LogValue>>;

std::optional<LogLevel> log_level_of(std::string_view name);

// Lines below this level are not written. Set once at start.
void set_log_level(LogLevel level);

void log(LogLevel level, std::string_view event, LogFields fields = {});

} // namespace gamelan::gateway
