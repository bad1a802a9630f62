// What a world plays by as bytes, for the log and for checkpoints. docs/formats.md, "Rules".
#pragma once

#include "core/codec/kernel_program.hpp"
#include "core/game/rules.hpp"

#include <string>
#include <string_view>

namespace gamelan::codec {

inline constexpr std::size_t max_systems = 1024;
inline constexpr std::uint32_t max_events = 10'000'000;
inline constexpr std::size_t max_rule_name_bytes = 63;    // of a system or a component
inline constexpr std::size_t max_rule_column_bytes = 127; // "component.column"
inline constexpr std::size_t max_rule_observed = 512;     // components
inline constexpr std::size_t max_rule_columns = 4096;     // that a system reads, or writes
inline constexpr std::uint32_t max_tick_rate_hz = 1000;
inline constexpr std::size_t max_rules_bytes = 64 << 20;

// Throws Error(invalid_config) beyond a limit. Equal rules give equal bytes.
std::string encode_rules(const game::Rules& rules);
// Throws Error(corrupt_data) when the bytes are damaged, beyond a limit, or of an unknown version. Programs
// are texts to it: decode_program() checks them.
game::Rules decode_rules(std::string_view bytes);

} // namespace gamelan::codec
