// From one layout of a world to the next: which planes stay what they are, which are new and with what in
// them, which go. Pure data, so that the log can carry a change and a replay repeats it.
#pragma once

#include "core/store/snapshot.hpp"

#include <vector>

namespace gamelan::store {

struct LayoutChange {
    Layout layout;
    // For each plane of `layout`, the plane it was, or none.
    std::vector<std::uint32_t> origin;
    // For each plane of `layout`: what the rows that exist get, if the plane is new (ColumnDefinition::fill).
    std::vector<std::optional<std::string>> fill;
};

// The change that makes a world's components those of `definition`, or nothing when they are. Components and
// columns are the same when their keys are and the incarnations agree, else when their names are; a column
// whose type differs is a new one. Components of the engine (.entity, .slot) and columns of native games
// stay. Throws Error(invalid_config) when a component lies over a space that the world does not have.
std::optional<LayoutChange> plan_layout_change(const Snapshot& from, const Definition& definition);

// What a snapshot's components are, as a definition without fills.
Definition definition_of(const Snapshot& snapshot);

} // namespace gamelan::store
