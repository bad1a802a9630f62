// The part of WorldStore that brings secondary indexes and zones up to date at the end of a tick, by
// comparing the version it started from with the one it built: whoever wrote, and however, is covered.
#include "core/store/ordered_index.hpp"
#include "core/store/world_store.hpp"
#include "core/store/zone.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace gamelan::store {

namespace {

// Nodes that an index built anew takes for each entry, from above.
constexpr std::uint64_t bytes_per_entry = 20;

std::uint64_t key_at(const ColumnRows& rows, const std::byte* values, std::uint32_t slot) {
    return order_key(rows.type(), values + std::size_t{slot} * rows.width_bytes());
}

// What became of the entries of 64 slots.
void compare_group(const ColumnRows& before, const ColumnRows& after, std::uint32_t group,
                   std::vector<IndexChange>& out) {
    const std::uint64_t had = before.counting(group);
    const std::uint64_t has = after.counting(group);
    if ((had | has) == 0)
        return;
    const std::byte* old_values = before.values(group);
    const std::byte* new_values = after.values(group);
    if (had == has &&
        std::memcmp(old_values, new_values, std::size_t{group_slots} * after.width_bytes()) == 0)
        return;
    for (std::uint64_t slots = had | has; slots != 0; slots &= slots - 1) {
        const auto slot = static_cast<std::uint32_t>(std::countr_zero(slots));
        const bool was_there = (had >> slot & 1) != 0;
        const bool is_there = (has >> slot & 1) != 0;
        const std::uint64_t old_key = was_there ? key_at(before, old_values, slot) : 0;
        const std::uint64_t new_key = is_there ? key_at(after, new_values, slot) : 0;
        if (was_there && is_there && old_key == new_key)
            continue;
        if (was_there)
            out.push_back({{old_key, group * group_slots + slot}, IndexChange::Kind::erase});
        if (is_there)
            out.push_back({{new_key, group * group_slots + slot}, IndexChange::Kind::insert});
    }
}

std::vector<IndexChange> compare(const ColumnRows& before, const ColumnRows& after) {
    std::vector<IndexChange> out;
    const std::uint32_t groups = std::max(before.group_count(), after.group_count());
    const std::uint32_t per_block = after.groups_per_block();
    const bool has_same_blocks = before.groups_per_block() == per_block;
    for (std::uint32_t first = 0; first < groups; first += per_block) {
        if (has_same_blocks && after.shares_block(first / per_block, before))
            continue;
        for (std::uint32_t group = first; group < std::min(groups, first + per_block); ++group)
            compare_group(before, after, group, out);
    }
    std::sort(out.begin(), out.end(),
              [](const IndexChange& a, const IndexChange& b) { return a.entry < b.entry; });
    return out;
}

std::vector<IndexEntry> all_entries(const ColumnRows& rows, std::uint64_t count) {
    std::vector<IndexEntry> out;
    out.reserve(count);
    for (std::uint32_t group = 0; group < rows.group_count(); ++group) {
        const std::byte* values = rows.values(group);
        for (std::uint64_t slots = rows.counting(group); slots != 0; slots &= slots - 1) {
            const auto slot = static_cast<std::uint32_t>(std::countr_zero(slots));
            out.push_back({key_at(rows, values, slot), group * group_slots + slot});
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

} // namespace

class WorldStore::Nodes final : public NodeMemory {
  public:
    explicit Nodes(WorldStore& store) : store_(store) {}
    Ref allocate(std::uint32_t bytes) override { return store_.allocate(bytes); }
    bool is_private(Ref node) const override { return store_.is_private(node); }
    void replaced(Ref node) override { store_.give_up(node); }
    std::byte* data(Ref node) const override { return store_.arena_.data(node); }

  private:
    WorldStore& store_;
};

IndexState* WorldStore::index_states(Ref root) const {
    return reinterpret_cast<IndexState*>(arena_.data(root) + root_parts(header(root)).indexes);
}

// The plane of the newest version that a plane of the working one goes back to.
std::optional<ColumnId> WorldStore::origin_of(ColumnId column) const {
    const std::uint32_t origin = origin_.empty() ? column.value : origin_[column.value];
    return origin == none ? std::nullopt : std::optional(ColumnId{origin});
}

void WorldStore::update_indexes() {
    const Snapshot before = newest();
    const std::uint32_t old_count = header(newest_root_).index_count;
    if (old_count == 0 && header(working_root_).index_count == 0)
        return;
    std::vector<bool> is_kept(old_count);
    for (std::uint32_t c = 0; c < working().column_count(); ++c) {
        const std::uint32_t index = working().column({c}).index;
        if (index == none)
            continue;
        std::optional<ColumnId> old = origin_of({c});
        if (old && before.column(*old).index == none)
            old.reset();
        if (old)
            is_kept[before.column(*old).index] = true;
        const IndexState state = next_index(before, old, {c});
        index_states(working_root_)[index] = state;
    }
    for (std::uint32_t index = 0; index < old_count; ++index)
        if (!is_kept[index])
            give_up_index(before.index(index));
}

void WorldStore::give_up_index(const IndexState& state) {
    for (const Ref node : nodes_of(region(), state))
        give_up(node);
}

IndexState WorldStore::next_index(const Snapshot& before, std::optional<ColumnId> old, ColumnId column) {
    const ColumnRows rows(working(), column);
    const IndexState was = old ? before.index(before.column(*old).index) : IndexState{{}, index_not_built, 0};
    Nodes nodes(*this);
    if (was.height == index_not_built)
        return build_index(nodes, rows);
    const ColumnRows old_rows(before, *old);
    if (rows.has_tables_of(old_rows))
        return was;
    const Marks marks = marks_of(changes_);
    try {
        IndexWriter writer(nodes, was);
        writer.apply(compare(old_rows, rows));
        return writer.state();
    } catch (const Error& error) {
        if (error.code() != sqlstate::out_of_memory)
            throw;
        // Better no index than no tick: scans do without, and it is built again when there is room.
        return_to(marks, changes_);
        give_up_index(was);
        return {{}, index_not_built, 0};
    }
}

IndexState WorldStore::build_index(NodeMemory& nodes, const ColumnRows& rows) {
    constexpr IndexState not_built{{}, index_not_built, 0};
    const std::uint64_t count = rows.row_count();
    if (!arena_.has_room(count * bytes_per_entry, index_node_bytes))
        return not_built;
    const Marks marks = marks_of(changes_);
    try {
        IndexWriter writer(nodes, {});
        writer.build(all_entries(rows, count));
        return writer.state();
    } catch (const Error& error) {
        if (error.code() != sqlstate::out_of_memory)
            throw;
        return_to(marks, changes_);
        return not_built;
    }
}

WorldStore::Marks WorldStore::marks_of(const Changes& changes) {
    return {changes.created.size(), changes.replaced.size(), changes.dropped.size()};
}

// Frees what was made since, and takes back what was given up.
void WorldStore::return_to(const Marks& marks, Changes& changes) {
    for (std::size_t i = marks.created; i < changes.created.size(); ++i)
        arena_.free(changes.created[i]);
    changes.created.resize(marks.created);
    changes.replaced.resize(marks.replaced);
    changes.dropped.resize(marks.dropped);
}

void WorldStore::update_zones() {
    settle_zones();
    const Snapshot before = newest();
    for (std::uint32_t c = 0; c < working().column_count(); ++c) {
        const ColumnSpec& spec = working().column({c});
        if (spec.component == none || !has_order(spec.type))
            continue;
        const ColumnRows rows(working(), {c});
        std::optional<ColumnRows> old_rows;
        if (const std::optional<ColumnId> old = origin_of({c}))
            if (before.block_slots(*old) == working().block_slots(ColumnId{c}))
                old_rows.emplace(before, *old);
        if (old_rows && rows.has_tables_of(*old_rows))
            continue;
        for (std::uint32_t block = 0; block < rows.block_count(); ++block)
            if (!old_rows || !rows.shares_block(block, *old_rows))
                update_zone(rows, block);
    }
}

// What systems rewrite tick after tick would have a new zone each time, for whoever may ask: it waits until
// they leave the block alone for a tick.
void WorldStore::settle_zones() {
    const std::vector<Rewritten> waiting = std::exchange(rewritten_, {});
    if (!origin_.empty())
        return;
    const Snapshot before = newest();
    for (std::size_t i = 0; i < waiting.size();) {
        const ColumnId column = waiting[i].column;
        const ColumnRows rows(working(), column);
        const ColumnRows old_rows(before, column);
        for (; i < waiting.size() && waiting[i].column == column; ++i)
            if (waiting[i].index < rows.block_count() && rows.blocks(waiting[i].index)[0] == waiting[i].block)
                settle_zone(rows, old_rows, waiting[i].index);
    }
}

// Readers may have the block already, in the version before. A row that it had and that has gone, or became
// NULL, left a zero.
void WorldStore::settle_zone(const ColumnRows& rows, const ColumnRows& old_rows, std::uint32_t block) {
    BlockHeader& header = arena_.header(rows.blocks(block)[0]);
    if (header.zone_is_known.load(std::memory_order_relaxed) != 0)
        return;
    Zone zone = zone_of(rows, block);
    if (!rows.shares_block(block, old_rows)) {
        constexpr std::byte zero[sizeof(std::uint64_t)] = {};
        const std::uint64_t key = order_key(rows.type(), zero);
        zone = {std::min(zone.least, key), std::max(zone.greatest, key)};
    }
    header.zone_least = zone.least;
    header.zone_greatest = zone.greatest;
    header.zone_is_known.store(1, std::memory_order_release);
}

void WorldStore::update_zone(const ColumnRows& rows, std::uint32_t block) {
    const Ref values = rows.blocks(block)[0];
    if (!values)
        return;
    if (is_rewritten(rows.column(), block)) {
        rewritten_.push_back({rows.column(), block, values});
        return;
    }
    BlockHeader& header = arena_.header(values);
    const Zone zone = zone_of(rows, block);
    if (is_private(values)) {
        header.zone_least = zone.least;
        header.zone_greatest = zone.greatest;
        header.zone_is_known.store(1, std::memory_order_relaxed);
        return;
    }
    // Rows came to count in a block of values that older versions have too: those may have a zone that is
    // wider than need be, but none too narrow.
    if (zone.least < header.zone_least || zone.greatest > header.zone_greatest)
        header.zone_is_known.store(0, std::memory_order_relaxed);
}

} // namespace gamelan::store
