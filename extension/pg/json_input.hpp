// From jsonb to the core's values. Two steps, so that no C++ object is alive while Postgres code runs: the
// object is first flattened to plain entries, then matched against what is expected.
#pragma once

#include "core/game/module.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "extension/pg/pg.hpp"

namespace gamelan::pg {

enum class JsonKind : std::uint8_t { null, boolean, number, string, nested };

// Texts are palloc'd and not terminated.
struct JsonEntry {
    const char* key;
    int key_bytes;
    JsonKind kind;
    bool flag;
    const char* text; // of a number or string
    int text_bytes;
};

// Postgres zone. Raises when the value is no object; `subject` names it in the message.
std::span<const JsonEntry> flatten_object(Jsonb* json, const char* subject);

// C++ zone.

// The arguments of an action by name, in the order of its parameters. A bigint may be given as a string of
// digits, because JavaScript's numbers end at 2^53. Throws Error (missing, unexpected or mistyped argument).
std::vector<game::Value> match_arguments(const game::ActionSpec& spec, std::span<const JsonEntry> entries);

// A world's configuration: scalars only. Throws Error(invalid_config).
game::Config to_config(std::span<const JsonEntry> entries);

// One configuration as JSON text.
std::string to_json(const game::Config& config);

} // namespace gamelan::pg
