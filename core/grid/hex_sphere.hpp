// The icosahedral hex grid of a planet: which cells there are, how they are numbered and who touches whom.
//
// Cells are the vertices of an icosahedron whose edges are divided into n = `frequency` parts (Goldberg
// GP(n,0)): 10n² + 2 cells, twelve of them pentagons. Five strips run from the north to the south pole; a
// strip has coordinates (i, J), i = 1..n and J = 0..2n−1. The two poles belong to no strip. docs/grid.md has
// the drawing and the table.
//
// Everything here is integer arithmetic without memory of its own; any thread or process may call it.
#pragma once

#include "core/base/no_postgres.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>

namespace gamelan::grid {

// A place in strip coordinates. Signed, because a step may lead outside before it is brought back.
struct StripPosition {
    std::int32_t strip; // k, 0..4
    std::int32_t i;     // 1..n inside the strip
    std::int32_t J;     // 0..2n−1 inside the strip; J < n is the northern diamond

    friend constexpr bool operator==(const StripPosition&, const StripPosition&) = default;
};

// The cells that touch one cell: six, or five at a pentagon (slot 5 is then absent). Slot = direction; at a
// pole slot = strip.
struct Neighbours {
    std::array<std::uint32_t, 6> cells;
    std::uint32_t count;

    constexpr const std::uint32_t* begin() const { return cells.data(); }
    constexpr const std::uint32_t* end() const { return cells.data() + count; }
};

// One step to a neighbour.
struct Step {
    std::uint32_t index; // where it leads
    std::uint32_t
        heading; // the same direction as seen in the frame of the new cell; no_heading on arrival at a pole
    std::uint32_t back; // the direction that leads back
};

inline constexpr std::uint32_t no_heading = 6;

class HexSphere {
  public:
    static constexpr std::uint32_t max_frequency = 4096;
    static constexpr std::uint32_t strip_count = 5;
    static constexpr std::uint32_t direction_count = 6;

    // Directions as changes of (i, J), counter-clockwise seen from outside: SW, SE, E, NE, NW, W.
    static constexpr std::array<std::array<std::int32_t, 2>, 6> directions{
        {{+1, 0}, {0, +1}, {-1, +1}, {-1, 0}, {0, -1}, {+1, -1}}};

    // frequency: subdivisions of an icosahedron's edge, 1..4096; anything else throws std::invalid_argument.
    explicit constexpr HexSphere(std::uint32_t frequency) : n_(static_cast<std::int32_t>(frequency)) {
        if (frequency < 1 || frequency > max_frequency) {
            throw std::invalid_argument("the frequency of a hex sphere must be between 1 and 4096");
        }
    }

    constexpr std::uint32_t frequency() const { return static_cast<std::uint32_t>(n_); }
    constexpr std::uint32_t strip_cell_count() const { return 10U * frequency() * frequency(); }
    constexpr std::uint32_t cell_count() const { return strip_cell_count() + 2; }
    constexpr std::uint32_t north_pole() const { return strip_cell_count(); }
    constexpr std::uint32_t south_pole() const { return strip_cell_count() + 1; }
    constexpr bool is_pole(std::uint32_t index) const { return index >= strip_cell_count(); }
    constexpr bool contains(std::uint32_t index) const { return index < cell_count(); }

    // Longest hop distance between two cells.
    constexpr std::uint32_t diameter() const { return 3 * frequency(); }

    // True for the twelve cells with five neighbours: the poles, (n, 0) and (n, n) of every strip.
    constexpr bool is_pentagon(std::uint32_t index) const {
        if (is_pole(index)) {
            return true;
        }
        const StripPosition at = position_of(index);
        return at.i == n_ && (at.J == 0 || at.J == n_);
    }

    // Dense index of a place inside a strip: rows of n cells, row after row, strip after strip, then the
    // poles.
    constexpr std::uint32_t index_of(const StripPosition& at) const {
        const std::uint32_t n = frequency();
        const auto row_of_all =
            2 * n * static_cast<std::uint32_t>(at.strip) + static_cast<std::uint32_t>(at.J);
        return row_of_all * n + static_cast<std::uint32_t>(at.i - 1);
    }

    // Strip coordinates of a cell that is not a pole.
    constexpr StripPosition position_of(std::uint32_t index) const {
        const std::uint32_t n = frequency();
        const std::uint32_t row_of_all = index / n;
        return {static_cast<std::int32_t>(row_of_all / (2 * n)), static_cast<std::int32_t>(index % n) + 1,
                static_cast<std::int32_t>(row_of_all % (2 * n))};
    }

