#include "core/query/aggregate.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace gamelan::query {

namespace {

constexpr std::uint32_t word_slots = 64;

// Postgres's order, in which NaN is the greatest number.
template <class T>
bool precedes(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return !std::isnan(a) && (std::isnan(b) || a < b);
    else
        return a < b;
}

// Calls f with a value of the type that a column holds.
template <class F>
void with_type(ColumnType type, F&& f) {
    switch (type) {
    case ColumnType::i16:
        return f(std::int16_t{});
    case ColumnType::i32:
        return f(std::int32_t{});
    case ColumnType::i64:
        return f(std::int64_t{});
    case ColumnType::f32:
        return f(float{});
    case ColumnType::f64:
        return f(double{});
    default:
        return;
    }
}

} // namespace

bool supports(ColumnType type, AggregateKind kind) {
    switch (type) {
    case ColumnType::i16:
    case ColumnType::i32:
    case ColumnType::i64:
        return true;
    case ColumnType::f32:
    case ColumnType::f64:
        return kind != AggregateKind::sum;
    default:
        return kind == AggregateKind::count;
    }
}

template <class T>
void Accumulator::take(T value) {
    if constexpr (std::is_integral_v<T>)
        if (kind_ == AggregateKind::sum) {
            sum_ += value;
            return;
        }
    T best;
    std::memcpy(&best, extreme_, sizeof best);
    if (count_ == 0 || !(kind_ == AggregateKind::minimum ? precedes(best, value) : precedes(value, best)))
        std::memcpy(extreme_, &value, sizeof value);
    ++count_;
}

// 64 values at once, in loops without branches.
template <class T>
void Accumulator::take_word(const T* values) {
    if (kind_ == AggregateKind::sum) {
        if constexpr (sizeof(T) < sizeof(std::int64_t) && std::is_integral_v<T>) {
            std::int64_t sum = 0;
            for (std::uint32_t i = 0; i < word_slots; ++i)
                sum += values[i];
            sum_ += sum;
        } else {
            for (std::uint32_t i = 0; i < word_slots; ++i)
                take(values[i]);
        }
        return;
    }
    if constexpr (std::is_integral_v<T>) {
        T best = values[0];
        if (kind_ == AggregateKind::minimum)
            for (std::uint32_t i = 1; i < word_slots; ++i)
                best = values[i] < best ? values[i] : best;
        else
            for (std::uint32_t i = 1; i < word_slots; ++i)
                best = best < values[i] ? values[i] : best;
        take(best);
        count_ += word_slots - 1;
    } else {
        for (std::uint32_t i = 0; i < word_slots; ++i)
            take(values[i]);
    }
}

template <class T>
void Accumulator::add_as(const std::uint64_t* mask, std::uint32_t words, const std::byte* values,
                         const std::uint64_t* nulls) {
    for (std::uint32_t w = 0; w < words; ++w) {
        std::uint64_t left = mask[w] & (nulls == nullptr ? ~std::uint64_t{0} : ~nulls[w]);
        if (left == 0)
            continue;
        std::array<T, word_slots> word{};
        if (values != nullptr)
            std::memcpy(word.data(), values + std::size_t{w} * sizeof word, sizeof word);
        if (kind_ == AggregateKind::sum)
            count_ += static_cast<std::uint64_t>(std::popcount(left));
        if (left == ~std::uint64_t{0}) {
            take_word(word.data());
            continue;
        }
        for (; left != 0; left &= left - 1)
            take(word[static_cast<std::size_t>(std::countr_zero(left))]);
    }
}

void Accumulator::add(const std::uint64_t* mask, std::uint32_t words, const std::byte* values,
                      const std::uint64_t* nulls) {
    if (kind_ == AggregateKind::count) {
        for (std::uint32_t w = 0; w < words; ++w)
            count_ += static_cast<std::uint64_t>(
                std::popcount(mask[w] & (nulls == nullptr ? ~std::uint64_t{0} : ~nulls[w])));
        return;
    }
    with_type(type_, [&]<class T>(T) { add_as<T>(mask, words, values, nulls); });
}

void Accumulator::add_same(std::uint64_t count, const std::byte* value) {
    if (kind_ == AggregateKind::count) {
        count_ += count;
        return;
    }
    if (count == 0)
        return;
    with_type(type_, [&]<class T>(T) {
        T typed;
        std::memcpy(&typed, value, sizeof typed);
        if (kind_ != AggregateKind::sum) {
            take(typed);
            count_ += count - 1;
        } else {
            count_ += count;
            if constexpr (std::is_integral_v<T>)
                sum_ += static_cast<Sum>(typed) * static_cast<Sum>(count);
        }
    });
}

} // namespace gamelan::query
