// The packed form of what a game declares (docs/formats.md, "Definition"): what the log and the checkpoints
// carry, so that a world can be read without the catalog it was made from.
#pragma once

#include "core/store/definition.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace gamelan::codec {

// Limits of one game, checked when a component is declared and when a definition is read back.
inline constexpr std::size_t max_components = 512;
inline constexpr std::size_t max_component_columns = 256;
// Each component takes two planes of a world, each column two more (core/store/layout.hpp).
inline constexpr std::size_t max_component_planes = 8000;
inline constexpr std::size_t max_component_name_bytes = 63; // Postgres's NAMEDATALEN
// Of a default that rows get when its column is added.
inline constexpr std::size_t max_fill_bytes = 1 << 20;

constexpr std::size_t planes_of(std::size_t columns) {
    return 2 + 2 * columns;
}

// Throws Error(invalid_config) when a limit above is exceeded, or a column has a type that no column has.
void check_limits(const store::Definition& definition);

// Checks the limits too.
std::string encode_definition(const store::Definition& definition);

// Throws Error(corrupt_data) when the bytes are damaged, beyond a limit, or of an unknown version.
store::Definition decode_definition(std::string_view bytes);

// Equal definitions have equal hashes: of the packed form.
std::uint64_t definition_hash(const store::Definition& definition);

} // namespace gamelan::codec