    // Hop distance to the north pole. 3n − row is the hop distance to the south pole.
    constexpr std::uint32_t row(std::uint32_t index) const {
        if (is_pole(index)) {
            return index == north_pole() ? 0 : diameter();
        }
        const StripPosition at = position_of(index);
        return static_cast<std::uint32_t>(at.i + at.J);
    }

    // Diamond 0..9 (two per strip: north 2k, south 2k + 1), 10 for the north pole, 11 for the south pole.
    constexpr std::uint32_t diamond(std::uint32_t index) const {
        if (is_pole(index)) {
            return index == north_pole() ? 10 : 11;
        }
        return index / (frequency() * frequency());
    }

    // The cell of a place at most one step outside a strip, and how the frame turns on the way (in sixths of
    // a turn).
    struct Crossing {
        std::uint32_t index;
        std::int32_t turn;
        StripPosition at; // meaningless at a pole
    };
    constexpr Crossing resolve(const StripPosition& outside) const;

    // One step in direction 0..5 (at a pole: slot 0..4). Nothing for slot 5 of a pentagon and for directions
    // beyond.
    constexpr std::optional<Step> step(std::uint32_t index, std::uint32_t direction) const;

    constexpr Neighbours neighbours(std::uint32_t index) const;

  private:
    constexpr std::uint32_t pole_neighbour(std::uint32_t pole, std::uint32_t strip) const {
        const auto k = static_cast<std::int32_t>(strip);
        return pole == north_pole() ? index_of({k, 1, 0}) : index_of({k, n_, 2 * n_ - 1});
    }

    std::int32_t n_;
};

constexpr HexSphere::Crossing HexSphere::resolve(const StripPosition& outside) const {
    const std::int32_t n = n_;
    const auto [k, i, J] = outside;
    const std::int32_t west = k == 0 ? 4 : k - 1;
    const std::int32_t east = k == 4 ? 0 : k + 1;
    const auto land = [this](StripPosition at, std::int32_t turn) {
        return Crossing{index_of(at), turn, at};
    };
    // The order matters: the first line that applies is the right one at the corners.
    if (J == -1) {
        return land({west, 1, i - 1}, +1);
    }
    if (i == 0 && J == 0) {
        return {north_pole(), 0, outside};
    }
    if (i == 0) {
        return J <= n ? land({east, J, 0}, -1) : land({east, n, J - n}, 0);
    }
    if (i == n + 1) {
        return J < n ? land({west, 1, n + J}, 0) : land({west, J - n + 1, 2 * n - 1}, -1);
    }
    if (J == 2 * n) {
        return i == n ? Crossing{south_pole(), 0, outside} : land({east, n, n + i}, +1);
    }
    return land(outside, 0);
}

constexpr std::optional<Step> HexSphere::step(std::uint32_t index, std::uint32_t direction) const {
    if (is_pole(index)) {
        if (direction >= strip_count) {
            return std::nullopt;
        }
        const std::uint32_t back = index == north_pole() ? 3 : 1;
        return Step{pole_neighbour(index, direction), (back + 3) % 6, back};
    }
    if (direction > 5 || (direction == 5 && is_pentagon(index))) {
        return std::nullopt;
    }
    StripPosition at = position_of(index);
    const auto strip = static_cast<std::uint32_t>(at.strip);
    at.i += directions[direction][0];
    at.J += directions[direction][1];
    const Crossing crossing = resolve(at);
    if (is_pole(crossing.index)) {
        return Step{crossing.index, no_heading, strip};
    }
    const auto turned = static_cast<std::int32_t>(direction) + crossing.turn + 6;
    auto heading = static_cast<std::uint32_t>(turned % 6);
    auto back = static_cast<std::uint32_t>((turned + 3) % 6);
    if (is_pentagon(crossing.index)) {
        heading = heading == 5 ? 0 : heading;
        back = back == 5 ? 0 : back;
    }
    return Step{crossing.index, heading, back};
}

constexpr Neighbours HexSphere::neighbours(std::uint32_t index) const {
    Neighbours result{{}, is_pentagon(index) ? 5U : 6U};
    if (is_pole(index)) {
        for (std::uint32_t strip = 0; strip < strip_count; ++strip) {
            result.cells[strip] = pole_neighbour(index, strip);
        }
        return result;
    }
    const StripPosition at = position_of(index);
    for (std::uint32_t direction = 0; direction < result.count; ++direction) {
        const auto [di, dJ] = directions[direction];
        result.cells[direction] = resolve({at.strip, at.i + di, at.J + dJ}).index;
    }
    return result;
}

} // namespace gamelan::grid
