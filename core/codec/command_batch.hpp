// The packed form of the commands of one tick, or of one transaction's queue (docs/formats.md, "Command
// batch").
#pragma once

#include "core/game/value.hpp"

#include <span>

namespace gamelan::codec {

std::string encode_commands(std::span<const game::Command> commands);

// Throws Error(corrupt_data) when the bytes are damaged or of an unknown version.
std::vector<game::Command> decode_commands(std::string_view bytes);

} // namespace gamelan::codec
