// Places on the planet: which cell a direction points at, what lies around a cell or between two, and chunks
// of cells. The functions on directions need a frequency that is a power of two (centres.hpp) and throw
// std::invalid_argument otherwise. Functions that return lists take the greatest length they may have and
// throw std::length_error beyond it.
#pragma once

#include "core/grid/centres.hpp"
#include "core/grid/hex_sphere.hpp"

#include <cstdint>
#include <vector>

namespace gamelan::grid {

// Angle between two directions of any length, in radians, 0..π; exact to rounding at both ends.
double great_circle_distance(const Vector3& a, const Vector3& b);

// The cell whose centre is nearest to a direction of any length but 0 (then, or if not finite,
// std::invalid_argument). Of equally near cells the one with the smallest index. O(log n).
std::uint32_t nearest_cell(const HexSphere& sphere, const Vector3& direction);

// The same by climbing from a cell that is known to be near; any start gives the same answer.
std::uint32_t nearest_cell(const HexSphere& sphere, const Vector3& direction, std::uint32_t start);

// Cells at exactly, or at most, that many hops; ring after ring, ascending within a ring.
std::vector<std::uint32_t> ring(const HexSphere& sphere, std::uint32_t centre, std::uint32_t radius,
                                std::size_t limit);
std::vector<std::uint32_t> disc(const HexSphere& sphere, std::uint32_t centre, std::uint32_t radius,
                                std::size_t limit);

// The cells that the great-circle arc between two centres passes through, both ends included, each touching
// the next. (For beams and lines of sight; it is not always a shortest path.) Between opposite cells one of
// the many arcs, always the same.
std::vector<std::uint32_t> line(const HexSphere& sphere, std::uint32_t from, std::uint32_t to,
                                std::size_t limit);

// Square pieces of the strips, edge × edge cells; each pole is a chunk of its own. Chunks are numbered as the
// cells of a grid with frequency n / edge, and touch each other exactly as those cells do.
class ChunkGrid {
  public:
    // The edge must divide the frequency, otherwise std::invalid_argument.
    ChunkGrid(const HexSphere& cells, std::uint32_t edge);

    const HexSphere& cells() const { return cells_; }
    const HexSphere& chunks() const { return chunks_; }
    std::uint32_t edge() const { return edge_; }
    std::uint32_t chunk_count() const { return chunks_.cell_count(); }
    std::uint32_t chunk_of(std::uint32_t cell) const;
    // Row by row, ascending: edge² cells, or one for a pole.
    std::vector<std::uint32_t> cells_of(std::uint32_t chunk) const;
    // The cells outside a chunk that touch it, ascending: 4·edge + 2; one less round a chunk with a pentagon;
    // 5 round a pole.
    std::vector<std::uint32_t> halo_of(std::uint32_t chunk) const;

  private:
    HexSphere cells_;
    HexSphere chunks_;
    std::uint32_t edge_;
};

} // namespace gamelan::grid
