// What a game is to the engine: a layout, actions, and what happens each tick. Games written in SQL get an
// implementation of this that runs compiled procedures; a native game implements it directly.
#pragma once

#include "core/game/value.hpp"
#include "core/store/world_store.hpp"

#include <map>
#include <memory>
#include <optional>

namespace gamelan::grid {
class Planet;
}

namespace gamelan::game {

// A world's configuration: the scalars of its jsonb.
using Config = std::map<std::string, Value, std::less<>>;

// Option of every game: which world the ids of cells name, 0 to 255. A world that goes on from another's
// state keeps that one's, for cells are named in the state. Without it a world's cells name the world itself.
inline constexpr std::string_view cell_world_option = "cell_world";
// Takes the option over from `config`. Throws Error(invalid_config).
void complete_cell_world(const Config& config, Config& completed);
// What the planet of a world is made with.
std::int64_t cell_world_of(const Config& config, std::int64_t world_id);

struct Event {
    std::string kind;
    std::string payload; // a JSON object
    std::optional<std::int64_t> entity = {};
    std::string cause = {}; // "command 3": of the tick's in the log; "system NAME"
};

// What an action may see and do while it runs. Writes go to the tick that is being built and vanish when the
// action throws.
struct ActionContext {
    store::WorldStore& store;
    std::int64_t world_id;
    std::uint64_t tick; // the one being built
    const std::string& actor;
    std::optional<std::uint32_t> player; // slot of the actor's player, if it has joined
    std::vector<Event>& events;
};

// One world's rules. Deterministic: all it may use is the store, the tick, the seed and its arguments.
class World {
  public:
    virtual ~World() = default;

    virtual const store::Layout& layout() const = 0;
    virtual const std::vector<ActionSpec>& actions() const = 0;
    // The planet whose cells are the slots of the space "cell"; null for a game without one.
    virtual const grid::Planet* planet() const { return nullptr; }
    // The space that holds one slot per player; its columns "player.actor" (text64) and "player.last_seq"
    // (i64) belong to the engine. Nothing for a game that keeps its players as entities.
    virtual std::optional<store::SpaceId> player_space() const { return std::nullopt; }

    // Whether its actions and systems are SQL's: what the rules in its state name (core/game/rules.hpp), and
    // what the world worker runs.
    virtual bool is_of_sql() const { return false; }
    virtual std::uint64_t seed() const { return 0; }

    // Fills tick 0. The store is in a tick.
    virtual void generate(store::WorldStore& store) const = 0;
    // Returns the result as a JSON object. Throws Error when it refuses; then nothing it wrote remains.
    virtual std::string act(std::size_t action, const std::vector<Value>& arguments,
                            ActionContext& context) const = 0;
    // The systems, in order. The store is in a tick.
    virtual void advance(store::WorldStore& store, std::uint64_t tick) const = 0;
};

class Module {
  public:
    virtual ~Module() = default;
    virtual std::string_view name() const = 0;
    // Checks a configuration and fills in what is derived or defaulted. Throws Error(invalid_config).
    virtual Config complete(const Config& config) const = 0;
    // `config` is a completed one.
    virtual std::unique_ptr<World> make(std::int64_t world_id, std::uint64_t seed,
                                        const Config& config) const = 0;
};

// The native games linked into this library. Throws Error(undefined_game) that lists what there is.
const Module& find_module(std::string_view name);
// The same, or null.
const Module* find_native(std::string_view name);

} // namespace gamelan::game
