// Aggregates: over the neighbours of each row of a block, one neighbour at a time; and over all rows.
#include "core/kernel/lane_aggregate.hpp"
#include "core/kernel/machine.hpp"
#include "core/kernel/scalar.hpp"

#include <bit>
#include <cstring>
#include <utility>

namespace gamelan::kernel {

namespace {

// Of equal values the later one counts, as PostgreSQL's min and max have it: it matters for 0 and −0.
template <class T>
GAMELAN_INLINE bool is_less(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return !is_nan(a) && (is_nan(b) || a < b);
    else
        return a < b;
}

template <class T, class A, class F>
void combine(const AggregateLanes& lane, F f) {
    const T* const before = reinterpret_cast<const T*>(lane.before);
    const A* const argument = reinterpret_cast<const A*>(lane.argument);
    T* const out = reinterpret_cast<T*>(lane.out);
    const std::uint32_t count = lane.count;
    if (!before) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < count; ++i)
            out[i] = lane.taken[i] != 0 ? static_cast<T>(argument[i]) : T{0};
        return;
    }
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < count; ++i) {
        const T fresh = lane.no_value[i] != 0 ? static_cast<T>(argument[i])
                                              : static_cast<T>(f(before[i], static_cast<T>(argument[i])));
        out[i] = lane.taken[i] != 0 ? fresh : before[i];
    }
}

template <class T>
void extreme(AggregateFunction function, const AggregateLanes& lane) {
    if (function == AggregateFunction::least)
        combine<T, T>(lane, [](T a, T b) { return is_less(a, b) ? a : b; });
    else
        combine<T, T>(lane, [](T a, T b) { return is_less(b, a) ? a : b; });
}

void extreme(const Accumulation& accumulation, const AggregateLanes& lane) {
    switch (accumulation.type) {
    case ColumnType::i16:
        return extreme<std::int16_t>(accumulation.function, lane);
    case ColumnType::i32:
        return extreme<std::int32_t>(accumulation.function, lane);
    case ColumnType::i64:
        return extreme<std::int64_t>(accumulation.function, lane);
    case ColumnType::f32:
        return extreme<float>(accumulation.function, lane);
    default:
        return extreme<double>(accumulation.function, lane);
    }
}

// Behind the digits of a decimal without any behind the point are eight bits of zeros.
void wide_sum(const AggregateLanes& lane) {
    const auto* const before = reinterpret_cast<const Decimal*>(lane.before);
    const auto* const argument = reinterpret_cast<const std::int64_t*>(lane.argument);
    auto* const out = reinterpret_cast<Decimal*>(lane.out);
    for (std::uint32_t i = 0; i < lane.count; ++i) {
        const bool is_first = !before || lane.no_value[i] != 0;
        const Decimal so_far = is_first ? Decimal{} : before[i];
        out[i] = lane.taken[i] != 0 ? sum_of(so_far, decimal_of(Int128{argument[i]}, 0)) : so_far;
    }
}

void integer_sum(ColumnType type, const AggregateLanes& lane) {
    if (type == ColumnType::i64)
        return wide_sum(lane);
    if (type == ColumnType::i16)
        combine<std::int32_t, std::int16_t>(lane, [](std::int32_t a, std::int32_t b) { return a + b; });
    else
        combine<std::int64_t, std::int32_t>(lane, [](std::int64_t a, std::int64_t b) { return a + b; });
}

} // namespace

// The sum of each lane that has one already may overflow.
void Machine::add_reals(const Step& step, const AggregateLanes& lane) {
    const bool is_single = step.accumulation.type == ColumnType::f32;
    if (lane.taken == ones_ && lane.no_value == reinterpret_cast<const Byte*>(zeros_)) {
        const std::size_t bytes = std::size_t{lane.count} * width_of(step.accumulation.type);
        if (!lane.before)
            std::memcpy(lane.out, lane.argument, bytes);
        else
            loop(*step.operation, lane.out, {lane.before, lane.argument}, lane.taken, nullptr);
        return;
    }
    if (lane.before)
        loop(*step.operation, part_, {lane.before, lane.argument}, lane.taken, lane.no_value);
    const auto take = [&]<class T>(T) {
        const T* const sum = reinterpret_cast<const T*>(part_);
        const T* const argument = reinterpret_cast<const T*>(lane.argument);
        const T* const before = lane.before ? reinterpret_cast<const T*>(lane.before) : argument;
        T* const out = reinterpret_cast<T*>(lane.out);
        const Byte* const is_first = lane.before ? lane.no_value : ones_;
        const Byte* const taken = lane.taken;
        const std::uint32_t count = lane.count;
        for (std::uint32_t i = 0; i < count; ++i) {
            const T fresh = is_first[i] != 0 ? argument[i] : sum[i];
            out[i] = taken[i] != 0 ? fresh : before[i];
        }
    };
    return is_single ? take(float{}) : take(double{});
}

