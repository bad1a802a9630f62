#include "core/kernel/locator.hpp"

#include "core/kernel/scalar.hpp"

namespace gamelan::kernel {

Locator::Locator(const store::Snapshot& view, const Lookup& lookup, const grid::Planet* planet)
    : planet_(lookup.is_of_cells ? planet : nullptr) {
    for (const ComponentId component : lookup.components)
        if (const std::uint32_t plane = view.component(component).presence; plane != store::none)
            presence_.emplace_back(view, ColumnId{plane});
    if (lookup.is_of_cells)
        return;
    if (const auto planes = store::entity_planes(view)) {
        slot_count_ = view.slot_count(planes->space);
        alive_.emplace(view, ColumnId{view.component(planes->component).presence});
        generation_.emplace(view, planes->generation);
    }
}

void Locator::find(const std::int64_t* keys, const Byte* nulls, const Byte* selection, std::uint32_t lanes,
                   std::uint32_t* slots, Byte* missing) {
    if (!planet_ && slot_count_ == 0) {
        std::memset(slots, 0, lanes * sizeof *slots);
        std::memset(missing, 1, lanes);
        return;
    }
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i)
        missing[i] = static_cast<Byte>((nulls ? nulls[i] : 0) | (selection ? selection[i] ^ 1 : 0));
    if (planet_)
        find_cells(keys, lanes, slots, missing);
    else
        find_entities(keys, lanes, slots, missing);
}

// One array instead of several planes in blocks; no entity has slot 0.
void Locator::combine_rows() {
    const std::uint32_t block_words = alive_->block_slots() / 64;
    const std::uint32_t words = (slot_count_ + 63) / 64;
    rows_.resize((words + block_words - 1) / block_words * block_words);
    const auto word_of = [&](const PlaneTable& plane, std::uint32_t word) {
        return reinterpret_cast<const std::uint64_t*>(plane.block(word / block_words))[word % block_words];
    };
    for (std::uint32_t word = 0; word < rows_.size(); ++word) {
        rows_[word] = word_of(*alive_, word);
        for (const PlaneTable& plane : presence_)
            rows_[word] &= word_of(plane, word);
    }
    rows_[0] &= ~std::uint64_t{1};
}

void Locator::find_entities(const std::int64_t* keys, std::uint32_t lanes, std::uint32_t* slots,
                            Byte* missing) {
    if (rows_.empty())
        combine_rows();
    const std::uint32_t limit = slot_count_;
    GAMELAN_INDEPENDENT_LANES
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const auto slot = static_cast<std::uint32_t>(keys[i]);
        slots[i] = slot < limit && missing[i] == 0 ? slot : 0;
    }
    const std::uint64_t* const rows = rows_.data();
    const PlaneTable::View generation = generation_->view();
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const std::uint32_t slot = slots[i];
        const bool has_row = (rows[slot / 64] >> slot % 64 & 1) != 0;
        const bool is_found =
            has_row & (generation.get<std::uint32_t>(slot) ==
                       static_cast<std::uint32_t>(static_cast<std::uint64_t>(keys[i]) >> 32));
        slots[i] = slot & (0U - static_cast<std::uint32_t>(is_found));
        missing[i] = is_found ? 0 : 1;
    }
}

void Locator::find_cells(const std::int64_t* keys, std::uint32_t lanes, std::uint32_t* slots,
                         Byte* missing) const {
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const auto found = missing[i] != 0 ? std::nullopt : planet_->find_slot(keys[i]);
        slots[i] = found.value_or(0);
        missing[i] = found ? 0 : 1;
    }
    for (const PlaneTable& plane : presence_)
        for (std::uint32_t i = 0; i < lanes; ++i)
            if (plane.bit(slots[i]) == 0) {
                missing[i] = 1;
                slots[i] = 0;
            }
}

} // namespace gamelan::kernel
