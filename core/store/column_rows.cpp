#include "core/store/column_rows.hpp"

#include <bit>

namespace gamelan::store {

ColumnRows::Plane ColumnRows::plane(const Snapshot& view, std::uint32_t column) {
    if (column == none)
        return {};
    return {column, view.block_table({column})};
}

ColumnRows::ColumnRows(const Snapshot& view, ColumnId column)
    : view_(&view), type_(view.column(column).type), width_bytes_(view.column(column).width_bytes),
      slot_count_(view.slot_count(column)), block_slots_(view.block_slots(column)),
      values_(plane(view, column.value)), nulls_(plane(view, view.column(column).nulls)) {
    if (const std::uint32_t component = view.column(column).component; component != none)
        presence_ = plane(view, view.component({component}).presence);
}

std::array<Ref, 3> ColumnRows::blocks(std::uint32_t index) const {
    return {values_.block(index), nulls_.block(index), presence_.block(index)};
}

bool ColumnRows::has_tables_of(const ColumnRows& other) const {
    return slot_count_ == other.slot_count_ && values_.table.data() == other.values_.table.data() &&
           nulls_.table.data() == other.nulls_.table.data() &&
           presence_.table.data() == other.presence_.table.data();
}

bool ColumnRows::shares_block(std::uint32_t index, const ColumnRows& other) const {
    if (blocks(index) != other.blocks(index))
        return false;
    // Without presence, new slots are new rows.
    const std::uint64_t end = (std::uint64_t{index} + 1) * block_slots_;
    return slot_count_ == other.slot_count_ || presence_.column != none ||
           (end <= slot_count_ && end <= other.slot_count_);
}

std::uint64_t ColumnRows::word(const Plane& plane, std::uint32_t group) const {
    const std::uint32_t index = group / groups_per_block();
    if (!plane.block(index))
        return 0;
    return view_->bits({plane.column}, index)[group % groups_per_block()];
}

std::uint64_t ColumnRows::counting(std::uint32_t group) const {
    const std::uint32_t first = group * group_slots;
    if (first >= slot_count_)
        return 0;
    std::uint64_t rows = presence_.column == none ? ~std::uint64_t{0} : word(presence_, group);
    if (slot_count_ - first < group_slots)
        rows &= (std::uint64_t{1} << (slot_count_ - first)) - 1;
    return nulls_.column == none ? rows : rows & ~word(nulls_, group);
}

const std::byte* ColumnRows::values(std::uint32_t group) const {
    alignas(8) static constexpr std::byte zeros[std::size_t{group_slots} * 64] = {};
    const std::uint32_t index = group / groups_per_block();
    if (!values_.block(index))
        return zeros;
    return view_->block({values_.column}, index) +
           std::size_t{group % groups_per_block()} * group_slots * width_bytes_;
}

std::uint64_t ColumnRows::row_count() const {
    std::uint64_t count = 0;
    for (std::uint32_t group = 0; group < group_count(); ++group)
        count += static_cast<std::uint64_t>(std::popcount(counting(group)));
    return count;
}

} // namespace gamelan::store
