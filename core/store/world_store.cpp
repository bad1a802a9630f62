#include "core/store/world_store.hpp"

#include "core/base/hash.hpp"
#include "core/store/ordered_index.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

namespace gamelan::store {

namespace {

constexpr std::uint64_t first_sequence = 1;
constexpr std::uint32_t version_bytes = sizeof(std::uint64_t);

// So that noting a block cannot fail once the block is ours.
void make_room(std::vector<Ref>& list) {
    if (list.size() == list.capacity())
        list.reserve(std::max<std::size_t>(64, 2 * list.size()));
}

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

// A root without any table: every plane is zero.
Ref WorldStore::make_root(const Layout& layout, std::uint64_t layout_version) {
    RootHeader header{};
    header.sequence = sequence_;
    header.layout_version = layout_version;
    header.incarnation = layout.incarnation();
    header.space_count = static_cast<std::uint32_t>(layout.spaces().size());
    header.component_count = static_cast<std::uint32_t>(layout.components().size());
    header.column_count = static_cast<std::uint32_t>(layout.columns().size());
    header.index_count = layout.index_count();
    const LayoutParts parts = layout_parts(header);
    header.layout = allocate(static_cast<std::uint32_t>(parts.bytes));
    std::byte* out = arena_.data(header.layout);
    const auto copy_to = [&](std::size_t place, const auto& specs) {
        if (!specs.empty())
            std::memcpy(out + place, specs.data(), specs.size() * sizeof specs[0]);
    };
    copy_to(0, layout.spaces());
    copy_to(parts.components, layout.components());
    copy_to(parts.columns, layout.columns());
    const auto bytes = static_cast<std::uint32_t>(root_parts(header).bytes);
    const Ref root = allocate(bytes);
    std::memset(arena_.data(root), 0, bytes);
    std::memcpy(arena_.data(root), &header, sizeof header);
    std::fill_n(index_states(root), header.index_count, IndexState{{}, index_not_built, 0});
    return root;
}

void WorldStore::create_root(const Layout& layout) {
    sequence_ = first_sequence;
    newest_root_ = make_root(layout, first_sequence);
    const auto& spaces = layout.spaces();
    for (std::size_t s = 0; s < spaces.size(); ++s)
        states(newest_root_)[s] = {spaces[s].initial_slots,
                                   blocks_for(spaces[s].initial_slots, spaces[s].block_slots)};
    changes_ = {};
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
    make_room(changes_.created);
    const Ref block = arena_.allocate(data_bytes, sequence_);
    changes_.created.push_back(block);
    return block;
}

// At once; for a block whose place among the created ones is near the end.
void WorldStore::free_created(Ref block) {
    auto& created = changes_.created;
    for (auto entry = created.rbegin(); entry != created.rend(); ++entry) {
        if (*entry == block) {
            created.erase(std::next(entry).base());
            break;
        }
    }
    arena_.free(block);
}

void WorldStore::give_up(Ref block) {
    if (block)
        (is_private(block) ? changes_.dropped : changes_.replaced).push_back(block);
}

SpaceState* WorldStore::states(Ref root) const {
    return reinterpret_cast<SpaceState*>(arena_.data(root) + root_parts(header(root)).states);
}

Ref* WorldStore::tables(Ref root) const {
    return reinterpret_cast<Ref*>(arena_.data(root) + root_parts(header(root)).tables);
}

void WorldStore::begin_tick() {
    arena_.reclaim();
    sequence_ = newest_sequence() + 1;
    working_tick_ = newest().tick() + 1;
    const std::uint32_t bytes = arena_.header(newest_root_).data_bytes;
    const Ref root = allocate(bytes);
    std::memcpy(arena_.data(root), arena_.data(newest_root_), bytes);
    header(root).sequence = sequence_;
    changes_.replaced.push_back(newest_root_);
    working_root_ = root;
    look_at_working();
}

// Tables grow to powers of two: a space that grows slot by slot copies each few times only.
Ref* WorldStore::private_table(ColumnId column) {
    Ref& table = tables(working_root_)[column.value];
    const std::uint32_t needed = working().block_count(column);
    const std::uint32_t room = table ? arena_.header(table).data_bytes / sizeof(Ref) : 0;
    if (!table || !is_private(table) || room < needed) {
        const std::uint32_t entries = room < needed ? std::bit_ceil(needed) : room;
        const Ref copy = allocate(entries * static_cast<std::uint32_t>(sizeof(Ref)));
        std::memset(arena_.data(copy), 0, entries * sizeof(Ref));
        if (table)
            std::memcpy(arena_.data(copy), arena_.data(table), room * sizeof(Ref));
        give_up(table);
        table = copy;
    }
    return reinterpret_cast<Ref*>(arena_.data(table));
}

std::byte* WorldStore::private_block(ColumnId column, std::uint32_t index) {
    const Snapshot& view = working();
    const Ref old = view.block_ref(column, index);
    if (old && is_private(old)) {
        arena_.header(old).hash_is_known.store(0, std::memory_order_relaxed);
        forget_rewrite(column, index);
        return arena_.data(old);
    }
    const std::uint32_t bytes = block_bytes(view.column(column).type, view.block_slots(column));
    Ref* table = private_table(column);
    const Ref fresh = allocate(bytes);
    if (old)
        std::memcpy(arena_.data(fresh), arena_.data(old), bytes);
    else
        std::memset(arena_.data(fresh), 0, bytes);
    give_up(old);
    table[index] = fresh;
    return arena_.data(fresh);
}

std::byte* WorldStore::write_block(ColumnId column, std::uint32_t index) {
    const ColumnSpec& spec = working().column(column);
    if (spec.type == ColumnType::version) {
        // Any other form becomes a version for each row.
        const Ref old = working().block_ref(column, index);
        const std::uint32_t bytes = working().block_slots(column) * version_bytes;
        if (old && arena_.header(old).data_bytes != bytes) {
            alignas(8) std::byte room[max_block_slots * version_bytes];
            (void)working().block(column, index, room);
            Ref* table = private_table(column);
            const Ref fresh = allocate(bytes);
            std::memcpy(arena_.data(fresh), room, bytes);
            give_up(old);
            table[index] = fresh;
            return arena_.data(fresh);
        }
    }
    return private_block(column, index);
}

std::byte* WorldStore::replace_block(ColumnId column, std::uint32_t index) {
    const Snapshot& view = working();
    const Ref old = view.block_ref(column, index);
    Ref* table = private_table(column);
    const Ref fresh = allocate(block_bytes(view.column(column).type, view.block_slots(column)));
    if (old)
        superseded_.push_back({column, index, old});
    table[index] = fresh;
    return arena_.data(fresh);
}

void WorldStore::keep_block(ColumnId column, std::uint32_t index) {
    Ref* table = private_table(column);
    free_created(table[index]);
    table[index] = {};
    // From the end: what is kept was most likely replaced just now.
    for (auto entry = superseded_.rbegin(); entry != superseded_.rend(); ++entry) {
        if (entry->column == column && entry->index == index) {
            table[index] = entry->block;
            superseded_.erase(std::next(entry).base());
            return;
        }
    }
}

void WorldStore::give_up_superseded() {
    for (const Superseded& entry : superseded_)
        give_up(entry.block);
    superseded_.clear();
}

void WorldStore::mark_block(ComponentId component, std::uint32_t index) {
    const std::uint32_t plane = working().component(component).version;
    if (plane == none)
        return;
    const Ref old = working().block_ref({plane}, index);
    Ref* table = private_table({plane});
    Ref shared = old;
    if (!old || !is_private(old) || arena_.header(old).data_bytes != version_bytes) {
        shared = allocate(version_bytes);
        give_up(old);
        table[index] = shared;
    }
    arena_.header(shared).hash_is_known.store(0, std::memory_order_relaxed);
    std::memcpy(arena_.data(shared), &working_tick_, version_bytes);
}

// --- single values ---

void WorldStore::note(UndoKind kind, std::uint32_t target, std::uint32_t slot, const void* old,
                      std::uint8_t width) {
    const auto* bytes = static_cast<const std::byte*>(old);
    undo_.push_back({kind, width, target, slot, undo_bytes_.size()});
    undo_bytes_.insert(undo_bytes_.end(), bytes, bytes + width);
}

bool WorldStore::is_undo_needed(ColumnId column, std::uint32_t slot) const {
    return savepoint_ && !(fresh_slot_ == slot && fresh_component_.value != none &&
                           working().column(column).component == fresh_component_.value);
}

void WorldStore::write_bytes(ColumnId column, std::uint32_t slot, const void* value, std::uint32_t width) {
    const std::uint32_t slots = working().block_slots(column);
    std::memcpy(write_block(column, slot / slots) + static_cast<std::size_t>(slot % slots) * width, value,
                width);
}

void WorldStore::set_bytes(ColumnId column, std::uint32_t slot, const void* value, std::uint32_t width) {
    const Snapshot& view = working();
    if (width != view.column(column).width_bytes || slot >= view.slot_count(column))
        throw Error(sqlstate::internal, "a value was written outside its column",
                    "Column " + std::string(view.column(column).name) + ", slot " + std::to_string(slot) +
                        ".");
    const std::uint32_t slots = view.block_slots(column);
    std::byte* place = write_block(column, slot / slots) + static_cast<std::size_t>(slot % slots) * width;
    if (is_undo_needed(column, slot))
        note(UndoKind::bytes, column.value, slot, place, static_cast<std::uint8_t>(width));
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

ValueSlot WorldStore::store_value(std::string_view contents) {
    ValueSlot out{};
    if (contents.size() > max_value_bytes)
        throw Error(sqlstate::invalid_parameter, "the value is too long for a component",
                    "It has " + std::to_string(contents.size()) + " bytes; " +
                        std::to_string(max_value_bytes) + " fit.");
    out.bytes = static_cast<std::uint32_t>(contents.size());
    if (out.is_inline()) {
        std::copy(contents.begin(), contents.end(), reinterpret_cast<char*>(out.body));
        return out;
    }
    make_room(values_.created);
    const Ref block = arena_.allocate(out.bytes, sequence_);
    values_.created.push_back(block);
    std::memcpy(arena_.data(block), contents.data(), contents.size());
    const std::uint64_t hash = hash64(contents);
    std::memcpy(out.body, &block, sizeof block);
    std::memcpy(out.body + sizeof block, &hash, sizeof hash);
    return out;
}

void WorldStore::give_up_value(const ValueSlot& value) {
    if (const Ref block = value.block())
        (is_private(block) ? values_.dropped : values_.replaced).push_back(block);
}

void WorldStore::set_value(ColumnId column, std::uint32_t slot, std::string_view contents) {
    const auto old = get<ValueSlot>(column, slot);
    if (old.bytes == contents.size() && working().contents(old) == contents)
        return;
    const ValueSlot fresh = store_value(contents);
    set_bytes(column, slot, &fresh, sizeof fresh);
    give_up_value(old);
}

void WorldStore::write_bit(ColumnId plane, std::uint32_t slot, bool value) {
    const std::uint32_t slots = working().block_slots(plane);
    const std::size_t word_place = slot % slots / 64 * sizeof(std::uint64_t);
    std::byte* place = private_block(plane, slot / slots) + word_place;
    std::uint64_t word;
    std::memcpy(&word, place, sizeof word);
    const std::uint64_t mask = 1ULL << slot % 64;
    word = value ? word | mask : word & ~mask;
    std::memcpy(place, &word, sizeof word);
}

void WorldStore::set_bit(ColumnId plane, std::uint32_t slot, bool value) {
    const bool old = working().bit(plane, slot);
    if (old == value)
        return;
    if (is_undo_needed(plane, slot))
        note(UndoKind::bit, plane.value, slot, &old, sizeof old);
    write_bit(plane, slot, value);
}

void WorldStore::set_null(ColumnId column, std::uint32_t slot, bool is_null) {
    const ColumnSpec& spec = working().column(column);
    if (spec.nulls == none)
        throw Error(sqlstate::internal, "a column without NULLs cannot hold one");
    set_bit({spec.nulls}, slot, is_null);
    if (!is_null)
        return;
    const std::byte zeros[64] = {};
    if (spec.type == ColumnType::value)
        set_value(column, slot, {});
    else if (working().block_ref(column, slot / working().block_slots(column)))
        set_bytes(column, slot, zeros, spec.width_bytes);
}

// --- rows ---

// Whether no other slot of the block has a row.
bool WorldStore::is_alone(ComponentId component, std::uint32_t slot) const {
    const Snapshot& view = working();
    const ColumnId presence{view.component(component).presence};
    if (presence.value == none)
        return false;
    const std::uint32_t slots = view.block_slots(presence);
    const std::uint64_t* present = view.bits(presence, slot / slots);
    int rows = 0;
    for (std::uint32_t word = 0; present && word < slots / 64; ++word)
        rows += std::popcount(present[word]);
    return rows == (view.bit(presence, slot) ? 1 : 0);
}

void WorldStore::write_version(ComponentId component, std::uint32_t slot, std::uint64_t version) {
    const Snapshot& view = working();
    const ColumnId plane{view.component(component).version};
    const std::uint32_t slots = view.block_slots(plane);
    const std::uint32_t index = slot / slots;
    const Ref block = view.block_ref(plane, index);
    const bool is_shared = block && arena_.header(block).data_bytes == version_bytes;
    std::uint64_t shared = 0;
    if (is_shared)
        std::memcpy(&shared, arena_.data(block), version_bytes);
    if (is_shared && shared == version)
        return;
    // The first row of a block: one version serves all rows to come in this tick.
    if ((!block || is_shared) && version == working_tick_ && is_alone(component, slot)) {
        mark_block(component, index);
        return;
    }
    write_bytes(plane, slot, &version, version_bytes);
}

void WorldStore::touch_row(ComponentId component, std::uint32_t slot) {
    const ComponentSpec& spec = working().component(component);
    if (spec.version == none)
        return;
    const std::uint64_t old = working().row_version(component, slot);
    if (old == working_tick_)
        return;
    if (is_undo_needed({spec.version}, slot))
        note(UndoKind::bytes, spec.version, slot, &old, version_bytes);
    write_version(component, slot, working_tick_);
}

void WorldStore::insert_row(ComponentId component, std::uint32_t slot) {
    const ComponentSpec& spec = working().component(component);
    if (spec.presence == none || slot >= working().slot_count(SpaceId{spec.space}) ||
        working().bit({spec.presence}, slot))
        throw Error(sqlstate::internal, "a row was inserted where there cannot be one");
    if (savepoint_) {
        note(UndoKind::insert, component.value, slot, nullptr, 0);
        fresh_component_ = component;
        fresh_slot_ = slot;
    }
    write_bit({spec.presence}, slot, true);
    write_version(component, slot, working_tick_);
}

// What a shared version says about a block, and so its share of the state hash, changes with the rows.
void WorldStore::renew_shared_version(ColumnId plane, std::uint32_t index) {
    const Ref old = working().block_ref(plane, index);
    if (is_private(old))
        return arena_.header(old).hash_is_known.store(0, std::memory_order_relaxed);
    Ref* table = private_table(plane);
    const Ref fresh = allocate(version_bytes);
    std::memcpy(arena_.data(fresh), arena_.data(old), version_bytes);
    give_up(old);
    table[index] = fresh;
}

// Zeros, without a word to undo log or heap.
void WorldStore::clear_row(ComponentId component, std::uint32_t slot) {
    const Snapshot& view = working();
    const ComponentSpec& spec = view.component(component);
    const std::byte zeros[64] = {};
    for (std::uint32_t i = 0; i < spec.column_count; ++i) {
        const ColumnId column{spec.first_column + 2 * i};
        if (view.block_ref(column, slot / view.block_slots(column)))
            write_bytes(column, slot, zeros, view.column(column).width_bytes);
        if (view.bit({view.column(column).nulls}, slot))
            write_bit({view.column(column).nulls}, slot, false);
    }
    const ColumnId version{spec.version};
    const std::uint32_t index = slot / view.block_slots(version);
    const Ref block = view.block_ref(version, index);
    const std::uint64_t never = 0;
    if (block && arena_.header(block).data_bytes != version_bytes)
        write_bytes(version, slot, &never, version_bytes);
    else if (block)
        renew_shared_version(version, index);
    write_bit({spec.presence}, slot, false);
}

void WorldStore::delete_row(ComponentId component, std::uint32_t slot) {
    const Snapshot& view = working();
    const ComponentSpec& spec = view.component(component);
    if (spec.presence == none || !view.has_row(component, slot))
        throw Error(sqlstate::internal, "a row was deleted that is not there");
    fresh_component_ = {none};
    const std::uint64_t version = view.row_version(component, slot);
    if (savepoint_)
        note(UndoKind::bytes, spec.version, slot, &version, version_bytes);
    for (std::uint32_t i = 0; i < spec.column_count; ++i) {
        const ColumnId column{spec.first_column + 2 * i};
        const ColumnSpec& column_spec = view.column(column);
        const std::uint32_t slots = view.block_slots(column);
        const std::byte* data = view.block(column, slot / slots);
        if (data && savepoint_)
            note(UndoKind::bytes, column.value, slot,
                 data + static_cast<std::size_t>(slot % slots) * column_spec.width_bytes,
                 static_cast<std::uint8_t>(column_spec.width_bytes));
        if (data && column_spec.type == ColumnType::value)
            give_up_value(view.get<ValueSlot>(column, slot));
        const bool was_null = view.bit({column_spec.nulls}, slot);
        if (was_null && savepoint_)
            note(UndoKind::bit, column_spec.nulls, slot, &was_null, sizeof was_null);
    }
    const bool was_there = true;
    if (savepoint_)
        note(UndoKind::bit, spec.presence, slot, &was_there, sizeof was_there);
    clear_row(component, slot);
}

// --- slots ---

std::uint32_t WorldStore::append_slot(SpaceId space) {
    const std::uint32_t slot = working().slot_count(space);
    extend_space(space, slot + 1);
    return slot;
}

void WorldStore::extend_space(SpaceId space, std::uint32_t slots) {
    const SpaceSpec& spec = working().space(space);
    if (slots <= working().slot_count(space))
        return;
    if (slots > max_slots)
        throw Error(sqlstate::world_full, "the space " + std::string(spec.name) + " is full");
    if (slots > max_block_slots && spec.block_slots < max_block_slots && spec.initial_slots == 0)
        enlarge_blocks(space);
    SpaceState& state = states(working_root_)[space.value];
    state.slot_count = slots;
    // Tables are as long as their last block needs; beyond their end there are zeros.
    state.block_count = std::max(state.block_count, blocks_for(slots, working().space(space).block_slots));
}

// --- savepoints ---

void WorldStore::begin_savepoint() {
    if (savepoint_)
        throw Error(sqlstate::internal, "savepoints of a tick do not nest");
    Savepoint& point = savepoint_.emplace();
    undo_.clear();
    undo_bytes_.clear();
    fresh_component_ = {none};
    for (std::uint32_t s = 0; s < working().space_count(); ++s)
        point.slot_counts.push_back(working().slot_count(SpaceId{s}));
    point.values = marks_of(values_);
}

// Not where nothing was written yet: it may be for want of memory that the savepoint is rolled back.
void WorldStore::restore_version(ColumnId plane, std::uint32_t slot, const std::byte* old) {
    std::uint64_t version;
    std::memcpy(&version, old, sizeof version);
    if (working().row_version({working().column(plane).component}, slot) != version)
        write_bytes(plane, slot, old, version_bytes);
}

void WorldStore::rollback_savepoint() {
    const Savepoint point = *std::exchange(savepoint_, std::nullopt);
    fresh_component_ = {none};
    for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) {
        const std::byte* old = undo_bytes_.data() + undo->old;
        if (undo->kind == UndoKind::insert)
            clear_row({undo->target}, undo->slot);
        else if (undo->kind == UndoKind::bit)
            write_bit({undo->target}, undo->slot, *old != std::byte{0});
        else if (working().column({undo->target}).type == ColumnType::version)
            restore_version({undo->target}, undo->slot, old);
        else
            write_bytes({undo->target}, undo->slot, old, undo->width);
    }
    undo_.clear();
    undo_bytes_.clear();
    for (std::uint32_t s = 0; s < point.slot_counts.size(); ++s)
        states(working_root_)[s].slot_count = point.slot_counts[s];
    return_to(point.values, values_);
}

void WorldStore::release_savepoint() {
    savepoint_.reset();
    fresh_component_ = {none};
    undo_.clear();
    undo_bytes_.clear();
}

// --- the end of a tick ---

WorldStore::Changes WorldStore::take_changes() {
    give_up_superseded();
    for (Changes* part : {&changes_, &values_}) {
        if (part->dropped.empty())
            continue;
        std::unordered_set<std::uint32_t> gone;
        for (const Ref block : part->dropped) {
            gone.insert(block.value);
            arena_.free(block);
        }
        std::erase_if(part->created, [&](Ref block) { return gone.contains(block.value); });
        part->dropped.clear();
    }
    Changes out = std::exchange(changes_, {});
    out.created.insert(out.created.end(), values_.created.begin(), values_.created.end());
    out.replaced.insert(out.replaced.end(), values_.replaced.begin(), values_.replaced.end());
    values_ = {};
    return out;
}

Snapshot WorldStore::seal(std::uint64_t tick) {
    release_savepoint();
    release_block_savepoint();
    update_indexes();
    update_zones();
    header(working_root_).tick = tick;
    sealed_.push_back({working_root_, tick, {}});
    sealed_.back().changes = take_changes();
    newest_root_ = std::exchange(working_root_, Ref{});
    origin_.clear();
    forget_rewrites();
    working_.reset();
    return newest();
}

void WorldStore::abandon() {
    release_savepoint();
    release_block_savepoint();
    if (!in_tick())
        return;
    for (const Changes* part : {&changes_, &values_})
        for (const Ref block : part->created)
            arena_.free(block);
    changes_ = {};
    values_ = {};
    superseded_.clear();
    origin_.clear();
    forget_rewrites();
    working_root_ = {};
    working_.reset();
    if (derivation_)
        derivation_->forget();
}

bool WorldStore::publish() {
    if (sealed_.empty())
        return false;
    const Sealed& oldest = sealed_.front();
    WorldControl& control = region().control(slot_);
    control.root.store(oldest.root.value);
    control.tick.store(oldest.tick, std::memory_order_release);
    const std::uint64_t epoch = region().advance_epoch();
    for (const Ref block : oldest.changes.replaced)
        arena_.retire(block, epoch);
    sealed_.pop_front();
    return true;
}

bool WorldStore::abandon_newest() {
    if (sealed_.empty())
        return false;
    for (const Ref block : sealed_.back().changes.created)
        arena_.free(block);
    sealed_.pop_back();
    rewritten_.clear();
    newest_root_ = sealed_.empty() ? Ref{region().control(slot_).root.load()} : sealed_.back().root;
    if (derivation_)
        derivation_->forget();
    return true;
}

void WorldStore::abandon_sealed() {
    while (abandon_newest()) {
    }
    newest_root_ = {region().control(slot_).root.load()};
}

void WorldStore::add_values_of(const Snapshot& view, ColumnId column,
                               std::unordered_set<std::uint32_t>& out) const {
    const std::uint32_t slots = view.block_slots(column);
    for (std::uint32_t b = 0; b < view.block_count(column); ++b) {
        const std::byte* data = view.block(column, b);
        for (std::uint32_t slot = 0; data && slot < slots; ++slot) {
            ValueSlot value;
            std::memcpy(&value, data + slot * sizeof value, sizeof value);
            if (const Ref block = value.block())
                out.insert(block.value);
        }
    }
}

std::size_t WorldStore::lost_blocks() const {
    std::unordered_set<std::uint32_t> known = reachable_from(newest_root_);
    std::vector<Ref> roots;
    if (const Ref published{region().control(slot_).root.load()})
        roots.push_back(published);
    for (const Sealed& version : sealed_)
        roots.push_back(version.root);
    for (const Ref root : roots)
        known.merge(reachable_from(root));
    for (const Changes* part : {&changes_, &values_})
        for (const Ref block : part->created)
            known.insert(block.value);
    return arena_.count_others(known);
}

std::unordered_set<std::uint32_t> WorldStore::reachable_from(Ref root) const {
    const Snapshot view = Snapshot::at(region(), root);
    std::unordered_set<std::uint32_t> out{root.value, view.layout_ref().value};
    for (std::uint32_t c = 0; c < view.column_count(); ++c) {
        const ColumnId column{c};
        if (const Ref table = tables(root)[c])
            out.insert(table.value);
        for (std::uint32_t b = 0; b < view.block_count(column); ++b)
            if (const Ref block = view.block_ref(column, b))
                out.insert(block.value);
        if (view.column(column).type == ColumnType::value)
            add_values_of(view, column, out);
        if (const std::uint32_t index = view.column(column).index; index != none)
            for (const Ref node : nodes_of(region(), view.index(index)))
                out.insert(node.value);
    }
    return out;
}

} // namespace gamelan::store
