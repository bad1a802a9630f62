// Looking actions up, and how their faults are worded; one wording for those who queue commands and for those
// who apply them.
#pragma once

#include "core/game/value.hpp"

namespace gamelan::game {

// "claim(cell bigint)"
std::string signature(const ActionSpec& spec);

// The hint of every error about arguments.
std::string signature_hint(const ActionSpec& spec);

// Index of the action of that name. Throws Error(undefined_action) with a hint that lists the names there
// are.
std::size_t find_action(const std::vector<ActionSpec>& actions, std::string_view name);

} // namespace gamelan::game
