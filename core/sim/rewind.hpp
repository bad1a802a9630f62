// The way back: the rows that make a state what it was after a tick of its past, as a write set, so that the
// world takes them in with a tick, like any other command, and the log can repeat it.
#pragma once

#include "core/codec/write_set.hpp"
#include "core/store/snapshot.hpp"

#include <functional>
#include <memory>
#include <unordered_set>

namespace gamelan::sim {

enum class RewindExtent : std::uint8_t {
    world, // all there was, and nothing that came since; refused unless the state is still the one compared
           // with
    entities, // the chosen entities, which come back if they are gone
    rows,     // rows of those that are there now
};

struct RewindScope {
    RewindExtent extent = RewindExtent::world;
    bool has_entities = true; // components of entities
    bool has_cells = true;    // of cells; and a native game's columns
    // By name; empty: all.
    std::unordered_set<std::string> components;
    // Handles of entities, slots of cells; empty: all. Not for extent `world`.
    std::unordered_set<std::uint64_t> handles;
};

// A group's rows come one after the other; each group is one object.
using RowSink = std::function<void(const std::shared_ptr<const codec::RowGroup>&, std::string_view row)>;

// Returns the number of rows given to `sink`. `then` and `now`: the same world, `then` not the later;
// `definition`: of `now`, for what rows that come back hold in columns that came since; components that came
// since keep their rows. Throws Error(undefined_entity) for a chosen entity that was not there then,
// Error(unique_violation) for one whose slot another has taken.
std::uint64_t rewind(const store::Snapshot& now, const store::Snapshot& then,
                     const store::Definition& definition, const RewindScope& scope, const RowSink& sink);

} // namespace gamelan::sim
