#include "core/grid/geometry.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <stdexcept>
#include <string>

namespace gamelan::grid {

namespace {

void require_room(std::size_t size, std::size_t limit, const char* what) {
    if (size > limit) {
        throw std::length_error(std::string(what) + " has more than " + std::to_string(limit) + " cells");
    }
}

// A triangle of the subdivision: corners in space and in the coordinates of one strip.
struct Corner {
    Vector3 point;
    std::int32_t i, J;
};

// The cell of a place inside a strip or on its border.
std::uint32_t cell_of(const HexSphere& sphere, std::uint32_t strip, const Corner& corner) {
    return sphere.resolve({static_cast<std::int32_t>(strip), corner.i, corner.J}).index;
}

Corner middle(const Corner& a, const Corner& b) {
    return {arc_middle(a.point, b.point), (a.i + b.i) / 2, (a.J + b.J) / 2};
}

// True when d lies on the same side of the great circle through p and q as the inside of their triangle; r is
// its third corner.
bool is_inside(const Vector3& d, const Vector3& p, const Vector3& q, const Vector3& r) {
    const Vector3 normal = cross(p, q);
    return (dot(normal, d) >= 0) == (dot(normal, r) >= 0);
}

// The half diamond (0..19) whose middle is nearest to a direction.
std::uint32_t face_of(const Vector3& direction) {
    const auto& corners = icosahedron_corners();
    std::uint32_t best = 0;
    double best_dot = -HUGE_VAL;
    for (std::uint32_t face = 0; face < 20; ++face) {
        const auto corner = diamond_corners(face / 2);
        const Vector3 sum =
            (corners[corner[1]] + corners[corner[2]]) + corners[face % 2 == 0 ? corner[0] : corner[3]];
        if (const double d = dot(sum, direction); d > best_dot) {
            best = face;
            best_dot = d;
        }
    }
    return best;
}

// Goes down the subdivision with the direction to a triangle of three neighbouring cells; one of them is near
// enough to climb from.
std::uint32_t first_guess(const HexSphere& sphere, const Vector3& direction) {
    const std::uint32_t face = face_of(direction);
    const std::uint32_t diamond = face / 2;
    const auto corner = diamond_corners(diamond);
    const auto& corners = icosahedron_corners();
    const auto n = static_cast<std::int32_t>(sphere.frequency());
    const std::int32_t top = diamond % 2 == 0 ? 0 : n;
    Corner a = face % 2 == 0 ? Corner{corners[corner[0]], 0, top} : Corner{corners[corner[3]], n, top + n};
    Corner b{corners[corner[1]], n, top};
    Corner c{corners[corner[2]], 0, top + n};
    for (std::int32_t edge = n; edge > 1; edge /= 2) {
        const Corner ab = middle(a, b);
        const Corner bc = middle(b, c);
        const Corner ca = middle(c, a);
        if (!is_inside(direction, ab.point, ca.point, bc.point)) {
            b = ab, c = ca;
        } else if (!is_inside(direction, ab.point, bc.point, ca.point)) {
            a = ab, c = bc;
        } else if (!is_inside(direction, ca.point, bc.point, ab.point)) {
            a = ca, b = bc;
        } else {
            a = bc, b = ca, c = ab;
        }
    }
    return cell_of(sphere, diamond / 2, a);
}

void require_direction(const Vector3& direction) {
    const double l = length(direction);
    if (!(l > 0) || !std::isfinite(l)) {
        throw std::invalid_argument("a direction must be finite and not zero");
    }
}

// Ring after ring: the next ring is what the last one touches and is neither in it nor in the one before.
template <typename Take>
void for_rings(const HexSphere& sphere, std::uint32_t centre, std::uint32_t radius, std::size_t limit,
               Take&& take) {
    if (!sphere.contains(centre)) {
        throw std::invalid_argument("the centre is outside the grid");
    }
    std::vector<std::uint32_t> before;
    std::vector<std::uint32_t> last{centre};
    take(0U, last);
    for (std::uint32_t distance = 1; distance <= radius && !last.empty(); ++distance) {
        std::vector<std::uint32_t> touched;
        for (const std::uint32_t cell : last) {
            const Neighbours around = sphere.neighbours(cell);
            touched.insert(touched.end(), around.begin(), around.end());
        }
        std::sort(touched.begin(), touched.end());
        touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
        std::erase_if(touched, [&](std::uint32_t cell) {
            return std::binary_search(last.begin(), last.end(), cell) ||
                   std::binary_search(before.begin(), before.end(), cell);
        });
        require_room(touched.size(), limit, "the ring");
        before = std::move(last);
        last = std::move(touched);
        take(distance, last);
    }
}

bool touches(const HexSphere& sphere, std::uint32_t a, std::uint32_t b) {
    const Neighbours around = sphere.neighbours(a);
    return std::find(around.begin(), around.end(), b) != around.end();
}

// A point a quarter turn away from a, the same for the same a.
Vector3 aside(const Vector3& a) {
    const bool along_x = std::fabs(a.x) <= std::fabs(a.y) && std::fabs(a.x) <= std::fabs(a.z);
    return normalised(cross(a, along_x ? Vector3{1, 0, 0} : Vector3{0, 1, 0}));
}

struct ArcEnd {
    Vector3 point;
    std::uint32_t cell;
};

// Halves the arc until its ends are in the same or in touching cells. A cell's part of an arc is one piece
// (cells are convex), so no cell comes twice. Halving n·π/0.9 cells' widths down to a rounding error takes
// fewer than 64 steps.
void trace(const HexSphere& sphere, const ArcEnd& from, const ArcEnd& to, std::uint32_t depth,
           std::size_t limit, std::vector<std::uint32_t>& cells) {
    if (from.cell == to.cell) {
        return;
    }
    if (touches(sphere, from.cell, to.cell)) {
        cells.push_back(to.cell);
        require_room(cells.size(), limit, "the line");
        return;
    }
    if (depth == 0) {
        throw std::logic_error("an arc between cells that do not touch cannot be halved any more");
    }
    const Vector3 sum = from.point + to.point;
    const Vector3 point = dot(sum, sum) < 1e-20 ? aside(from.point) : normalised(sum);
    const ArcEnd half{point, nearest_cell(sphere, point)};
    trace(sphere, from, half, depth - 1, limit, cells);
    trace(sphere, half, to, depth - 1, limit, cells);
}

} // namespace

double great_circle_distance(const Vector3& a, const Vector3& b) {
    return std::atan2(length(cross(a, b)), dot(a, b));
}

std::uint32_t nearest_cell(const HexSphere& sphere, const Vector3& direction) {
    if (!has_centres(sphere)) {
        throw std::invalid_argument("nearest_cell needs a frequency that is a power of two");
    }
    require_direction(direction);
    return nearest_cell(sphere, direction, first_guess(sphere, direction));
}

// Greedy ascent is exact on a Delaunay grid: a cell that is not the nearest has a neighbour that is nearer.
std::uint32_t nearest_cell(const HexSphere& sphere, const Vector3& direction, std::uint32_t start) {
    require_direction(direction);
    if (!sphere.contains(start)) {
        throw std::invalid_argument("the start is outside the grid");
    }
    const Vector3 unit = normalised(direction);
    std::uint32_t best = start;
    double best_dot = dot(cell_centre(sphere, start), unit);
    for (bool climbed = true; climbed;) {
        climbed = false;
        for (const std::uint32_t cell : sphere.neighbours(best)) {
            const double d = dot(cell_centre(sphere, cell), unit);
            if (d > best_dot || (d == best_dot && cell < best)) {
                best = cell;
                best_dot = d;
                climbed = true;
            }
        }
    }
    return best;
}

std::vector<std::uint32_t> ring(const HexSphere& sphere, std::uint32_t centre, std::uint32_t radius,
                                std::size_t limit) {
    std::vector<std::uint32_t> result;
    for_rings(sphere, centre, radius, limit,
              [&](std::uint32_t distance, const std::vector<std::uint32_t>& cells) {
                  if (distance == radius) {
                      result = cells;
                  }
              });
    require_room(result.size(), limit, "the ring");
    return result;
}

std::vector<std::uint32_t> disc(const HexSphere& sphere, std::uint32_t centre, std::uint32_t radius,
                                std::size_t limit) {
    std::vector<std::uint32_t> result;
    for_rings(sphere, centre, radius, limit, [&](std::uint32_t, const std::vector<std::uint32_t>& cells) {
        require_room(result.size() + cells.size(), limit, "the disc");
        result.insert(result.end(), cells.begin(), cells.end());
    });
    return result;
}

std::vector<std::uint32_t> line(const HexSphere& sphere, std::uint32_t from, std::uint32_t to,
                                std::size_t limit) {
    if (!sphere.contains(from) || !sphere.contains(to)) {
        throw std::invalid_argument("an end of the line is outside the grid");
    }
    std::vector<std::uint32_t> cells{from};
    require_room(1, limit, "the line");
    trace(sphere, {cell_centre(sphere, from), from}, {cell_centre(sphere, to), to}, 64, limit, cells);
    return cells;
}

ChunkGrid::ChunkGrid(const HexSphere& cells, std::uint32_t edge)
    : cells_(cells),
      chunks_(edge != 0 && cells.frequency() % edge == 0
                  ? cells.frequency() / edge
                  : throw std::invalid_argument("the edge of a chunk must divide the frequency")),
      edge_(edge) {}

std::uint32_t ChunkGrid::chunk_of(std::uint32_t cell) const {
    if (cells_.is_pole(cell)) {
        return cell == cells_.north_pole() ? chunks_.north_pole() : chunks_.south_pole();
    }
    const StripPosition at = cells_.position_of(cell);
    const auto edge = static_cast<std::int32_t>(edge_);
    return chunks_.index_of({at.strip, (at.i - 1) / edge + 1, at.J / edge});
}

std::vector<std::uint32_t> ChunkGrid::cells_of(std::uint32_t chunk) const {
    if (!chunks_.contains(chunk)) {
        throw std::invalid_argument("there is no such chunk");
    }
    if (chunks_.is_pole(chunk)) {
        return {chunk == chunks_.north_pole() ? cells_.north_pole() : cells_.south_pole()};
    }
    const StripPosition at = chunks_.position_of(chunk);
    const auto edge = static_cast<std::int32_t>(edge_);
    std::vector<std::uint32_t> result;
    result.reserve(std::size_t{edge_} * edge_);
    for (std::int32_t J = at.J * edge; J < (at.J + 1) * edge; ++J) {
        for (std::int32_t i = (at.i - 1) * edge + 1; i <= at.i * edge; ++i) {
            result.push_back(cells_.index_of({at.strip, i, J}));
        }
    }
    return result;
}

std::vector<std::uint32_t> ChunkGrid::halo_of(std::uint32_t chunk) const {
    const std::vector<std::uint32_t> inside = cells_of(chunk);
    std::vector<std::uint32_t> halo;
    for (const std::uint32_t cell : inside) {
        for (const std::uint32_t other : cells_.neighbours(cell)) {
            if (chunk_of(other) != chunk) {
                halo.push_back(other);
            }
        }
    }
    std::sort(halo.begin(), halo.end());
    halo.erase(std::unique(halo.begin(), halo.end()), halo.end());
    return halo;
}

} // namespace gamelan::grid
