#include "core/grid/centres.hpp"

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <bit>
#include <stdexcept>

namespace gamelan::grid {

static_assert(std::endian::native == std::endian::little,
              "hash_centres hashes doubles as they lie in memory");
static_assert(sizeof(Vector3) == 3 * sizeof(double));

namespace {

constexpr std::uint32_t north = 0;
constexpr std::uint32_t south = 11;

constexpr std::uint32_t upper(std::uint32_t k) {
    return 1 + k % 5;
}
constexpr std::uint32_t lower(std::uint32_t k) {
    return 6 + k % 5;
}

std::array<Vector3, 12> make_corners() {
    const double s = std::sqrt(5.0);
    const double z = 1.0 / s;
    const double r = 2.0 / s;
    const double cos72 = (s - 1.0) / 4.0;
    const double sin72 = std::sqrt(10.0 + 2.0 * s) / 4.0;
    const double cos36 = (s + 1.0) / 4.0;
    const double sin36 = std::sqrt(10.0 - 2.0 * s) / 4.0;
    const auto at = [r](double cosine, double sine, double height) {
        return Vector3{r * cosine, r * sine, height};
    };
    return {{
        {0.0, 0.0, 1.0},
        at(1.0, 0.0, z),
        at(cos72, sin72, z),
        at(-cos36, sin36, z),
        at(-cos36, -sin36, z),
        at(cos72, -sin72, z),
        at(cos36, sin36, -z),
        at(-cos72, sin72, -z),
        at(-1.0, 0.0, -z),
        at(-cos72, -sin72, -z),
        at(cos36, -sin36, -z),
        {0.0, 0.0, -1.0},
    }};
}

void require_centres(const HexSphere& sphere) {
    if (!has_centres(sphere)) {
        throw std::invalid_argument("cell centres need a frequency that is a power of two");
    }
}

// One diamond with its borders: (n+1)² points, point (i, j) at j·(n+1) + i.
void bisect_diamond(std::uint32_t n, std::uint32_t diamond, std::vector<Vector3>& points) {
    const std::size_t width = n + 1;
    const auto& corners = icosahedron_corners();
    const auto corner = diamond_corners(diamond);
    const auto point = [&](std::uint32_t i, std::uint32_t j) -> Vector3& { return points[j * width + i]; };
    point(0, 0) = corners[corner[0]];
    point(n, 0) = corners[corner[1]];
    point(0, n) = corners[corner[2]];
    point(n, n) = corners[corner[3]];
    for (std::uint32_t stride = n; stride > 1; stride /= 2) {
        const std::uint32_t half = stride / 2;
        for (std::uint32_t j = 0; j <= n; j += stride) {
            for (std::uint32_t i = 0; i <= n; i += stride) {
                if (i < n) {
                    point(i + half, j) = arc_middle(point(i, j), point(i + stride, j));
                }
                if (j < n) {
                    point(i, j + half) = arc_middle(point(i, j), point(i, j + stride));
                }
                if (i < n && j < n) {
                    point(i + half, j + half) = arc_middle(point(i + stride, j), point(i, j + stride));
                }
            }
        }
    }
}

} // namespace

const std::array<Vector3, 12>& icosahedron_corners() {
    static const std::array<Vector3, 12> corners = make_corners();
    return corners;
}

std::array<std::uint32_t, 4> diamond_corners(std::uint32_t diamond) {
    const std::uint32_t k = diamond / 2;
    if (diamond % 2 == 0) {
        return {north, upper(k), upper(k + 1), lower(k)};
    }
    return {upper(k + 1), lower(k), lower(k + 1), south};
}

bool has_centres(const HexSphere& sphere) {
    return std::has_single_bit(sphere.frequency());
}

std::vector<Vector3> cell_centres(const HexSphere& sphere) {
    require_centres(sphere);
    const std::uint32_t n = sphere.frequency();
    std::vector<Vector3> centres(sphere.cell_count());
    std::vector<Vector3> points(std::size_t{n + 1} * (n + 1));
    for (std::uint32_t diamond = 0; diamond < 10; ++diamond) {
        bisect_diamond(n, diamond, points);
        for (std::uint32_t j = 0; j < n; ++j) {
            for (std::uint32_t i = 1; i <= n; ++i) {
                centres[(diamond * n + j) * n + (i - 1)] = points[std::size_t{j} * (n + 1) + i];
            }
        }
    }
    centres[sphere.north_pole()] = icosahedron_corners()[north];
    centres[sphere.south_pole()] = icosahedron_corners()[south];
    return centres;
}

// Walks down from the diamond's half that holds the cell: of the triangle's four quarters, take the one that
// holds it. Points are weights (a, b, c) of the triangle's corners with a + b + c = the current edge length.
Vector3 cell_centre(const HexSphere& sphere, std::uint32_t index) {
    require_centres(sphere);
    const auto& corners = icosahedron_corners();
    if (sphere.is_pole(index)) {
        return corners[index == sphere.north_pole() ? north : south];
    }
    const std::uint32_t n = sphere.frequency();
    const StripPosition at = sphere.position_of(index);
    const auto corner = diamond_corners(sphere.diamond(index));
    const auto i = static_cast<std::uint32_t>(at.i);
    const auto j = static_cast<std::uint32_t>(at.J) % n;
    const bool first_half = i + j <= n;
    Vector3 A = corners[first_half ? corner[0] : corner[3]];
    Vector3 B = corners[first_half ? corner[1] : corner[2]];
    Vector3 C = corners[first_half ? corner[2] : corner[1]];
    std::uint32_t b = first_half ? i : n - i;
    std::uint32_t c = first_half ? j : n - j;
    std::uint32_t a = n - b - c;
    for (std::uint32_t edge = n; edge > 1; edge /= 2) {
        const std::uint32_t half = edge / 2;
        const Vector3 AB = arc_middle(A, B);
        const Vector3 BC = arc_middle(B, C);
        const Vector3 CA = arc_middle(C, A);
        if (a >= half) {
            B = AB, C = CA, a -= half;
        } else if (b >= half) {
            A = AB, C = BC, b -= half;
        } else if (c >= half) {
            A = CA, B = BC, c -= half;
        } else { // the inner triangle stands upside down
            A = BC, B = CA, C = AB;
            a = half - a, b = half - b, c = half - c;
        }
    }
    return a == 1 ? A : b == 1 ? B : C;
}

std::uint64_t hash_centres(std::span<const Vector3> centres) {
    return XXH3_64bits(centres.data(), centres.size_bytes());
}

} // namespace gamelan::grid
