// How far the clients of a game made with SQL have come: for each actor that numbers its commands, the newest
// number that was applied. Kept in the state, in rows of the engine's own, so that a repeat is known after a
// crash, too. It is no part of the state hash.
#pragma once

#include "core/store/world_store.hpp"

#include <optional>
#include <string>
#include <unordered_map>

namespace gamelan::game {

class Clients {
  public:
    // Whatever was known before is forgotten.
    void load(const store::Snapshot& state);
    bool has_applied(const store::WorldStore& store, const std::string& actor, std::int64_t sequence) const;
    // In a tick. Throws Error(out_of_memory). A caller that rolls the store back calls forget().
    void note(store::WorldStore& store, const std::string& actor, std::int64_t sequence);
    // The actor's command was rolled back.
    void forget(const store::WorldStore& store, const std::string& actor);

  private:
    struct Planes {
        store::SpaceId space;
        store::ColumnId actor;
        store::ColumnId last;
    };
    static std::optional<Planes> find_planes(const store::Snapshot& state);

    std::optional<Planes> planes_; // none in a world of a game without them
    std::unordered_map<std::string, std::uint32_t> slots_;
};

// Their component, in the engine's space, which is there already.
void add_clients_component(store::Layout& layout);

} // namespace gamelan::game
