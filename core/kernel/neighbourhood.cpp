#include "core/kernel/neighbourhood.hpp"

#include <algorithm>

namespace gamelan::kernel {

namespace {

template <class T>
void put_value(const PlaneTable& plane, std::uint32_t slot, std::byte* out, std::uint32_t lane) {
    reinterpret_cast<T*>(out)[lane] = plane.get<T>(slot);
}

} // namespace

Neighbourhood::Neighbourhood(const grid::Planet& planet)
    : frequency_(planet.sphere().frequency()), stride_(planet.layer_stride()),
      blocks_per_layer_(planet.layer_stride() / planet.block_slots()) {
    const grid::HexSphere& sphere = planet.sphere();
    const auto n = static_cast<std::int32_t>(frequency_);
    for (std::uint32_t d = 0; d < direction_count; ++d)
        directions_[d].step = grid::HexSphere::directions[d][0] + grid::HexSphere::directions[d][1] * n;
    for (std::uint32_t row = 0; row < 10 * frequency_; ++row) {
        const std::uint32_t row_in_strip = row % (2 * frequency_);
        const bool is_rim = row_in_strip == 0 || row_in_strip == 2 * frequency_ - 1;
        const std::uint32_t step = is_rim || frequency_ == 1 ? 1 : frequency_ - 1;
        for (std::uint32_t i = 0; i < frequency_; i += step)
            add_exceptions(sphere, row * frequency_ + i);
    }
    add_exceptions(sphere, sphere.north_pole());
    add_exceptions(sphere, sphere.south_pole());
    for (Direction& direction : directions_)
        index_blocks(direction, planet.block_slots());
    std::uint32_t place = 0;
    for (std::uint32_t block = 0; block <= blocks_per_layer_; ++block) {
        while (place < rims_.size() && rims_[place].cell < block * planet.block_slots())
            ++place;
        rim_starts_.push_back(place);
    }
}

void Neighbourhood::add_exceptions(const grid::HexSphere& sphere, std::uint32_t cell) {
    const grid::Neighbours around = sphere.neighbours(cell);
    bool is_rim = false;
    Rim rim{cell, {}};
    for (std::uint32_t d = 0; d < direction_count; ++d) {
        const std::uint32_t to = d < around.count ? around.cells[d] : store::none;
        rim.to[d] = to;
        if (to == cell + static_cast<std::uint32_t>(directions_[d].step))
            continue;
        directions_[d].exceptions.push_back({cell, to});
        is_rim = true;
    }
    if (is_rim)
        rims_.push_back(rim);
}

void Neighbourhood::index_blocks(Direction& direction, std::uint32_t block_slots) const {
    const std::vector<Exception>& list = direction.exceptions;
    std::uint32_t place = 0;
    for (std::uint32_t block = 0; block < blocks_per_layer_; ++block) {
        direction.starts.push_back(place);
        bool has_gap = false;
        for (; place < list.size() && list[place].cell < (block + 1) * block_slots; ++place)
            has_gap = has_gap || list[place].to == store::none;
        direction.has_gaps.push_back(has_gap);
    }
    direction.starts.push_back(place);
}

std::span<const Neighbourhood::Exception> Neighbourhood::exceptions_of(const Direction& direction,
                                                                       std::uint32_t layer_block) const {
    return {direction.exceptions.data() + direction.starts[layer_block],
            direction.exceptions.data() + direction.starts[layer_block + 1]};
}

bool Neighbourhood::exists(std::uint32_t direction, std::uint32_t block, std::uint32_t lanes,
                           Byte* out) const {
    const Direction& way = directions_[direction];
    const std::uint32_t layer_block = block % blocks_per_layer_;
    if (!way.has_gaps[layer_block])
        return false;
    std::memset(out, 1, lanes);
    for (const Exception& exception : exceptions_of(way, layer_block))
        if (exception.to == store::none)
            out[exception.cell - layer_block * lanes] = 0;
    return true;
}

void Neighbourhood::values(const PlaneTable& plane, std::uint32_t direction, std::uint32_t block,
                           std::uint32_t lanes, std::uint32_t width_bytes, std::byte* out) const {
    const Direction& way = directions_[direction];
    plane.copy(std::int64_t{block} * lanes + way.step, lanes, width_bytes, out);
    const std::uint32_t layer_block = block % blocks_per_layer_;
    const std::uint32_t layer = block / blocks_per_layer_ * stride_;
    for (const Exception& exception : exceptions_of(way, layer_block)) {
        if (exception.to == store::none)
            continue;
        const std::uint32_t lane = exception.cell - layer_block * lanes;
        const std::uint32_t slot = layer + exception.to;
        switch (width_bytes) {
        case 1:
            put_value<std::uint8_t>(plane, slot, out, lane);
            break;
        case 2:
            put_value<std::uint16_t>(plane, slot, out, lane);
            break;
        case 4:
            put_value<std::uint32_t>(plane, slot, out, lane);
            break;
        case 8:
            put_value<std::uint64_t>(plane, slot, out, lane);
            break;
        default:
            put_value<Wide>(plane, slot, out, lane);
        }
    }
}

bool Neighbourhood::bits(const PlaneTable& plane, std::uint32_t direction, std::uint32_t block,
                         std::uint32_t lanes, Byte* out) const {
    if (plane.is_empty())
        return false;
    const Direction& way = directions_[direction];
    if (!plane.copy_bits(std::int64_t{block} * lanes + way.step, lanes, out))
        std::memset(out, 0, lanes);
    const std::uint32_t layer_block = block % blocks_per_layer_;
    const std::uint32_t layer = block / blocks_per_layer_ * stride_;
    for (const Exception& exception : exceptions_of(way, layer_block))
        out[exception.cell - layer_block * lanes] =
            exception.to == store::none ? Byte{0} : plane.bit(layer + exception.to);
    return true;
}

void Neighbourhood::slots(std::uint32_t direction, std::uint32_t block, std::uint32_t lanes,
                          std::uint32_t* out) const {
    const Direction& way = directions_[direction];
    const std::uint32_t first = block * lanes + static_cast<std::uint32_t>(way.step);
    for (std::uint32_t lane = 0; lane < lanes; ++lane)
        out[lane] = first + lane;
    const std::uint32_t layer_block = block % blocks_per_layer_;
    const std::uint32_t layer = block / blocks_per_layer_ * stride_;
    for (const Exception& exception : exceptions_of(way, layer_block))
        out[exception.cell - layer_block * lanes] = exception.to == store::none ? 0 : layer + exception.to;
}

} // namespace gamelan::kernel
