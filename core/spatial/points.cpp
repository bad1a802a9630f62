#include "core/spatial/points.hpp"

#include "core/base/hash.hpp"
#include "core/spatial/rows.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gamelan::spatial {

namespace {

constexpr std::uint32_t digit_bits = 11;

std::uint32_t generation_of(std::uint64_t handle) {
    return store::Entity{handle}.generation();
}

// Values of one column as double precision.
class ValueReader {
  public:
    ValueReader(const store::Snapshot& view, store::ColumnId column, ColumnType type)
        : reader_(view, column), is_real_(type == ColumnType::f32) {}

    double operator()(std::uint32_t slot) const {
        return is_real_ ? static_cast<double>(reader_.get<float>(slot)) : reader_.get<double>(slot);
    }

  private:
    store::ColumnReader reader_;
    bool is_real_;
};

void put_in_order(const std::vector<std::uint32_t>& order, Points& points) {
    std::vector<double> values(order.size());
    for (std::uint32_t d = 0; d < points.dimensions; ++d) {
        for (std::size_t i = 0; i < order.size(); ++i)
            values[i] = points.at[d][order[i]];
        points.at[d].swap(values);
    }
    std::vector<std::uint64_t> handles(order.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        handles[i] = points.handles[order[i]];
    points.handles.swap(handles);
}

// By one digit of the generation, stable.
std::vector<std::uint32_t> pass(const Points& points, const std::vector<std::uint32_t>& order,
                                std::uint32_t shift) {
    constexpr std::uint32_t digits = 1U << digit_bits;
    const auto digit = [&](std::uint32_t i) {
        return generation_of(points.handles[i]) >> shift & (digits - 1);
    };
    std::vector<std::uint32_t> place(digits + 1, 0);
    for (const std::uint32_t i : order)
        ++place[digit(i) + 1];
    std::partial_sum(place.begin(), place.end(), place.begin());
    std::vector<std::uint32_t> out(order.size());
    for (const std::uint32_t i : order)
        out[place[digit(i)]++] = i;
    return out;
}

std::uint64_t hash_of(const store::Snapshot& view, store::Ref block, std::uint32_t bytes) {
    const std::byte* at = view.region().resolve(block, sizeof(store::BlockHeader) + bytes);
    return hash64({reinterpret_cast<const char*>(at + sizeof(store::BlockHeader)), bytes});
}

} // namespace

Position Points::position(std::uint32_t i) const {
    Position out{};
    for (std::uint32_t d = 0; d < dimensions; ++d)
        out[d] = at[d][i];
    return out;
}

// Rows come in the order of slots, and handles differ from it by generations only, which are mostly small.
void sort_by_handle(Points& points) {
    const std::vector<std::uint64_t>& handles = points.handles;
    if (std::is_sorted(handles.begin(), handles.end()))
        return;
    std::vector<std::uint32_t> order(handles.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto slot = [&](std::uint32_t i) { return store::Entity{handles[i]}.slot(); };
    const auto by_slot = [&](std::uint32_t a, std::uint32_t b) { return slot(a) < slot(b); };
    if (!std::is_sorted(order.begin(), order.end(), by_slot))
        std::sort(order.begin(), order.end(), by_slot);
    const std::uint32_t greatest = generation_of(*std::max_element(handles.begin(), handles.end()));
    for (std::uint32_t shift = 0; shift < 32 && greatest >> shift != 0; shift += digit_bits)
        order = pass(points, order, shift);
    put_in_order(order, points);
}

PointReader::PointReader(const store::Snapshot& view, const ComponentPlanes& planes,
                         const std::vector<store::ColumnId>& columns)
    : view_(view), planes_(planes), columns_(columns) {
    if (columns.empty() || columns.size() > max_dimensions)
        throw Error(sqlstate::internal, "a position has 1 to 3 coordinates");
    for (const store::ColumnId column : columns) {
        const store::ColumnSpec& spec = view.column(column);
        if (spec.type != ColumnType::f32 && spec.type != ColumnType::f64)
            throw Error(sqlstate::datatype_mismatch, "a coordinate is real or double precision");
        nulls_.push_back(spec.nulls);
        types_.push_back(spec.type);
    }
    slot_count_ = std::min(view.slot_count(columns.front()), store::max_slots);
}

Points PointReader::read() const {
    const BitReader presence(view_, planes_.presence);
    std::vector<BitReader> nulls;
    std::vector<ValueReader> values;
    for (std::size_t d = 0; d < columns_.size(); ++d) {
        nulls.emplace_back(view_, nulls_[d]);
        values.emplace_back(view_, columns_[d], types_[d]);
    }
    const store::ColumnReader generations(view_, planes_.generation);
    Points out;
    out.dimensions = static_cast<std::uint32_t>(columns_.size());
    for_each_row(presence, nulls, slot_count_, [&](std::uint32_t slot) {
        Position at{};
        for (std::size_t d = 0; d < values.size(); ++d)
            if (at[d] = values[d](slot); !std::isfinite(at[d]))
                return;
        for (std::size_t d = 0; d < values.size(); ++d)
            out.at[d].push_back(at[d]);
        out.handles.push_back(store::Entity::of(slot, generations.get<std::uint32_t>(slot)).handle);
    });
    sort_by_handle(out);
    return out;
}

std::uint64_t fingerprint(const store::Snapshot& view, const ComponentPlanes& planes,
                          const std::vector<store::ColumnId>& columns) {
    std::vector<std::uint64_t> parts{std::min(view.slot_count(columns.front()), store::max_slots)};
    const auto add = [&](std::uint32_t plane) {
        parts.push_back(plane);
        if (plane == store::none)
            return;
        const std::uint32_t bytes =
            store::block_bytes(view.column({plane}).type, view.block_slots(store::ColumnId{plane}));
        for (const store::Ref ref : view.block_table({plane}))
            parts.push_back(ref ? hash_of(view, ref, bytes) : 0);
    };
    add(planes.presence);
    add(planes.generation.value);
    for (const store::ColumnId column : columns) {
        add(column.value);
        add(view.column(column).nulls);
    }
    return hash64({reinterpret_cast<const char*>(parts.data()), parts.size() * sizeof parts.front()});
}

} // namespace gamelan::spatial
