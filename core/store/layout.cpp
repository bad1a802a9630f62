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

void require_room(std::size_t used, std::size_t wanted, std::size_t limit, const char* what) {
    if (used + wanted > limit)
        throw Error(sqlstate::invalid_config,
                    "a world cannot have more than " + std::to_string(limit) + " " + what);
}

} // namespace

std::uint32_t Layout::block_slots_for(std::uint32_t slots) {
    return std::clamp(std::bit_ceil(slots), min_block_slots, max_block_slots);
}

SpaceId Layout::add_space(std::string_view name, std::uint32_t initial_slots, std::uint32_t block_slots) {
    require_room(spaces_.size(), 1, max_spaces, "spaces");
    if (initial_slots > max_slots)
        throw Error(sqlstate::invalid_config, "a space cannot have more than 67108864 slots");
    SpaceSpec spec{};
    copy_name(spec.name, sizeof spec.name, std::string(name));
    spec.block_slots = block_slots == 0 ? block_slots_for(initial_slots) : block_slots;
    spec.initial_slots = initial_slots;
    spaces_.push_back(spec);
    return {static_cast<std::uint32_t>(spaces_.size() - 1)};
}

ColumnId Layout::add_plane(SpaceId space, const std::string& name, ColumnType type, Visibility visibility) {
    require_room(columns_.size(), 1, max_columns, "columns");
    ColumnSpec spec{};
    copy_name(spec.name, sizeof spec.name, name);
    spec.type = type;
    spec.visibility = visibility;
    spec.space = static_cast<std::uint16_t>(space.value);
    spec.component = spec.nulls = spec.index = none;
    spec.width_bytes = width_of(type);
    spec.name_hash = hash64(name);
    columns_.push_back(spec);
    return {static_cast<std::uint32_t>(columns_.size() - 1)};
}

ColumnId Layout::add_column(SpaceId space, std::string_view name, ColumnType type, Visibility visibility) {
    return add_plane(space, std::string(spaces_.at(space.value).name) + "." + std::string(name), type,
                     visibility);
}

ComponentId Layout::add_component(const ComponentDefinition& definition, bool is_dense) {
    require_room(components_.size(), 1, max_components, "components");
    const auto space = std::find_if(spaces_.begin(), spaces_.end(),
                                    [&](const SpaceSpec& spec) { return definition.space == spec.name; });
    if (space == spaces_.end())
        throw Error(sqlstate::invalid_config, "the component \"" + definition.name +
                                                  "\" lies over the space \"" + definition.space +
                                                  "\", which this world does not have");
    const SpaceId space_id{static_cast<std::uint32_t>(space - spaces_.begin())};
    ComponentSpec component{};
    copy_name(component.name, sizeof component.name, definition.name);
    component.key = definition.key;
    component.space = space_id.value;
    const auto id = static_cast<std::uint32_t>(components_.size());
    const auto add = [&](const std::string& name, ColumnType type) {
        const ColumnId plane = add_plane(space_id, name, type, Visibility::server);
        columns_[plane.value].component = id;
        return plane.value;
    };
    component.presence = is_dense ? none : add(definition.name, ColumnType::bit);
    component.version = add(definition.name + "@", ColumnType::version);
    component.first_column = static_cast<std::uint32_t>(columns_.size());
    component.column_count = static_cast<std::uint32_t>(definition.columns.size());
    for (const ColumnDefinition& column : definition.columns) {
        const std::string name = definition.name + "." + column.name;
        const std::uint32_t values = add(name, column.type);
        const std::uint32_t nulls = add(name + "?", ColumnType::bit);
        ColumnSpec& spec = columns_[values];
        spec.nulls = nulls;
        spec.key = column.key;
        spec.index_kind = column.index;
        if (column.index != IndexKind::none)
            spec.index = index_count_++;
    }
    components_.push_back(component);
    return {id};
}

} // namespace gamelan::store
