#include "games/hexfactory/native/hexfactory.hpp"

#include "core/base/json_writer.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace gamelan::games {

namespace {

enum Action : std::size_t { action_join, action_claim, action_plant, action_harvest };

constexpr std::uint8_t planted_amount = 64;
constexpr std::size_t max_name_bytes = 32;
constexpr std::int64_t max_frequency = 1024;
constexpr std::int64_t max_layers = 8;

std::int64_t integer_option(const game::Config& config, std::string_view key, std::int64_t fallback,
                            std::int64_t least, std::int64_t most) {
    const auto found = config.find(key);
    if (found == config.end())
        return fallback;
    const auto* value = std::get_if<std::int64_t>(&found->second);
    if (value == nullptr || *value < least || *value > most)
        throw Error(sqlstate::invalid_config, "\"" + std::string(key) + "\" must be an integer from " +
                                                  std::to_string(least) + " to " + std::to_string(most));
    return *value;
}

std::int32_t owner_mark(std::uint32_t player) {
    return static_cast<std::int32_t>(player + 1);
}

} // namespace

HexfactoryWorld::HexfactoryWorld(std::int64_t world_id, std::uint64_t seed, std::uint32_t frequency,
                                 std::uint32_t layers, std::uint32_t max_players)
    : planet_(world_id, frequency, layers), seed_(seed), max_players_(max_players), players_{0}, columns_{} {
    using store::Visibility;
    const store::SpaceId cells = layout_.add_space("cell", planet_.slot_count(), planet_.block_slots());
    players_ = layout_.add_space("player", 0);
    columns_.resource = layout_.add_column(cells, "resource", ColumnType::u8);
    columns_.amount = layout_.add_column(cells, "amount", ColumnType::u8);
    columns_.owner = layout_.add_column(cells, "owner", ColumnType::i32);
    columns_.actor = layout_.add_column(players_, "actor", ColumnType::text64, Visibility::server);
    columns_.last_seq = layout_.add_column(players_, "last_seq", ColumnType::i64, Visibility::server);
    columns_.name = layout_.add_column(players_, "name", ColumnType::text32);
    columns_.claims = layout_.add_column(players_, "claims", ColumnType::i32);
    columns_.score = layout_.add_column(players_, "score", ColumnType::i64);

    using enum game::ValueType;
    actions_ = {
        {"join", {{"name", text}}, "Becomes a player of this world, or changes the player's name."},
        {"claim", {{"cell", bigint}}, "Takes a cell that nobody owns."},
        {"plant", {{"cell", bigint}, {"resource", bigint}}, "Puts resource 1, 2 or 3 on an own cell."},
        {"harvest", {{"cell", bigint}}, "Takes three quarters of what grows on an own cell."},
    };
}

void HexfactoryWorld::generate(store::WorldStore& store) const {
    const std::uint32_t block_slots = planet_.block_slots();
    for (std::uint32_t layer = 0; layer < planet_.layers(); ++layer) {
        const automaton::GeneratedLayer start = automaton::generate(planet_.sphere(), seed_, layer);
        const std::uint32_t first = layer * planet_.layer_stride();
        for (std::uint32_t index = 0; index < start.types.size(); index += block_slots) {
            const std::size_t count = std::min<std::size_t>(block_slots, start.types.size() - index);
            const std::uint32_t block = (first + index) / block_slots;
            std::memcpy(store.write_block(columns_.resource, block), start.types.data() + index, count);
            std::memcpy(store.write_block(columns_.amount, block), start.amounts.data() + index, count);
        }
    }
}

std::string HexfactoryWorld::act(std::size_t action, const std::vector<game::Value>& arguments,
                                 game::ActionContext& context) const {
    if (action == action_join)
        return join(std::get<std::string>(arguments[0]), context);
    const auto cell = std::get<std::int64_t>(arguments[0]);
    switch (action) {
    case action_claim:
        return claim(cell, context);
    case action_plant:
        return plant(cell, std::get<std::int64_t>(arguments[1]), context);
    default:
        return harvest(cell, context);
    }
}

