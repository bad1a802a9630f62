// hexfactory, first slice: a planet of hexagons whose three resources grow, spread and eat each other;
// players claim cells, plant on them and harvest them. First claim wins; only the owner plants and harvests.
#pragma once

#include "core/automaton/resource_rule.hpp"
#include "core/game/module.hpp"
#include "core/grid/planet.hpp"

namespace gamelan::games {

// The columns of the planet, in the order they are declared.
struct HexfactoryColumns {
    store::ColumnId resource;
    store::ColumnId amount;
    store::ColumnId owner;
    store::ColumnId actor;
    store::ColumnId last_seq;
    store::ColumnId name;
    store::ColumnId claims;
    store::ColumnId score;
};

class HexfactoryWorld final : public game::World {
  public:
    HexfactoryWorld(std::int64_t world_id, std::uint64_t seed, std::uint32_t frequency, std::uint32_t layers,
                    std::uint32_t max_players);

    const store::Layout& layout() const override { return layout_; }
    const std::vector<game::ActionSpec>& actions() const override { return actions_; }
    std::optional<store::SpaceId> player_space() const override { return players_; }
    void generate(store::WorldStore& store) const override;
    std::string act(std::size_t action, const std::vector<game::Value>& arguments,
                    game::ActionContext& context) const override;
    void advance(store::WorldStore& store, std::uint64_t tick) const override;

    const grid::Planet* planet() const override { return &planet_; }

  private:
    std::string join(const std::string& name, game::ActionContext& context) const;
    std::string claim(std::int64_t cell, game::ActionContext& context) const;
    std::string plant(std::int64_t cell, std::int64_t resource, game::ActionContext& context) const;
    std::string harvest(std::int64_t cell, game::ActionContext& context) const;
    std::uint32_t own_slot(std::int64_t cell, const game::ActionContext& context) const;
    std::string player_name(const store::WorldStore& store, std::uint32_t player) const;
    void advance_layer(store::WorldStore& store, std::uint64_t tick, std::uint32_t layer) const;

    grid::Planet planet_;
    std::uint64_t seed_;
    std::uint32_t max_players_;
    automaton::ResourceRule rule_;
    store::Layout layout_;
    store::SpaceId players_;
    HexfactoryColumns columns_;
    std::vector<game::ActionSpec> actions_;
};

class HexfactoryModule final : public game::Module {
  public:
    std::string_view name() const override { return "hexfactory"; }
    game::Config complete(const game::Config& config) const override;
    std::unique_ptr<game::World> make(std::int64_t world_id, std::uint64_t seed,
                                      const game::Config& config) const override;
};

} // namespace gamelan::games
