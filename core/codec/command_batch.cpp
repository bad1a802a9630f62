#include "core/codec/command_batch.hpp"

#include "core/base/bytes.hpp"
#include "core/base/hash.hpp"

namespace gamelan::codec {

namespace {

constexpr std::string_view magic = "GLC";
constexpr std::uint8_t first_version = 1; // actions only, without their kind
constexpr std::uint8_t last_version_without_effects = 2;
constexpr std::uint8_t version = 3;
constexpr std::size_t max_text_bytes = 1 << 20;
constexpr std::size_t max_arguments = 64;

void put_value(ByteWriter& out, const game::Value& value) {
    out.put(static_cast<std::uint8_t>(game::type_of(value)));
    if (const auto* flag = std::get_if<bool>(&value))
        out.put(static_cast<std::uint8_t>(*flag));
    else if (const auto* number = std::get_if<std::int64_t>(&value))
        out.put_signed_varint(*number);
    else if (const auto* real = std::get_if<double>(&value))
        out.put(*real);
    else
        out.put_text(std::get<std::string>(value));
}

game::Value get_value(ByteReader& in) {
    switch (static_cast<game::ValueType>(in.get<std::uint8_t>())) {
    case game::ValueType::boolean:
        return in.get<std::uint8_t>() != 0;
    case game::ValueType::bigint:
        return in.get_signed_varint();
    case game::ValueType::float8:
        return in.get<double>();
    case game::ValueType::text:
        return std::string(in.get_text(max_text_bytes));
    }
    in.fail("an argument has an unknown type");
}

void get_command(ByteReader& in, game::Command& command, std::uint8_t from) {
    const bool has_effects = from > last_version_without_effects;
    if (from > first_version)
        command.kind = in.get<game::CommandKind>();
    if (command.kind > (has_effects ? game::CommandKind::effects : game::CommandKind::definition))
        in.fail("a command has an unknown kind");
    command.handle = in.get_signed_varint();
    command.actor = in.get_text(game::max_actor_bytes);
    if (command.kind == game::CommandKind::effects)
        command.action = in.get_text(game::max_action_name_bytes);
    if (command.kind != game::CommandKind::action) {
        command.body = in.get_text(in.remaining());
        return;
    }
    command.action = in.get_text(game::max_action_name_bytes);
    command.client_seq = in.get_signed_varint();
    const std::uint64_t arguments = in.get_varint();
    if (arguments > max_arguments)
        in.fail("a command has too many arguments");
    for (std::uint64_t i = 0; i < arguments; ++i)
        command.arguments.push_back(get_value(in));
    if (has_effects && in.get<std::uint8_t>() != 0)
        command.effects = in.get_text(in.remaining());
}

} // namespace

std::string encode_commands(std::span<const game::Command> commands) {
    ByteWriter out;
    out.put_bytes(magic);
    out.put(version);
    out.put_varint(commands.size());
    for (const game::Command& command : commands) {
        out.put(static_cast<std::uint8_t>(command.kind));
        out.put_signed_varint(command.handle);
        out.put_text(command.actor);
        if (command.kind == game::CommandKind::effects)
            out.put_text(command.action);
        if (command.kind != game::CommandKind::action) {
            out.put_text(command.body);
            continue;
        }
        out.put_text(command.action);
        out.put_signed_varint(command.client_seq);
        out.put_varint(command.arguments.size());
        for (const game::Value& value : command.arguments)
            put_value(out, value);
        out.put(static_cast<std::uint8_t>(command.effects.has_value()));
        if (command.effects)
            out.put_text(*command.effects);
    }
    out.put(hash64(out.view()));
    return out.take();
}

std::vector<game::Command> decode_commands(std::string_view bytes) {
    ByteReader in(bytes, "a command batch");
    if (in.get_bytes(magic.size()) != magic)
        in.fail("it does not begin with its magic");
    const auto found = in.get<std::uint8_t>();
    if (found < first_version || found > version)
        in.fail("its version is " + std::to_string(found) + ", this library knows 1 to 3");
    if (bytes.size() < magic.size() + 1 + sizeof(std::uint64_t))
        in.fail("it ends too early");
    const std::string_view body = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
    ByteReader tail(bytes.substr(body.size()), "a command batch");
    if (tail.get<std::uint64_t>() != hash64(body))
        in.fail("its checksum differs");

    const std::uint64_t count = in.get_varint();
    if (count > body.size())
        in.fail("it claims more commands than it has bytes");
    std::vector<game::Command> out(count);
    for (game::Command& command : out)
        get_command(in, command, found);
    if (in.remaining() != sizeof(std::uint64_t))
        in.fail("bytes are left over");
    return out;
}

} // namespace gamelan::codec
