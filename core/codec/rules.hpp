// What a world plays by, as bytes, for the log and for checkpoints. docs/formats.md, "Rules".
#pragma once

#include "core/game/rules.hpp"

#include <string_view>

namespace gamelan::codec {

inline constexpr std::size_t max_systems = 1024;

// Throws Error(invalid_config) beyond a limit.
std::string encode_rules(const game::Rules& rules);
// Throws Error(corrupt_data).
game::Rules decode_rules(std::string_view bytes);

} // namespace gamelan::codec
