// Rows that are found by their place, and aggregates over them: row after row of the block is looked around
// from, and what is found goes into a list of pairs; whenever that is full, the steps on pairs are played and
// their results folded into the rows'.
#include "core/kernel/machine.hpp"
#include "core/kernel/scalar.hpp"
#include "core/spatial/grid_index.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

namespace gamelan::kernel {

namespace {

constexpr std::size_t fold_bytes = sizeof(Decimal); // of what is kept of a row

bool is_finite(const spatial::Position& at) {
    return std::isfinite(at[0]) && std::isfinite(at[1]) && std::isfinite(at[2]);
}

} // namespace

void Machine::find_grids(const store::Snapshot& view) {
    grids_.clear();
    for (const GridPlan& grid : plan_.grids)
        grids_.push_back(spatial::KeptGrids::of(*store_).get(
            view, {view.component(grid.component).presence, grid.coordinates}));
    joins_.resize(plan_.joins.size());
    for (Join& join : joins_) {
        join.lanes.assign(lanes_, 0);
        join.slots.assign(lanes_, 0);
        join.distances.assign(lanes_, 0);
        join.are_pairs.assign(lanes_, 0);
        join.values.resize(lanes_ * fold_bytes);
        join.states.resize(lanes_);
        join.counts.resize(lanes_);
    }
    if (plan_.joins.empty())
        return;
    places_.assign(2 * max_coordinates, std::vector<double>(lanes_));
    place_nulls_.assign(2 * max_coordinates, std::vector<Byte>(lanes_));
}

// By copy: the steps on pairs use the buffers too.
void Machine::play_place(const Step& step) {
    const Operand argument = registers_[step.in[0]];
    std::memcpy(places_[step.direction].data(), argument.values, std::size_t{lanes_} * step.width_bytes);
    if (argument.nulls)
        std::memcpy(place_nulls_[step.direction].data(), argument.nulls, lanes_);
    else
        std::memset(place_nulls_[step.direction].data(), 0, lanes_);
}

// False: nobody has to look further.
bool Machine::fail_lane(std::uint32_t lane, Fault fault) {
    problem_ = {Problem::Kind::fault, lane, fault, 0};
    return false;
}

std::uint32_t Machine::generation_of(const JoinPlan& plan, std::uint32_t slot) const {
    return planes_[plan.generation].values.get<std::uint32_t>(slot);
}

bool Machine::look_nearest(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre) {
    const spatial::MovingGrid& grid = grids_[plan.grid]->grid();
    std::int32_t count;
    std::memcpy(&count,
                reinterpret_cast<const std::byte*>(places_[grid.dimensions()].data()) + lane * sizeof count,
                sizeof count);
    if (count < 0)
        return fail_lane(lane, Fault::bad_count);
    if (!is_finite(centre))
        return true;
    grid.nearest(
        centre, std::min<std::size_t>(static_cast<std::size_t>(count), plan.enough),
        [&](std::uint32_t slot) { return generation_of(plan, slot); }, nearest_);
    for (const spatial::MovingGrid::Nearest& one : nearest_)
        found_.push_back({one.slot, one.distance});
    return true;
}

bool Machine::look_near(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre) {
    const spatial::KeptGrid& kept = *grids_[plan.grid];
    const double radius = places_[kept.grid().dimensions()][lane];
    if (!(radius >= 0) || std::isinf(radius))
        return fail_lane(lane, Fault::bad_radius);
    if (!is_finite(centre))
        return true;
    kept.grid().near(centre, radius, found_slots_, plan.enough);
    return true;
}

bool Machine::look_in_box(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre) {
    const spatial::MovingGrid& grid = grids_[plan.grid]->grid();
    spatial::Position low{};
    spatial::Position high{};
    for (std::uint32_t d = 0; d < grid.dimensions(); ++d) {
        const double other = places_[grid.dimensions() + d][lane];
        if (std::isnan(centre[d]) || std::isnan(other))
            return fail_lane(lane, Fault::bad_corner);
        low[d] = std::min(centre[d], other);
        high[d] = std::max(centre[d], other);
    }
    grid.in_box(low, high, found_slots_, plan.enough);
    return true;
}

// Every row that has the components.
void Machine::take_all_rows(const JoinPlan& plan) {
    const std::vector<PlaneTable>& presence = locators_[plan.lookup].presence();
    const std::uint32_t count = store_->working().slot_count(plan_.grids[plan.grid].coordinates[0]);
    for (std::uint32_t slot = 0; slot < count; ++slot)
        if (std::all_of(presence.begin(), presence.end(),
                        [&](const PlaneTable& plane) { return plane.bit(slot) != 0; }))
            found_slots_.push_back(slot);
}

// Where no square can overflow or vanish, all that is too far away fails the condition, and nothing else
// happens; so does everything from a place that is not finite, or not known.
bool Machine::look_within(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre) {
    const spatial::KeptGrid& kept = *grids_[plan.grid];
    const std::uint32_t dimensions = kept.grid().dimensions();
    bool is_tame = kept.is_tame();
    bool is_known = true;
    for (std::uint32_t i = 0; i <= dimensions; ++i) {
        const bool is_null = place_nulls_[i][lane] != 0;
        const double value = places_[i][lane];
        is_known = is_known && !is_null;
        is_tame = is_tame &&
                  (is_null || (i < dimensions && !std::isfinite(value)) || spatial::KeptGrid::is_tame(value));
    }
    if (!is_tame)
        take_all_rows(plan);
    else if (is_known && is_finite(centre))
        kept.grid().near(centre, std::abs(places_[dimensions][lane]) * (1 + 0x1p-40), found_slots_);
    return true;
}

bool Machine::look(const JoinPlan& plan, std::uint32_t lane, const spatial::Position& centre) {
    switch (plan.kind) {
    case SourceKind::in_box:
        return look_in_box(plan, lane, centre);
    case SourceKind::within:
        return look_within(plan, lane, centre);
    case SourceKind::nearest:
        return look_nearest(plan, lane, centre);
    default:
        return look_near(plan, lane, centre);
    }
}

// Fills found_; false when the row failed.
bool Machine::look_around(const JoinPlan& plan, std::uint32_t lane) {
    const std::uint32_t dimensions = grids_[plan.grid]->grid().dimensions();
    found_.clear();
    found_slots_.clear();
    bool has_null = false;
    for (std::size_t i = 0; i < argument_count(plan.kind, dimensions); ++i)
        has_null = has_null || place_nulls_[i][lane] != 0;
    spatial::Position centre{};
    for (std::uint32_t d = 0; d < dimensions; ++d)
        centre[d] = places_[d][lane];
    if (has_null && plan.kind != SourceKind::within)
        return true;
    if (!look(plan, lane, centre))
        return false;
    for (const std::uint32_t slot : found_slots_)
        found_.push_back({slot, 0});
    if (plan.has_distance && plan.kind == SourceKind::near)
        for (Found& found : found_)
            found.distance =
                spatial::distance_between(grids_[plan.grid]->grid().position(found.slot), centre);
    const std::vector<PlaneTable>& presence = locators_[plan.lookup].presence();
    const std::uint32_t own = block_ * lanes_ + lane;
    if (presence.size() > 1 || plan.leaves_out_own)
        std::erase_if(found_, [&](const Found& found) {
            return (plan.leaves_out_own && found.slot == own) ||
                   std::any_of(presence.begin(), presence.end(),
                               [&](const PlaneTable& plane) { return plane.bit(found.slot) == 0; });
        });
    if (plan.is_ordered && plan.kind != SourceKind::nearest)
        put_in_order(plan);
    return true;
}

void Machine::put_in_order(const JoinPlan& plan) {
    if (plan.kind == SourceKind::within) {
        std::sort(found_.begin(), found_.end(),
                  [](const Found& a, const Found& b) { return a.slot < b.slot; });
        return;
    }
    std::sort(found_.begin(), found_.end(), [&](const Found& a, const Found& b) {
        return std::pair(generation_of(plan, a.slot), a.slot) <
               std::pair(generation_of(plan, b.slot), b.slot);
    });
}

// `steps`: the search, and those on pairs.
void Machine::play_search(std::span<const Step> steps) {
    const Step& search = steps.front();
    const JoinPlan& plan = plan_.joins[search.number];
    Join& join = joins_[search.number];
    std::memset(join.values.data(), 0, join.values.size());
    std::fill(join.counts.begin(), join.counts.end(), 0);
    std::fill(join.states.begin(), join.states.end(), Byte{0});
    join.count = 0;
    const Byte* const rows = mask_of(search.mask);
    // Later ones than one that failed say nothing.
    for (std::uint32_t lane = 0; lane < problem_.lane && lane < lanes_; ++lane) {
        if (rows && rows[lane] == 0)
            continue;
        if (!look_around(plan, lane))
            break;
        for (const Found& found : found_) {
            join.lanes[join.count] = lane;
            join.slots[join.count] = found.slot;
            join.distances[join.count] = found.distance;
            if (++join.count == lanes_)
                play_pairs(join, steps.subspan(1));
        }
    }
    play_pairs(join, steps.subspan(1));
}

// Lanes are pairs for once.
void Machine::play_pairs(Join& join, std::span<const Step> steps) {
    if (join.count == 0)
        return;
    const std::uint32_t count = std::exchange(join.count, 0);
    std::fill_n(join.are_pairs.begin(), count, Byte{1});
    std::fill(join.are_pairs.begin() + count, join.are_pairs.end(), Byte{0});
    std::fill(join.slots.begin() + count, join.slots.end(), 0U);
    std::fill(join.lanes.begin() + count, join.lanes.end(), 0U);
    const Problem of_rows = problem_;
    const Byte* const rows = std::exchange(selection_, join.are_pairs.data());
    const auto end = std::lower_bound(join.lanes.begin(), join.lanes.begin() + count, of_rows.lane);
    problem_ = {Problem::Kind::none, static_cast<std::uint32_t>(end - join.lanes.begin()), Fault::none, 0};
    const std::uint32_t selected = selected_;
    pair_rows_ = join.lanes.data();
    for (const Step& step : steps)
        play(step);
    pair_rows_ = nullptr;
    selection_ = rows;
    selected_ = selected;
    const Problem of_pairs = std::exchange(problem_, of_rows);
    if (of_pairs.kind != Problem::Kind::none)
        problem_ = {of_pairs.kind, join.lanes[of_pairs.lane], of_pairs.fault, of_pairs.number};
}

// Where a pair fails, nothing of the statement will remain.
void Machine::play_tell(const Step& step) {
    const Byte* const mask = mask_of(step.mask);
    told_pairs_.assign(mask, mask + lanes_);
    selection_ = told_pairs_.data();
    selected_ = count_bytes(selection_, lanes_);
    constrain(*telling_);
    if (problem_.kind != Problem::Kind::none)
        return;
    told_ += selected_;
    if (told_ > telling_->each_limit) {
        problem_ = {Problem::Kind::fault, first_lane(ones_, selection_, lanes_), Fault::too_many_pairs, 0};
        return;
    }
    (void)conclude(*telling_);
}

void Machine::play_pair_handle(const Step& step, std::byte* out) {
    const auto* const slots = reinterpret_cast<const std::uint32_t*>(registers_[step.in[0]].values);
    const PlaneTable::View generation = planes_[step.number].values.view();
    auto* const handles = reinterpret_cast<std::uint64_t*>(out);
    for (std::uint32_t i = 0; i < lanes_; ++i)
        handles[i] = std::uint64_t{generation.get<std::uint32_t>(slots[i])} << 32 | slots[i];
}

namespace {

template <class T>
void spread_as(const std::byte* values, const std::uint32_t* rows, std::uint32_t lanes, std::byte* out) {
    const T* const in = reinterpret_cast<const T*>(values);
    T* const spread = reinterpret_cast<T*>(out);
    for (std::uint32_t i = 0; i < lanes; ++i)
        spread[i] = in[rows[i]];
}

} // namespace

void Machine::play_spread(const Step& step, std::byte* out, Byte* nulls) {
    const Operand of_rows = registers_[step.in[0]];
    const std::uint32_t* const rows = joins_[step.number].lanes.data();
    switch (step.width_bytes) {
    case 1:
        spread_as<std::uint8_t>(of_rows.values, rows, lanes_, out);
        break;
    case 2:
        spread_as<std::uint16_t>(of_rows.values, rows, lanes_, out);
        break;
    case 4:
        spread_as<std::uint32_t>(of_rows.values, rows, lanes_, out);
        break;
    case 8:
        spread_as<std::uint64_t>(of_rows.values, rows, lanes_, out);
        break;
    default:
        spread_as<Decimal>(of_rows.values, rows, lanes_, out);
    }
    if (!of_rows.nulls)
        return;
    spread_as<Byte>(reinterpret_cast<const std::byte*>(of_rows.nulls), rows, lanes_,
                    reinterpret_cast<std::byte*>(nulls));
    registers_[step.out].nulls = nulls;
}

namespace {

constexpr Byte has_value = 1;
constexpr Byte is_first_null = 2;

template <class T>
bool is_before(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return !is_nan(a) && (is_nan(b) || a < b);
    else
        return a < b;
}

// One value more for its row. `Out`: of what is kept.
template <class T, class Out>
Fault fold_value(AggregateFunction function, T value, Byte& state, std::byte* kept) {
    Out so_far;
    std::memcpy(&so_far, kept, sizeof so_far);
    Fault fault = Fault::none;
    auto next = static_cast<Out>(value);
    if (state != 0) {
        if (function == AggregateFunction::sum) {
            next = static_cast<Out>(so_far + next);
            if constexpr (std::is_floating_point_v<Out>) {
                if (is_infinite(next) && !is_infinite(so_far) && !is_infinite(value))
                    fault = Fault::overflow;
                next = is_nan(next) ? canonical_nan<Out> : next;
            }
        } else if (function == AggregateFunction::least) {
            next = is_before<Out>(so_far, next) ? so_far : next;
        } else if (function == AggregateFunction::greatest) {
            next = is_before<Out>(next, so_far) ? so_far : next;
        } else if (function == AggregateFunction::every) {
            next = static_cast<Out>(so_far != 0 && next != 0);
        } else {
            next = static_cast<Out>(so_far != 0 || next != 0);
        }
    }
    state = has_value;
    std::memcpy(kept, &next, sizeof next);
    return fault;
}

Fault fold_decimal(std::int64_t value, Byte& state, std::byte* kept) {
    Decimal so_far{};
    if (state != 0)
        std::memcpy(&so_far, kept, sizeof so_far);
    so_far = sum_of(so_far, decimal_of(Int128{value}, 0));
    std::memcpy(kept, &so_far, sizeof so_far);
    state = has_value;
    return Fault::none;
}

Fault fold_one(const Accumulation& accumulation, const std::byte* value, Byte& state, std::byte* kept) {
    const auto read = [&]<class T>(T out) {
        std::memcpy(&out, value, sizeof out);
        return out;
    };
    const AggregateFunction function = accumulation.function;
    const bool is_sum = function == AggregateFunction::sum;
    switch (accumulation.type) {
    case ColumnType::boolean:
        return fold_value<std::uint8_t, std::uint8_t>(function, read(std::uint8_t{}), state, kept);
    case ColumnType::i16:
        return is_sum ? fold_value<std::int16_t, std::int64_t>(function, read(std::int16_t{}), state, kept)
                      : fold_value<std::int16_t, std::int16_t>(function, read(std::int16_t{}), state, kept);
    case ColumnType::i32:
        return is_sum ? fold_value<std::int32_t, std::int64_t>(function, read(std::int32_t{}), state, kept)
                      : fold_value<std::int32_t, std::int32_t>(function, read(std::int32_t{}), state, kept);
    case ColumnType::i64:
        if (is_sum)
            return fold_decimal(read(std::int64_t{}), state, kept);
        return fold_value<std::int64_t, std::int64_t>(function, read(std::int64_t{}), state, kept);
    case ColumnType::f32:
        return fold_value<float, float>(function, read(float{}), state, kept);
    default:
        return fold_value<double, double>(function, read(double{}), state, kept);
    }
}

} // namespace

void Machine::play_fold(const Step& step) {
    Join& join = joins_[step.number];
    const AggregateFunction function = step.accumulation.function;
    const Byte* const taken = mask_of(step.mask);
    const Operand argument = step.in[0] == no_register ? Operand{nullptr, nullptr} : registers_[step.in[0]];
    const std::size_t width = width_of(step.accumulation.type);
    const std::uint32_t limit = problem_.lane;
    if (function == AggregateFunction::count || function == AggregateFunction::exists) {
        for (std::uint32_t i = 0; i < limit; ++i)
            join.counts[join.lanes[i]] += taken[i] & (argument.nulls ? argument.nulls[i] ^ 1 : 1);
        return;
    }
    const bool is_single = function == AggregateFunction::first || function == AggregateFunction::only;
    for (std::uint32_t i = 0; i < limit; ++i) {
        if (taken[i] == 0)
            continue;
        const bool is_null = argument.nulls && argument.nulls[i] != 0;
        Byte& state = join.states[join.lanes[i]];
        std::byte* const kept = join.values.data() + join.lanes[i] * fold_bytes;
        if (is_single && state != 0) {
            if (function == AggregateFunction::first)
                continue;
            problem_ = {Problem::Kind::fault, i, Fault::several_rows, 0};
            return;
        }
        if (is_single) {
            state = is_null ? is_first_null : has_value;
            std::memcpy(kept, argument.values + i * width, width);
            continue;
        }
        if (is_null)
            continue;
        const Fault fault = fold_one(step.accumulation, argument.values + i * width, state, kept);
        if (fault != Fault::none) {
            problem_ = {Problem::Kind::fault, i, fault, 0};
            return;
        }
    }
}

void Machine::play_folded(const Step& step, std::byte* out, Byte* nulls) {
    const Join& join = joins_[step.number];
    const std::int64_t* const counts = join.counts.data();
    const AggregateFunction function = step.accumulation.function;
    if (function == AggregateFunction::count) {
        std::memcpy(out, counts, lanes_ * sizeof *counts);
        return;
    }
    if (function == AggregateFunction::exists) {
        for (std::uint32_t i = 0; i < lanes_; ++i)
            reinterpret_cast<Byte*>(out)[i] = counts[i] != 0 ? 1 : 0;
        return;
    }
    for (std::uint32_t i = 0; i < lanes_; ++i) {
        std::memcpy(out + std::size_t{i} * step.width_bytes, join.values.data() + i * fold_bytes,
                    step.width_bytes);
        nulls[i] = join.states[i] == has_value ? 0 : 1;
    }
    registers_[step.out].nulls = count_bytes(nulls, lanes_) == 0 ? nullptr : nulls;
}

} // namespace gamelan::kernel
