#include "core/sim/natives.hpp"

#include "core/native/loader.hpp"

namespace gamelan::sim {

void Natives::take(const game::Rules& rules) {
    std::vector<Entry> entries(rules.systems.size());
    for (std::size_t i = 0; i < entries.size(); ++i)
        if (rules.systems[i].path == game::SystemPath::native && rules.systems[i].is_enabled)
            entries[i].system = &native::resolve(rules.systems[i].program);
    entries_ = std::move(entries);
}

void Natives::bind(const store::Snapshot& layout) {
    for (Entry& entry : entries_) {
        entry.bound.reset();
        entry.fault.reset();
        if (entry.system == nullptr)
            continue;
        try {
            entry.bound = std::make_unique<native::NativeSystem>(*entry.system, layout);
        } catch (const Error& error) {
            entry.fault = error;
        }
    }
}

native::Report Natives::run(std::uint32_t system, store::WorldStore& store, const native::Inputs& inputs) {
    Entry& entry = entries_.at(system);
    if (entry.fault)
        throw *entry.fault;
    return entry.bound->run(store, inputs);
}

} // namespace gamelan::sim
