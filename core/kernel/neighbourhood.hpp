// What lies around the cells of a block, direction by direction. In the slots of a layer
// (core/grid/planet.hpp) each direction is one fixed step, but for the cells on the rim of a strip: those are
// listed.
#pragma once

#include "core/grid/planet.hpp"
#include "core/kernel/plane_table.hpp"
#include "core/kernel/scalar.hpp"

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

    // out[lane] = f(neighbours' values), of an array over all slots that can be read a little beyond both
    // ends; `absent` stands for a neighbour that there is not.
    template <class In, class Out, class F>
    void combine(const In* values, std::uint32_t block, std::uint32_t lanes, In absent, Out* out, F f) const {
        const In* const own = values + std::size_t{block} * lanes;
        const std::array<const In*, direction_count> around{
            own + directions_[0].step, own + directions_[1].step, own + directions_[2].step,
            own + directions_[3].step, own + directions_[4].step, own + directions_[5].step};
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            out[i] = f(f(f(f(f(static_cast<Out>(around[0][i]), static_cast<Out>(around[1][i])),
                             static_cast<Out>(around[2][i])),
                           static_cast<Out>(around[3][i])),
                         static_cast<Out>(around[4][i])),
                       static_cast<Out>(around[5][i]));
        const std::uint32_t layer_block = block % blocks_per_layer_;
        const In* const layer = values + std::size_t{block / blocks_per_layer_} * stride_;
        for (std::uint32_t place = rim_starts_[layer_block]; place < rim_starts_[layer_block + 1]; ++place) {
            const Rim& rim = rims_[place];
            Out result{};
            for (std::uint32_t d = 0; d < direction_count; ++d) {
                const auto value = static_cast<Out>(rim.to[d] == store::none ? absent : layer[rim.to[d]]);
                result = d == 0 ? value : static_cast<Out>(f(result, value));
            }
            out[rim.cell - layer_block * lanes] = result;
        }
    }
    // How far beyond both ends.
    std::uint32_t reach() const { return frequency_; }

  private:
    // A cell that has an exception in one direction or more.
    struct Rim {
        std::uint32_t cell;                            // index in its layer
        std::array<std::uint32_t, direction_count> to; // likewise, or none
    };
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
    std::vector<Rim> rims_;
    std::vector<std::uint32_t> rim_starts_; // by block of a layer; one more at the end
};

} // namespace gamelan::kernel
