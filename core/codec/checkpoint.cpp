#include "core/codec/checkpoint.hpp"

#include "core/base/bytes.hpp"
#include "core/base/hash.hpp"
#include "core/codec/definition.hpp"

#include <zstd.h>

#include <algorithm>

namespace gamelan::codec {

namespace {

constexpr std::size_t max_part_bytes = 256 * 1024;
// A part of values is as long as its values are.
constexpr std::size_t max_values_part_bytes = 2ULL * store::max_value_bytes;
constexpr int compression_level = 1;

std::uint64_t checksum_of(const CheckpointChunk& chunk) {
    const std::uint64_t place[3] = {chunk.first_slot, chunk.slots, chunk.raw_bytes};
    const std::uint64_t seed =
        hash64({reinterpret_cast<const char*>(place), sizeof place}, hash64(chunk.column));
    return hash64(chunk.data, seed);
}

std::string name_of(const CheckpointChunk& chunk) {
    return "the part of column " + chunk.column + " from slot " + std::to_string(chunk.first_slot);
}

// Appends a block to the last part if it continues it and fits, else begins a part.
void add_block(StateCopy& out, const char* column, std::uint32_t first_slot, std::uint32_t slots,
               const std::byte* data, std::size_t bytes) {
    out.raw_bytes += bytes;
    if (!out.parts.empty()) {
        StateCopy::Part& last = out.parts.back();
        if (last.column == column && last.first_slot + last.slots == first_slot &&
            last.bytes.size() + bytes <= max_part_bytes) {
            last.slots += slots;
            last.bytes.append(reinterpret_cast<const char*>(data), bytes);
            return;
        }
    }
    out.parts.push_back({column, first_slot, slots, std::string(reinterpret_cast<const char*>(data), bytes)});
}

// A block of values: the length of each (u32), its contents behind it.
std::string block_of_values(const store::Snapshot& snapshot, const std::byte* data, std::uint32_t slots) {
    ByteWriter out;
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        store::ValueSlot value;
        std::memcpy(&value, data + slot * sizeof value, sizeof value);
        out.put(value.bytes);
        out.put_bytes(snapshot.contents(value));
    }
    return out.take();
}

void restore_values(store::WorldStore& store, store::ColumnId column, const CheckpointChunk& chunk,
                    std::string_view bytes) {
    ByteReader in(bytes, "a checkpoint's values");
    for (std::uint32_t i = 0; i < chunk.slots; ++i) {
        const auto length = in.get<std::uint32_t>();
        const std::string_view contents = in.get_bytes(length);
        if (length > 0)
            store.set_value(column, chunk.first_slot + i, contents);
    }
    if (in.remaining() != 0)
        in.fail("bytes are left over");
}

} // namespace

StateCopy copy_state(const store::Snapshot& snapshot) {
    StateCopy out;
    out.tick = snapshot.tick();
    out.definition = encode_definition(store::definition_of(snapshot));
    for (std::uint32_t s = 0; s < snapshot.space_count(); ++s)
        out.spaces.push_back({snapshot.space({s}).name, snapshot.slot_count(store::SpaceId{s})});
    for (std::uint32_t c = 0; c < snapshot.column_count(); ++c) {
        const std::uint32_t block_slots = snapshot.block_slots({c});
        const store::ColumnSpec& column = snapshot.column({c});
        // In whole words of 64, the smallest block: a reader's blocks may be smaller.
        const std::uint32_t end = (snapshot.slot_count(store::ColumnId{c}) + store::min_block_slots - 1) /
                                  store::min_block_slots * store::min_block_slots;
        for (std::uint32_t b = 0; b < snapshot.block_count({c}); ++b) {
            alignas(8) std::byte room[store::max_block_slots * sizeof(std::uint64_t)];
            const std::byte* data = snapshot.block({c}, b, room);
            const std::uint32_t first = b * block_slots;
            if (data == nullptr || first >= end)
                continue;
            const std::uint32_t slots = std::min(block_slots, end - first);
            if (column.type != ColumnType::value) {
                add_block(out, column.name, first, slots, data, store::block_bytes(column.type, slots));
                continue;
            }
            const std::string values = block_of_values(snapshot, data, slots);
            add_block(out, column.name, first, slots, reinterpret_cast<const std::byte*>(values.data()),
                      values.size());
        }
    }
    out.state_hash = snapshot.state_hash();
    return out;
}

