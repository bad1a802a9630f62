// From a version of a world to the parts of a checkpoint, and from parts back into a store: all blocks of the
// state, or those that changed since an earlier version of the same store.
#pragma once

#include "core/codec/checkpoint.hpp"
#include "core/store/world_store.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace gamelan::codec {

struct SpaceExtent {
    std::string name;
    std::uint32_t slots;
};

// What a manifest says of the state itself.
struct StateOutline {
    std::uint64_t tick;
    std::uint64_t sequence;       // Snapshot::sequence
    std::uint64_t layout_version; // Snapshot::layout_version
    std::uint64_t state_hash;
    std::string definition; // of the components, packed
    std::vector<SpaceExtent> spaces;
};
StateOutline outline_of(const store::Snapshot& snapshot);

// An increment holds the blocks that a version of this sequence does not share. It can be made when the
// layout is the same: the version's sequence is not below Snapshot::layout_version.
using Since = std::optional<std::uint64_t>;

// Gives out the parts one after the other; blocks of zeros only where an increment has to say so. Parts hold
// at most 256 KiB, or 64 slots of values. Under the reader's pin; the caller checks the pin afterwards.
void for_each_part(const store::Snapshot& snapshot, Since since,
                   const std::function<void(CheckpointPart&&)>& take);

// Bytes of the blocks that an increment would hold, and of all; values of variable length count as their
// slots.
struct Extent {
    std::uint64_t changed_bytes = 0;
    std::uint64_t all_bytes = 0;
};
Extent extent_of(const store::Snapshot& snapshot, Since since);

// A version copied out of a store, in memory.
struct StateCopy {
    StateOutline outline;
    std::vector<CheckpointPart> parts;
};
StateCopy copy_state(const store::Snapshot& snapshot, Since since = std::nullopt);

// Gives a new store, in a tick, the components it had. Throws Error(corrupt_data).
void restore_layout(store::WorldStore& store, std::string_view definition);
// Gives every space the number of slots it had; before the parts.
void restore_spaces(store::WorldStore& store, const std::vector<SpaceExtent>& spaces);
// Writes one part into a store that is in a tick: those of the full checkpoint first, then those of each
// increment in order. Throws Error(corrupt_data) when the world has no such column or slots.
void restore_part(store::WorldStore& store, const CheckpointPart& part);

} // namespace gamelan::codec
