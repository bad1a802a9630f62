// The part of WorldStore that changes what a world is made of.
#include "core/store/world_store.hpp"

#include <algorithm>

namespace gamelan::store {

namespace {

// A space can have more blocks than its slots need: those that a rolled back savepoint added.
std::uint32_t blocks_in(const Snapshot& view, SpaceId space, std::uint32_t block_slots) {
    const std::uint32_t slots = view.space_blocks(space) * view.space(space).block_slots;
    return (slots + block_slots - 1) / block_slots;
}

} // namespace

// Everything a plane of `view` holds and the next version will not.
void WorldStore::give_up_plane(const Snapshot& view, ColumnId column) {
    if (view.column(column).type == ColumnType::value) {
        std::unordered_set<std::uint32_t> blocks;
        add_values_of(view, column, blocks);
        for (const std::uint32_t block : blocks)
            (is_private({block}) ? values_.dropped : values_.replaced).push_back({block});
    }
    for (std::uint32_t b = 0; b < view.block_count(column); ++b)
        give_up(view.block_ref(column, b));
    give_up(tables(view.root_ref())[column.value]);
}

// Slot by slot, for a space whose blocks have another size now.
void WorldStore::copy_plane(const Snapshot& old, ColumnId from, ColumnId to) {
    alignas(8) std::byte room[max_block_slots * sizeof(std::uint64_t)];
    const ColumnType type = old.column(from).type;
    const std::uint32_t old_slots = old.block_slots(from);
    const std::uint32_t new_slots = working().block_slots(to);
    const std::uint32_t bytes = block_bytes(type, old_slots);
    for (std::uint32_t b = 0; b < old.block_count(from); ++b) {
        const std::byte* data = old.block(from, b, room);
        if (data == nullptr)
            continue;
        const std::uint32_t first = b * old_slots;
        std::memcpy(private_block(to, first / new_slots) + block_bytes(type, first % new_slots), data, bytes);
        give_up(old.block_ref(from, b));
    }
    give_up(tables(old.root_ref())[from.value]);
}

// Gives every plane of the working version what `origin` names, and gives up what nobody named.
void WorldStore::move_planes(const Snapshot& old, const std::vector<std::uint32_t>& origin) {
    std::vector<bool> is_kept(old.column_count());
    for (std::uint32_t c = 0; c < origin.size(); ++c) {
        if (origin[c] == none)
            continue;
        is_kept[origin[c]] = true;
        if (old.block_slots(ColumnId{origin[c]}) == working().block_slots(ColumnId{c}))
            tables(working_root_)[c] = tables(old.root_ref())[origin[c]];
        else
            copy_plane(old, {origin[c]}, {c});
    }
    for (std::uint32_t c = 0; c < old.column_count(); ++c)
        if (!is_kept[c])
            give_up_plane(old, {c});
}

void WorldStore::fill_column(ColumnId column, const std::string& fill) {
    const ColumnSpec spec = working().column(column);
    const ComponentId component{spec.component};
    for (std::uint32_t slot = 0; slot < working().slot_count(column); ++slot) {
        if (!working().has_row(component, slot))
            continue;
        if (spec.type == ColumnType::value)
            set_value(column, slot, fill);
        else
            set_bytes(column, slot, fill.data(), static_cast<std::uint32_t>(fill.size()));
    }
}

void WorldStore::fill_nulls(ColumnId column) {
    const ColumnSpec spec = working().column(column);
    for (std::uint32_t slot = 0; slot < working().slot_count(column); ++slot)
        if (working().has_row({spec.component}, slot))
            set_null(column, slot, true);
}

void WorldStore::change_layout(const LayoutChange& change) {
    give_up_superseded();
    const Snapshot old = working();
    const Ref root = make_root(change.layout, sequence_);
    header(root).tick = header(working_root_).tick;
    for (std::uint32_t s = 0; s < old.space_count(); ++s) {
        const std::uint32_t slots = old.slot_count(SpaceId{s});
        states(root)[s] = {slots, blocks_in(old, {s}, change.layout.spaces()[s].block_slots)};
    }
    working_root_ = root;
    look_at_working();
    move_planes(old, change.origin);
    std::vector<std::uint32_t> origin = change.origin;
    for (std::uint32_t& plane : origin)
        if (plane != none && !origin_.empty())
            plane = origin_[plane];
    origin_ = std::move(origin);
    give_up(old.layout_ref());
    give_up(old.root_ref());
    const auto& columns = change.layout.columns();
    for (std::uint32_t c = 0; c < columns.size(); ++c) {
        if (change.origin[c] != none || columns[c].nulls == none)
            continue;
        const std::uint32_t presence = change.layout.components()[columns[c].component].presence;
        if (presence != none && change.origin[presence] == none)
            continue; // a new component: no rows yet
        if (change.fill[c])
            fill_column({c}, *change.fill[c]);
        else
            fill_nulls({c});
    }
}

void WorldStore::enlarge_blocks(SpaceId space) {
    give_up_superseded();
    const Snapshot old = working();
    RootHeader wanted = header(working_root_);
    const std::uint32_t layout_bytes = arena_.header(wanted.layout).data_bytes;
    const Ref layout = allocate(layout_bytes);
    std::memcpy(arena_.data(layout), arena_.data(wanted.layout), layout_bytes);
    reinterpret_cast<SpaceSpec*>(arena_.data(layout))[space.value].block_slots = max_block_slots;
    wanted.layout = layout;
    wanted.layout_version = sequence_;

    const std::uint32_t bytes = arena_.header(working_root_).data_bytes;
    const Ref root = allocate(bytes);
    std::memcpy(arena_.data(root), arena_.data(working_root_), bytes);
    header(root) = wanted;
    SpaceState& state = states(root)[space.value];
    state.block_count = blocks_in(old, space, max_block_slots);
    for (std::uint32_t c = 0; c < old.column_count(); ++c)
        if (old.column({c}).space == space.value)
            tables(root)[c] = {};
    working_root_ = root;
    look_at_working();
    for (std::uint32_t c = 0; c < old.column_count(); ++c)
        if (old.column({c}).space == space.value)
            copy_plane(old, {c}, {c});
    give_up(old.layout_ref());
    give_up(old.root_ref());
}

} // namespace gamelan::store
