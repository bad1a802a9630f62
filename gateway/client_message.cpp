#include "gateway/client_message.hpp"

#include "core/codec/state_message.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace gamelan::gateway {
namespace {

using nlohmann::json;

constexpr std::int64_t max_exact_integer = std::int64_t{1} << 53;

// Checked before the parser sees the text, so that depth costs neither stack nor memory.
bool nested_too_deep(std::string_view text) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char letter = text[i];
        if (in_string) {
            if (letter == '\\')
                ++i;
            else if (letter == '"')
                in_string = false;
        } else if (letter == '"') {
            in_string = true;
        } else if (letter == '{' || letter == '[') {
            if (++depth > max_nesting)
                return true;
        } else if (letter == '}' || letter == ']') {
            --depth;
        }
    }
    return false;
}

bool has_nul(const std::string& text) {
    return text.find('\0') != std::string::npos;
}

// PostgreSQL's text and jsonb cannot hold U+0000; one such value would fail the batch of everybody's acts.
bool has_nul(const json& value) {
    if (value.is_string())
        return has_nul(value.get_ref<const std::string&>());
    if (value.is_array())
        return std::any_of(value.begin(), value.end(), [](const json& item) { return has_nul(item); });
    if (value.is_object()) {
        for (const auto& [key, item] : value.items())
            if (has_nul(key) || has_nul(item))
                return true;
    }
    return false;
}

std::optional<std::int64_t> exact_integer(const json& value) {
    if (!value.is_number())
        return std::nullopt;
    if (value.is_number_unsigned() && value.get<std::uint64_t>() <= std::uint64_t{max_exact_integer})
        return value.get<std::int64_t>();
    if (value.is_number_integer() && !value.is_number_unsigned() &&
        value.get<std::int64_t>() >= -max_exact_integer)
        return value.get<std::int64_t>();
    return std::nullopt;
}

std::optional<std::int64_t> integer_member(const json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() ? std::nullopt : exact_integer(*found);
}

ClientMessage read_hello(const json& object) {
    HelloMessage hello;
    const auto protocol = integer_member(object, "protocol");
    if (!protocol)
        return MalformedMessage{"hello needs a whole number 'protocol'"};
    hello.protocol = *protocol;
    if (object.contains("world") && !object["world"].is_null()) {
        hello.world = integer_member(object, "world");
        if (!hello.world)
            return MalformedMessage{"'world' of hello must be a whole number"};
    }
    if (const auto token = object.find("token"); token != object.end() && !token->is_null()) {
        if (!token->is_string())
            return MalformedMessage{"'token' of hello must be a string"};
        hello.token = token->get<std::string>();
    }
    return hello;
}

ClientMessage finish_act(const json& object, std::string action, const json& args) {
    const auto seq = integer_member(object, "seq");
    if (!seq || *seq <= 0)
        return MalformedMessage{"'seq' must be a whole number from 1 to 2^53"};
    if (has_nul(action) || has_nul(args))
        return MalformedMessage{"an act must not contain the character U+0000"};
    return ActMessage{*seq, std::move(action), args.dump()};
}

ClientMessage read_join(const json& object) {
    const auto name = object.find("name");
    if (name == object.end() || !name->is_string())
        return MalformedMessage{"join needs a string 'name'"};
    return finish_act(object, "join", json{{"name", *name}});
}

ClientMessage read_act(const json& object) {
    const auto action = object.find("action");
    if (action == object.end() || !action->is_string())
        return MalformedMessage{"act needs a string 'action'"};
    const auto args = object.find("args");
    if (args == object.end() || !args->is_object())
        return MalformedMessage{"act needs an object 'args'"};
    return finish_act(object, action->get<std::string>(), *args);
}

ClientMessage read_ping(const json& object) {
    PingMessage ping;
    for (const auto& [name, member] :
         {std::pair{"nonce", &PingMessage::nonce_json}, {"time", &PingMessage::time_json}}) {
        const auto found = object.find(name);
        if (found == object.end() || found->is_null())
            continue;
        if (!found->is_number())
            return MalformedMessage{std::string("'") + name + "' of ping must be a number"};
        ping.*member = found->dump();
    }
    return ping;
}

} // namespace

ClientMessage parse_client_message(std::string_view text) {
    if (!codec::is_utf8(text))
        return MalformedMessage{"the message is not UTF-8"};
    if (nested_too_deep(text))
        return MalformedMessage{"arrays and objects are nested more than " + std::to_string(max_nesting) +
                                " deep"};
    const json object = json::parse(text.begin(), text.end(), nullptr, false);
    if (object.is_discarded())
        return MalformedMessage{"the message is not JSON"};
    if (!object.is_object())
        return MalformedMessage{"the message is not a JSON object"};
    const auto type_member = object.find("type");
    if (type_member == object.end() || !type_member->is_string())
        return MalformedMessage{"the message has no string member 'type'"};
    const std::string& type = type_member->get_ref<const std::string&>();
    if (type == "hello")
        return read_hello(object);
    if (type == "join")
        return read_join(object);
    if (type == "act")
        return read_act(object);
    if (type == "resync")
        return ResyncMessage{};
    if (type == "ping")
        return read_ping(object);
    return UnknownMessage{type.substr(0, 64)};
}

} // namespace gamelan::gateway
