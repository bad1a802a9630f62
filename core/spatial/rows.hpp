// The rows of a component that have values in some columns, slot by slot.
#pragma once

#include "core/store/column_reader.hpp"

#include <bit>
#include <cstring>
#include <optional>
#include <vector>

namespace gamelan::spatial {

inline constexpr std::uint32_t group_slots = 64;

// Bits of a plane, 64 slots at a time.
class BitReader {
  public:
    // `plane`: store::none for none.
    BitReader(const store::Snapshot& view, std::uint32_t plane) {
        if (plane != store::none)
            reader_.emplace(view, store::ColumnId{plane});
    }
    bool has_plane() const { return reader_.has_value(); }
    // Of the slots first .. first + 63.
    std::uint64_t word(std::uint32_t first) const {
        const std::uint32_t slots = reader_->block_slots();
        const std::byte* data = reader_->block(first / slots);
        std::uint64_t out = 0;
        if (data != nullptr)
            std::memcpy(&out, data + first % slots / group_slots * sizeof out, sizeof out);
        return out;
    }

  private:
    std::optional<store::ColumnReader> reader_;
};

// Calls each(slot) for the slots that have a row and no NULL in `nulls`, ascending.
template <class F>
void for_each_row(const BitReader& presence, const std::vector<BitReader>& nulls, std::uint32_t slot_count,
                  F&& each) {
    for (std::uint32_t first = 0; first < slot_count; first += group_slots) {
        std::uint64_t rows = presence.has_plane() ? presence.word(first) : ~std::uint64_t{0};
        if (slot_count - first < group_slots)
            rows &= (std::uint64_t{1} << (slot_count - first)) - 1;
        for (const BitReader& null : nulls)
            if (rows != 0 && null.has_plane())
                rows &= ~null.word(first);
        for (; rows != 0; rows &= rows - 1)
            each(first + static_cast<std::uint32_t>(std::countr_zero(rows)));
    }
}

} // namespace gamelan::spatial
