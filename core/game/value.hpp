// Values of action arguments: what a command carries and what the log stores.
#pragma once

#include "core/base/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gamelan::game {

// Numbers are part of the log format (docs/formats.md): never renumber.
enum class ValueType : std::uint8_t { boolean = 1, bigint = 2, float8 = 3, text = 4 };

using Value = std::variant<bool, std::int64_t, double, std::string>;

constexpr ValueType type_of(const Value& value) {
    return static_cast<ValueType>(value.index() + 1);
}

constexpr std::string_view name_of(ValueType type) {
    switch (type) {
    case ValueType::boolean:
        return "boolean";
    case ValueType::bigint:
        return "bigint";
    case ValueType::float8:
        return "double precision";
    case ValueType::text:
        return "text";
    }
    return "unknown";
}

struct Parameter {
    std::string_view name;
    ValueType type;
};

struct ActionSpec {
    std::string_view name;
    std::vector<Parameter> parameters; // all required, in the order a command carries them
    std::string_view summary;
};

// Numbers are part of the log format: never renumber.
enum class CommandKind : std::uint8_t {
    action = 0, // a call of an action
    writes = 1, // rows written by SQL, all or none: body is a write set (core/codec/write_set.hpp)
    definition =
        2,     // what the game's components are from now on: body is a definition (core/codec/definition.hpp)
    rules = 3, // what the world plays by from now on: body is core/codec/rules.hpp
    // What a system did that a replay does not run again: `action` is its name, body a write set. Behind the
    // tick's other commands, in the order in which the systems ran.
    effects = 4,
};

// What a tick is given to do, as queued and as logged.
struct Command {
    std::int64_t handle = 0; // of game.enqueue or of a transaction's writes; 0 for a call
    std::string actor;       // who calls: a role, or "guest:..." for a session of the gateway
    std::string action;
    std::int64_t client_seq = 0; // the client's own number for it, 0 = none; makes a repeat harmless
    std::vector<Value> arguments;
    CommandKind kind = CommandKind::action;
    std::string body = {}; // of other kinds than action, in place of what follows the actor
    // Of an action that PostgreSQL's executor ran: the write set it made. A replay applies it.
    std::optional<std::string> effects = {};
};

inline constexpr std::size_t max_actor_bytes = 64;
inline constexpr std::size_t max_action_name_bytes = 63;

} // namespace gamelan::game
