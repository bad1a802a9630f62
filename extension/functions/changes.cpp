// game.changes: the tap through which a gateway follows a world. The session keeps a copy of the streamed
// columns as of the tick it returned last, and compares the published blocks with it. So the world worker
// does nothing for followers, a slow one costs it nothing, and a delta always fits the base its reader has.
//
// Cost for a planet of 40,962 cells: blocks whose version is not newer than the base are skipped; the others
// are compared 1,024 slots at a time; some 25 µs a tick.
#include "core/codec/state_message.hpp"
#include "extension/pg/reading.hpp"

#include <algorithm>
#include <map>

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;

// What the session knows of one column.
struct BaseColumn {
    std::string name;
    ColumnType type;
    std::uint32_t width;
    std::vector<std::byte> values;
    std::vector<store::Ref> blocks;
};

struct Base {
    std::uint64_t tick = 0;
    std::uint64_t sequence = 0;
    std::vector<BaseColumn> columns;
    bool is_valid = false;
};

std::map<std::int64_t, Base>& bases() {
    static auto& instance = *new std::map<std::int64_t, Base>;
    return instance;
}

struct Message {
    const std::byte* data;
    std::size_t size;
};

// Brings one block of the copy up to date and notes the slots that differ.
void update_block(BaseColumn& column, const std::byte* block, std::uint32_t first_slot, std::uint32_t slots,
                  std::vector<std::uint32_t>& changed) {
    std::byte* copy = column.values.data() + static_cast<std::size_t>(first_slot) * column.width;
    const std::size_t bytes = static_cast<std::size_t>(slots) * column.width;
    static constexpr std::byte zeros[64] = {};
    if (block != nullptr && std::memcmp(copy, block, bytes) == 0)
        return;
    for (std::uint32_t i = 0; i < slots; ++i) {
        const std::byte* now = block != nullptr ? block + i * column.width : zeros;
        std::byte* was = copy + i * column.width;
        if (std::memcmp(was, now, column.width) != 0) {
            std::memcpy(was, now, column.width);
            changed.push_back(first_slot + i);
        }
    }
}

struct ColumnUpdate {
    std::vector<std::uint32_t> changed; // slots that differ, ascending
    bool is_resized;
};

// Brings one column of the copy up to date.
ColumnUpdate update_column(BaseColumn& column, const store::Snapshot& snapshot, store::ColumnId id,
                           std::uint64_t base_sequence) {
    const std::uint32_t slots = snapshot.slot_count(id);
    const std::uint32_t block_slots = snapshot.block_slots(id);
    const std::size_t bytes = static_cast<std::size_t>(slots) * column.width;
    ColumnUpdate update{{}, column.values.size() != bytes};
    column.values.resize(bytes);
    column.blocks.resize(snapshot.block_count(id));
    for (std::uint32_t b = 0; b * block_slots < slots; ++b) {
        const store::Ref ref = snapshot.block_ref(id, b);
        const bool is_same =
            ref == column.blocks[b] && (!ref || snapshot.block_header(ref).sequence <= base_sequence);
        if (is_same)
            continue;
        column.blocks[b] = ref;
        const std::uint32_t first = b * block_slots;
        update_block(column, snapshot.block(id, b), first, std::min(block_slots, slots - first),
                     update.changed);
    }
    return update;
}

// A column that got longer is sent whole: only so a reader learns of new slots whose value is zero.
void add_changes(codec::StateMessageBuilder& message, const BaseColumn& column, const ColumnUpdate& update) {
    const std::vector<std::uint32_t>& changed = update.changed;
    const std::size_t slots = column.values.size() / column.width;
    const bool is_sparse_smaller = changed.size() * (column.width + 1) < column.values.size();
    if (update.is_resized || !is_sparse_smaller) {
        message.add_dense(column.name, column.type, static_cast<std::uint32_t>(slots), column.values);
        return;
    }
    std::vector<std::byte> values;
    values.reserve(changed.size() * column.width);
    for (const std::uint32_t slot : changed) {
        const std::byte* value = column.values.data() + static_cast<std::size_t>(slot) * column.width;
        values.insert(values.end(), value, value + column.width);
    }
    message.add_sparse(column.name, column.type, changed, values);
}

