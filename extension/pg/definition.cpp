#include "extension/pg/definition.hpp"

#include "core/base/bytes.hpp"
#include "core/game/schema_game.hpp"

#include <map>

namespace gamelan::pg {

namespace {

struct Cached {
    std::string game;
    std::string definition;
    std::unique_ptr<game::World> rules;
};

// Copies the definition out under the lock; nothing in there may fail.
std::size_t copy_definition(store::WorldSlot slot, std::int64_t world_id, char* out) {
    std::size_t bytes = 0;
    LWLockAcquire(shared->lock, LW_SHARED);
    const WorldRuntime& world = runtime(slot);
    if (region().control(slot).world_id.load() == world_id) {
        bytes = world.definition_bytes;
        std::memcpy(out, world.definition, bytes);
    }
    LWLockRelease(shared->lock);
    return bytes;
}

} // namespace

std::string encode_definition(const Definition& definition) {
    ByteWriter out;
    out.put_text(definition.game);
    out.put(definition.seed);
    out.put_varint(definition.config.size());
    for (const auto& [key, value] : definition.config) {
        out.put_text(key);
        out.put(static_cast<std::uint8_t>(game::type_of(value)));
        if (const auto* number = std::get_if<std::int64_t>(&value))
            out.put(*number);
        else if (const auto* flag = std::get_if<bool>(&value))
            out.put(static_cast<std::uint8_t>(*flag));
        else if (const auto* real = std::get_if<double>(&value))
            out.put(*real);
        else
            out.put_text(std::get<std::string>(value));
    }
    if (out.size() > max_definition_bytes)
        throw Error(sqlstate::invalid_config, "the configuration of the world is too long",
                    "It takes " + std::to_string(out.size()) + " bytes, " +
                        std::to_string(max_definition_bytes) + " fit.");
    return out.take();
}

Definition decode_definition(std::string_view bytes) {
    ByteReader in(bytes, "a world's definition");
    Definition out;
    out.game = in.get_text(max_definition_bytes);
    out.seed = in.get<std::uint64_t>();
    for (std::uint64_t left = in.get_varint(); left > 0; --left) {
        std::string key(in.get_text(max_definition_bytes));
        switch (static_cast<game::ValueType>(in.get<std::uint8_t>())) {
        case game::ValueType::boolean:
            out.config.emplace(std::move(key), in.get<std::uint8_t>() != 0);
            break;
        case game::ValueType::bigint:
            out.config.emplace(std::move(key), in.get<std::int64_t>());
            break;
        case game::ValueType::float8:
            out.config.emplace(std::move(key), in.get<double>());
            break;
        case game::ValueType::text:
            out.config.emplace(std::move(key), std::string(in.get_text(max_definition_bytes)));
            break;
        default:
            in.fail("a value has an unknown type");
        }
    }
    return out;
}

std::unique_ptr<game::World> make_rules(std::int64_t world_id, const Definition& definition) {
    const game::Module* native = game::find_native(definition.game);
    const game::Module& module = native ? *native : game::schema_module();
    return module.make(world_id, definition.seed, definition.config);
}

namespace {

const Cached& cached(store::WorldSlot slot, std::int64_t world_id) {
    // Leaked on purpose: the process ends without running destructors of this library.
    static auto& cache = *new std::map<std::int64_t, Cached>;
    char buffer[max_definition_bytes];
    const std::size_t bytes = copy_definition(slot, world_id, buffer);
    if (bytes == 0)
        throw Error(sqlstate::undefined_world, "world " + std::to_string(world_id) + " does not exist");
    const std::string_view definition(buffer, bytes);
    Cached& entry = cache[world_id];
    if (!entry.rules || entry.definition != definition) {
        const Definition decoded = decode_definition(definition);
        entry.rules = make_rules(world_id, decoded);
        entry.definition = definition;
        entry.game = decoded.game;
    }
    return entry;
}

} // namespace

const game::World& rules_of(store::WorldSlot slot, std::int64_t world_id) {
    return *cached(slot, world_id).rules;
}

std::string game_of(store::WorldSlot slot, std::int64_t world_id) {
    return cached(slot, world_id).game;
}

} // namespace gamelan::pg
