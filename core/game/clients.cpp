#include "core/game/clients.hpp"

#include <algorithm>

namespace gamelan::game {

namespace {

constexpr std::string_view clients_component = ".clients";
// The engine's first row is that of the rules.
constexpr std::uint32_t first_slot = 1;

} // namespace

void add_clients_component(store::Layout& layout) {
    store::ComponentDefinition clients{
        std::string(clients_component), std::string(store::engine_space), 0, {}};
    clients.columns = {{"actor", ColumnType::value, {}, 0, {}},
                       {"last_sequence", ColumnType::i64, {}, 0, {}}};
    layout.add_component(clients, true);
}

std::optional<Clients::Planes> Clients::find_planes(const store::Snapshot& state) {
    const auto space = state.find_space(store::engine_space);
    const auto component = state.find_component(clients_component);
    if (!space || !component)
        return std::nullopt;
    const auto actor = state.find_column(*component, "actor");
    const auto last = state.find_column(*component, "last_sequence");
    if (!actor || !last)
        return std::nullopt;
    return Planes{*space, *actor, *last};
}

void Clients::load(const store::Snapshot& state) {
    slots_.clear();
    planes_ = find_planes(state);
    if (!planes_)
        return;
    for (std::uint32_t slot = first_slot; slot < state.slot_count(planes_->space); ++slot)
        slots_.emplace(state.get_value(planes_->actor, slot), slot);
}

bool Clients::has_applied(const store::WorldStore& store, const std::string& actor,
                          std::int64_t sequence) const {
    const auto found = slots_.find(actor);
    return sequence > 0 && found != slots_.end() &&
           sequence <= store.working().get<std::int64_t>(planes_->last, found->second);
}

void Clients::note(store::WorldStore& store, const std::string& actor, std::int64_t sequence) {
    if (!planes_ || sequence <= 0)
        return;
    const std::uint32_t end = store.working().slot_count(planes_->space);
    const auto [found, is_new] = slots_.try_emplace(actor, end);
    if (is_new) {
        store.extend_space(planes_->space, end + 1);
        store.set_value(planes_->actor, end, actor);
    }
    // A log of before sequences were looked at may have a smaller one behind a larger one.
    const auto last = store.working().get<std::int64_t>(planes_->last, found->second);
    store.set<std::int64_t>(planes_->last, found->second, std::max(last, sequence));
}

void Clients::forget(const store::WorldStore& store, const std::string& actor) {
    const auto found = slots_.find(actor);
    if (found != slots_.end() && found->second >= store.working().slot_count(planes_->space))
        slots_.erase(found);
}

} // namespace gamelan::game
