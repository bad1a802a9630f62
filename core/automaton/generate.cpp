// Start values from value noise in space. A cell's place is taken on the flat faces of the icosahedron, in
// integers: unlike longitude and latitude that has no seam, and unlike the centres on the sphere it exists
// for every frequency.
#include "core/automaton/mix32.hpp"
#include "core/automaton/resource_rule.hpp"

#include <algorithm>
#include <array>

namespace gamelan::automaton {

namespace {

using grid::HexSphere;

struct Point {
    std::int64_t x, y, z; // 1 = 65536
};

// Corners of the icosahedron on the unit sphere in 65536ths (docs/grid.md): north, upper ring 0..4, lower
// ring 0..4, south.
constexpr std::array<Point, 12> corners{{
    {0, 0, 65536},
    {58617, 0, 29309},
    {18114, 55748, 29309},
    {-47422, 34454, 29309},
    {-47422, -34454, 29309},
    {18114, -55748, 29309},
    {47422, 34454, -29309},
    {-18114, 55748, -29309},
    {-58617, 0, -29309},
    {-18114, -55748, -29309},
    {47422, -34454, -29309},
    {0, 0, -65536},
}};

constexpr std::uint32_t upper(std::uint32_t k) {
    return 1 + k % 5;
}
constexpr std::uint32_t lower(std::uint32_t k) {
    return 6 + k % 5;
}

Point on_face(const HexSphere& sphere, std::uint32_t index) {
    if (sphere.is_pole(index)) {
        return corners[index == sphere.north_pole() ? 0 : 11];
    }
    const auto n = static_cast<std::int64_t>(sphere.frequency());
    const grid::StripPosition at = sphere.position_of(index);
    const auto k = static_cast<std::uint32_t>(at.strip);
    const bool is_north = at.J < n;
    const std::int64_t i = at.i;
    const std::int64_t j = at.J % n;
    const bool first_half = i + j <= n;
    const Point& B = corners[is_north ? upper(k) : lower(k)];
    const Point& C = corners[is_north ? upper(k + 1) : lower(k + 1)];
    const Point& A = corners[first_half ? (is_north ? 0 : upper(k + 1)) : (is_north ? lower(k) : 11)];
    const std::int64_t b = first_half ? i : n - j;
    const std::int64_t c = first_half ? j : n - i;
    const std::int64_t a = n - b - c;
    const auto blend = [&](std::int64_t u, std::int64_t v, std::int64_t w) {
        return (a * u + b * v + c * w) / n;
    };
    return {blend(A.x, B.x, C.x), blend(A.y, B.y, C.y), blend(A.z, B.z, C.z)};
}

// 3t² − 2t³ for t in 65536ths.
constexpr std::int64_t smooth(std::int64_t t) {
    return ((t * t >> 16) * (3 * 65536 - 2 * t)) >> 16;
}

constexpr std::int64_t lerp(std::int64_t a, std::int64_t b, std::int64_t t) {
    return a + ((b - a) * t >> 16);
}

// Value noise 0..65535 on a lattice of `scale` points per radius.
std::int64_t value_noise(const Point& at, std::int64_t scale, std::uint32_t word) {
    const Point scaled{at.x * scale, at.y * scale, at.z * scale};
    const auto whole = [](std::int64_t v) {
        return static_cast<std::uint32_t>(static_cast<std::int32_t>(v >> 16));
    };
    const std::uint32_t x = whole(scaled.x);
    const std::uint32_t y = whole(scaled.y);
    const std::uint32_t z = whole(scaled.z);
    const std::int64_t u = smooth(scaled.x & 0xffff);
    const std::int64_t v = smooth(scaled.y & 0xffff);
    const std::int64_t w = smooth(scaled.z & 0xffff);
    const auto along_x = [&](std::uint32_t line) {
        const auto value = [&](std::uint32_t column) {
            return static_cast<std::int64_t>(mix32(column ^ line) & 0xffff);
        };
        return lerp(value(x), value(x + 1), u);
    };
    const auto on_plane = [&](std::uint32_t plane) {
        return lerp(along_x(mix32(y ^ plane)), along_x(mix32((y + 1) ^ plane)), v);
    };
    return lerp(on_plane(mix32(z ^ word)), on_plane(mix32((z + 1) ^ word)), w);
}

// Octaves from a quarter of the radius down to about four cells, each half as strong; 0..65535.
std::int64_t field(const Point& at, std::uint32_t frequency, std::uint32_t word) {
    constexpr std::int64_t coarsest = 4;
    constexpr std::uint32_t octaves_max = 6;
    const std::int64_t finest = std::max<std::int64_t>(coarsest, frequency / 4);
    std::int64_t sum = 0;
    std::int64_t weight_sum = 0;
    std::int64_t weight = 1 << octaves_max;
    std::int64_t scale = coarsest;
    for (std::uint32_t octave = 0; octave < octaves_max && scale <= finest;
         ++octave, scale *= 2, weight /= 2) {
        sum += weight * value_noise(at, scale, mix32(word + octave));
        weight_sum += weight;
    }
    return sum / weight_sum;
}

constexpr std::int64_t fertile = 38500; // a field above this carries its resource

} // namespace

GeneratedLayer generate(const HexSphere& sphere, std::uint64_t seed, std::uint32_t layer) {
    const std::uint32_t base = layer_seed(seed, layer);
    GeneratedLayer result{std::vector<std::uint8_t>(sphere.cell_count(), 0),
                          std::vector<std::uint8_t>(sphere.cell_count(), 0)};
    for (std::uint32_t cell = 0; cell < sphere.cell_count(); ++cell) {
        const Point at = on_face(sphere, cell);
        std::int64_t best = fertile;
        for (std::uint32_t resource = 1; resource <= 3; ++resource) {
            const std::int64_t strength =
                field(at, sphere.frequency(), mix32(base ^ (resource * 0x9e3779b9U)));
            if (strength > best) {
                best = strength;
                result.types[cell] = static_cast<std::uint8_t>(resource);
            }
        }
        if (result.types[cell] != type_void) {
            const auto grain = static_cast<std::int64_t>(mix32(base ^ mix32(cell)) & 31);
            result.amounts[cell] =
                static_cast<std::uint8_t>(std::min<std::int64_t>(255, 48 + grain + (best - fertile) / 64));
        }
    }
    return result;
}

} // namespace gamelan::automaton