void Machine::play_accumulate(const Step& step, std::byte* out, Byte* nulls) {
    const std::uint32_t lanes = lanes_;
    const bool is_first = step.in[0] == no_register;
    const Operand before = is_first ? Operand{nullptr, nullptr} : registers_[step.in[0]];
    const Operand argument = step.in[1] == no_register ? Operand{nullptr, nullptr} : registers_[step.in[1]];
    const Byte* taken = reinterpret_cast<const Byte*>(registers_[step.mask].values);
    if (argument.nulls) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            part_nulls_[i] = static_cast<Byte>(taken[i] & (argument.nulls[i] ^ 1));
        taken = part_nulls_;
    }
    const AggregateFunction function = step.accumulation.function;
    const auto* const counts = reinterpret_cast<const Byte*>(is_first ? zeros_ : before.values);
    auto* const bytes = reinterpret_cast<Byte*>(out);
    if (function == AggregateFunction::count || function == AggregateFunction::exists) {
        const bool is_count = function == AggregateFunction::count;
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            bytes[i] =
                is_count ? static_cast<Byte>(counts[i] + taken[i]) : static_cast<Byte>(counts[i] | taken[i]);
        return;
    }
    const Byte* const no_value = before.nulls ? before.nulls : reinterpret_cast<const Byte*>(zeros_);
    const AggregateLanes lane{before.values, no_value, argument.values, taken, out, lanes};
    if (function == AggregateFunction::sum && is_float(step.accumulation.type))
        add_reals(step, lane);
    else if (function == AggregateFunction::sum)
        integer_sum(step.accumulation.type, lane);
    else if (function == AggregateFunction::every)
        combine<Byte, Byte>(lane, [](Byte a, Byte b) { return a & b; });
    else if (function == AggregateFunction::any)
        combine<Byte, Byte>(lane, [](Byte a, Byte b) { return a | b; });
    else
        extreme(step.accumulation, lane);
    if ((!is_first && !before.nulls) || taken == ones_)
        return;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        nulls[i] = static_cast<Byte>((is_first ? Byte{1} : no_value[i]) & (taken[i] ^ 1));
    registers_[step.out].nulls = count_bytes(nulls, lanes) == 0 ? nullptr : nulls;
}

namespace {

// What of a block's rows is added to an aggregate over all rows.
struct Taken {
    const std::byte* values;
    const Byte* lanes; // bytes, or nullptr for all
    std::uint32_t limit;

