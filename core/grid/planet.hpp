// Where the cells of a planet's layers lie among the slots of a world's cell space, and what they are called.
#pragma once

#include "core/grid/cell_id.hpp"
#include "core/store/layout.hpp"

#include <optional>

namespace gamelan::grid {

class Planet {
  public:
    // `frequency`: subdivisions n of an icosahedron's edge; `layers`: how many shells of 10n² + 2 cells.
    Planet(std::int64_t world_id, std::uint32_t frequency, std::uint32_t layers)
        : sphere_(frequency), layers_(layers), world_(static_cast<std::uint8_t>(world_id & 0xff)) {}

    const HexSphere& sphere() const { return sphere_; }
    std::uint32_t layers() const { return layers_; }
    // What the ids of its cells and chunks name as their world.
    std::uint8_t world() const { return world_; }

    // A layer begins on a block boundary, so that no block holds cells of two layers.
    std::uint32_t block_slots() const { return store::Layout::block_slots_for(sphere_.cell_count()); }
    std::uint32_t layer_stride() const {
        const std::uint32_t block = block_slots();
        return (sphere_.cell_count() + block - 1) / block * block;
    }
    std::uint32_t slot_count() const { return layers_ * layer_stride(); }

    // False for the padding between layers.
    bool is_cell(std::uint32_t slot) const {
        return slot < slot_count() && slot % layer_stride() < sphere_.cell_count();
    }

    std::int64_t cell_id_of(std::uint32_t slot) const {
        const auto layer = static_cast<std::int32_t>(slot / layer_stride());
        return static_cast<std::int64_t>(cell_id(sphere_, {world_, layer, slot % layer_stride()}));
    }

    // Throws Error(undefined_cell) that says what is wrong with the id.
    std::uint32_t slot_of(std::int64_t id) const;
    // The same, but nothing for what is no cell of this planet.
    std::optional<std::uint32_t> find_slot(std::int64_t id) const;

    // How many of the slots from `slot` to the end of its layer are cells.
    std::uint32_t cells_from(std::uint32_t slot) const {
        const std::uint32_t in_layer = slot % layer_stride();
        return slot < slot_count() && in_layer < sphere_.cell_count() ? sphere_.cell_count() - in_layer : 0;
    }

    // Throws Error(undefined_cell) unless the address is of this world and one of its layers.
    void check_owned(const CellAddress& address, std::int64_t id) const;

  private:
    HexSphere sphere_;
    std::uint32_t layers_;
    std::uint8_t world_;
};

} // namespace gamelan::grid
