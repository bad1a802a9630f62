// What worlds of games declared in SQL have in common: their configuration. Which components they have is in
// the catalog (core/store/definition.hpp), not here.
#pragma once

#include "core/game/module.hpp"

namespace gamelan::game {

inline constexpr std::int64_t max_schema_frequency = 1024;
inline constexpr std::int64_t max_schema_layers = 8;

// Checks a configuration and fills in what is defaulted:
//   "n"       subdivisions of the icosahedron's edge (core/grid/planet.hpp), a power of two; 0, the default =
//             the world has no cells
//   "layers"  shells of 10n² + 2 cells; 1 is the default of a world with cells, 0 of one without
// Completing what is complete changes nothing. Throws Error(invalid_config).
Config complete_schema_config(const Config& config);

// Of a completed configuration; 0 = no cells.
std::uint32_t frequency_of(const Config& config);
std::uint32_t layers_of(const Config& config);

// The rules of all such games: worlds with entities, and with the cells of a planet if their configuration
// says so.
const Module& schema_module();

} // namespace gamelan::game
