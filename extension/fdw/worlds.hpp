// Which worlds are in memory, and which game each of them plays.
#pragma once

#include "core/store/region.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace gamelan::fdw {

// A game's name as a number; for the life of the process.
using GameNumber = std::uint32_t;
inline constexpr GameNumber any_game = ~GameNumber{0};

struct WorldPlace {
    std::int64_t id;
    store::WorldSlot slot;
};

// C++ zone.

GameNumber game_number(std::string_view name);
// The slot of a world of that game; nothing when there is none.
std::optional<store::WorldSlot> find_world(std::int64_t world_id, GameNumber game);
// All worlds of that game, in the order of their slots.
void list_worlds(GameNumber game, std::vector<WorldPlace>& out);

// Postgres zone.

// Waits until the world worker has taken in every world that was committed before, so that a world that was
// just created is found. Raises WG013 when there is no worker, or it takes too long.
void require_worker();
// Waits until a world publishes its first version, for as long as it is on its way to one, up to a few
// seconds. Raises WG010. Returns false when the world has left its slot.
bool wait_for_version(const WorldPlace& world);
// Whether it is on its way to its first version.
bool is_recovering(const WorldPlace& world);

} // namespace gamelan::fdw
