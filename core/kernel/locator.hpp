// From the handle of an entity or the id of a cell to the slot of its row.
#pragma once

#include "core/grid/planet.hpp"
#include "core/kernel/plane_table.hpp"

#include <optional>

namespace gamelan::kernel {

// Rows of the space that have all of these components.
struct Lookup {
    bool is_of_cells = false;
    std::vector<ComponentId> components;
    bool operator==(const Lookup&) const = default;
};

class Locator {
  public:
    // As the world is now. `planet`: null = a world without cells.
    Locator(const store::Snapshot& view, const Lookup& lookup, const grid::Planet* planet);

    // For each lane the slot of the row that the key names, and whether there is none; then the slot is 0.
    // `nulls`, `selection`: bytes, or nullptr for no NULL and all lanes; nothing is looked for elsewhere.
    void find(const std::int64_t* keys, const Byte* nulls, const Byte* selection, std::uint32_t lanes,
              std::uint32_t* slots, Byte* missing) const;
    // Planes of bits: which slots have a row of each component.
    const std::vector<PlaneTable>& presence() const { return presence_; }

  private:
    void require_rows(std::uint32_t lanes, std::uint32_t* slots, Byte* missing) const;
    std::uint32_t find_entity(std::int64_t key) const;

    const grid::Planet* planet_;
    std::uint32_t slot_count_ = 0;
    std::optional<PlaneTable> alive_;
    std::optional<PlaneTable> generation_;
    std::vector<PlaneTable> presence_;
};

} // namespace gamelan::kernel