std::string HexfactoryWorld::join(const std::string& name, game::ActionContext& context) const {
    const bool has_control = std::any_of(
        name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (name.empty() || name.size() > max_name_bytes || has_control || name.front() == ' ' ||
        name.back() == ' ')
        throw Error(sqlstate::invalid_parameter, "this is not a name a player can have",
                    "A name has 1 to 32 bytes, no control characters, and no space at either end.");
    store::WorldStore& store = context.store;
    const std::uint32_t players = store.working().slot_count(players_);
    for (std::uint32_t other = 0; other < players; ++other)
        if (other != context.player && player_name(store, other) == name)
            throw Error(sqlstate::name_taken, "another player is called \"" + name + "\"", {},
                        "Choose another name.");
    const bool is_new = !context.player;
    if (is_new) {
        if (players >= max_players_)
            throw Error(sqlstate::world_full, "the world has no room for another player",
                        "It was made for " + std::to_string(max_players_) + " players.",
                        "Create worlds with a larger \"max_players\" in their config.");
        context.player = store.append_slot(players_);
        store.set_text(columns_.actor, *context.player, context.actor);
    }
    store.set_text(columns_.name, *context.player, name);
    JsonObject result;
    result.add("player", std::int64_t{owner_mark(*context.player)}).add("name", std::string_view(name));
    context.events.push_back({is_new ? "joined" : "renamed", result.text()});
    return result.text();
}

std::string HexfactoryWorld::player_name(const store::WorldStore& store, std::uint32_t player) const {
    return store.working().get_text(columns_.name, player);
}

std::string HexfactoryWorld::claim(std::int64_t cell, game::ActionContext& context) const {
    if (!context.player)
        throw Error(sqlstate::not_joined, "you have not joined this world", {},
                    "Call the action join(name) first.");
    const std::uint32_t slot = planet_.slot_of(cell);
    store::WorldStore& store = context.store;
    const std::int32_t mark = owner_mark(*context.player);
    if (const auto owner = store.get<std::int32_t>(columns_.owner, slot); owner == mark)
        throw Error(sqlstate::cell_already_claimed, "the cell is already yours");
    else if (owner != 0)
        throw Error(sqlstate::cell_already_claimed, "the cell is already claimed",
                    "It belongs to \"" + player_name(store, static_cast<std::uint32_t>(owner - 1)) + "\".",
                    "Claim a cell that nobody owns.");
    store.set<std::int32_t>(columns_.owner, slot, mark);
    store.set<std::int32_t>(columns_.claims, *context.player,
                            store.get<std::int32_t>(columns_.claims, *context.player) + 1);
    JsonObject result;
    result.add("cell", std::string_view(std::to_string(cell))).add("owner", std::int64_t{mark});
    context.events.push_back({"claimed", result.text()});
    return result.text();
}

// The slot of a cell that belongs to the actor.
std::uint32_t HexfactoryWorld::own_slot(std::int64_t cell, const game::ActionContext& context) const {
    if (!context.player)
        throw Error(sqlstate::not_joined, "you have not joined this world", {},
                    "Call the action join(name) first.");
    const std::uint32_t slot = planet_.slot_of(cell);
    const auto owner = context.store.get<std::int32_t>(columns_.owner, slot);
    if (owner == 0)
        throw Error(sqlstate::not_owner, "the cell does not belong to you", "Nobody has claimed it.",
                    "Claim it first.");
    if (owner != owner_mark(*context.player))
        throw Error(sqlstate::not_owner, "the cell does not belong to you",
                    "It belongs to \"" + player_name(context.store, static_cast<std::uint32_t>(owner - 1)) +
                        "\".",
                    "Claim a cell that nobody owns.");
    return slot;
}

std::string HexfactoryWorld::plant(std::int64_t cell, std::int64_t resource,
                                   game::ActionContext& context) const {
    if (resource < 1 || resource > 3)
        throw Error(sqlstate::invalid_parameter,
                    "resource " + std::to_string(resource) + " cannot be planted", {},
                    "Plant resource 1, 2 or 3.");
    const std::uint32_t slot = own_slot(cell, context);
    context.store.set<std::uint8_t>(columns_.resource, slot, static_cast<std::uint8_t>(resource));
    context.store.set<std::uint8_t>(columns_.amount, slot, planted_amount);
    JsonObject result;
    result.add("cell", std::string_view(std::to_string(cell)))
        .add("resource", resource)
        .add("amount", std::int64_t{planted_amount});
    context.events.push_back({"planted", result.text()});
    return result.text();
}

std::string HexfactoryWorld::harvest(std::int64_t cell, game::ActionContext& context) const {
    const std::uint32_t slot = own_slot(cell, context);
    store::WorldStore& store = context.store;
    const auto resource = store.get<std::uint8_t>(columns_.resource, slot);
    const auto amount = store.get<std::uint8_t>(columns_.amount, slot);
    if (resource == automaton::type_void || amount == 0)
        throw Error(sqlstate::action_refused, "there is nothing to harvest", "The cell is empty.",
                    "Plant something, and let it grow.");
    // A quarter stays, so that the cell can grow again.
    const auto taken = static_cast<std::uint8_t>(amount - amount / 4);
    const auto left = static_cast<std::uint8_t>(amount - taken);
    store.set<std::uint8_t>(columns_.amount, slot, left);
    if (left == 0)
        store.set<std::uint8_t>(columns_.resource, slot, automaton::type_void);
    const std::int64_t score = store.get<std::int64_t>(columns_.score, *context.player) + taken;
    store.set<std::int64_t>(columns_.score, *context.player, score);
    JsonObject result;
    result.add("cell", std::string_view(std::to_string(cell)))
        .add("resource", std::int64_t{resource})
        .add("amount", std::int64_t{taken})
        .add("score", score);
    context.events.push_back({"harvested", result.text()});
    return result.text();
}

void HexfactoryWorld::advance(store::WorldStore& store, std::uint64_t tick) const {
    for (std::uint32_t layer = 0; layer < planet_.layers(); ++layer)
        advance_layer(store, tick, layer);
}

void HexfactoryWorld::advance_layer(store::WorldStore& store, std::uint64_t tick, std::uint32_t layer) const {
    static constexpr std::array<std::uint8_t, store::max_block_slots> zeros{};
    const std::uint32_t block_slots = planet_.block_slots();
    const std::uint32_t first = layer * planet_.layer_stride() / block_slots;
    const std::uint32_t count = planet_.layer_stride() / block_slots;
    struct Plane {
        store::ColumnId column;
        std::vector<const std::uint8_t*> in;
        std::vector<std::uint8_t*> out;
    };
    std::array<Plane, 2> planes{Plane{columns_.resource, {}, {}}, Plane{columns_.amount, {}, {}}};
    for (Plane& plane : planes) {
        for (std::uint32_t b = first; b < first + count; ++b) {
            const std::byte* old = store.working().block(plane.column, b);
            plane.in.push_back(old != nullptr ? reinterpret_cast<const std::uint8_t*>(old) : zeros.data());
            plane.out.push_back(reinterpret_cast<std::uint8_t*>(store.replace_block(plane.column, b)));
        }
    }
    automaton::ChangedBlocks changed;
    // The old state is that of the tick before; the hash of the rule is keyed by it.
    automaton::advance_layer(planet_.sphere(), rule_, seed_, tick - 1, layer, {planes[0].in, block_slots},
                             {planes[1].in, block_slots}, {planes[0].out, block_slots},
                             {planes[1].out, block_slots}, changed);
    for (std::uint32_t b = 0; b < count; ++b) {
        if (changed.types[b] == 0)
            store.keep_block(columns_.resource, first + b);
        if (changed.amounts[b] == 0)
            store.keep_block(columns_.amount, first + b);
    }
}

game::Config HexfactoryModule::complete(const game::Config& config) const {
    for (const auto& [key, value] : config)
        if (key != "frequency" && key != "layers" && key != "max_players" && key != "layer_stride" &&
            key != game::cell_world_option)
            throw Error(sqlstate::invalid_config, "the game hexfactory has no option \"" + key + "\"", {},
                        "Its options are frequency, layers and max_players.");
    const std::int64_t frequency = integer_option(config, "frequency", 64, 1, max_frequency);
    if (!std::has_single_bit(static_cast<std::uint64_t>(frequency)))
        throw Error(sqlstate::invalid_config, "\"frequency\" must be a power of two",
                    "It is " + std::to_string(frequency) + ".");
    const std::int64_t layers = integer_option(config, "layers", 1, 1, max_layers);
    const std::int64_t max_players = integer_option(config, "max_players", 4096, 1, 65536);
    const grid::Planet planet(0, static_cast<std::uint32_t>(frequency), static_cast<std::uint32_t>(layers));
    const std::int64_t stride = planet.layer_stride();
    if (integer_option(config, "layer_stride", stride, 1, store::max_slots) != stride)
        throw Error(sqlstate::invalid_config, "\"layer_stride\" is derived and cannot be chosen");
    game::Config out{
        {"frequency", frequency}, {"layers", layers}, {"max_players", max_players}, {"layer_stride", stride}};
    game::complete_cell_world(config, out);
    return out;
}

std::unique_ptr<game::World> HexfactoryModule::make(std::int64_t world_id, std::uint64_t seed,
                                                    const game::Config& config) const {
    const auto number = [&](std::string_view key) {
        return static_cast<std::uint32_t>(std::get<std::int64_t>(config.find(key)->second));
    };
    return std::make_unique<HexfactoryWorld>(game::cell_world_of(config, world_id), seed, number("frequency"),
                                             number("layers"), number("max_players"));
}

} // namespace gamelan::games

namespace gamelan::game {

const Module* find_native(std::string_view name) {
    static const games::HexfactoryModule hexfactory;
    return name == hexfactory.name() ? &hexfactory : nullptr;
}

const Module& find_module(std::string_view name) {
    if (const Module* native = find_native(name))
        return *native;
    throw Error(sqlstate::undefined_game, "game \"" + std::string(name) + "\" does not exist", {},
                "The games of this server are: hexfactory.");
}

} // namespace gamelan::game
