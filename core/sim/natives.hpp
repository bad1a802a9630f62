// The native systems among a world's rules: found when the rules are taken in, bound to each layout.
#pragma once

#include "core/game/rules.hpp"
#include "core/native/native_system.hpp"

#include <memory>

namespace gamelan::sim {

class Natives {
  public:
    // Finds the libraries of all systems that are enabled. Throws Error when one cannot be used: then the
    // rules cannot be played, neither now nor in a replay.
    void take(const game::Rules& rules);
    // What a layout lacks is told when the system runs: the same in every replay.
    void bind(const store::Snapshot& layout);
    // Throws Error; then nothing of what the system did remains.
    native::Report run(std::uint32_t system, store::WorldStore& store, const native::Inputs& inputs);

  private:
    struct Entry {
        const gamelan_system* system = nullptr;
        std::unique_ptr<native::NativeSystem> bound;
        std::optional<Error> fault;
    };
    std::vector<Entry> entries_; // by place in the rules
};

} // namespace gamelan::sim
