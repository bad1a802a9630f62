#include "core/game/schema_game.hpp"

#include "core/game/clients.hpp"
#include "core/game/rules_state.hpp"
#include "core/grid/planet.hpp"

#include <bit>

namespace gamelan::game {

namespace {

std::int64_t integer_option(const Config& config, std::string_view key, std::int64_t fallback,
                            std::int64_t most) {
    const auto found = config.find(key);
    if (found == config.end())
        return fallback;
    const auto* value = std::get_if<std::int64_t>(&found->second);
    if (value == nullptr || *value < 0 || *value > most)
        throw Error(sqlstate::invalid_config,
                    "\"" + std::string(key) + "\" must be an integer from 0 to " + std::to_string(most));
    return *value;
}

std::uint32_t number(const Config& config, std::string_view key) {
    return static_cast<std::uint32_t>(std::get<std::int64_t>(config.find(key)->second));
}

// Components come and go with the definition (store::plan_layout_change); what is here stays.
class SchemaWorld final : public World {
  public:
    SchemaWorld(std::int64_t cell_world, std::uint64_t seed, std::uint32_t frequency, std::uint32_t layers)
        : seed_(seed) {
        const store::SpaceId entities = layout_.add_space(store::entity_space, 0);
        entities_ = entities;
        if (frequency > 0) {
            planet_.emplace(cell_world, frequency, layers);
            layout_.add_space(store::cell_space, planet_->slot_count(), planet_->block_slots());
        }
        store::add_entity_components(layout_);
        add_rules_component(layout_);
        add_clients_component(layout_);
    }

    const store::Layout& layout() const override { return layout_; }
    const std::vector<ActionSpec>& actions() const override { return actions_; }
    const grid::Planet* planet() const override { return planet_ ? &*planet_ : nullptr; }
    bool is_of_sql() const override { return true; }
    std::uint64_t seed() const override { return seed_; }
    // Slot 0 is nobody's, so that 0 is no entity.
    void generate(store::WorldStore& store) const override { store.extend_space(entities_, 1); }
    std::string act(std::size_t, const std::vector<Value>&, ActionContext&) const override {
        throw Error(sqlstate::undefined_action, "the game has no actions");
    }
    void advance(store::WorldStore&, std::uint64_t) const override {}

  private:
    std::uint64_t seed_;
    store::Layout layout_;
    store::SpaceId entities_{0};
    std::optional<grid::Planet> planet_;
    std::vector<ActionSpec> actions_;
};

class SchemaModule final : public Module {
  public:
    std::string_view name() const override { return "schema"; }
    Config complete(const Config& config) const override { return complete_schema_config(config); }
    std::unique_ptr<World> make(std::int64_t world_id, std::uint64_t seed,
                                const Config& config) const override {
        return std::make_unique<SchemaWorld>(cell_world_of(config, world_id), seed, frequency_of(config),
                                             layers_of(config));
    }
};

} // namespace

Config complete_schema_config(const Config& config) {
    for (const auto& [key, value] : config)
        if (key != "n" && key != "layers" && key != cell_world_option)
            throw Error(sqlstate::invalid_config, "a game made with SQL has no option \"" + key + "\"", {},
                        "Its options are n and layers.");
    const std::int64_t n = integer_option(config, "n", 0, max_schema_frequency);
    const std::int64_t layers = integer_option(config, "layers", n == 0 ? 0 : 1, max_schema_layers);
    if (n == 0 && layers != 0)
        throw Error(sqlstate::invalid_config, "a world without cells has no layers",
                    "\"layers\" is " + std::to_string(layers) + ", \"n\" is 0.",
                    "Give \"n\" too, a power of two, for a planet of 10n² + 2 cells a layer.");
    if (n != 0 && !std::has_single_bit(static_cast<std::uint64_t>(n)))
        throw Error(sqlstate::invalid_config, "\"n\" must be a power of two",
                    "It is " + std::to_string(n) + ".");
    if (n != 0 && layers == 0)
        throw Error(sqlstate::invalid_config, "a planet has at least one layer");
    if (n != 0) {
        const grid::Planet planet(0, static_cast<std::uint32_t>(n), 1);
        const std::int64_t slots = std::int64_t{planet.layer_stride()} * layers;
        if (slots > std::int64_t{store::max_slots})
            throw Error(sqlstate::invalid_config, "the planet has too many cells",
                        "It would take " + std::to_string(slots) + " slots, " +
                            std::to_string(store::max_slots) + " fit.",
                        "Choose a smaller \"n\", or fewer layers.");
    }
    Config out{{"n", n}, {"layers", layers}};
    complete_cell_world(config, out);
    return out;
}

void complete_cell_world(const Config& config, Config& completed) {
    if (config.contains(cell_world_option))
        completed.emplace(cell_world_option, integer_option(config, cell_world_option, 0, 255));
}

std::int64_t cell_world_of(const Config& config, std::int64_t world_id) {
    const auto found = config.find(cell_world_option);
    return found == config.end() ? world_id : std::get<std::int64_t>(found->second);
}

std::uint32_t frequency_of(const Config& config) {
    return number(config, "n");
}
std::uint32_t layers_of(const Config& config) {
    return number(config, "layers");
}

const Module& schema_module() {
    static const SchemaModule module;
    return module;
}

} // namespace gamelan::game
