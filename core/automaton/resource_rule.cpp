#include "core/automaton/resource_rule.hpp"

#include <bit>
#include <stdexcept>
#include <string>

namespace gamelan::automaton {

namespace {

void require_range(const char* knob, std::uint32_t value, std::uint32_t lowest, std::uint32_t highest) {
    if (value < lowest || value > highest) {
        throw std::invalid_argument("resource rule: " + std::string(knob) + " is " + std::to_string(value) +
                                    ", must be between " + std::to_string(lowest) + " and " +
                                    std::to_string(highest));
    }
}

void require_chance(const char* knob, std::uint32_t value) {
    require_range(knob, value, 1, 256);
    if (!std::has_single_bit(value)) {
        throw std::invalid_argument("resource rule: " + std::string(knob) + " is " + std::to_string(value) +
                                    ", must be a power of two");
    }
}

} // namespace

void validate(const ResourceRule& rule) {
    require_range("spread_neighbours_min", rule.spread_neighbours_min, 0, 6);
    require_range("spread_neighbours_max", rule.spread_neighbours_max, 0, 6);
    require_range("spread_rich_amount", rule.spread_rich_amount, 1, 255);
    require_chance("spread_one_in", rule.spread_one_in);
    require_range("spread_start_amount", rule.spread_start_amount, 1, 255);
    require_range("predation_neighbours_min", rule.predation_neighbours_min, 1, 6);
    require_chance("predation_one_in", rule.predation_one_in);
    require_range("predation_bonus", rule.predation_bonus, 0, 127);
    require_chance("compound_one_in", rule.compound_one_in);
    require_range("compound_phase", rule.compound_phase, 0, rule.compound_one_in - 1);
    require_range("compound_start_amount", rule.compound_start_amount, 1, 255);
    require_chance("stagger_ticks", rule.stagger_ticks);
    require_range("growth_neighbours_min", rule.growth_neighbours_min, 0, 6);
    require_range("growth_neighbours_max", rule.growth_neighbours_max, 0, 6);
    require_range("growth_step", rule.growth_step, 0, 240);
    require_range("decline_step", rule.decline_step, 0, 240);
    require_chance("compound_decay_one_in", rule.compound_decay_one_in);
    require_range("compound_decay_phase", rule.compound_decay_phase, 0, rule.compound_decay_one_in - 1);
    require_range("compound_decay_step", rule.compound_decay_step, 0, 255);
}

} // namespace gamelan::automaton
