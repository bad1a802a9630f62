#include "core/store/world_store.hpp"

#include <string>

namespace gamelan::store {

namespace {

constexpr std::uint64_t first_sequence = 1;

std::uint32_t blocks_for(std::uint32_t slots, std::uint32_t block_slots) {
    return (slots + block_slots - 1) / block_slots;
}

} // namespace

WorldStore::WorldStore(const Region& region, WorldSlot slot, std::uint32_t limit_units)
    : arena_(region, slot, limit_units), slot_(slot) {}

WorldStore WorldStore::create(const Region& region, WorldSlot slot, const Layout& layout,
                              std::uint32_t limit_units) {
    WorldStore store(region, slot, limit_units);
    try {
        store.create_root(layout);
    } catch (...) {
        store.arena_.release_all();
        throw;
    }
    return store;
}

void WorldStore::create_root(const Layout& layout) {
    const auto& spaces = layout.spaces();
    const auto& columns = layout.columns();
    sequence_ = first_sequence;
    const std::size_t spaces_bytes = spaces.size() * sizeof(SpaceSpec);
    const std::size_t columns_bytes = columns.size() * sizeof(ColumnSpec);
    const Ref layout_ref = allocate(static_cast<std::uint32_t>(spaces_bytes + columns_bytes));
    std::memcpy(arena_.data(layout_ref), spaces.data(), spaces_bytes);
    std::memcpy(arena_.data(layout_ref) + spaces_bytes, columns.data(), columns_bytes);

    const std::size_t root_bytes =
        sizeof(RootHeader) + spaces.size() * sizeof(SpaceState) + columns.size() * sizeof(Ref);
    const Ref root = allocate(static_cast<std::uint32_t>(root_bytes));
    const RootHeader header{0, sequence_, layout_ref, static_cast<std::uint32_t>(spaces.size()),
                            static_cast<std::uint32_t>(columns.size())};
    std::memcpy(arena_.data(root), &header, sizeof header);
    for (std::size_t s = 0; s < spaces.size(); ++s)
        states(root)[s] = {spaces[s].initial_slots,
                           blocks_for(spaces[s].initial_slots, spaces[s].block_slots)};
    for (std::size_t c = 0; c < columns.size(); ++c) {
        const std::uint32_t table_bytes = states(root)[columns[c].space].block_count * sizeof(Ref);
        const Ref table = allocate(table_bytes);
        std::memset(arena_.data(table), 0, table_bytes);
        tables(root)[c] = table;
    }
    newest_root_ = root;
}

WorldStore WorldStore::take_over(const Region& region, WorldSlot slot, std::uint32_t limit_units) {
    const Ref root{region.control(slot).root.load()};
    if (!root)
        throw Error(sqlstate::internal, "the world has no published version to take over");
    WorldStore store(region, slot, limit_units);
    store.newest_root_ = root;
    store.arena_.adopt(store.reachable_from(root));
    return store;
}

bool WorldStore::release() {
    if (!released_) {
        if (in_tick())
            abandon();
        abandon_sealed();
        region().control(slot_).root.store(0);
        release_epoch_ = region().advance_epoch();
        released_ = true;
    }
    if (region().oldest_pinned_epoch() <= release_epoch_)
        return false;
    arena_.release_all();
    return true;
}

Ref WorldStore::allocate(std::uint32_t data_bytes) {
    return arena_.allocate(data_bytes, sequence_);
}

SpaceState* WorldStore::states(Ref root) const {
    return reinterpret_cast<SpaceState*>(arena_.data(root) + sizeof(RootHeader));
}

Ref* WorldStore::tables(Ref root) const {
    const auto* header = reinterpret_cast<const RootHeader*>(arena_.data(root));
    return reinterpret_cast<Ref*>(arena_.data(root) + sizeof(RootHeader) +
                                  header->space_count * sizeof(SpaceState));
}

void WorldStore::begin_tick() {
    arena_.reclaim();
    sequence_ = newest_sequence() + 1;
    const std::uint32_t bytes = arena_.header(newest_root_).data_bytes;
    const Ref root = allocate(bytes);
    std::memcpy(arena_.data(root), arena_.data(newest_root_), bytes);
    reinterpret_cast<RootHeader*>(arena_.data(root))->sequence = sequence_;
    working_root_ = root;
}

Ref* WorldStore::private_table(ColumnId column) {
    Ref& table = tables(working_root_)[column.value];
    if (!is_private(table)) {
        const std::uint32_t bytes = arena_.header(table).data_bytes;
        const Ref copy = allocate(bytes);
        std::memcpy(arena_.data(copy), arena_.data(table), bytes);
        table = copy;
    }
    return reinterpret_cast<Ref*>(arena_.data(table));
}

std::byte* WorldStore::write_block(ColumnId column, std::uint32_t index) {
    const Snapshot view = working();
    const Ref old = view.block_ref(column, index);
    if (old && is_private(old)) {
        arena_.header(old).hash_is_known.store(0, std::memory_order_relaxed);
        return arena_.data(old);
    }
    const std::uint32_t bytes = view.block_slots(column) * view.column(column).width_bytes;
    Ref* table = private_table(column);
    const Ref fresh = allocate(bytes);
    if (old)
        std::memcpy(arena_.data(fresh), arena_.data(old), bytes);
    else
        std::memset(arena_.data(fresh), 0, bytes);
    table[index] = fresh;
    return arena_.data(fresh);
}

std::byte* WorldStore::replace_block(ColumnId column, std::uint32_t index) {
    const Snapshot view = working();
    const Ref old = view.block_ref(column, index);
    Ref* table = private_table(column);
    const Ref fresh = allocate(view.block_slots(column) * view.column(column).width_bytes);
    if (old && is_private(old))
        superseded_.push_back({column, index, old});
    table[index] = fresh;
    return arena_.data(fresh);
}

void WorldStore::keep_block(ColumnId column, std::uint32_t index) {
    Ref* table = private_table(column);
    arena_.free(table[index]);
    for (auto entry = superseded_.begin(); entry != superseded_.end(); ++entry) {
        if (entry->column == column && entry->index == index) {
            table[index] = entry->block;
            superseded_.erase(entry);
            return;
        }
    }
    table[index] = newest().block_ref(column, index);
}

void WorldStore::free_superseded() {
    for (const Superseded& entry : superseded_)
        arena_.free(entry.block);
    superseded_.clear();
}

void WorldStore::set_bytes(ColumnId column, std::uint32_t slot, const void* value, std::uint32_t width) {
    const Snapshot view = working();
    if (width != view.column(column).width_bytes || slot >= view.slot_count(column))
        throw Error(sqlstate::internal, "a value was written outside its column",
                    "Column " + std::string(view.column(column).name) + ", slot " + std::to_string(slot) +
                        ".");
    const std::uint32_t slots = view.block_slots(column);
    std::byte* place = write_block(column, slot / slots) + slot % slots * width;
    if (has_savepoint_) {
        Undo& undo = undo_.emplace_back(Undo{column, slot, width, {}});
        std::memcpy(undo.old, place, width);
    }
    std::memcpy(place, value, width);
}

void WorldStore::set_text(ColumnId column, std::uint32_t slot, std::string_view text) {
    char padded[64] = {};
    const std::uint32_t width = working().column(column).width_bytes;
    if (text.size() > width || width > sizeof padded)
        throw Error(sqlstate::invalid_parameter, "the text is too long",
                    "It has " + std::to_string(text.size()) + " bytes; " + std::to_string(width) + " fit.");
    std::memcpy(padded, text.data(), text.size());
    set_bytes(column, slot, padded, width);
}

std::uint32_t WorldStore::append_slot(SpaceId space) {
    const Snapshot view = working();
    const std::uint32_t slot = view.slot_count(space);
    if (slot == max_slots)
        throw Error(sqlstate::world_full, "the space " + std::string(view.space(space).name) + " is full");
    const std::uint32_t needed = blocks_for(slot + 1, view.space(space).block_slots);
    if (needed > states(working_root_)[space.value].block_count)
        grow_tables(space, needed);
    states(working_root_)[space.value].slot_count = slot + 1;
    return slot;
}

void WorldStore::grow_tables(SpaceId space, std::uint32_t block_count) {
    const Snapshot view = working();
    const std::uint32_t old_bytes = states(working_root_)[space.value].block_count * sizeof(Ref);
    const auto new_bytes = static_cast<std::uint32_t>(block_count * sizeof(Ref));
    std::vector<Ref> grown(view.column_count());
    for (std::uint32_t c = 0; c < view.column_count(); ++c)
        if (view.column({c}).space == space.value)
            grown[c] = allocate(new_bytes);
    // No allocation from here on: either all tables of the space have the new length or none has.
    for (std::uint32_t c = 0; c < view.column_count(); ++c) {
        if (!grown[c])
            continue;
        Ref& table = tables(working_root_)[c];
        std::memset(arena_.data(grown[c]), 0, new_bytes);
        std::memcpy(arena_.data(grown[c]), arena_.data(table), old_bytes);
        if (is_private(table))
            arena_.free(table);
        table = grown[c];
    }
    states(working_root_)[space.value].block_count = block_count;
}

void WorldStore::begin_savepoint() {
    if (has_savepoint_)
        throw Error(sqlstate::internal, "savepoints of a tick do not nest");
    has_savepoint_ = true;
    undo_.clear();
    undo_slot_counts_.clear();
    for (std::uint32_t s = 0; s < working().space_count(); ++s)
        undo_slot_counts_.push_back(states(working_root_)[s].slot_count);
}

void WorldStore::rollback_savepoint() {
    has_savepoint_ = false;
    for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo)
        set_bytes(undo->column, undo->slot, undo->old, undo->width);
    for (std::uint32_t s = 0; s < undo_slot_counts_.size(); ++s)
        states(working_root_)[s].slot_count = undo_slot_counts_[s];
    undo_.clear();
}

