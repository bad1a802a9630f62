#include "core/spatial/cell_index.hpp"

#include "core/spatial/rows.hpp"

#include <algorithm>

namespace gamelan::spatial {

CellReader::CellReader(const store::Snapshot& view, const ComponentPlanes& planes, store::ColumnId column)
    : view_(view), planes_(planes), column_(column) {
    const store::ColumnSpec& spec = view.column(column);
    if (spec.type != ColumnType::i64)
        throw Error(sqlstate::datatype_mismatch, "a column that names cells is a bigint");
    nulls_ = spec.nulls;
    slot_count_ = std::min(view.slot_count(column), store::max_slots);
}

std::vector<CellReader::Member> CellReader::read() const {
    const BitReader presence(view_, planes_.presence);
    const std::vector<BitReader> nulls{BitReader(view_, nulls_)};
    const store::ColumnReader cells(view_, column_);
    const store::ColumnReader generations(view_, planes_.generation);
    std::vector<Member> out;
    for_each_row(presence, nulls, slot_count_, [&](std::uint32_t slot) {
        out.push_back({cells.get<std::int64_t>(slot),
                       store::Entity::of(slot, generations.get<std::uint32_t>(slot)).handle});
    });
    return out;
}

CellIndex::CellIndex(std::vector<CellReader::Member> members) : members_(std::move(members)) {
    std::sort(members_.begin(), members_.end());
}

std::vector<std::uint64_t> CellIndex::in_cells(std::span<const std::int64_t> cells) const {
    std::vector<std::uint64_t> out;
    for (const std::int64_t cell : cells) {
        auto member = std::lower_bound(members_.begin(), members_.end(), CellReader::Member{cell, 0});
        for (; member != members_.end() && member->cell == cell; ++member)
            out.push_back(member->handle);
    }
    std::sort(out.begin(), out.end());
    return out;
}

} // namespace gamelan::spatial
