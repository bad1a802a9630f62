// A column of one version as a row of groups of 64 slots: which of them count (the slot has a row and its
// value is not NULL) and what they hold. What indexes and zones are made of.
#pragma once

#include "core/store/snapshot.hpp"

#include <array>
#include <span>

namespace gamelan::store {

inline constexpr std::uint32_t group_slots = 64;

class ColumnRows {
  public:
    // `view` must outlive this.
    ColumnRows(const Snapshot& view, ColumnId column);

    ColumnId column() const { return {values_.column}; }
    ColumnType type() const { return type_; }
    std::uint32_t width_bytes() const { return width_bytes_; }
    std::uint32_t slot_count() const { return slot_count_; }
    std::uint32_t groups_per_block() const { return block_slots_ / group_slots; }
    std::uint32_t group_count() const { return (slot_count_ + group_slots - 1) / group_slots; }
    std::uint32_t block_count() const { return (slot_count_ + block_slots_ - 1) / block_slots_; }

    // The blocks of values, NULLs and rows, which together make what a block of the column is.
    std::array<Ref, 3> blocks(std::uint32_t index) const;
    // Whether the other version has the same tables of blocks: then nothing at all differs.
    bool has_tables_of(const ColumnRows& other) const;
    // Whether block `index` is the same in the other version, which must have blocks of the same size.
    bool shares_block(std::uint32_t index, const ColumnRows& other) const;

    // Bit i: slot 64 × group + i counts. Groups beyond the end have none.
    std::uint64_t counting(std::uint32_t group) const;
    // 64 values.
    const std::byte* values(std::uint32_t group) const;
    // Rows that count.
    std::uint64_t row_count() const;

  private:
    struct Plane {
        std::uint32_t column = none;
        std::span<const Ref> table;
        Ref block(std::uint32_t index) const { return index < table.size() ? table[index] : Ref{}; }
    };
    static Plane plane(const Snapshot& view, std::uint32_t column);
    std::uint64_t word(const Plane& plane, std::uint32_t group) const;

    const Snapshot* view_;
    ColumnType type_;
    std::uint32_t width_bytes_;
    std::uint32_t slot_count_;
    std::uint32_t block_slots_;
    Plane values_, nulls_, presence_;
};

} // namespace gamelan::store
