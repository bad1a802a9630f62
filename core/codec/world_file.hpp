// A world's state in one file, to be carried to another database. docs/formats.md, "World file".
#pragma once

#include "core/base/bytes.hpp"
#include "core/codec/checkpoint_state.hpp"

#include <string>
#include <string_view>

namespace gamelan::codec {

// The parts are compressed one after the other. `header`: whatever the caller wants to know of the world
// before it reads the state. Under the reader's pin; the caller checks the pin afterwards.
std::string encode_world_file(std::string_view header, const store::Snapshot& snapshot);

// Views of bytes that the caller keeps.
class WorldFileReader {
  public:
    // Checks the whole file. Throws Error(corrupt_data), Error(feature_not_supported) for a newer version.
    explicit WorldFileReader(std::string_view bytes);

    std::string_view header() const { return header_; }
    // Without the numbers of the version that was written.
    const StateOutline& outline() const { return outline_; }

    // Fills a store that was made for the world's game, and is in no tick, and seals the state. Throws
    // Error(corrupt_data) when it is not the one that was written.
    void restore(store::WorldStore& store);

  private:
    CheckpointChunk next_chunk();

    ByteReader in_;
    std::string_view header_;
    StateOutline outline_;
};

} // namespace gamelan::codec
