// Where a world keeps what it plays by: one row of the engine's own, so that checkpoints, a successor that
// takes over and a fork carry it. It is not part of the state hash: how a system runs must not change what a
// world's state is called.
#pragma once

#include "core/game/rules.hpp"
#include "core/store/world_store.hpp"

#include <optional>

namespace gamelan::game {

void add_rules_component(store::Layout& layout);

struct RulesState {
    std::string encoded; // core/codec/rules.hpp
    // Simulated time passes at one rate from here.
    std::int64_t since_tick = 0;
    std::int64_t since_us = 0;
};

// False for a world that was made before games had systems.
bool can_keep_rules(const store::Snapshot& state);
// Nothing when the world has no such row, or no rules yet.
std::optional<RulesState> read_rules(const store::Snapshot& state);
// In a tick, outside savepoints. Throws Error(feature_not_supported) when the world cannot keep rules.
void write_rules(store::WorldStore& store, const RulesState& rules);

// Simulated microseconds at a tick: exact at every whole second of simulated time.
std::int64_t simulated_us(const RulesState& state, const Rules& rules, std::uint64_t tick);

} // namespace gamelan::game
