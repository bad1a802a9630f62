// The part of WorldStore that lets whole blocks be written such that they can be given up again.
#include "core/store/world_store.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace gamelan::store {

namespace {

constexpr std::uint32_t version_bytes = sizeof(std::uint64_t);

} // namespace

void WorldStore::begin_block_savepoint() {
    if (block_savepoint_ || savepoint_)
        throw Error(sqlstate::internal, "savepoints of a tick do not nest");
    block_savepoint_ = marks_of(values_);
}

std::byte* WorldStore::renew(ColumnId column, std::uint32_t index, std::uint32_t bytes) {
    if (!block_savepoint_)
        throw Error(sqlstate::internal, "a block was renewed outside a savepoint");
    const Ref old = working().block_ref(column, index);
    Ref* table = private_table(column);
    if (renewed_.size() == renewed_.capacity())
        renewed_.reserve(std::max<std::size_t>(64, 2 * renewed_.size()));
    const Ref fresh = allocate(bytes);
    arena_.header(fresh).is_rewritten = 1;
    renewed_.push_back({column, index, old});
    table[index] = fresh;
    return arena_.data(fresh);
}

std::byte* WorldStore::renew_block(ColumnId column, std::uint32_t index) {
    const Snapshot& view = working();
    return renew(column, index, block_bytes(view.column(column).type, view.block_slots(column)));
}

bool WorldStore::are_all_rows(ComponentId component, std::uint32_t index, const std::uint64_t* rows) const {
    const Snapshot& view = working();
    const ComponentSpec& spec = view.component(component);
    const std::uint32_t slots = view.space(SpaceId{spec.space}).block_slots;
    if (spec.presence != none) {
        const std::uint64_t* present = view.bits({spec.presence}, index);
        for (std::uint32_t word = 0; present && word < slots / 64; ++word)
            if ((present[word] & ~rows[word]) != 0)
                return false;
        return true;
    }
    const std::uint32_t count = std::min(view.slot_count(SpaceId{spec.space}) - index * slots, slots);
    for (std::uint32_t slot = 0; slot < count; ++slot)
        if ((rows[slot / 64] >> slot % 64 & 1) == 0)
            return false;
    return true;
}

void WorldStore::mark_rows(ComponentId component, std::uint32_t index, const std::uint64_t* rows,
                           const std::uint64_t* gone) {
    const std::uint32_t plane = working().component(component).version;
    if (plane == none)
        return;
    const std::uint32_t slots = working().block_slots(ColumnId{plane});
    const auto is_empty = [](std::uint64_t word) { return word == 0; };
    if (!std::all_of(rows, rows + slots / 64, is_empty) && are_all_rows(component, index, rows)) {
        std::memcpy(renew({plane}, index, version_bytes), &working_tick_, version_bytes);
        return;
    }
    alignas(8) std::byte room[max_block_slots * version_bytes];
    const std::byte* old = working().block({plane}, index, room);
    auto* versions = reinterpret_cast<std::uint64_t*>(renew({plane}, index, slots * version_bytes));
    if (!old)
        old = static_cast<const std::byte*>(std::memset(room, 0, sizeof room));
    const auto* before = reinterpret_cast<const std::uint64_t*>(old);
    const std::uint64_t tick = working_tick_;
    for (std::uint32_t first = 0; first < slots; first += 64) {
        const std::uint64_t word = rows[first / 64];
        const std::uint64_t lost = gone ? gone[first / 64] : 0;
        for (std::uint32_t bit = 0; bit < 64; ++bit) {
            // Without a branch: which rows change is anybody's guess.
            const std::uint64_t changed = 0 - (word >> bit & 1);
            const std::uint64_t kept = ~changed & ((lost >> bit & 1) - 1);
            versions[first + bit] = (tick & changed) | (before[first + bit] & kept);
        }
    }
}

void WorldStore::clear_slots(ColumnId column, std::uint32_t index, const std::uint64_t* slots) {
    const std::byte* old = working().block(column, index);
    if (!old)
        return;
    const ColumnSpec& spec = working().column(column);
    const std::uint32_t count = working().block_slots(column);
    std::byte* fresh = renew_block(column, index);
    std::memcpy(fresh, old, block_bytes(spec.type, count));
    for (std::uint32_t group = 0; group < count / 64; ++group) {
        for (std::uint64_t word = slots[group]; word != 0; word &= word - 1) {
            std::byte* place =
                fresh + std::size_t{64 * group + static_cast<std::uint32_t>(std::countr_zero(word))} *
                            spec.width_bytes;
            if (spec.type == ColumnType::value) {
                ValueSlot value;
                std::memcpy(&value, place, sizeof value);
                give_up_value(value);
            }
            std::memset(place, 0, spec.width_bytes);
        }
    }
}

void WorldStore::rollback_block_savepoint() {
    for (auto entry = renewed_.rbegin(); entry != renewed_.rend(); ++entry) {
        Ref* table = private_table(entry->column);
        free_created(std::exchange(table[entry->index], entry->old));
    }
    renewed_.clear();
    return_to(*std::exchange(block_savepoint_, std::nullopt), values_);
}

void WorldStore::release_block_savepoint() {
    // Each header is a cache line that nobody has looked at for long.
    constexpr std::size_t ahead = 12;
    for (std::size_t i = 0; i < renewed_.size(); ++i) {
        if (i + ahead < renewed_.size() && renewed_[i + ahead].old)
            __builtin_prefetch(&arena_.header(renewed_[i + ahead].old));
        give_up(renewed_[i].old);
    }
    renewed_.clear();
    block_savepoint_.reset();
}

} // namespace gamelan::store
