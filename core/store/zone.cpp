#include "core/store/zone.hpp"

#include <bit>
#include <limits>
#include <type_traits>

namespace gamelan::store {

namespace {

// As many running extremes side by side as a group has slots: vector registers of any width have work.
constexpr std::uint32_t lanes = group_slots;

template <class T>
struct Extremes {
    static constexpr bool is_float = std::is_floating_point_v<T>;
    static constexpr T highest =
        is_float ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
    static constexpr T lowest =
        is_float ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::min();
    using Mark = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

    T least[lanes];
    T greatest[lanes];
    Mark nans[lanes] = {};
    bool has_any = false;
    bool has_nan = false;

    Extremes() {
        std::fill_n(least, lanes, highest);
        std::fill_n(greatest, lanes, lowest);
    }

    // NaN is neither less nor greater than anything: it is looked for apart, and comes last at the end.
    void add(T value, std::uint32_t lane) {
        least[lane] = value < least[lane] ? value : least[lane];
        greatest[lane] = value > greatest[lane] ? value : greatest[lane];
    }
    void add_all(const T* values) {
        for (std::uint32_t lane = 0; lane < lanes; ++lane) {
            add(values[lane], lane);
            if constexpr (is_float)
                nans[lane] |= values[lane] != values[lane] ? Mark{1} : Mark{0};
        }
        has_any = true;
    }
    void add_some(const T* values, std::uint64_t counting) {
        has_any = has_any || counting != 0;
        for (; counting != 0; counting &= counting - 1) {
            const T value = values[std::countr_zero(counting)];
            add(value, 0);
            has_nan = has_nan || value != value;
        }
    }

    Zone zone(ColumnType type) const {
        T low = highest;
        T high = lowest;
        bool is_nan_there = has_nan;
        for (std::uint32_t lane = 0; lane < lanes; ++lane) {
            low = least[lane] < low ? least[lane] : low;
            high = greatest[lane] > high ? greatest[lane] : high;
            is_nan_there = is_nan_there || nans[lane] != 0;
        }
        const auto key = [&](T value) { return order_key(type, reinterpret_cast<const std::byte*>(&value)); };
        Zone out{~std::uint64_t{0}, 0};
        if (has_any && low <= high)
            out = {key(low), key(high)};
        if (is_nan_there) {
            out.greatest = key(std::numeric_limits<T>::quiet_NaN());
            out.least = std::min(out.least, out.greatest);
        }
        return out;
    }
};

template <class T>
Zone zone_as(const ColumnRows& rows, std::uint32_t index) {
    Extremes<T> extremes;
    const std::uint32_t first = index * rows.groups_per_block();
    for (std::uint32_t group = first; group < first + rows.groups_per_block(); ++group) {
        const std::uint64_t counting = rows.counting(group);
        if (counting == 0)
            continue;
        const T* values = reinterpret_cast<const T*>(rows.values(group));
        if (counting == ~std::uint64_t{0})
            extremes.add_all(values);
        else
            extremes.add_some(values, counting);
    }
    return extremes.zone(rows.type());
}

} // namespace

Zone zone_of(const ColumnRows& rows, std::uint32_t index) {
    switch (rows.type()) {
    case ColumnType::boolean:
    case ColumnType::u8:
        return zone_as<std::uint8_t>(rows, index);
    case ColumnType::i8:
        return zone_as<std::int8_t>(rows, index);
    case ColumnType::i16:
        return zone_as<std::int16_t>(rows, index);
    case ColumnType::i32:
        return zone_as<std::int32_t>(rows, index);
    case ColumnType::i64:
        return zone_as<std::int64_t>(rows, index);
    case ColumnType::f32:
        return zone_as<float>(rows, index);
    case ColumnType::f64:
        return zone_as<double>(rows, index);
    default:
        throw Error(sqlstate::internal, "a column without an order has no zones");
    }
}

} // namespace gamelan::store
