// The rows of game.checkpoint and game.checkpoint_chunk. C++ zone: errors of Postgres (a torn page, a missing
// TOAST row) are exceptions (PgError). Each call needs a transaction with SPI connected, and for reading an
// active snapshot: several reads see the same.
#pragma once

#include "core/codec/checkpoint_state.hpp"
#include "extension/pg/checkpoint_cipher.hpp"

#include <span>

namespace gamelan::pg {

inline constexpr std::string_view full_kind = "full";
inline constexpr std::string_view incremental_kind = "incremental";

struct Manifest {
    std::int64_t world = 0;
    std::uint64_t tick = 0;
    std::string kind;
    std::uint64_t base_tick = 0; // of an increment
    std::uint64_t base_hash = 0;
    std::uint32_t chain_length = 0;
    std::int32_t format_version = 0;
    std::string engine_version;
    std::string codec;
    std::string key_id;     // empty = not encrypted
    std::string definition; // of the world, jsonb as text
    std::string layout;
    std::string spaces; // jsonb as text
    std::uint64_t state_hash = 0;
    std::uint64_t log_tick = 0;
    std::uint64_t row_hash = 0;
    std::int32_t chunks = 0;
    std::uint64_t chunks_hash = 0;
    std::uint64_t hash = 0;        // as stored
    bool is_of_definition = false; // written for the game, seed and configuration that the world has now
    bool is_verified = false;
    std::vector<codec::SpaceExtent> extents; // of `spaces`; nothing when those are none

    bool is_full() const { return kind == full_kind; }
};
std::uint64_t hash_of(const Manifest& manifest);
// Throws Error(corrupt_data): an unknown format, another world's definition, a manifest that was changed.
void check_manifest(const Manifest& manifest);

// Those up to `up_to_tick`, newest first. Not checked.
std::vector<Manifest> read_manifests(std::int64_t world_id, std::uint64_t up_to_tick);
// The manifests that make up the state of manifests[index], the full one first. Each is checked, and names
// the one before. Throws Error(corrupt_data).
std::vector<const Manifest*> chain_of(const std::vector<Manifest>& manifests, std::size_t index);

// A chunk, checked, decrypted if its checkpoint is encrypted. `checksum`: of what is stored. Throws
// Error(corrupt_data, checkpoint_key_missing).
codec::CheckpointChunk read_chunk(const Manifest& manifest, std::int32_t ordinal,
                                  const std::optional<cipher::Key>& key);
// The key that its chunks need.
std::optional<cipher::Key> key_of(const Manifest& manifest);

void insert_chunk(std::int64_t world_id, std::uint64_t tick, std::int32_t ordinal,
                  const codec::CheckpointChunk& chunk);

// What tables know of a manifest to be: the world's definition, `spaces` as jsonb prints it, and the newest
// row of the log up to the tick. Fills them in.
void complete_manifest(Manifest& manifest);
void insert_manifest(const Manifest& manifest, std::uint64_t raw_bytes, std::uint64_t stored_bytes,
                     double duration_ms);

} // namespace gamelan::pg
