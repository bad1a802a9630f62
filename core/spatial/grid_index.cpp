// Rounding. A coordinate's cell is floor((v - origin) × cells_per_unit), cut off at ±2^40: all steps keep the
// order of values, so what lies between two values lies between their cells. Up to 2^40 the two roundings are
// off by 2^-12 of a cell at most; a margin of 2^-9 in the size of cells makes points that all_pairs() has to
// find neighbours or cell mates, and one of 2^-10 is safe for the rings of nearest().
#include "core/spatial/grid_index.hpp"

#include "core/base/hash.hpp"
#include "core/spatial/reach.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

namespace gamelan::spatial {

namespace {

constexpr double most_cells = 0x1p40; // from the origin
constexpr double least_cell = 1e-290;
constexpr double pair_margin = 1 + 0x1p-9;
constexpr double ring_margin = 0x1p-10;
constexpr std::uint32_t least_buckets = 64;
constexpr std::uint32_t sample_size = 1024;
constexpr double points_per_cell = 2;
constexpr double most_crowded = 16;
constexpr int most_attempts = 6;
constexpr std::uint32_t points_between_pauses = 4096;

bool is_finite(const Position& at) {
    return std::isfinite(at[0]) && std::isfinite(at[1]) && std::isfinite(at[2]);
}

// Where the middle 90 % of a column's points lie, by a sample.
struct Spread {
    double low, middle, high;
};

Spread spread_of(const std::vector<double>& column) {
    const std::size_t step = std::max<std::size_t>(1, column.size() / sample_size);
    std::vector<double> sample;
    for (std::size_t i = 0; i < column.size(); i += step)
        sample.push_back(column[i]);
    std::sort(sample.begin(), sample.end());
    return {sample[sample.size() / 20], sample[sample.size() / 2],
            sample[sample.size() - 1 - sample.size() / 20]};
}

// The edge of cells that hold a few points each, were the points spread evenly.
double even_cell(const Points& points) {
    double log_volume = 0;
    std::uint32_t dimensions = 0;
    for (std::uint32_t d = 0; d < points.dimensions && points.size() > 0; ++d) {
        const Spread spread = spread_of(points.at[d]);
        const double extent = spread.high - spread.low;
        if (!(extent > least_cell))
            continue;
        log_volume += std::log2(std::min(extent, std::numeric_limits<double>::max()));
        ++dimensions;
    }
    if (dimensions == 0)
        return 1;
    const double log_cells = std::log2(std::max(1.0, points.size() / points_per_cell));
    return std::exp2((log_volume - log_cells) / dimensions);
}

} // namespace

void check_radius(double radius) {
    if (!(radius >= 0) || std::isinf(radius))
        throw Error(sqlstate::invalid_parameter, "a radius must be a finite number that is not negative");
}

void throw_too_many_pairs(std::size_t limit) {
    throw Error("54000", "there are more than " + std::to_string(limit) + " pairs", {},
                "Ask for a smaller radius, or for more pairs (max_pairs).");
}

double distance_between(const Position& a, const Position& b) {
    return distance(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

struct GridIndex::Piece {
    std::int64_t first_x, last_x, y, z;
};

GridIndex::GridIndex(Points points) : dimensions_(points.dimensions) {
    cell_ = even_cell(points);
    sort(points);
    for (int attempt = 0; attempt < most_attempts && crowding() > most_crowded; ++attempt) {
        cell_ /= 4;
        sort(points);
    }
    handles_ = std::move(points.handles);
}

GridIndex::GridIndex(Points points, double pair_radius)
    : dimensions_(points.dimensions), pair_radius_(pair_radius) {
    check_radius(pair_radius);
    cell_ = pair_radius * pair_margin;
    sort(points);
    handles_ = std::move(points.handles);
}

void GridIndex::sort(const Points& points) {
    cell_ = std::max(cell_, least_cell);
    // What is larger makes one cell of everything.
    cells_per_unit_ = cell_ < 1 / least_cell ? 1 / cell_ : 0;
    for (std::uint32_t d = 0; d < dimensions_ && points.size() > 0; ++d)
        origin_[d] = spread_of(points.at[d]).middle;
    const std::uint32_t buckets = std::bit_ceil(std::max(least_buckets, points.size()));
    mask_ = buckets - 1;
    std::vector<std::uint32_t> bucket_of(points.size());
    starts_.assign(std::size_t{buckets} + 1, 0);
    for (std::uint32_t i = 0; i < points.size(); ++i) {
        const Cell cell = cell_of(points.position(i));
        bucket_of[i] = static_cast<std::uint32_t>(
            (row_of(cell[1], cell[2]) + static_cast<std::uint64_t>(cell[0])) & mask_);
        ++starts_[bucket_of[i]];
    }
    std::exclusive_scan(starts_.begin(), starts_.end(), starts_.begin(), 0U);
    ids_.resize(points.size());
    for (std::uint32_t d = 0; d < dimensions_; ++d)
        at_[d].resize(points.size());
    for (std::uint32_t i = 0; i < points.size(); ++i) {
        const std::uint32_t place = starts_[bucket_of[i]]++;
        ids_[place] = i;
        for (std::uint32_t d = 0; d < dimensions_; ++d)
            at_[d][place] = points.at[d][i];
    }
    // Each start has become the next one's.
    std::shift_right(starts_.begin(), starts_.end(), 1);
    starts_.front() = 0;
}

double GridIndex::crowding() const {
    double squares = 0;
    for (std::size_t i = 0; i + 1 < starts_.size(); ++i) {
        const double count = starts_[i + 1] - starts_[i];
        squares += count * count;
    }
    return squares / std::max(1U, size());
}

std::size_t GridIndex::memory_bytes() const {
    return starts_.size() * sizeof starts_.front() +
           size() * (sizeof(double) * dimensions_ + sizeof ids_.front() + sizeof handles_.front());
}

std::int64_t GridIndex::cell_index(double coordinate, std::uint32_t dimension) const {
    if (cells_per_unit_ == 0)
        return 0;
    const double scaled = (coordinate - origin_[dimension]) * cells_per_unit_;
    const double held = std::min(std::max(scaled, -most_cells), most_cells);
    const auto whole = static_cast<std::int64_t>(held);
    return whole - (static_cast<double>(whole) > held);
}

GridIndex::Cell GridIndex::cell_of(const Position& at) const {
    Cell out{};
    for (std::uint32_t d = 0; d < dimensions_; ++d)
        out[d] = cell_index(at[d], d);
    return out;
}

Position GridIndex::position(std::uint32_t place) const {
    Position out{};
    for (std::uint32_t d = 0; d < dimensions_; ++d)
        out[d] = at_[d][place];
    return out;
}

// Where the row's cell 0 lies among the buckets.
std::uint64_t GridIndex::row_of(std::int64_t y, std::int64_t z) const {
    return mix64(static_cast<std::uint64_t>(y) * 0x9e3779b97f4a7c15ULL ^ static_cast<std::uint64_t>(z));
}

// Other cells may share the buckets of a piece.
bool GridIndex::is_in(std::uint32_t place, const Piece& piece) const {
    const Cell cell = cell_of(position(place));
    return cell[0] >= piece.first_x && cell[0] <= piece.last_x && cell[1] == piece.y && cell[2] == piece.z;
}

// Calls each(place) for all that lies in the buckets of the piece, which has fewer cells than there are
// buckets.
template <class F>
void GridIndex::visit(const Piece& piece, F&& each) const {
    const std::uint64_t row = row_of(piece.y, piece.z);
    const std::uint64_t first = (row + static_cast<std::uint64_t>(piece.first_x)) & mask_;
    const std::uint64_t end = first + static_cast<std::uint64_t>(piece.last_x - piece.first_x) + 1;
    const std::uint64_t buckets = mask_ + 1;
    for (std::uint32_t place = starts_[first]; place < starts_[std::min(end, buckets)]; ++place)
        each(place);
    if (end > buckets)
        for (std::uint32_t place = 0; place < starts_[end - buckets]; ++place)
            each(place);
}

// Calls each(place, piece) for all points of a box, and for others; each point at most once for each piece.
// `piece` is null when all points are visited once.
template <class F>
void GridIndex::visit_box(const Position& low, const Position& high, F&& each) const {
    const Cell first = cell_of(low);
    const Cell last = cell_of(high);
    double cells = 1;
    for (std::uint32_t d = 0; d < dimensions_; ++d)
        cells *= static_cast<double>(last[d] - first[d] + 1);
    if (cells >= size()) {
        for (std::uint32_t place = 0; place < size(); ++place)
            each(place, nullptr);
        return;
    }
    for (std::int64_t z = first[2]; z <= last[2]; ++z)
        for (std::int64_t y = first[1]; y <= last[1]; ++y) {
            const Piece piece{first[0], last[0], y, z};
            visit(piece, [&](std::uint32_t place) { each(place, &piece); });
        }
}

std::vector<std::uint64_t> GridIndex::handles_of(std::vector<std::uint32_t>& ids) const {
    std::sort(ids.begin(), ids.end());
    std::vector<std::uint64_t> out;
    out.reserve(ids.size());
    for (const std::uint32_t id : ids)
        out.push_back(handles_[id]);
    return out;
}

std::vector<std::uint64_t> GridIndex::near(const Position& centre, double radius) const {
    check_radius(radius);
    if (!is_finite(centre))
        return {};
    const Reach reach(radius);
    // What is found may be off by the rounding of a difference and of a square.
    const double margin = radius * (1 + 0x1p-48);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    Position low{};
    Position high{};
    for (std::uint32_t d = 0; d < dimensions_; ++d) {
        low[d] = std::nextafter(centre[d] - margin, -infinity);
        high[d] = std::nextafter(centre[d] + margin, infinity);
    }
    std::vector<std::uint32_t> ids;
    visit_box(low, high, [&](std::uint32_t place, const Piece* piece) {
        const Position at = position(place);
        if (reach.has(at[0] - centre[0], at[1] - centre[1], at[2] - centre[2]) &&
            (piece == nullptr || is_in(place, *piece)))
            ids.push_back(ids_[place]);
    });
    return handles_of(ids);
}

std::vector<std::uint64_t> GridIndex::in_box(const Position& corner, const Position& opposite) const {
    Position low{};
    Position high{};
    for (std::uint32_t d = 0; d < dimensions_; ++d) {
        if (std::isnan(corner[d]) || std::isnan(opposite[d]))
            throw Error(sqlstate::invalid_parameter, "a corner of a box must not be NaN");
        low[d] = std::min(corner[d], opposite[d]);
        high[d] = std::max(corner[d], opposite[d]);
    }
    std::vector<std::uint32_t> ids;
    visit_box(low, high, [&](std::uint32_t place, const Piece* piece) {
        for (std::uint32_t d = 0; d < dimensions_; ++d)
            if (at_[d][place] < low[d] || at_[d][place] > high[d])
                return;
        if (piece == nullptr || is_in(place, *piece))
            ids.push_back(ids_[place]);
    });
    return handles_of(ids);
}

// Cells at exactly that many steps from the centre. Returns how many there are.
template <class F>
std::uint64_t GridIndex::visit_ring(const Cell& centre, std::int64_t ring, F&& each) const {
    std::uint64_t cells = 0;
    const auto take = [&](std::int64_t first_x, std::int64_t last_x, std::int64_t y, std::int64_t z) {
        const Piece piece{centre[0] + first_x, centre[0] + last_x, centre[1] + y, centre[2] + z};
        cells += static_cast<std::uint64_t>(last_x - first_x) + 1;
        visit(piece, [&](std::uint32_t place) { each(place, piece); });
    };
    const std::int64_t rows_y = dimensions_ > 1 ? ring : 0;
    const std::int64_t rows_z = dimensions_ > 2 ? ring : 0;
    for (std::int64_t z = -rows_z; z <= rows_z; ++z)
        for (std::int64_t y = -rows_y; y <= rows_y; ++y) {
            if (std::max(std::abs(y), std::abs(z)) == ring) {
                take(-ring, ring, y, z);
            } else {
                take(-ring, -ring, y, z);
                take(ring, ring, y, z);
            }
        }
    return cells;
}

namespace {

// The nearest so far.
class Nearest {
  public:
    struct Entry {
        double distance;
        std::uint32_t id;
        bool operator<(const Entry& other) const {
            return distance != other.distance ? distance < other.distance : id < other.id;
        }
    };
    explicit Nearest(std::size_t count) : count_(count) {}
    void add(Entry entry) {
        if (heap_.size() == count_) {
            if (!(entry < heap_.front()))
                return;
            std::pop_heap(heap_.begin(), heap_.end());
            heap_.pop_back();
        }
        heap_.push_back(entry);
        std::push_heap(heap_.begin(), heap_.end());
    }
    bool is_full() const { return heap_.size() == count_; }
    double greatest() const { return heap_.front().distance; }
    void clear() { heap_.clear(); }
    std::vector<Entry> sorted() {
        std::sort_heap(heap_.begin(), heap_.end());
        return std::move(heap_);
    }

  private:
    std::size_t count_;
    std::vector<Entry> heap_;
};

} // namespace

std::vector<Neighbor> GridIndex::nearest(const Position& centre, std::size_t count) const {
    count = std::min<std::size_t>(count, size());
    if (count == 0 || !is_finite(centre))
        return {};
    Nearest found(count);
    const auto add = [&](std::uint32_t place) {
        found.add({distance_between(position(place), centre), ids_[place]});
    };
    const Cell cell = cell_of(centre);
    std::uint64_t cells = 0;
    for (std::int64_t ring = 0;; ++ring) {
        cells += visit_ring(cell, ring, [&](std::uint32_t place, const Piece& piece) {
            if (is_in(place, piece))
                add(place);
        });
        // All that was not visited is more than `ring` cells away.
        if (found.is_full() && found.greatest() <= (static_cast<double>(ring) - ring_margin) * cell_)
            break;
        if (cells < size())
            continue;
        found.clear();
        for (std::uint32_t place = 0; place < size(); ++place)
            add(place);
        break;
    }
    std::vector<Neighbor> out;
    for (const Nearest::Entry& entry : found.sorted())
        out.push_back({handles_[entry.id], entry.distance});
    return out;
}

// Each point with the later ones of its cell, and with those of half of the cells around.
template <std::uint32_t D>
class GridIndex::PairSearch {
  public:
    PairSearch(const GridIndex& index, std::size_t limit)
        : index_(index), reach_(index.pair_radius_), limit_(limit) {}

    void look_around(std::uint32_t place) {
        const Cell cell = index_.cell_of(index_.position(place));
        look(place, {cell[0], cell[0] + 1, cell[1], cell[2]}, true);
        if constexpr (D > 1)
            look(place, {cell[0] - 1, cell[0] + 1, cell[1] + 1, cell[2]}, false);
        if constexpr (D > 2)
            for (std::int64_t y = -1; y <= 1; ++y)
                look(place, {cell[0] - 1, cell[0] + 1, cell[1] + y, cell[2] + 1}, false);
    }
    const std::vector<IdPair>& found() const { return found_; }

  private:
    bool is_near(std::uint32_t a, std::uint32_t b) const {
        const auto difference = [&](std::uint32_t d) { return index_.at_[d][a] - index_.at_[d][b]; };
        if constexpr (D == 1)
            return reach_.has(difference(0), 0, 0);
        else if constexpr (D == 2)
            return reach_.has(difference(0), difference(1), 0);
        else
            return reach_.has(difference(0), difference(1), difference(2));
    }

    void look(std::uint32_t place, const Piece& piece, bool has_own_cell) {
        index_.visit(piece, [&](std::uint32_t other) {
            if (!is_near(place, other) || !index_.is_in(other, piece))
                return;
            // Of two in one cell, the earlier one finds the other.
            if (has_own_cell && other <= place &&
                index_.is_in(other, {piece.first_x, piece.first_x, piece.y, piece.z}))
                return;
            const std::uint32_t a = index_.ids_[place];
            const std::uint32_t b = index_.ids_[other];
            if (found_.size() == limit_)
                throw_too_many_pairs(limit_);
            found_.push_back({std::min(a, b), std::max(a, b)});
        });
    }

    const GridIndex& index_;
    Reach reach_;
    std::size_t limit_;
    std::vector<IdPair> found_;
};

std::vector<Pair> GridIndex::all_pairs(std::size_t limit, const std::function<void()>& pause) const {
    if (!(pair_radius_ >= 0))
        throw Error(sqlstate::internal, "the index was not made for pairs");
    const auto search = [&](auto pairs) {
        for (std::uint32_t place = 0; place < size(); ++place) {
            pairs.look_around(place);
            if (place % points_between_pauses == 0)
                pause();
        }
        pause();
        return in_order(pairs.found());
    };
    if (dimensions_ == 1)
        return search(PairSearch<1>(*this, limit));
    if (dimensions_ == 2)
        return search(PairSearch<2>(*this, limit));
    return search(PairSearch<3>(*this, limit));
}

// A counting sort by the first, then each few by the second.
std::vector<Pair> GridIndex::in_order(const std::vector<IdPair>& found) const {
    std::vector<std::uint32_t> place_of(size());
    for (std::uint32_t place = 0; place < size(); ++place)
        place_of[ids_[place]] = place;
    std::vector<std::size_t> starts(std::size_t{size()} + 1, 0);
    for (const IdPair& pair : found)
        ++starts[pair.a];
    std::exclusive_scan(starts.begin(), starts.end(), starts.begin(), std::size_t{0});
    std::vector<std::uint32_t> seconds(found.size());
    for (const IdPair& pair : found)
        seconds[starts[pair.a]++] = pair.b;
    std::vector<Pair> out;
    out.reserve(found.size());
    std::size_t begin = 0;
    for (std::uint32_t a = 0; a < size(); ++a) {
        std::sort(seconds.begin() + static_cast<std::ptrdiff_t>(begin),
                  seconds.begin() + static_cast<std::ptrdiff_t>(starts[a]));
        for (; begin < starts[a]; ++begin) {
            const std::uint32_t b = seconds[begin];
            out.push_back(
                {handles_[a], handles_[b], distance_between(position(place_of[a]), position(place_of[b]))});
        }
    }
    return out;
}

} // namespace gamelan::spatial