void begin_base(Base& base, const store::Snapshot& snapshot) {
    base = {};
    for (std::uint32_t c = 0; c < snapshot.column_count(); ++c) {
        const store::ColumnSpec& spec = snapshot.column({c});
        if (spec.visibility == store::Visibility::streamed)
            base.columns.push_back({spec.name, spec.type, spec.width_bytes, {}, {}});
    }
}

std::vector<std::byte> message_since(Base& base, const store::Snapshot& snapshot, bool is_delta) {
    if (!is_delta)
        begin_base(base, snapshot);
    base.is_valid = false; // until this is through
    const auto kind = is_delta ? codec::StateMessageKind::delta : codec::StateMessageKind::snapshot;
    codec::StateMessageBuilder message(kind, snapshot.tick(), is_delta ? base.tick : snapshot.tick());
    for (BaseColumn& column : base.columns) {
        const auto id = snapshot.find_column(column.name);
        if (!id)
            throw Error(sqlstate::internal, "a column vanished from a world");
        const ColumnUpdate update = update_column(column, snapshot, *id, base.sequence);
        if (is_delta && (update.is_resized || !update.changed.empty()))
            add_changes(message, column, update);
        else if (!is_delta)
            message.add_dense(column.name, column.type,
                              static_cast<std::uint32_t>(column.values.size() / column.width), column.values);
    }
    base.tick = snapshot.tick();
    base.sequence = snapshot.sequence();
    return message.finish();
}

Message current_message(store::WorldSlot slot, std::int64_t world_id, std::int64_t since) {
    std::vector<std::byte> bytes;
    Base& base = bases()[world_id];
    {
        const ReadPin pin;
        const store::Snapshot snapshot = published(slot, world_id);
        const bool is_delta = base.is_valid && since >= 0 && base.tick == static_cast<std::uint64_t>(since) &&
                              snapshot.tick() >= base.tick && snapshot.sequence() > base.sequence;
        bytes = message_since(base, snapshot, is_delta);
        pin.check();
        base.is_valid = true;
    }
    auto* out = static_cast<std::byte*>(
        pg_call([&] { return MemoryContextAllocHuge(CurrentMemoryContext, bytes.size() + VARHDRSZ); }));
    std::copy(bytes.begin(), bytes.end(), out + VARHDRSZ);
    return {out, bytes.size()};
}

bool is_news(store::WorldSlot slot, std::int64_t since) {
    const store::WorldControl& control = region().control(slot);
    return control.root.load() != 0 &&
           (since < 0 || control.tick.load() != static_cast<std::uint64_t>(since));
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_changes);

PGDLLEXPORT Datum gamelan_changes(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const std::int64_t since = PG_GETARG_INT64(1);
    const std::int32_t wait_ms = PG_GETARG_INT32(2);
    const store::WorldSlot slot = requests::require_world(world_id);
    const TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), Max(wait_ms, 0));
    WorldRuntime& world = runtime(slot);
    ConditionVariablePrepareToSleep(&world.published);
    while (!is_news(slot, since)) {
        const long left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
        if (left_ms <= 0)
            break;
        (void)ConditionVariableTimedSleep(&world.published, left_ms, PG_WAIT_EXTENSION);
        if (region().control(slot).world_id.load() != world_id)
            break;
    }
    ConditionVariableCancelSleep();
    if (region().control(slot).world_id.load() != world_id)
        (void)requests::require_world(world_id); // raises
    if (!is_news(slot, since))
        PG_RETURN_NULL();
    const Message message = sql_boundary([&] { return current_message(slot, world_id, since); });
    auto* out = reinterpret_cast<bytea*>(const_cast<std::byte*>(message.data));
    SET_VARSIZE(out, message.size + VARHDRSZ);
    PG_RETURN_BYTEA_P(out);
}

} // extern "C"
