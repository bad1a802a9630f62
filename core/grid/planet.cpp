#include "core/grid/planet.hpp"

#include <string>

namespace gamelan::grid {

namespace {
constexpr std::string_view where_ids_come_from = "game.cells(world) lists the ids of a world's cells.";
}

std::uint32_t Planet::slot_of(std::int64_t id) const {
    const DecodedId decoded = decode_cell_id(sphere_, static_cast<std::uint64_t>(id));
    if (decoded.fault != IdFault::none)
        throw Error(sqlstate::undefined_cell, "cell " + std::to_string(id) + " does not exist",
                    "The id " + std::string(describe(decoded.fault)) + ".", std::string(where_ids_come_from));
    check_owned(decoded.address, id);
    return static_cast<std::uint32_t>(decoded.address.layer) * layer_stride() + decoded.address.index;
}

std::optional<std::uint32_t> Planet::find_slot(std::int64_t id) const {
    const DecodedId decoded = decode_cell_id(sphere_, static_cast<std::uint64_t>(id));
    const CellAddress& address = decoded.address;
    if (decoded.fault != IdFault::none || address.world != world_ || address.layer < 0 ||
        static_cast<std::uint32_t>(address.layer) >= layers_)
        return std::nullopt;
    return static_cast<std::uint32_t>(address.layer) * layer_stride() + address.index;
}

void Planet::check_owned(const CellAddress& address, std::int64_t id) const {
    if (address.world != world_)
        throw Error(sqlstate::undefined_cell, "cell " + std::to_string(id) + " does not belong to this world",
                    "The id names world " + std::to_string(address.world) + " (mod 256), this is world " +
                        std::to_string(world_) + ".",
                    std::string(where_ids_come_from));
    if (address.layer < 0 || static_cast<std::uint32_t>(address.layer) >= layers_)
        throw Error(sqlstate::undefined_cell, "cell " + std::to_string(id) + " does not exist",
                    "The id names layer " + std::to_string(address.layer) + "; the planet has layers 0 to " +
                        std::to_string(layers_ - 1) + ".",
                    std::string(where_ids_come_from));
}

} // namespace gamelan::grid
