// 64-bit names of cells and chunks, as they appear in SQL (bigint) and on the wire (docs/protocol.md,
// "Cells").
//
// bit 63 = 0 · 62–60 kind (1 cell, 2 chunk) · 59–52 world mod 256 · 51–44 layer + 128 · 43–36 reserved, 0 ·
// 35–32 diamond 0..9, 10 north pole, 11 south pole · 31–16 i − 1 · 15–0 j = J mod n.
// A chunk id names a cell of the coarser grid with n divided by the chunk's edge (geometry.hpp).
#pragma once

#include "core/grid/hex_sphere.hpp"

#include <cstdint>
#include <string_view>

namespace gamelan::grid {

enum class IdKind : std::uint8_t { cell = 1, chunk = 2 };

// Why an id is refused.
enum class IdFault : std::uint8_t {
    none,
    sign_bit_set,
    wrong_kind,
    reserved_bits_set,
    no_such_diamond,
    outside_diamond,
    pole_with_coordinates,
};

// A sentence fragment for error messages: "the id …".
std::string_view describe(IdFault fault);

// What an id says, with the place as a dense index of the grid it was decoded for.
struct CellAddress {
    std::uint8_t world;  // world number mod 256
    std::int32_t layer;  // −128..127
    std::uint32_t index; // dense index in `sphere`

    friend bool operator==(const CellAddress&, const CellAddress&) = default;
};

struct DecodedId {
    IdFault fault; // none: `address` holds; otherwise `address` is zero
    CellAddress address;
};

// The id of cell (or chunk) `address.index` of `sphere`. For kind chunk, `sphere` is the chunk grid.
// Throws std::invalid_argument when the layer is outside −128..127 or the index is not in the grid.
std::uint64_t encode_id(const HexSphere& sphere, IdKind kind, const CellAddress& address);

// The reverse. Never throws; every 64-bit value either decodes to an address that encodes to it, or names its
// fault.
DecodedId decode_id(const HexSphere& sphere, IdKind kind, std::uint64_t id);

inline std::uint64_t cell_id(const HexSphere& sphere, const CellAddress& address) {
    return encode_id(sphere, IdKind::cell, address);
}
inline DecodedId decode_cell_id(const HexSphere& sphere, std::uint64_t id) {
    return decode_id(sphere, IdKind::cell, id);
}

} // namespace gamelan::grid
