#include "core/codec/checkpoint.hpp"

#include "core/base/hash.hpp"

#include <zstd.h>

#include <algorithm>

namespace gamelan::codec {

namespace {

constexpr std::size_t max_part_bytes = 256 * 1024;
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

} // namespace

StateCopy copy_state(const store::Snapshot& snapshot) {
    StateCopy out;
    out.tick = snapshot.tick();
    for (std::uint32_t s = 0; s < snapshot.space_count(); ++s)
        out.spaces.push_back({snapshot.space({s}).name, snapshot.slot_count(store::SpaceId{s})});
    for (std::uint32_t c = 0; c < snapshot.column_count(); ++c) {
        const std::uint32_t block_slots = snapshot.block_slots({c});
        for (std::uint32_t b = 0; b < snapshot.block_count({c}); ++b)
            if (const std::byte* data = snapshot.block({c}, b))
                add_block(out, snapshot.column({c}).name, b * block_slots, block_slots, data,
                          static_cast<std::size_t>(block_slots) * snapshot.column({c}).width_bytes);
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
    std::string out(std::min<std::size_t>(chunk.raw_bytes, max_part_bytes), '\0');
    const std::size_t size = ZSTD_decompress(out.data(), out.size(), chunk.data.data(), chunk.data.size());
    if (ZSTD_isError(size) != 0 || size != chunk.raw_bytes)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint is damaged: " + name_of(chunk) + " cannot be unpacked");
    return out;
}

std::uint64_t chain_checksum(std::uint64_t chain, std::uint64_t checksum) {
    return mix64(chain + checksum);
}

void restore_chunk(store::WorldStore& store, const CheckpointChunk& chunk) {
    const std::string bytes = decompress(chunk);
    const store::Snapshot state = store.working();
    const auto column = state.find_column(chunk.column);
    if (!column)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint does not fit its world: there is no column " + chunk.column);
    const std::uint32_t width = state.column(*column).width_bytes;
    const std::uint32_t block_slots = state.block_slots(*column);
    const std::uint64_t room = static_cast<std::uint64_t>(state.block_count(*column)) * block_slots;
    if (chunk.slots == 0 || std::uint64_t{chunk.first_slot} + chunk.slots > room ||
        bytes.size() != static_cast<std::size_t>(chunk.slots) * width)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint does not fit its world: " + name_of(chunk) + " lies outside the column");
    // Blocks may have another size than when the checkpoint was written.
    for (std::uint32_t done = 0; done < chunk.slots;) {
        const std::uint32_t slot = chunk.first_slot + done;
        const std::uint32_t count = std::min(block_slots - slot % block_slots, chunk.slots - done);
        std::memcpy(store.write_block(*column, slot / block_slots) +
                        static_cast<std::size_t>(slot % block_slots) * width,
                    bytes.data() + static_cast<std::size_t>(done) * width,
                    static_cast<std::size_t>(count) * width);
        done += count;
    }
}

void restore_spaces(store::WorldStore& store, const std::vector<SpaceExtent>& spaces) {
    for (const SpaceExtent& extent : spaces) {
        const store::Snapshot state = store.working();
        std::uint32_t s = 0;
        while (s < state.space_count() && extent.name != state.space({s}).name)
            ++s;
        if (s == state.space_count() || extent.slots > store::max_slots)
            throw Error(sqlstate::corrupt_data,
                        "a checkpoint does not fit its world: there is no space " + extent.name);
        for (std::uint32_t have = state.slot_count(store::SpaceId{s}); have < extent.slots; ++have)
            store.append_slot({s});
    }
}

} // namespace gamelan::codec
