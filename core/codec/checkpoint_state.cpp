#include "core/codec/checkpoint_state.hpp"

#include "core/base/bytes.hpp"
#include "core/codec/definition.hpp"

#include <algorithm>

namespace gamelan::codec {

namespace {

constexpr std::uint32_t group_slots = store::min_block_slots;
constexpr std::size_t max_part_bytes = 256 * 1024;
constexpr std::size_t max_runs = 64 * 1024;

// Collects runs of one column until they make a part.
class PartWriter {
  public:
    PartWriter(const char* column, const std::function<void(CheckpointPart&&)>& take)
        : column_(column), take_(take) {}

    void add(std::uint32_t first_slot, std::uint32_t slots, std::string_view bytes) {
        if (values_.size() + bytes.size() > max_part_bytes)
            flush();
        note(first_slot, slots, false);
        values_.append(bytes);
    }
    void add_zeros(std::uint32_t first_slot, std::uint32_t slots) { note(first_slot, slots, true); }

    void flush() {
        if (runs_.empty())
            return;
        ByteWriter out;
        out.put_varint(runs_.size());
        std::uint32_t at = runs_.front().first_slot;
        for (const Run& run : runs_) {
            out.put_varint((run.first_slot - at) / group_slots);
            out.put_varint(std::uint64_t{run.slots} / group_slots * 2 + (run.is_zero ? 1 : 0));
            at = run.first_slot + run.slots;
        }
        out.put_bytes(values_);
        const std::uint32_t first = runs_.front().first_slot;
        take_({column_, first, at - first, out.take()});
        runs_.clear();
        values_.clear();
    }

  private:
    struct Run {
        std::uint32_t first_slot;
        std::uint32_t slots;
        bool is_zero;
    };

    void note(std::uint32_t first_slot, std::uint32_t slots, bool is_zero) {
        if (!runs_.empty() && runs_.back().is_zero == is_zero &&
            runs_.back().first_slot + runs_.back().slots == first_slot) {
            runs_.back().slots += slots;
            return;
        }
        if (runs_.size() == max_runs)
            flush();
        runs_.push_back({first_slot, slots, is_zero});
    }

