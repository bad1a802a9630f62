#include "core/store/layout.hpp"

#include "core/base/hash.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gamelan::store {

namespace {

void copy_name(char* out, std::size_t room, const std::string& name) {
    if (name.size() >= room)
        throw Error(sqlstate::invalid_config, "the name \"" + name + "\" is too long");
    std::fill(std::copy(name.begin(), name.end(), out), out + room, '\0');
}

} // namespace

std::uint32_t Layout::block_slots_for(std::uint32_t slots) {
    return std::clamp(std::bit_ceil(slots), min_block_slots, max_block_slots);
}

SpaceId Layout::add_space(std::string_view name, std::uint32_t initial_slots, std::uint32_t block_slots) {
    if (spaces_.size() == max_spaces)
        throw Error(sqlstate::invalid_config, "a world cannot have more than 32 spaces");
    if (initial_slots > max_slots)
        throw Error(sqlstate::invalid_config, "a space cannot have more than 67108864 slots");
    SpaceSpec spec{};
    copy_name(spec.name, sizeof spec.name, std::string(name));
    spec.block_slots = block_slots == 0 ? block_slots_for(initial_slots) : block_slots;
    spec.initial_slots = initial_slots;
    spaces_.push_back(spec);
    return {static_cast<std::uint32_t>(spaces_.size() - 1)};
}

ColumnId Layout::add_column(SpaceId space, std::string_view name, ColumnType type, Visibility visibility) {
    if (columns_.size() == max_columns)
        throw Error(sqlstate::invalid_config, "a world cannot have more than 256 columns");
    ColumnSpec spec{};
    const std::string full = std::string(spaces_.at(space.value).name) + "." + std::string(name);
    copy_name(spec.name, sizeof spec.name, full);
    spec.type = type;
    spec.visibility = visibility;
    spec.space = static_cast<std::uint16_t>(space.value);
    spec.width_bytes = width_of(type);
    spec.name_hash = hash64(full);
    columns_.push_back(spec);
    return {static_cast<std::uint32_t>(columns_.size() - 1)};
}

} // namespace gamelan::store