void WorldStore::release_savepoint() {
    has_savepoint_ = false;
    undo_.clear();
}

WorldStore::Difference WorldStore::difference(Ref older, Ref newer) const {
    Difference out;
    const Snapshot before = Snapshot::at(region(), older);
    const Snapshot after = Snapshot::at(region(), newer);
    out.created.push_back(newer);
    out.replaced.push_back(older);
    for (std::uint32_t c = 0; c < after.column_count(); ++c) {
        const Ref old_table = tables(older)[c];
        const Ref new_table = tables(newer)[c];
        if (old_table == new_table)
            continue;
        out.created.push_back(new_table);
        out.replaced.push_back(old_table);
        const auto* old_entries = reinterpret_cast<const Ref*>(arena_.data(old_table));
        const auto* new_entries = reinterpret_cast<const Ref*>(arena_.data(new_table));
        const std::uint32_t old_count = before.block_count({c});
        for (std::uint32_t b = 0; b < after.block_count({c}); ++b) {
            const Ref was = b < old_count ? old_entries[b] : Ref{};
            if (was == new_entries[b])
                continue;
            if (new_entries[b])
                out.created.push_back(new_entries[b]);
            if (was)
                out.replaced.push_back(was);
        }
    }
    return out;
}

Snapshot WorldStore::seal(std::uint64_t tick) {
    has_savepoint_ = false;
    free_superseded();
    reinterpret_cast<RootHeader*>(arena_.data(working_root_))->tick = tick;
    sealed_.push_back({working_root_, tick, difference(newest_root_, working_root_)});
    newest_root_ = working_root_;
    working_root_ = {};
    return newest();
}