    const char* column_;
    const std::function<void(CheckpointPart&&)>& take_;
    std::vector<Run> runs_;
    std::string values_;
};

// A group of values: the length of each (u32), its contents behind it.
std::string group_of_values(const store::Snapshot& snapshot, const std::byte* data) {
    ByteWriter out;
    for (std::uint32_t slot = 0; slot < group_slots; ++slot) {
        store::ValueSlot value;
        std::memcpy(&value, data + slot * sizeof value, sizeof value);
        out.put(value.bytes);
        out.put_bytes(snapshot.contents(value));
    }
    return out.take();
}

// Slots of a column in whole groups: a reader's blocks may be smaller than the writer's.
std::uint32_t end_of(const store::Snapshot& snapshot, store::ColumnId column) {
    return (snapshot.slot_count(column) + group_slots - 1) / group_slots * group_slots;
}

// Calls visit(index, ref) for the blocks that belong into the checkpoint; none stands for zeros.
void for_each_block(const store::Snapshot& snapshot, store::ColumnId column, Since since, auto&& visit) {
    if (since && snapshot.table_sequence(column) <= *since)
        return; // the whole column is as it was
    const std::span<const store::Ref> table = snapshot.block_table(column);
    for (std::uint32_t b = 0; b < table.size(); ++b) {
        const bool is_wanted = since ? !table[b] || snapshot.block_header(table[b]).sequence > *since
                                     : static_cast<bool>(table[b]);
        if (is_wanted)
            visit(b, table[b]);
    }
}

void write_column(const store::Snapshot& snapshot, store::ColumnId id, Since since,
                  const std::function<void(CheckpointPart&&)>& take) {
    const store::ColumnSpec& column = snapshot.column(id);
    const std::uint32_t block_slots = snapshot.block_slots(id);
    const std::uint32_t end = end_of(snapshot, id);
    PartWriter out(column.name, take);
    for_each_block(snapshot, id, since, [&](std::uint32_t index, store::Ref ref) {
        const std::uint32_t first = index * block_slots;
        if (first >= end)
            return;
        const std::uint32_t slots = std::min(block_slots, end - first);
        if (!ref)
            return out.add_zeros(first, slots);
        alignas(8) std::byte room[store::max_block_slots * sizeof(std::uint64_t)];
        const std::byte* data = snapshot.block(id, index, room);
        if (column.type != ColumnType::value)
            return out.add(first, slots,
                           {reinterpret_cast<const char*>(data), store::block_bytes(column.type, slots)});
        for (std::uint32_t done = 0; done < slots; done += group_slots)
            out.add(first + done, group_slots,
                    group_of_values(snapshot, data + done * sizeof(store::ValueSlot)));
    });
    out.flush();
}

// --- restoring ---

// Where a part's runs go.
struct Target {
    store::WorldStore& store;
    store::ColumnId column;
    ColumnType type;
    std::uint32_t block_slots;
    std::uint32_t slot_count;
    std::uint64_t room; // slots that the column's blocks have
};

Target target_of(store::WorldStore& store, const CheckpointPart& part) {
    const store::Snapshot& state = store.working();
    const auto column = state.find_column(part.column);
    if (!column)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint does not fit its world: there is no column " + part.column);
    const std::uint32_t block_slots = state.block_slots(*column);
    return {store,
            *column,
            state.column(*column).type,
            block_slots,
            state.slot_count(*column),
            std::uint64_t{state.block_count(*column)} * block_slots};
}

void restore_values(const Target& to, std::uint32_t first_slot, std::uint32_t slots, ByteReader& in) {
    for (std::uint32_t slot = first_slot; slot < first_slot + slots; ++slot) {
        const auto length = in.get<std::uint32_t>();
        const std::string_view contents = in.get_bytes(length);
        if (slot < to.slot_count)
            to.store.set_value(to.column, slot, contents);
        else if (length > 0)
            in.fail("a value lies beyond the space");
    }
}

// Blocks may have another size than when the checkpoint was written.
void restore_plain(const Target& to, std::uint32_t first_slot, std::uint32_t slots, ByteReader& in) {
    const std::string_view bytes = in.get_bytes(store::block_bytes(to.type, slots));
    for (std::uint32_t done = 0; done < slots;) {
        const std::uint32_t slot = first_slot + done;
        const std::uint32_t count = std::min(to.block_slots - slot % to.block_slots, slots - done);
        std::memcpy(to.store.write_block(to.column, slot / to.block_slots) +
                        store::block_bytes(to.type, slot % to.block_slots),
                    bytes.data() + store::block_bytes(to.type, done), store::block_bytes(to.type, count));
        done += count;
    }
}

void restore_zeros(const Target& to, std::uint32_t first_slot, std::uint32_t slots) {
    if (to.type == ColumnType::value) {
        for (std::uint32_t slot = first_slot; slot < std::min(first_slot + slots, to.slot_count); ++slot)
            to.store.set_value(to.column, slot, {});
        return;
    }
    for (std::uint32_t done = 0; done < slots;) {
        const std::uint32_t slot = first_slot + done;
        const std::uint32_t count = std::min(to.block_slots - slot % to.block_slots, slots - done);
        if (to.store.working().block_ref(to.column, slot / to.block_slots))
            std::memset(to.store.write_block(to.column, slot / to.block_slots) +
                            store::block_bytes(to.type, slot % to.block_slots),
                        0, store::block_bytes(to.type, count));
        done += count;
    }
}

void clear_block(store::WorldStore& store, store::ColumnId column, std::uint32_t index) {
    const ColumnType type = store.working().column(column).type;
    const std::uint32_t slots = store.working().block_slots(column);
    if (type == ColumnType::value)
        for (std::uint32_t slot = index * slots; slot < (index + 1) * slots; ++slot) {
            if (slot < store.working().slot_count(column))
                store.set_value(column, slot, {});
        }
    else
        std::memset(store.write_block(column, index), 0, store::block_bytes(type, slots));
}

struct Run {
    std::uint32_t first_slot;
    std::uint32_t slots;
    bool is_zero;
};

std::vector<Run> read_runs(const CheckpointPart& part, ByteReader& in) {
    const std::uint64_t count = in.get_varint();
    if (count == 0 || count > max_runs || part.first_slot % group_slots != 0)
        in.fail("it has no runs of slots");
    std::vector<Run> out;
    std::uint64_t at = part.first_slot;
    const std::uint64_t end = std::uint64_t{part.first_slot} + part.slots;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t gap = in.get_varint();
        const std::uint64_t length = in.get_varint();
        if (gap > store::max_slots || length / 2 == 0 || length / 2 > store::max_slots)
            in.fail("a run of slots has no length");
        at += gap * group_slots;
        if (at + length / 2 * group_slots > end)
            in.fail("a run of slots lies outside of it");
        out.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length / 2 * group_slots),
                       length % 2 != 0});
        at += length / 2 * group_slots;
    }
    if (at != end)
        in.fail("its runs of slots end too early");
    return out;
}

} // namespace

