#include "core/game/schema_game.hpp"

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

} // namespace

Config complete_schema_config(const Config& config) {
    for (const auto& [key, value] : config)
        if (key != "n" && key != "layers")
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
    return {{"n", n}, {"layers", layers}};
}

std::uint32_t frequency_of(const Config& config) {
    return number(config, "n");
}
std::uint32_t layers_of(const Config& config) {
    return number(config, "layers");
}

} // namespace gamelan::game
