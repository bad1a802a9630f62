// Encryption of checkpoint chunks: AES-256-GCM with a key from a file or a command (docs/operations.md,
// "Encrypted checkpoints"). C++ zone.
#pragma once

#include "core/codec/checkpoint.hpp"

#include <array>
#include <optional>

namespace gamelan::pg::cipher {

struct Key {
    std::array<unsigned char, 32> bytes;
    std::string id; // 16 hexadecimal digits that say nothing about the key
};

// The key that new checkpoints are written with, or nothing when they are not encrypted. Throws Error when a
// key is set that cannot be had.
std::optional<Key> current_key();
// The current one or an old one. Throws Error(checkpoint_key_missing).
Key find_key(const std::string& id);

// Where a chunk belongs: what it was sealed for it opens for, and for nothing else.
struct Place {
    std::int64_t world;
    std::uint64_t tick;
    std::int32_t ordinal;
};
// Encrypts the data and signs the chunk. 28 bytes longer.
void seal(codec::CheckpointChunk& chunk, const Place& place, const Key& key);
// Throws Error(corrupt_data) when it was not sealed so.
void open(codec::CheckpointChunk& chunk, const Place& place, const Key& key);

} // namespace gamelan::pg::cipher
