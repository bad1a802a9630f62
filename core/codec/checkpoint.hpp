// A world's state as checkpoint chunks: runs of slots of one column, compressed, each with its checksum.
// Where the chunks are kept (tables, files) is the caller's business. docs/formats.md, "Checkpoint".
#pragma once

#include "core/store/world_store.hpp"

namespace gamelan::codec {

inline constexpr int checkpoint_format_version = 2;
inline constexpr std::string_view checkpoint_codec = "zstd";

struct SpaceExtent {
    std::string name;
    std::uint32_t slots;
};

struct CheckpointChunk {
    std::string column;
    std::uint32_t first_slot;
    std::uint32_t slots;
    std::uint32_t raw_bytes;
    std::uint64_t checksum; // over column, place, size and the stored bytes
    std::string data;       // compressed
};

// A version copied out of shared memory, so that the reader's pin can go before anything slow begins.
struct StateCopy {
    struct Part {
        std::string column;
        std::uint32_t first_slot;
        std::uint32_t slots;
        std::string bytes;
    };
    std::uint64_t tick;
    std::uint64_t state_hash;
    std::string definition; // of the components, packed
    std::vector<SpaceExtent> spaces;
    std::vector<Part> parts; // blocks of zeros are left out
    std::uint64_t raw_bytes = 0;
};

// Parts hold at most 256 KiB. Under the reader's pin; the caller checks the pin afterwards.
StateCopy copy_state(const store::Snapshot& snapshot);

CheckpointChunk compress(const StateCopy::Part& part);
// Throws Error(corrupt_data) that names the chunk when its checksum or its size is wrong.
std::string decompress(const CheckpointChunk& chunk);

// Chains the chunks' checksums in order: what the manifest stores.
std::uint64_t chain_checksum(std::uint64_t chain, std::uint64_t checksum);

// Gives a new store, in a tick, the components it had. Throws Error(corrupt_data).
void restore_layout(store::WorldStore& store, std::string_view definition);
// Writes one chunk's values into a store that is in a tick. Throws Error(corrupt_data) when the world has no
// such column or slots.
void restore_chunk(store::WorldStore& store, const CheckpointChunk& chunk);
// Gives every space the number of slots it had.
void restore_spaces(store::WorldStore& store, const std::vector<SpaceExtent>& spaces);

} // namespace gamelan::codec