CheckpointChunk compress(const StateCopy::Part& part) {
    CheckpointChunk chunk{
        part.column, part.first_slot, part.slots, static_cast<std::uint32_t>(part.bytes.size()), 0, {}};
    chunk.data.resize(ZSTD_compressBound(part.bytes.size()));
    const std::size_t size = ZSTD_compress(chunk.data.data(), chunk.data.size(), part.bytes.data(),
                                           part.bytes.size(), compression_level);
    if (ZSTD_isError(size) != 0)
        throw Error(sqlstate::internal, std::string("compression failed: ") + ZSTD_getErrorName(size));
    chunk.data.resize(size);
    chunk.checksum = checksum_of(chunk);
    return chunk;
}

std::string decompress(const CheckpointChunk& chunk) {
    if (checksum_of(chunk) != chunk.checksum)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint is damaged: the checksum of " + name_of(chunk) + " differs");
    std::string out(std::min<std::size_t>(chunk.raw_bytes, max_values_part_bytes), '\0');
    const std::size_t size = ZSTD_decompress(out.data(), out.size(), chunk.data.data(), chunk.data.size());
    if (ZSTD_isError(size) != 0 || size != chunk.raw_bytes)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint is damaged: " + name_of(chunk) + " cannot be unpacked");
    return out;
}

std::uint64_t chain_checksum(std::uint64_t chain, std::uint64_t checksum) {
    return mix64(chain + checksum);
}

void restore_layout(store::WorldStore& store, std::string_view definition) {
    if (const auto change = store::plan_layout_change(store.working(), decode_definition(definition)))
        store.change_layout(*change);
}

void restore_chunk(store::WorldStore& store, const CheckpointChunk& chunk) {
    const std::string bytes = decompress(chunk);
    const store::Snapshot state = store.working();
    const auto column = state.find_column(chunk.column);
    if (!column)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint does not fit its world: there is no column " + chunk.column);
    const ColumnType type = state.column(*column).type;
    const std::uint32_t block_slots = state.block_slots(*column);
    const std::uint64_t room = static_cast<std::uint64_t>(state.block_count(*column)) * block_slots;
    const bool has_values = type == ColumnType::value;
    const std::uint32_t aligned = type == ColumnType::bit ? 64 : 1; // slots that share a word stay together
    if (chunk.slots == 0 || (chunk.first_slot | chunk.slots) % aligned != 0 ||
        (!has_values && bytes.size() != store::block_bytes(type, chunk.slots)))
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint does not fit its world: " + name_of(chunk) + " has another size");
    if (std::uint64_t{chunk.first_slot} + chunk.slots > room)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint does not fit its world: " + name_of(chunk) + " lies outside the column");
    if (has_values) {
        restore_values(store, *column, chunk, bytes);
        return;
    }
    // Blocks may have another size than when the checkpoint was written.
    for (std::uint32_t done = 0; done < chunk.slots;) {
        const std::uint32_t slot = chunk.first_slot + done;
        const std::uint32_t count = std::min(block_slots - slot % block_slots, chunk.slots - done);
        std::memcpy(store.write_block(*column, slot / block_slots) +
                        store::block_bytes(type, slot % block_slots),
                    bytes.data() + store::block_bytes(type, done), store::block_bytes(type, count));
        done += count;
    }
}

void restore_spaces(store::WorldStore& store, const std::vector<SpaceExtent>& spaces) {
    for (const SpaceExtent& extent : spaces) {
        const store::Snapshot& state = store.working();
        std::uint32_t s = 0;
        while (s < state.space_count() && extent.name != state.space({s}).name)
            ++s;
        if (s == state.space_count() || extent.slots > store::max_slots)
            throw Error(sqlstate::corrupt_data,
                        "a checkpoint does not fit its world: there is no space " + extent.name);
        store.extend_space({s}, extent.slots);
    }
}

} // namespace gamelan::codec
