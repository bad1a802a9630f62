// What lies around the cells of a block, direction by direction. In the slots of a layer
// (core/grid/planet.hpp) each direction is one fixed step, but for the cells on the rim of a strip: those are
// listed.
#pragma once

#include "core/grid/planet.hpp"
#include "core/kernel/plane_table.hpp"

#include <array>
#include <span>

namespace gamelan::kernel {

class Neighbourhood {
  public:
    static constexpr std::uint32_t direction_count = grid::HexSphere::direction_count;

    explicit Neighbourhood(const grid::Planet& planet);

    bool is_of(const grid::Planet& planet) const {
        return planet.sphere().frequency() == frequency_ && planet.layer_stride() == stride_;
    }

    // Fills lanes with 1 where the cell has a neighbour in the direction; false, and nothing written, when
    // all cells of the block have. What lanes say that are no cells means nothing, here and below.
    bool exists(std::uint32_t direction, std::uint32_t block, std::uint32_t lanes, Byte* out) const;
    // The neighbours' values; where there is no neighbour, anything.
    void values(const PlaneTable& plane, std::uint32_t direction, std::uint32_t block, std::uint32_t lanes,
                std::uint32_t width_bytes, std::byte* out) const;
    // The neighbours' bits; false, and nothing written, when none is set.
    bool bits(const PlaneTable& plane, std::uint32_t direction, std::uint32_t block, std::uint32_t lanes,
              Byte* out) const;
    // Slots of the neighbours; of a lane without one, 0.
    void slots(std::uint32_t direction, std::uint32_t block, std::uint32_t lanes, std::uint32_t* out) const;

  private:
    struct Exception {
        std::uint32_t cell; // index in its layer
        std::uint32_t to;   // likewise, or none
    };
    struct Direction {
        std::int32_t step = 0;
        std::vector<Exception> exceptions; // by cell
        std::vector<std::uint32_t> starts; // by block of a layer: its first exception; one more at the end
        std::vector<bool> has_gaps;        // by block of a layer: a cell has no neighbour
    };

    void add_exceptions(const grid::HexSphere& sphere, std::uint32_t cell);
    void index_blocks(Direction& direction, std::uint32_t block_slots) const;
    std::span<const Exception> exceptions_of(const Direction& direction, std::uint32_t layer_block) const;

    std::uint32_t frequency_;
    std::uint32_t stride_;
    std::uint32_t blocks_per_layer_;
    std::array<Direction, direction_count> directions_;
};

} // namespace gamelan::kernel
