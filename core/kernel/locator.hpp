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
              std::uint32_t* slots, Byte* missing);
    // Planes of bits: which slots have a row of each component.
    const std::vector<PlaneTable>& presence() const { return presence_; }

  private:
    void find_entities(const std::int64_t* keys, std::uint32_t lanes, std::uint32_t* slots, Byte* missing);
    void find_cells(const std::int64_t* keys, std::uint32_t lanes, std::uint32_t* slots, Byte* missing) const;
    void combine_rows();

    const grid::Planet* planet_;
    std::uint32_t slot_count_ = 0;
    std::optional<PlaneTable> alive_;
    std::optional<PlaneTable> generation_;
    std::vector<PlaneTable> presence_;
    std::vector<std::uint64_t> rows_; // entities that live and have the components; empty until it is needed
};

} // namespace gamelan::kernel
