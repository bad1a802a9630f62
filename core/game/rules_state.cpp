#include "core/game/rules_state.hpp"

#include <cmath>

namespace gamelan::game {

namespace {

constexpr std::string_view rules_component = ".rules";
constexpr std::uint32_t only_slot = 0;

struct RulesPlanes {
    store::ComponentId component;
    store::ColumnId body;
    store::ColumnId since_tick;
    store::ColumnId since_us;
};

std::optional<RulesPlanes> find_planes(const store::Snapshot& state) {
    const auto component = state.find_component(rules_component);
    if (!component)
        return std::nullopt;
    const auto body = state.find_column(*component, "body");
    const auto since_tick = state.find_column(*component, "since_tick");
    const auto since_us = state.find_column(*component, "since_us");
    if (!body || !since_tick || !since_us)
        return std::nullopt;
    return RulesPlanes{*component, *body, *since_tick, *since_us};
}

} // namespace

void add_rules_component(store::Layout& layout) {
    layout.add_space(store::engine_space, 1);
    store::ComponentDefinition rules{std::string(rules_component), std::string(store::engine_space), 0, {}};
    rules.columns = {{"body", ColumnType::value, {}, 0, {}},
                     {"since_tick", ColumnType::i64, {}, 0, {}},
                     {"since_us", ColumnType::i64, {}, 0, {}}};
    layout.add_component(rules, true);
}

bool can_keep_rules(const store::Snapshot& state) {
    return find_planes(state).has_value();
}

std::optional<RulesState> read_rules(const store::Snapshot& state) {
    const auto planes = find_planes(state);
    if (!planes)
        return std::nullopt;
    RulesState out{state.get_value(planes->body, only_slot),
                   state.get<std::int64_t>(planes->since_tick, only_slot),
                   state.get<std::int64_t>(planes->since_us, only_slot)};
    return out.encoded.empty() ? std::nullopt : std::optional(std::move(out));
}

void write_rules(store::WorldStore& store, const RulesState& rules) {
    const auto planes = find_planes(store.working());
    if (!planes)
        throw Error(sqlstate::feature_not_supported, "this world was made before games had systems", {},
                    "Create a new world.");
    store.set_value(planes->body, only_slot, rules.encoded);
    store.set<std::int64_t>(planes->since_tick, only_slot, rules.since_tick);
    store.set<std::int64_t>(planes->since_us, only_slot, rules.since_us);
}

std::int64_t simulated_us(const RulesState& state, const Rules& rules, std::uint64_t tick) {
    const auto ticks = static_cast<std::int64_t>(tick) - state.since_tick;
    const std::int64_t whole = ticks / rules.tick_rate_hz;
    const std::int64_t rest = ticks % rules.tick_rate_hz;
    constexpr double second_us = 1e6;
    const double scaled = (static_cast<double>(whole) + static_cast<double>(rest) / rules.tick_rate_hz) *
                          second_us * rules.time_scale;
    return state.since_us + std::llround(scaled);
}

} // namespace gamelan::game
