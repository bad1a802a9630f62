// A world's definition as the worker publishes it, and the rules made from it, kept per session.
#pragma once

#include "core/game/module.hpp"

#include "extension/pg/shared.hpp"

namespace gamelan::pg {

struct Definition {
    std::string game;
    std::uint64_t seed = 0;
    game::Config config;
};

// C++ zone: these throw, and may be called only under sql_boundary.

std::string encode_definition(const Definition& definition);
Definition decode_definition(std::string_view bytes);

// The rules of a native game of that name, else those of a game declared in SQL.
std::unique_ptr<game::World> make_rules(std::int64_t world_id, const Definition& definition);

// The rules of the world in that slot. Kept until the slot holds another definition. Throws
// Error(undefined_world) when the world left the slot meanwhile.
const game::World& rules_of(store::WorldSlot slot, std::int64_t world_id);
// The game it plays; throws the same.
std::string game_of(store::WorldSlot slot, std::int64_t world_id);

} // namespace gamelan::pg
