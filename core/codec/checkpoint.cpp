#include "core/codec/checkpoint.hpp"

#include "core/base/bytes.hpp"
#include "core/base/control_build.hpp"
#include "core/base/hash.hpp"

#include <zstd.h>

#include <algorithm>

namespace gamelan::codec {

namespace {

constexpr std::size_t max_raw_bytes = 768ULL << 20;
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

} // namespace

CheckpointChunk compress(const CheckpointPart& part) {
    if (part.bytes.size() > max_raw_bytes)
        throw Error(sqlstate::feature_not_supported,
                    "a checkpoint cannot hold the values of column " + part.column,
                    "64 rows of it take " + std::to_string(part.bytes.size()) + " bytes; " +
                        std::to_string(max_raw_bytes) + " fit.");
    CheckpointChunk chunk{
        part.column, part.first_slot, part.slots, static_cast<std::uint32_t>(part.bytes.size()), 0, {}};
    chunk.data.resize(ZSTD_compressBound(part.bytes.size()));
    const std::size_t size = ZSTD_compress(chunk.data.data(), chunk.data.size(), part.bytes.data(),
                                           part.bytes.size(), compression_level);
    if (ZSTD_isError(size) != 0)
        throw Error(sqlstate::internal, std::string("compression failed: ") + ZSTD_getErrorName(size));
    chunk.data.resize(size);
    chunk.data.shrink_to_fit();
    sign(chunk);
    return chunk;
}

void sign(CheckpointChunk& chunk) {
    chunk.checksum = checksum_of(chunk);
}

void check(const CheckpointChunk& chunk) {
    if (!control_build::skips_checksums && checksum_of(chunk) != chunk.checksum)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint is damaged: the checksum of " + name_of(chunk) + " differs");
}

CheckpointPart decompress(const CheckpointChunk& chunk) {
    CheckpointPart part{chunk.column, chunk.first_slot, chunk.slots,
                        std::string(std::min<std::size_t>(chunk.raw_bytes, max_raw_bytes), '\0')};
    const std::size_t size =
        ZSTD_decompress(part.bytes.data(), part.bytes.size(), chunk.data.data(), chunk.data.size());
    if (ZSTD_isError(size) != 0 || size != chunk.raw_bytes)
        throw Error(sqlstate::corrupt_data,
                    "a checkpoint is damaged: " + name_of(chunk) + " cannot be unpacked");
    return part;
}

std::uint64_t chain_checksum(std::uint64_t chain, std::uint64_t checksum) {
    return mix64(chain + checksum);
}

std::uint64_t manifest_hash(const ManifestContents& manifest) {
    ByteWriter out;
    out.put(manifest.world);
    out.put(manifest.tick);
    out.put_text(manifest.kind);
    out.put(manifest.base_tick);
    out.put(manifest.base_hash);
    out.put(manifest.chain_length);
    out.put(manifest.format_version);
    out.put_text(manifest.engine_version);
    out.put_text(manifest.codec);
    out.put_text(manifest.key_id);
    out.put_text(manifest.definition);
    out.put_text(manifest.layout);
    out.put_text(manifest.spaces);
    out.put(manifest.state_hash);
    out.put(manifest.log_tick);
    out.put(manifest.row_hash);
    out.put(manifest.chunks);
    out.put(manifest.chunks_hash);
    return hash64(out.view());
}

} // namespace gamelan::codec
