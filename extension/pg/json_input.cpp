#include "extension/pg/json_input.hpp"

#include "core/base/json_writer.hpp"
#include "core/game/actions.hpp"

#include <charconv>

#include "extension/pg/bridge.hpp"

namespace gamelan::pg {

namespace {

JsonEntry to_entry(const JsonbValue& key, const JsonbValue& value) {
    JsonEntry entry{key.val.string.val, key.val.string.len, JsonKind::nested, false, nullptr, 0};
    switch (value.type) {
    case jbvNull:
        entry.kind = JsonKind::null;
        break;
    case jbvBool:
        entry.kind = JsonKind::boolean;
        entry.flag = value.val.boolean;
        break;
    case jbvNumeric:
        entry.kind = JsonKind::number;
        entry.text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
        entry.text_bytes = static_cast<int>(std::strlen(entry.text));
        break;
    case jbvString:
        entry.kind = JsonKind::string;
        entry.text = value.val.string.val;
        entry.text_bytes = value.val.string.len;
        break;
    default:
        break;
    }
    return entry;
}

std::string_view key_of(const JsonEntry& entry) {
    return {entry.key, static_cast<std::size_t>(entry.key_bytes)};
}

std::string_view text_of(const JsonEntry& entry) {
    return {entry.text, static_cast<std::size_t>(entry.text_bytes)};
}

std::string_view name_of(JsonKind kind) {
    switch (kind) {
    case JsonKind::null:
        return "null";
    case JsonKind::boolean:
        return "a boolean";
    case JsonKind::number:
        return "a number";
    case JsonKind::string:
        return "a string";
    case JsonKind::nested:
        return "an object or array";
    }
    return "unknown";
}

template <class T>
std::optional<T> parse(std::string_view text) {
    T value{};
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<game::Value> convert(game::ValueType type, const JsonEntry& entry) {
    const bool is_number = entry.kind == JsonKind::number;
    switch (type) {
    case game::ValueType::boolean:
        if (entry.kind == JsonKind::boolean)
            return entry.flag;
        break;
    case game::ValueType::bigint:
        if (is_number || entry.kind == JsonKind::string)
            if (const auto value = parse<std::int64_t>(text_of(entry)))
                return *value;
        break;
    case game::ValueType::float8:
        if (is_number)
            if (const auto value = parse<double>(text_of(entry)))
                return *value;
        break;
    case game::ValueType::text:
        if (entry.kind == JsonKind::string)
            return std::string(text_of(entry));
        break;
    }
    return std::nullopt;
}

} // namespace

std::span<const JsonEntry> flatten_object(Jsonb* json, const char* subject) {
    if (!JB_ROOT_IS_OBJECT(json))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be a JSON object", subject)));
    const auto room = static_cast<std::size_t>(JB_ROOT_COUNT(json));
    auto* entries = static_cast<JsonEntry*>(palloc(Max(room, 1U) * sizeof(JsonEntry)));
    std::size_t count = 0;
    JsonbIterator* iterator = JsonbIteratorInit(&json->root);
    JsonbValue key;
    JsonbValue value;
    // The first token opens the object; nested values are skipped whole.
    (void)JsonbIteratorNext(&iterator, &key, false);
    while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY) {
        (void)JsonbIteratorNext(&iterator, &value, true);
        entries[count++] = to_entry(key, value);
    }
    return {entries, count};
}

std::vector<game::Value> match_arguments(const game::ActionSpec& spec, std::span<const JsonEntry> entries) {
    std::vector<game::Value> out;
    for (const game::Parameter& parameter : spec.parameters) {
        const auto found = std::find_if(entries.begin(), entries.end(), [&](const JsonEntry& entry) {
            return key_of(entry) == parameter.name;
        });
        if (found == entries.end())
            throw Error(sqlstate::missing_argument,
                        "argument \"" + std::string(parameter.name) + "\" is missing", {},
                        game::signature_hint(spec));
        std::optional<game::Value> value = convert(parameter.type, *found);
        if (!value)
            throw Error(
                sqlstate::argument_type_mismatch,
                "argument \"" + std::string(parameter.name) + "\" must be of type " +
                    std::string(game::name_of(parameter.type)),
                "It is " + std::string(name_of(found->kind)) +
                    (found->text != nullptr ? ": " + std::string(text_of(*found).substr(0, 64)) : "") + ".",
                game::signature_hint(spec));
        out.push_back(std::move(*value));
    }
    for (const JsonEntry& entry : entries) {
        const bool is_known = std::any_of(spec.parameters.begin(), spec.parameters.end(),
                                          [&](const game::Parameter& p) { return p.name == key_of(entry); });
        if (!is_known)
            throw Error(sqlstate::unexpected_argument,
                        "the action has no argument \"" + std::string(key_of(entry).substr(0, 64)) + "\"", {},
                        game::signature_hint(spec));
    }
    return out;
}

game::Config to_config(std::span<const JsonEntry> entries) {
    game::Config config;
    for (const JsonEntry& entry : entries) {
        std::string key(key_of(entry));
        if (entry.kind == JsonKind::boolean)
            config.emplace(std::move(key), entry.flag);
        else if (entry.kind == JsonKind::string)
            config.emplace(std::move(key), std::string(text_of(entry)));
        else if (const auto integer = parse<std::int64_t>(text_of(entry));
                 entry.kind == JsonKind::number && integer)
            config.emplace(std::move(key), *integer);
        else if (const auto real = parse<double>(text_of(entry)); entry.kind == JsonKind::number && real)
            config.emplace(std::move(key), *real);
        else
            throw Error(sqlstate::invalid_config,
                        "\"" + key + "\" cannot be " + std::string(name_of(entry.kind)));
    }
    return config;
}

std::string to_json(const game::Config& config) {
    JsonObject out;
    for (const auto& [key, value] : config) {
        if (const auto* number = std::get_if<std::int64_t>(&value))
            out.add(key, *number);
        else if (const auto* flag = std::get_if<bool>(&value))
            out.add(key, *flag);
        else if (const auto* text = std::get_if<std::string>(&value))
            out.add(key, std::string_view(*text));
        else
            throw Error(sqlstate::invalid_config,
                        "\"" + key + "\" must be an integer, a boolean or a string");
    }
    return out.text();
}

} // namespace gamelan::pg
