// What a world is made of: spaces (sets of slots) and columns over them. Kept in the region beside the roots,
// so that any process can read any world.
#pragma once

#include "core/base/error.hpp"
#include "core/store/column_type.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::store {

inline constexpr std::uint32_t min_block_slots = 64;
inline constexpr std::uint32_t max_block_slots = 1024;
inline constexpr std::uint32_t max_spaces = 32;
inline constexpr std::uint32_t max_columns = 256;
inline constexpr std::uint32_t max_slots = 1U << 26;

// Strong indexes into a layout.
struct SpaceId {
    std::uint32_t value;
    bool operator==(const SpaceId&) const = default;
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

struct ColumnSpec {
    char name[40]; // "space.column"
    ColumnType type;
    Visibility visibility;
    std::uint16_t space;
    std::uint32_t width_bytes;
    std::uint64_t name_hash; // identity in the state hash: independent of the order of declaration
};

// Built by a game, then stored. Throws Error(invalid_config) when a limit above is exceeded.
class Layout {
  public:
    // `block_slots`: 0 chooses block_slots_for(initial_slots).
    SpaceId add_space(std::string_view name, std::uint32_t initial_slots, std::uint32_t block_slots = 0);
    ColumnId add_column(SpaceId space, std::string_view name, ColumnType type,
                        Visibility visibility = Visibility::streamed);

    const std::vector<SpaceSpec>& spaces() const { return spaces_; }
    const std::vector<ColumnSpec>& columns() const { return columns_; }

    // The smallest block that holds all slots of a small space, 1,024 slots for larger ones.
    static std::uint32_t block_slots_for(std::uint32_t slots);

  private:
    std::vector<SpaceSpec> spaces_;
    std::vector<ColumnSpec> columns_;
};

} // namespace gamelan::store