    template <class F>
    void for_each(F visit) const {
        for (std::uint32_t i = 0; i < limit; ++i)
            if (!lanes || lanes[i] != 0)
                visit(i);
    }
};

template <class T>
T least_or_greatest(AggregateFunction function, T a, T b) {
    return (function == AggregateFunction::least ? is_less(a, b) : is_less(b, a)) ? a : b;
}

template <class T>
void fold_integers(AggregateFunction function, const Taken& taken, Accumulator& out) {
    const T* const values = reinterpret_cast<const T*>(taken.values);
    taken.for_each([&](std::uint32_t i) {
        const std::int64_t value = values[i];
        if (!std::exchange(out.has_value, true))
            out.integer = value;
        else if (function == AggregateFunction::sum)
            out.integer += value;
        else if (function == AggregateFunction::every)
            out.integer &= value;
        else if (function == AggregateFunction::any)
            out.integer |= value;
        else
            out.integer = least_or_greatest(function, out.integer, value);
    });
}

template <class T>
void fold_wide(const Taken& taken, Accumulator& out) {
    const T* const values = reinterpret_cast<const T*>(taken.values);
    taken.for_each([&](std::uint32_t i) {
        out.has_value = true;
        out.wide += values[i];
        ++out.count;
    });
}

void fold_wide(ColumnType type, const Taken& taken, Accumulator& out) {
    if (type == ColumnType::i16)
        fold_wide<std::int16_t>(taken, out);
    else if (type == ColumnType::i32)
        fold_wide<std::int32_t>(taken, out);
    else
        fold_wide<std::int64_t>(taken, out);
}

// Postgres keeps the sum of squared differences for all aggregates of its kind (Youngs and Cramer), and fails
// when that overflows.
template <class T>
void fold_average(const Taken& taken, Accumulator& out) {
    const T* const values = reinterpret_cast<const T*>(taken.values);
    taken.for_each([&](std::uint32_t i) {
        const double value = values[i];
        const double before = out.real;
        const auto count_before = static_cast<double>(out.count);
        out.has_value = true;
        ++out.count;
        out.real += value;
        if (count_before == 0) {
            if (is_special(value))
                out.squares = canonical_nan<double>;
            return;
        }
        const auto count = static_cast<double>(out.count);
        const double difference = value * count - out.real;
        out.squares += difference * difference / (count * count_before);
        if (!is_infinite(out.real) && !is_infinite(out.squares))
            return;
        if (!is_infinite(before) && !is_infinite(value) && out.fault == Fault::none)
            out.fault = Fault::overflow;
        out.squares = canonical_nan<double>;
    });
}

// In the order of rows, in the argument's precision.
template <class T>
void fold_reals(AggregateFunction function, const Taken& taken, Accumulator& out) {
    const T* const values = reinterpret_cast<const T*>(taken.values);
    T so_far = static_cast<T>(out.real);
    taken.for_each([&](std::uint32_t i) {
        const T value = values[i];
        if (!std::exchange(out.has_value, true)) {
            so_far = value;
        } else if (function == AggregateFunction::sum) {
            const T sum = so_far + value;
            if (is_infinite(sum) && !is_infinite(so_far) && !is_infinite(value) && out.fault == Fault::none)
                out.fault = Fault::overflow;
            so_far = is_nan(sum) ? canonical_nan<T> : sum;
        } else {
            so_far = least_or_greatest(function, so_far, value);
        }
    });
    out.real = so_far;
}

void fold(const Accumulation& accumulation, const Taken& taken, Accumulator& out) {
    const AggregateFunction function = accumulation.function;
    if (function == AggregateFunction::count || function == AggregateFunction::exists) {
        taken.for_each([&](std::uint32_t) { ++out.integer; });
        return;
    }
    const bool is_average = function == AggregateFunction::average;
    if (is_average && is_float(accumulation.type))
        return accumulation.type == ColumnType::f32 ? fold_average<float>(taken, out)
                                                    : fold_average<double>(taken, out);
    if (is_average || (function == AggregateFunction::sum && accumulation.type == ColumnType::i64))
        return fold_wide(accumulation.type, taken, out);
    switch (accumulation.type) {
    case ColumnType::boolean:
        return fold_integers<std::uint8_t>(function, taken, out);
    case ColumnType::i16:
        return fold_integers<std::int16_t>(function, taken, out);
    case ColumnType::i32:
        return fold_integers<std::int32_t>(function, taken, out);
    case ColumnType::i64:
        return fold_integers<std::int64_t>(function, taken, out);
    case ColumnType::f32:
        return fold_reals<float>(function, taken, out);
    default:
        return fold_reals<double>(function, taken, out);
    }
}

} // namespace

// A row that fails ends the aggregate; what was added before may have failed first.
void Machine::reduce(const StatementPlan& statement, Accumulator& accumulator) {
    const Reduction& reduction = *statement.reduction;
    if (accumulator.fault != Fault::none)
        return;
    problem_ = {Problem::Kind::none, lanes_, Fault::none, 0};
    if (select(statement)) {
        compute(statement);
        const Operand argument =
            reduction.argument == no_register ? Operand{nullptr, nullptr} : registers_[reduction.argument];
        const Byte* taken = selection_;
        if (argument.nulls) {
            for (std::uint32_t i = 0; i < lanes_; ++i)
                part_nulls_[i] = static_cast<Byte>((taken ? taken[i] : 1) & (argument.nulls[i] ^ 1));
            taken = part_nulls_;
        }
        fold(reduction.accumulation, {argument.values, taken, problem_.lane}, accumulator);
    }
    if (problem_.kind != Problem::Kind::none && accumulator.fault == Fault::none)
        accumulator.fault = problem_.fault;
}

void Derived::reset(std::uint32_t slots, std::uint32_t reach, std::uint32_t width_bytes) {
    reach_ = reach;
    width_bytes_ = width_bytes;
    taken_.resize(slots + 2 * std::size_t{reach});
    values_.resize((slots + 2 * std::size_t{reach}) * width_bytes);
}

namespace {

template <class T>
void mask_values(const std::byte* values, const Byte* taken, std::uint32_t lanes, T otherwise,
                 std::byte* out) {
    const T* const in = reinterpret_cast<const T*>(values);
    T* const masked = reinterpret_cast<T*>(out);
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        masked[i] = taken[i] != 0 ? in[i] : otherwise;
}

} // namespace

