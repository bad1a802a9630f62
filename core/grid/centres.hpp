// Where the cells of a grid with n = 2^g lie on the unit sphere: recursive bisection of the icosahedron's
// edges.
//
// The construction uses only + − × ÷ √ in a fixed order, so that a twin in another language gets the same
// bits:
//   s = √5, z = 1/s, r = 2/s; cos 72° = (s − 1)/4, sin 72° = √(10 + 2s)/4, cos 36° = (s + 1)/4, sin 36° =
//   √(10 − 2s)/4; upper ring U_k = (r·cos, r·sin, z) at 72k°, lower ring L_k = (r·cos, r·sin, −z) at 72k +
//   36°, signs put on the factor; middle of a and b: m = a + b, l = √((mx² + my²) + mz²), (mx/l, my/l, mz/l).
#pragma once

#include "core/grid/hex_sphere.hpp"
#include "core/grid/vector3.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace gamelan::grid {

// Corners of the icosahedron: north pole, upper ring 0..4, lower ring 0..4, south pole.
const std::array<Vector3, 12>& icosahedron_corners();

// Corners of a diamond (0..9) at (i, j) = (0,0), (n,0), (0,n), (n,n), as places in icosahedron_corners().
// The short diagonal runs from (n,0) to (0,n).
std::array<std::uint32_t, 4> diamond_corners(std::uint32_t diamond);

// True when the frequency is a power of two, which all functions below need; they throw std::invalid_argument
// otherwise.
bool has_centres(const HexSphere& sphere);

// The centres of all cells by dense index: 24 bytes a cell (1 GiB at n = 2048).
std::vector<Vector3> cell_centres(const HexSphere& sphere);

// The centre of one cell, the same bits as in the table, in log2(n) steps and no memory.
Vector3 cell_centre(const HexSphere& sphere, std::uint32_t index);

// XXH3-64 of the centres as little-endian doubles x, y, z in index order.
std::uint64_t hash_centres(std::span<const Vector3> centres);

} // namespace gamelan::grid
