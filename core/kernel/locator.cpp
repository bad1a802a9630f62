#include "core/kernel/locator.hpp"

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

std::uint32_t Locator::find_entity(std::int64_t key) const {
    const store::Entity entity{static_cast<std::uint64_t>(key)};
    const std::uint32_t slot = entity.slot();
    const bool is_there = slot < slot_count_ && alive_->bit(slot) != 0 &&
                          generation_->get<std::uint32_t>(slot) == entity.generation();
    return is_there ? slot : 0; // no entity has slot 0
}

void Locator::find(const std::int64_t* keys, const Byte* nulls, const Byte* selection, std::uint32_t lanes,
                   std::uint32_t* slots, Byte* missing) const {
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const bool is_wanted = (!selection || selection[i] != 0) && (!nulls || nulls[i] == 0);
        slots[i] = 0;
        missing[i] = 1;
        if (!is_wanted)
            continue;
        if (alive_) {
            slots[i] = find_entity(keys[i]);
            missing[i] = slots[i] == 0 ? 1 : 0;
        } else if (planet_) {
            if (const auto found = planet_->find_slot(keys[i])) {
                slots[i] = *found;
                missing[i] = 0;
            }
        }
    }
    require_rows(lanes, slots, missing);
}

// Rows that lack one of the components are none.
void Locator::require_rows(std::uint32_t lanes, std::uint32_t* slots, Byte* missing) const {
    for (const PlaneTable& presence : presence_)
        for (std::uint32_t i = 0; i < lanes; ++i)
            if (presence.bit(slots[i]) == 0) {
                missing[i] = 1;
                slots[i] = 0;
            }
}

} // namespace gamelan::kernel
