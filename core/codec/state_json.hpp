// The JSON form of state changes and of strings in them (docs/protocol.md, section 3). Appends to a text, so
// that one buffer is built once and shared. No I/O.
#pragma once

#include "core/codec/state_message.hpp"

#include <string>
#include <string_view>

namespace gamelan::codec {

// Appends `text` as a quoted JSON string; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Appends {"type":"snapshot"|"delta","tick":…,["base":…,]"columns":{…}}. Integers beyond 2^53 become strings,
// numbers that JSON has no word for (NaN, infinities) become null.
void append_json(std::string& out, const StateMessage& message);

} // namespace gamelan::codec
