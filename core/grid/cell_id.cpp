#include "core/grid/cell_id.hpp"

#include <stdexcept>

namespace gamelan::grid {

namespace {

constexpr std::uint32_t north_diamond = 10;
constexpr std::uint32_t south_diamond = 11;

} // namespace

std::string_view describe(IdFault fault) {
    switch (fault) {
    case IdFault::none:
        return "is valid";
    case IdFault::sign_bit_set:
        return "is negative (bit 63 is set)";
    case IdFault::wrong_kind:
        return "is of another kind (bits 62 to 60)";
    case IdFault::reserved_bits_set:
        return "has reserved bits set (bits 43 to 36)";
    case IdFault::no_such_diamond:
        return "names a diamond beyond 11 (bits 35 to 32)";
    case IdFault::outside_diamond:
        return "lies outside this grid (i - 1 or j is not below the frequency)";
    case IdFault::pole_with_coordinates:
        return "names a pole but has coordinates (bits 31 to 0)";
    }
    return "is not understood";
}

std::uint64_t encode_id(const HexSphere& sphere, IdKind kind, const CellAddress& address) {
    if (address.layer < -128 || address.layer > 127) {
        throw std::invalid_argument("the layer of a cell id must be between -128 and 127");
    }
    if (!sphere.contains(address.index)) {
        throw std::invalid_argument("the index of a cell id is outside the grid");
    }
    std::uint64_t place = static_cast<std::uint64_t>(sphere.diamond(address.index)) << 32;
    if (!sphere.is_pole(address.index)) {
        const StripPosition at = sphere.position_of(address.index);
        const auto n = static_cast<std::int32_t>(sphere.frequency());
        place |= static_cast<std::uint64_t>(at.i - 1) << 16 | static_cast<std::uint64_t>(at.J % n);
    }
    return static_cast<std::uint64_t>(kind) << 60 | static_cast<std::uint64_t>(address.world) << 52 |
           static_cast<std::uint64_t>(address.layer + 128) << 44 | place;
}

DecodedId decode_id(const HexSphere& sphere, IdKind kind, std::uint64_t id) {
    const auto refuse = [](IdFault fault) { return DecodedId{fault, {}}; };
    if (id >> 63 != 0) {
        return refuse(IdFault::sign_bit_set);
    }
    if ((id >> 60 & 7) != static_cast<std::uint64_t>(kind)) {
        return refuse(IdFault::wrong_kind);
    }
    if ((id >> 36 & 0xff) != 0) {
        return refuse(IdFault::reserved_bits_set);
    }
    CellAddress address{static_cast<std::uint8_t>(id >> 52 & 0xff),
                        static_cast<std::int32_t>(id >> 44 & 0xff) - 128, 0};
    const auto diamond = static_cast<std::uint32_t>(id >> 32 & 0xf);
    const auto column = static_cast<std::uint32_t>(id >> 16 & 0xffff);
    const auto line = static_cast<std::uint32_t>(id & 0xffff);
    if (diamond > south_diamond) {
        return refuse(IdFault::no_such_diamond);
    }
    if (diamond >= north_diamond) {
        if (column != 0 || line != 0) {
            return refuse(IdFault::pole_with_coordinates);
        }
        address.index = diamond == north_diamond ? sphere.north_pole() : sphere.south_pole();
        return {IdFault::none, address};
    }
    const std::uint32_t n = sphere.frequency();
    if (column >= n || line >= n) {
        return refuse(IdFault::outside_diamond);
    }
    address.index = (diamond * n + line) * n + column;
    return {IdFault::none, address};
}

} // namespace gamelan::grid
