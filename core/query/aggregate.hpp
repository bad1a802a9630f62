// Sums and extremes of one fixed-width column, taken 64 slots at a time. The results are Postgres's: NULLs
// are left out, NaN is greater than every other number, and of equal values the later one is kept.
#pragma once

#include "core/store/column_type.hpp"

#include <cstddef>
#include <cstdint>

namespace gamelan::query {

enum class AggregateKind : std::uint8_t {
    count, // of values that are not NULL
    sum,   // of integers
    minimum,
    maximum,
};

// boolean and the types without an order have only counts; floating point has no sums, whose last bits would
// depend on the order of the rows.
bool supports(ColumnType type, AggregateKind kind);

class Accumulator {
  public:
    __extension__ typedef __int128 Sum; // 2^64 values of any integer type fit

    Accumulator(AggregateKind kind, ColumnType type) : kind_(kind), type_(type) {}

    void clear() { *this = Accumulator(kind_, type_); }
    // Takes the slots of `mask`. `values`: the first of 64 × `words` values, or nullptr for zeros; `nulls`:
    // their NULL bits, or nullptr for none.
    void add(const std::uint64_t* mask, std::uint32_t words, const std::byte* values,
             const std::uint64_t* nulls);
    // Takes `count` times the same value, which is not NULL.
    void add_same(std::uint64_t count, const std::byte* value);

    AggregateKind kind() const { return kind_; }
    std::uint64_t count() const { return count_; }
    // Of a sum; 0 of no values.
    Sum sum() const { return sum_; }
    // Of an extreme of at least one value: as the column holds it.
    const std::byte* extreme() const { return extreme_; }

  private:
    template <class T>
    void add_as(const std::uint64_t* mask, std::uint32_t words, const std::byte* values,
                const std::uint64_t* nulls);
    template <class T>
    void take(T value);
    template <class T>
    void take_word(const T* values);

    AggregateKind kind_;
    ColumnType type_;
    std::uint64_t count_ = 0;
    Sum sum_ = 0;
    alignas(8) std::byte extreme_[8] = {};
};

} // namespace gamelan::query