StateOutline outline_of(const store::Snapshot& snapshot) {
    StateOutline out{snapshot.tick(),
                     snapshot.sequence(),
                     snapshot.layout_version(),
                     snapshot.state_hash_of_shares(),
                     encode_definition(store::definition_of(snapshot)),
                     {}};
    for (std::uint32_t s = 0; s < snapshot.space_count(); ++s)
        out.spaces.push_back({snapshot.space({s}).name, snapshot.slot_count(store::SpaceId{s})});
    return out;
}

void for_each_part(const store::Snapshot& snapshot, Since since,
                   const std::function<void(CheckpointPart&&)>& take) {
    if (since && *since < snapshot.layout_version())
        throw Error(sqlstate::internal, "an increment cannot hold a change of the layout");
    for (std::uint32_t c = 0; c < snapshot.column_count(); ++c)
        write_column(snapshot, {c}, since, take);
}

Extent extent_of(const store::Snapshot& snapshot, Since since) {
    Extent out;
    for (std::uint32_t c = 0; c < snapshot.column_count(); ++c) {
        const std::uint64_t bytes = store::block_bytes(snapshot.column({c}).type, snapshot.block_slots({c}));
        for_each_block(snapshot, {c}, since,
                       [&](std::uint32_t, store::Ref ref) { out.changed_bytes += ref ? bytes : 0; });
        for_each_block(snapshot, {c}, std::nullopt,
                       [&](std::uint32_t, store::Ref) { out.all_bytes += bytes; });
    }
    return out;
}

StateCopy copy_state(const store::Snapshot& snapshot, Since since) {
    StateCopy out{outline_of(snapshot), {}};
    for_each_part(snapshot, since, [&](CheckpointPart&& part) { out.parts.push_back(std::move(part)); });
    return out;
}

void restore_layout(store::WorldStore& store, std::string_view definition) {
    const auto change = store::plan_layout_change(store.working(), decode_definition(definition));
    if (!change)
        return;
    store.change_layout(*change);
    // A change fills the columns it brings, and a full checkpoint says nothing of zeros.
    const store::Snapshot& state = store.working();
    for (std::uint32_t c = 0; c < state.column_count(); ++c)
        for (std::uint32_t b = 0; b < state.block_table({c}).size(); ++b)
            if (state.block_table({c})[b])
                clear_block(store, {c}, b);
}

void restore_spaces(store::WorldStore& store, const std::vector<SpaceExtent>& spaces) {
    for (const SpaceExtent& extent : spaces) {
        const auto space = store.working().find_space(extent.name);
        if (!space || extent.slots > store::max_slots)
            throw Error(sqlstate::corrupt_data,
                        "a checkpoint does not fit its world: there is no space " + extent.name);
        store.extend_space(*space, extent.slots);
    }
}

void restore_part(store::WorldStore& store, const CheckpointPart& part) {
    const Target target = target_of(store, part);
    if (std::uint64_t{part.first_slot} + part.slots > target.room)
        throw Error(sqlstate::corrupt_data, "a checkpoint does not fit its world: the part of column " +
                                                part.column + " from slot " +
                                                std::to_string(part.first_slot) + " lies outside the column");
    const std::string what = "the checkpoint's part of column " + part.column; // the reader keeps a view
    ByteReader in(part.bytes, what);
    for (const Run& run : read_runs(part, in)) {
        if (run.is_zero)
            restore_zeros(target, run.first_slot, run.slots);
        else if (target.type == ColumnType::value)
            restore_values(target, run.first_slot, run.slots, in);
        else
            restore_plain(target, run.first_slot, run.slots, in);
    }
    if (in.remaining() != 0)
        in.fail("bytes are left over");
}

} // namespace gamelan::codec
