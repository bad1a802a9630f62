// Reading game.checkpoint and game.checkpoint_chunk. C++ zone: errors of Postgres (a torn page, a missing
// TOAST row) are exceptions (PgError). Each call needs a transaction with SPI connected.
#pragma once

#include "core/codec/checkpoint.hpp"

namespace gamelan::pg {

struct Manifest {
    std::uint64_t tick;
    std::int32_t format_version;
    std::string codec;
    std::uint64_t state_hash;
    std::uint64_t log_tick;
    std::uint64_t row_hash;
    std::int32_t chunks;
    std::uint64_t chunks_hash;
    bool is_of_definition; // written for the game, seed and configuration that the world has now
    std::vector<codec::SpaceExtent> spaces;
    std::string layout;
};

// Those up to `up_to_tick`, newest first.
std::vector<Manifest> read_manifests(std::int64_t world_id, std::uint64_t up_to_tick);

// Throws Error(corrupt_data) when it is not there.
codec::CheckpointChunk read_chunk(std::int64_t world_id, std::uint64_t tick, std::int32_t ordinal);

} // namespace gamelan::pg
