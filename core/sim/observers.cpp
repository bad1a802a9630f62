#include "core/sim/observers.hpp"

#include <bit>

namespace gamelan::sim {

namespace {

using store::ComponentId;
using store::Snapshot;

// A component as one version has it; nothing when it lacks it.
struct Place {
    const Snapshot& state;
    std::optional<ComponentId> component;

    const store::ComponentSpec& spec() const { return state.component(*component); }
    bool has_row(std::uint32_t slot) const {
        return component && slot < state.slot_count(store::SpaceId{spec().space}) &&
               state.has_row(*component, slot);
    }
};

std::uint32_t generation_of(const Snapshot& state, const std::optional<store::EntityPlanes>& planes,
                            std::uint32_t slot) {
    return planes && slot < state.slot_count(planes->space)
               ? state.get<std::uint32_t>(planes->generation, slot)
               : 0;
}

class Observation {
  public:
    Observation(const Snapshot& before, const Snapshot& now, std::uint64_t tick, game::RunOn run_on)
        : before_(before), now_(now), tick_(tick), run_on_(run_on), planes_before_(entity_planes(before)),
          planes_now_(entity_planes(now)) {}

    void look_at(const std::string& name) {
        const Place then{before_, before_.find_component(name)};
        const Place here{now_, now_.find_component(name)};
        const Place& known = here.component ? here : then;
        if (!known.component)
            return;
        is_of_entities_ = known.spec().presence != store::none;
        const store::SpaceId space{known.spec().space};
        const std::uint32_t slots = known.state.slot_count(space);
        const std::uint32_t block = known.state.space(space).block_slots;
        mask_.resize(std::max<std::size_t>(mask_.size(), (slots + 63) / 64), 0);
        for (std::uint32_t first = 0; first < slots; first += block)
            if (!is_unchanged(then, here, first / block))
                for (std::uint32_t slot = first; slot < std::min(slots, first + block); ++slot)
                    if (is_observed(then, here, slot))
                        mask_[slot / 64] |= std::uint64_t{1} << slot % 64;
    }

    Observed take() {
        Observed out;
        for (std::size_t word = 0; word < mask_.size(); ++word)
            for (std::uint64_t rest = mask_[word]; rest != 0; rest &= rest - 1)
                out.handles.push_back(handle_of(static_cast<std::uint32_t>(word * 64) +
                                                static_cast<std::uint32_t>(std::countr_zero(rest))));
        // Whoever lives in the slot of one that went is another.
        for (const std::uint64_t handle : out.handles)
            if (const auto slot = static_cast<std::uint32_t>(handle);
                is_of_entities_ && generation_of(now_, planes_now_, slot) != handle >> 32)
                mask_[slot / 64] &= ~(std::uint64_t{1} << slot % 64);
        out.mask = std::move(mask_);
        out.are_cells = !is_of_entities_;
        return out;
    }

  private:
    // Every change of a row changes the block of its version, or that of its presence.
    bool is_unchanged(const Place& then, const Place& here, std::uint32_t block) const {
        if (!then.component || !here.component || before_.layout_version() != now_.layout_version())
            return false;
        const auto is_same = [&](std::uint32_t plane) {
            return plane == store::none ||
                   (block < before_.block_count({plane}) &&
                    before_.block_ref({plane}, block).value == now_.block_ref({plane}, block).value);
        };
        return is_same(then.spec().presence) && is_same(then.spec().version);
    }

    bool is_observed(const Place& then, const Place& here, std::uint32_t slot) const {
        const bool was = then.has_row(slot);
        const bool is = here.has_row(slot);
        const bool is_other = is_of_entities_ && generation_of(before_, planes_before_, slot) !=
                                                     generation_of(now_, planes_now_, slot);
        switch (run_on_) {
        case game::RunOn::create:
            return is && (!was || is_other);
        case game::RunOn::destroy:
            return was && (!is || is_other);
        case game::RunOn::update:
            return is && was && !is_other && now_.row_version(*here.component, slot) == tick_;
        default:
            return false;
        }
    }

    std::uint64_t handle_of(std::uint32_t slot) const {
        if (!is_of_entities_)
            return slot;
        const bool is_gone = run_on_ == game::RunOn::destroy;
        return store::Entity::of(slot, is_gone ? generation_of(before_, planes_before_, slot)
                                               : generation_of(now_, planes_now_, slot))
            .handle;
    }

    const Snapshot& before_;
    const Snapshot& now_;
    std::uint64_t tick_;
    game::RunOn run_on_;
    std::optional<store::EntityPlanes> planes_before_;
    std::optional<store::EntityPlanes> planes_now_;
    bool is_of_entities_ = true;
    std::vector<std::uint64_t> mask_;
};

} // namespace

Observed observe(const store::Snapshot& before, const store::Snapshot& now, std::uint64_t tick,
                 game::RunOn run_on, const std::vector<std::string>& components) {
    Observation observation(before, now, tick, run_on);
    for (const std::string& component : components)
        observation.look_at(component);
    return observation.take();
}

} // namespace gamelan::sim
