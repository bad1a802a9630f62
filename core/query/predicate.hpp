// Tests on one fixed-width column, evaluated for 64 slots at a time into masks: bit s of word w says that
// slot 64 w + s still passes. Comparisons are Postgres's: a NULL passes none of them, NaN equals NaN and is
// greater than every other number, -0 equals 0, false is less than true.
//
// Types: boolean, the integers, f32, f64 have all tests; code and bytes16 have equality; every type has the
// tests for NULL. supports() tells.
#pragma once

#include "core/store/snapshot.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gamelan::query {

enum class Condition : std::uint8_t {
    never,  // nothing passes
    always, // what is not NULL passes
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    in_list,
    is_null,
    is_not_null,
};

bool supports(ColumnType type, Condition condition);

// Built once, set again for each rescan: the setters allocate only when a list outgrows all lists before it.
class Predicate {
  public:
    explicit Predicate(ColumnType type) : type_(type) {}

    // never, always, is_null or is_not_null.
    void set(Condition condition) { condition_ = condition; }
    // A comparison with a value of the column's type: `operand` points to width_of(type) bytes.
    void set(Condition condition, const std::byte* operand);
    // A comparison of a column of integers with any integer: one that the column cannot hold is compared all
    // the same.
    void set_integer(Condition condition, std::int64_t operand);
    // A comparison of a column of f32 with an f64, as if the column were widened.
    void set_widened(Condition condition, double operand);
    // One of `values`: width_of(type) bytes each, in any order.
    void set_list(std::span<const std::byte> values);

    ColumnType type() const { return type_; }
    Condition condition() const { return condition_; }
    const std::byte* operand() const { return operand_.data(); }
    // The values of a list, sorted.
    std::span<const std::byte> list() const { return list_; }

    // The order_key()s that values which pass can have, as the fewest ranges; none for conditions that say
    // nothing about keys. Other values may share them.
    struct KeyRange {
        std::uint64_t low;
        std::uint64_t high;
    };
    void key_ranges(std::vector<KeyRange>& out) const;

    // Clears the slots that do not pass. `values`: the first of 64 × `words` values, or nullptr for zeros;
    // `nulls`: their NULL bits, or nullptr for none.
    void narrow(std::uint64_t* mask, std::uint32_t words, const std::byte* values,
                const std::uint64_t* nulls) const;
    // The same for one value that is not NULL.
    bool passes(const std::byte* value) const;
    // False when no row of a block with this zone can pass.
    bool may_match(const store::Zone& zone) const;

  private:
    template <class T>
    T operand_as() const;
    template <class T>
    void narrow_as(std::uint64_t* mask, std::uint32_t words, const std::byte* values) const;
    template <class T>
    void narrow_by_list(std::uint64_t* mask, std::uint32_t words, const std::byte* values) const;
    void narrow_values(std::uint64_t* mask, std::uint32_t words, const std::byte* values) const;
    void set_keys();

    ColumnType type_;
    Condition condition_ = Condition::always;
    alignas(16) std::array<std::byte, 16> operand_{};
    std::vector<std::byte> list_; // sorted
    // store::order_key() of the operand, or of the list's values.
    std::uint64_t least_key_ = 0;
    std::uint64_t greacondition_key_ = 0;
};

} // namespace gamelan::query