void WorldStore::abandon() {
    has_savepoint_ = false;
    if (!in_tick())
        return;
    free_superseded();
    for (const Ref ref : difference(newest_root_, working_root_).created)
        arena_.free(ref);
    working_root_ = {};
}

bool WorldStore::publish() {
    if (sealed_.empty())
        return false;
    const Sealed& oldest = sealed_.front();
    WorldControl& control = region().control(slot_);
    control.root.store(oldest.root.value);
    control.tick.store(oldest.tick, std::memory_order_release);
    const std::uint64_t epoch = region().advance_epoch();
    for (const Ref ref : oldest.difference.replaced)
        arena_.retire(ref, epoch);
    sealed_.pop_front();
    return true;
}

void WorldStore::abandon_sealed() {
    for (auto version = sealed_.rbegin(); version != sealed_.rend(); ++version)
        for (const Ref ref : version->difference.created)
            arena_.free(ref);
    sealed_.clear();
    newest_root_ = {region().control(slot_).root.load()};
}

std::unordered_set<std::uint32_t> WorldStore::reachable_from(Ref root) const {
    const Snapshot view = Snapshot::at(region(), root);
    std::unordered_set<std::uint32_t> out{root.value, view.layout_ref().value};
    for (std::uint32_t c = 0; c < view.column_count(); ++c) {
        out.insert(tables(root)[c].value);
        for (std::uint32_t b = 0; b < view.block_count({c}); ++b)
            if (const Ref ref = view.block_ref({c}, b))
                out.insert(ref.value);
    }
    return out;
}

} // namespace gamelan::store
