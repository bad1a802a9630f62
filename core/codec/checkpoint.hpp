// The stored form of checkpoints: parts of a world's state, compressed, each with its checksum, and the
// manifest that names them. docs/formats.md, "Checkpoint". What the parts are made of is
// checkpoint_state.hpp's subject; where they are kept (tables, files) is the caller's.
#pragma once

#include "core/base/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace gamelan::codec {

inline constexpr int checkpoint_format_version = 3;
inline constexpr std::string_view checkpoint_codec = "zstd";

// Runs of slots of one column, between `first_slot` and `first_slot + slots`.
struct CheckpointPart {
    std::string column;
    std::uint32_t first_slot;
    std::uint32_t slots;
    std::string bytes;
};

struct CheckpointChunk {
    std::string column;
    std::uint32_t first_slot;
    std::uint32_t slots;
    std::uint32_t raw_bytes;
    std::uint64_t checksum; // over column, place, size and the stored bytes
    std::string data;       // compressed, and encrypted if the checkpoint is
};

// With its checksum.
CheckpointChunk compress(const CheckpointPart& part);
// Makes the checksum anew, after the data was encrypted.
void sign(CheckpointChunk& chunk);
// Throws Error(corrupt_data) that names the chunk when its checksum is wrong.
void check(const CheckpointChunk& chunk);
// Does not look at the checksum, which was made of what is stored. Throws Error(corrupt_data).
CheckpointPart decompress(const CheckpointChunk& chunk);

// Chains the chunks' checksums in order: what the manifest stores.
std::uint64_t chain_checksum(std::uint64_t chain, std::uint64_t checksum);

// All of a manifest that decides what is restored. Views of texts that are stored as they are.
struct ManifestContents {
    std::int64_t world;
    std::uint64_t tick;
    std::string_view kind;
    std::uint64_t base_tick; // of an increment; 0
    std::uint64_t base_hash; // manifest_hash of its base; 0
    std::uint32_t chain_length;
    std::uint32_t format_version;
    std::string_view engine_version;
    std::string_view codec;
    std::string_view key_id; // empty = not encrypted
    std::string_view definition;
    std::string_view layout;
    std::string_view spaces;
    std::uint64_t state_hash;
    std::uint64_t log_tick;
    std::uint64_t row_hash;
    std::uint32_t chunks;
    std::uint64_t chunks_hash;
};
std::uint64_t manifest_hash(const ManifestContents& manifest);

} // namespace gamelan::codec