void Machine::derive(const StatementPlan& statement, Derived& out) {
    const Reduction& reduction = *statement.reduction;
    const std::size_t first = std::size_t{block_} * lanes_;
    const std::uint32_t lanes = lanes_;
    const std::uint32_t width = width_of(reduction.accumulation.type);
    Byte* const taken = out.taken() + first;
    std::byte* const values = out.values() + first * width;
    const AggregateFunction function = reduction.accumulation.function;
    const Byte otherwise = function == AggregateFunction::every ? 1 : 0;
    if (!select(statement)) {
        std::memset(taken, 0, lanes);
        std::memset(values, otherwise, lanes * width);
        return;
    }
    compute(statement);
    const bool has_argument = reduction.argument != no_register;
    const Operand argument = has_argument ? registers_[reduction.argument] : Operand{nullptr, nullptr};
    std::memcpy(taken, selection_ ? selection_ : ones_, lanes);
    if (argument.nulls) {
        GAMELAN_INDEPENDENT_LANES
        for (std::uint32_t i = 0; i < lanes; ++i)
            taken[i] &= argument.nulls[i] ^ 1;
    }
    if (function == AggregateFunction::count || function == AggregateFunction::exists)
        return;
    if (width == sizeof(std::int16_t))
        mask_values<std::int16_t>(argument.values, taken, lanes, 0, values);
    else if (width == sizeof(std::int32_t))
        mask_values<std::int32_t>(argument.values, taken, lanes, 0, values);
    else
        mask_values<Byte>(argument.values, taken, lanes, otherwise, values);
}

void Machine::play_stencil(const Step& step, std::byte* out, Byte* nulls) {
    const Derived& derived = derived_[step.number];
    const Neighbourhood& around = *neighbourhood_;
    const auto plus = [](auto a, auto b) { return static_cast<decltype(a)>(a + b); };
    const auto both = [](Byte a, Byte b) { return static_cast<Byte>(a & b); };
    const auto either_of = [](Byte a, Byte b) { return static_cast<Byte>(a | b); };
    auto* const bytes = reinterpret_cast<Byte*>(out);
    const AggregateFunction function = step.accumulation.function;
    if (function == AggregateFunction::count)
        return around.combine(derived.taken(), block_, lanes_, Byte{0}, bytes, plus);
    if (function == AggregateFunction::exists)
        return around.combine(derived.taken(), block_, lanes_, Byte{0}, bytes, either_of);
    const std::byte* const values = derived.values();
    if (function == AggregateFunction::every)
        around.combine(reinterpret_cast<const Byte*>(values), block_, lanes_, Byte{1}, bytes, both);
    else if (function == AggregateFunction::any)
        around.combine(reinterpret_cast<const Byte*>(values), block_, lanes_, Byte{0}, bytes, either_of);
    else if (step.accumulation.type == ColumnType::i16)
        around.combine(reinterpret_cast<const std::int16_t*>(values), block_, lanes_, std::int16_t{0},
                       reinterpret_cast<std::int32_t*>(out), plus);
    else
        around.combine(reinterpret_cast<const std::int32_t*>(values), block_, lanes_, std::int32_t{0},
                       reinterpret_cast<std::int64_t*>(out), plus);
    around.combine(derived.taken(), block_, lanes_, Byte{0}, nulls, either_of);
    const std::uint32_t lanes = lanes_;
    if (count_bytes(nulls, lanes) == lanes)
        return;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        nulls[i] ^= 1;
    registers_[step.out].nulls = nulls;
}

AggregateResult Accumulator::result(const Reduction& reduction) const {
    const AggregateFunction function = reduction.accumulation.function;
    const ColumnType type = reduction.type;
    if (fault != Fault::none)
        return {Value::null(type), fault};
    if (function == AggregateFunction::count)
        return {Value::of(type, integer), Fault::none};
    if (function == AggregateFunction::exists)
        return {Value::of(type, static_cast<std::uint8_t>(integer != 0)), Fault::none};
    if (!has_value)
        return {Value::null(type), Fault::none};
    const bool is_average = function == AggregateFunction::average;
    if (type == ColumnType::decimal)
        return {value_of(is_average ? average_of(wide, count) : decimal_of(wide, 0)), Fault::none};
    if (is_average) {
        const double average = real / static_cast<double>(count);
        return {Value::of(type, is_nan(average) ? canonical_nan<double> : average), Fault::none};
    }
    switch (type) {
    case ColumnType::boolean:
        return {Value::of(type, static_cast<std::uint8_t>(integer)), Fault::none};
    case ColumnType::i16:
        return {Value::of(type, static_cast<std::int16_t>(integer)), Fault::none};
    case ColumnType::i32:
        return {Value::of(type, static_cast<std::int32_t>(integer)), Fault::none};
    case ColumnType::i64:
        return {Value::of(type, integer), Fault::none};
    case ColumnType::f32:
        return {Value::of(type, static_cast<float>(real)), Fault::none};
    default:
        return {Value::of(type, real), Fault::none};
    }
}

void Machine::play_pass_fault(const Step& step) {
    const Fault fault = faults_[step.in[0] - plan_.sources.size()];
    if (fault == Fault::none)
        return;
    const std::uint32_t lane = first_lane(ones_, mask_of(step.mask), problem_.lane);
    if (lane < problem_.lane)
        problem_ = {Problem::Kind::fault, lane, fault, 0};
}

} // namespace gamelan::kernel
