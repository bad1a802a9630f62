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

WorldStore::Rewriting& WorldStore::rewriting(ColumnId column) {
    if (column.value >= rewriting_.size())
        rewriting_.resize(working().column_count());
    Rewriting& out = rewriting_.at(column.value);
    if (out.table)
        return out;
    if (!block_savepoint_)
        throw Error(sqlstate::internal, "a block was renewed outside a savepoint");
    const Snapshot& view = working();
    const Ref table = tables(working_root_)[column.value];
    const bool is_table_private = table && is_private(table);
    out.blocks = view.block_count(column);
    out.block_bytes = block_bytes(view.column(column).type, view.block_slots(column));
    out.are_old_published = !is_table_private;
    out.is_rewritten.resize(out.blocks);
    if (!out.is_listed)
        rewriting_columns_.push_back(column.value);
    out.is_listed = true;
    out.table = private_table(column);
    return out;
}

std::byte* WorldStore::renew(ColumnId column, std::uint32_t index, std::uint32_t bytes) {
    Rewriting& at = rewriting(column);
    if (index >= at.blocks)
        throw Error(sqlstate::internal, "a block was renewed beyond its column");
    if (renewed_.size() == renewed_.capacity())
        renewed_.reserve(std::max<std::size_t>(64, 2 * renewed_.size()));
    const Ref fresh = allocate(bytes);
    renewed_.push_back({column, index, at.table[index], at.are_old_published && !at.is_rewritten[index]});
    at.table[index] = fresh;
    at.is_rewritten[index] = true;
    return arena_.data(fresh);
}

std::byte* WorldStore::renew_block(ColumnId column, std::uint32_t index) {
    return renew(column, index, rewriting(column).block_bytes);
}

bool WorldStore::is_rewritten(ColumnId column, std::uint32_t index) const {
    return column.value < rewriting_.size() && index < rewriting_[column.value].is_rewritten.size() &&
           rewriting_[column.value].is_rewritten[index];
}

void WorldStore::forget_rewrite(ColumnId column, std::uint32_t index) {
    if (is_rewritten(column, index))
        rewriting_[column.value].is_rewritten[index] = false;
}

// At the end of a savepoint: tables may go elsewhere.
void WorldStore::end_rewriting() {
    renewed_.clear();
    for (const std::uint32_t column : rewriting_columns_)
        rewriting_[column].table = nullptr;
}

// At the end of a tick.
void WorldStore::forget_rewrites() {
    for (const std::uint32_t column : rewriting_columns_) {
        rewriting_[column].is_rewritten.clear();
        rewriting_[column].is_listed = false;
    }
    rewriting_columns_.clear();
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
    const std::uint64_t rest = count % 64 == 0 ? 0 : ~std::uint64_t{0} >> (64 - count % 64);
    return std::all_of(rows, rows + count / 64, [](std::uint64_t word) { return ~word == 0; }) &&
           (rest == 0 || (~rows[count / 64] & rest) == 0);
}

// How many ticks ago each row changed, as seen from the working tick. False when that is too long ago for
// one.
bool WorldStore::write_ages(ColumnId plane, std::uint32_t index, VersionAge* out) const {
    const std::uint32_t slots = working().block_slots(plane);
    const Ref old = working().block_ref(plane, index);
    if (old && arena_.header(old).data_bytes == age_bytes(slots)) {
        const std::uint64_t passed = working_tick_ - arena_.header(old).zone_least;
        if (passed >= no_version)
            return false;
        const auto* ages = reinterpret_cast<const VersionAge*>(arena_.data(old));
        const auto shift = static_cast<VersionAge>(passed);
        VersionAge too_old = 0;
        for (std::uint32_t slot = 0; slot < slots; ++slot) {
            const auto is_none = static_cast<VersionAge>(ages[slot] == no_version ? no_version : 0);
            const auto aged = static_cast<VersionAge>(ages[slot] + shift);
            const bool is_beyond = static_cast<VersionAge>(aged + 1) <= shift;
            too_old |= static_cast<VersionAge>((is_beyond ? no_version : 0) & ~is_none);
            out[slot] = aged | is_none;
        }
        return too_old == 0;
    }
    alignas(8) std::byte room[max_block_slots * version_bytes];
    const std::byte* versions = working().block(plane, index, room);
    if (!versions) {
        std::fill_n(out, slots, no_version);
        return true;
    }
    bool all_fit = true;
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        std::uint64_t version;
        std::memcpy(&version, versions + slot * sizeof version, sizeof version);
        const std::uint64_t age = working_tick_ - version;
        all_fit = all_fit && (version == 0 || age < no_version);
        out[slot] = version == 0 ? no_version : static_cast<VersionAge>(age);
    }
    return all_fit;
}

namespace {

// Eight bits to eight bytes of 0 and 1.
std::uint64_t spread(std::uint64_t byte) {
    const std::uint64_t bits = (byte * 0x0101010101010101ULL) & 0x8040201008040201ULL;
    return (bits + 0x7f7f7f7f7f7f7f7fULL) >> 7 & 0x0101010101010101ULL;
}

// Where a bit is set, the value becomes another; without a branch, as which rows change is anybody's guess.
template <class T>
void set_where(T* values, const std::uint64_t* words, std::uint32_t slots, T value) {
    alignas(64) std::uint8_t marks[max_block_slots];
    for (std::uint32_t first = 0; first < slots; first += 8) {
        const std::uint64_t eight = spread(words[first / 64] >> first % 64 & 0xff);
        std::memcpy(marks + first, &eight, sizeof eight);
    }
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        const auto changed = static_cast<T>(0 - static_cast<T>(marks[slot]));
        values[slot] = static_cast<T>((value & changed) | (values[slot] & ~changed));
    }
}

} // namespace

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
    alignas(64) VersionAge ages[max_block_slots];
    if (write_ages({plane}, index, ages)) {
        set_where<VersionAge>(ages, rows, slots, 0);
        if (gone)
            set_where(ages, gone, slots, no_version);
        std::byte* fresh = renew({plane}, index, age_bytes(slots));
        std::memcpy(fresh, ages, age_bytes(slots));
        arena_.header(rewriting({plane}).table[index]).zone_least = working_tick_;
        return;
    }
    alignas(8) std::byte room[max_block_slots * version_bytes];
    const std::byte* old = working().block({plane}, index, room);
    std::byte* fresh = renew({plane}, index, slots * version_bytes);
    std::memcpy(fresh, old, std::size_t{slots} * version_bytes);
    auto* versions = reinterpret_cast<std::uint64_t*>(fresh);
    set_where<std::uint64_t>(versions, rows, slots, working_tick_);
    if (gone)
        set_where<std::uint64_t>(versions, gone, slots, 0);
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
        forget_rewrite(entry->column, entry->index);
    }
    end_rewriting();
    return_to(*std::exchange(block_savepoint_, std::nullopt), values_);
}

void WorldStore::release_block_savepoint() {
    for (const Renewed& entry : renewed_) {
        if (entry.old && entry.is_old_published)
            changes_.replaced.push_back(entry.old);
        else
            give_up(entry.old);
    }
    end_rewriting();
    block_savepoint_.reset();
}

} // namespace gamelan::store
