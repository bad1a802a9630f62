// What a world is made of: spaces (sets of slots), components over a space, and planes: the arrays that hold
// a component's values, one element a slot. Kept in the region beside the roots, so that any process can read
// any world.
//
// A component of a definition has these planes: "name" (which slots have a row), "name@" (tick of each row's
// last change), and for each column "name.column" (values) and "name.column?" (which are NULL). A component
// whose every slot has a row (cells of a grid, the tables of native games) lacks the first; native games lack
// the others. A column is known by its plane of values.
#pragma once

#include "core/base/error.hpp"
#include "core/store/definition.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::store {

inline constexpr std::uint32_t min_block_slots = 64;
inline constexpr std::uint32_t max_block_slots = 1024;
inline constexpr std::uint32_t max_spaces = 32;
inline constexpr std::uint32_t max_components = 1024;
inline constexpr std::uint32_t max_columns = 8192; // planes
inline constexpr std::uint32_t max_slots = 1U << 26;
inline constexpr std::uint32_t none = 0xffffffff; // no such column, component or index
inline constexpr std::size_t max_name_bytes = 135;

// Strong indexes into a layout.
struct SpaceId {
    std::uint32_t value;
    bool operator==(const SpaceId&) const = default;
};
struct ComponentId {
    std::uint32_t value;
    bool operator==(const ComponentId&) const = default;
};
struct ColumnId {
    std::uint32_t value;
    bool operator==(const ColumnId&) const = default;
};

enum class Visibility : std::uint8_t {
    streamed = 0, // part of state messages to clients
    server = 1,   // known to the server only (who a player really is, last sequence numbers)
};

struct SpaceSpec {
    char name[24];
    std::uint32_t block_slots; // power of two, min_block_slots .. max_block_slots
    std::uint32_t initial_slots;
};

struct ComponentSpec {
    char name[64];
    std::uint64_t key; // ComponentDefinition::key
    std::uint32_t space;
    std::uint32_t presence;     // its plane, or none: every slot has a row
    std::uint32_t version;      // its plane, or none
    std::uint32_t first_column; // its planes of values and NULLs alternate from here
    std::uint32_t column_count; // columns: half as many as planes
};

struct ColumnSpec {
    char name[max_name_bytes + 1];
    ColumnType type;
    Visibility visibility;
    std::uint16_t space;
    std::uint32_t component;   // none for a native game's
    std::uint32_t width_bytes; // 0 for bits
    std::uint32_t nulls;       // plane that says which values are NULL, or none
    std::uint32_t index;       // number of its index among the world's, or none
    IndexKind index_kind;
    std::int32_t key;        // ColumnDefinition::key
    std::uint64_t name_hash; // identity in the state hash: independent of the order of declaration
};

// A name as the specs above hold it.
template <std::size_t size>
std::string_view text_of(const char (&name)[size]) {
    return {name, strnlen(name, size)};
}

constexpr std::uint32_t block_bytes(ColumnType type, std::uint32_t slots) {
    return type == ColumnType::bit ? slots / 8 : slots * width_of(type);
}

// Built by a game, then stored. Throws Error(invalid_config) when a limit above is exceeded.
class Layout {
  public:
    // `block_slots`: 0 chooses block_slots_for(initial_slots).
    SpaceId add_space(std::string_view name, std::uint32_t initial_slots, std::uint32_t block_slots = 0);
    ColumnId add_column(SpaceId space, std::string_view name, ColumnType type,
                        Visibility visibility = Visibility::streamed);
    // A component with presence (`is_dense` = false) or without, and its columns.
    ComponentId add_component(const ComponentDefinition& definition, bool is_dense);

    void set_incarnation(std::uint64_t incarnation) { incarnation_ = incarnation; }
    std::uint64_t incarnation() const { return incarnation_; }
    const std::vector<SpaceSpec>& spaces() const { return spaces_; }
    const std::vector<ComponentSpec>& components() const { return components_; }
    const std::vector<ColumnSpec>& columns() const { return columns_; }
    std::uint32_t index_count() const { return index_count_; }

    // The smallest block that holds all slots of a small space, 1,024 slots for larger ones.
    static std::uint32_t block_slots_for(std::uint32_t slots);

  private:
    ColumnId add_plane(SpaceId space, const std::string& name, ColumnType type, Visibility visibility);

    std::uint64_t incarnation_ = 0;
    std::vector<SpaceSpec> spaces_;
    std::vector<ComponentSpec> components_;
    std::vector<ColumnSpec> columns_;
    std::uint32_t index_count_ = 0;
};

} // namespace gamelan::store
