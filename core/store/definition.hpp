// What a game declares, as plain data: components over spaces, columns of components. The shim reads it from
// the catalogs, the log and the checkpoints carry it (docs/formats.md, "Definition"), layout.hpp turns it
// into planes.
#pragma once

#include "core/store/column_type.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::store {

// Numbers are part of stored formats: never renumber.
enum class IndexKind : std::uint8_t {
    none = 0,
    hash = 1,    // equality
    ordered = 2, // equality and ranges; fixed-width types that have an order
};

inline constexpr std::string_view entity_space = "entity";
inline constexpr std::string_view cell_space = "cell";
// The engine's own, and no part of the state hash.
inline constexpr std::string_view engine_space = ".engine";

struct ColumnDefinition {
    std::string name;
    ColumnType type = ColumnType::i32;
    IndexKind index = IndexKind::none;
    // The declarer's own number for the column (attnum): what makes a rename a rename. 0 = none.
    std::int32_t key = 0;
    // What rows hold that exist when the column is added, and all cells of a grid: `width_of(type)` bytes, or
    // the contents of a value; nothing = NULL.
    std::optional<std::string> fill;
    bool operator==(const ColumnDefinition&) const = default;
};

struct ComponentDefinition {
    std::string name;
    std::string space;     // entity_space: rows come and go. cell_space: every cell has a row
    std::uint64_t key = 0; // the declarer's own number for the component (Oid)
    std::vector<ColumnDefinition> columns;
    bool operator==(const ComponentDefinition&) const = default;
};

struct Definition {
    // Whose numbers the keys are: keys of another incarnation mean nothing, and names decide.
    std::uint64_t incarnation = 0;
    std::vector<ComponentDefinition> components;
    bool operator==(const Definition&) const = default;
};

} // namespace gamelan::store
