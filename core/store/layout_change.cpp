#include "core/store/layout_change.hpp"

#include <algorithm>

namespace gamelan::store {

namespace {

bool is_engines(const ComponentSpec& component) {
    return component.name[0] == '.';
}

std::string_view own_name(const Snapshot& from, const ComponentSpec& component, ColumnId column) {
    return text_of(from.column(column).name).substr(text_of(component.name).size() + 1);
}

ColumnId column_at(const ComponentSpec& component, std::uint32_t index) {
    return {component.first_column + 2 * index};
}

std::optional<ComponentId> match_component(const Snapshot& from, const Definition& definition,
                                           const ComponentDefinition& wanted) {
    std::optional<ComponentId> found;
    if (from.incarnation() == definition.incarnation && wanted.key != 0) {
        for (std::uint32_t c = 0; c < from.component_count() && !found; ++c)
            if (from.component({c}).key == wanted.key)
                found = ComponentId{c};
    } else {
        found = from.find_component(wanted.name);
    }
    if (found && wanted.space != text_of(from.space({from.component(*found).space}).name))
        return std::nullopt;
    return found;
}

std::optional<ColumnId> match_column(const Snapshot& from, const Definition& definition,
                                     ComponentId component, const ColumnDefinition& wanted) {
    const bool by_key = from.incarnation() == definition.incarnation && wanted.key != 0;
    const std::optional<ColumnId> found =
        by_key ? from.find_column(component, wanted.key) : from.find_column(component, wanted.name);
    return found && from.column(*found).type == wanted.type ? found : std::nullopt;
}

// Adds a component to the change; `old` is what it was.
void add_component(LayoutChange& change, const Snapshot& from, const Definition& definition,
                   const ComponentDefinition& wanted, std::optional<ComponentId> old) {
    const ComponentId id = change.layout.add_component(wanted, wanted.space != entity_space);
    const ComponentSpec& spec = change.layout.components()[id.value];
    change.origin.resize(change.layout.columns().size(), none);
    change.fill.resize(change.layout.columns().size());
    if (old && spec.presence != none)
        change.origin[spec.presence] = from.component(*old).presence;
    if (old)
        change.origin[spec.version] = from.component(*old).version;
    for (std::uint32_t i = 0; i < spec.column_count; ++i) {
        const ColumnId values = column_at(spec, i);
        const std::uint32_t nulls = change.layout.columns()[values.value].nulls;
        const auto origin =
            old ? match_column(from, definition, *old, wanted.columns[i]) : std::optional<ColumnId>();
        if (origin) {
            change.origin[values.value] = origin->value;
            change.origin[nulls] = from.column(*origin).nulls;
        } else {
            change.fill[values.value] = wanted.columns[i].fill;
        }
    }
}

// The spaces, and everything that the game's definition has no say in.
void keep_foundation(LayoutChange& change, const Snapshot& from) {
    for (std::uint32_t s = 0; s < from.space_count(); ++s) {
        const SpaceSpec& space = from.space({s});
        change.layout.add_space(text_of(space.name), space.initial_slots, space.block_slots);
    }
    for (std::uint32_t c = 0; c < from.column_count(); ++c) {
        const ColumnSpec& column = from.column({c});
        if (column.component != none)
            continue;
        const std::string_view space = text_of(from.space({column.space}).name);
        change.layout.add_column({column.space}, text_of(column.name).substr(space.size() + 1), column.type,
                                 column.visibility);
        change.origin.push_back(c);
        change.fill.emplace_back();
    }
}

void keep_engines_components(LayoutChange& change, const Snapshot& from) {
    for (std::uint32_t c = 0; c < from.component_count(); ++c) {
        const ComponentSpec& spec = from.component({c});
        if (!is_engines(spec))
            continue;
        ComponentDefinition kept{std::string(text_of(spec.name)),
                                 std::string(text_of(from.space({spec.space}).name)),
                                 spec.key,
                                 {}};
        for (std::uint32_t i = 0; i < spec.column_count; ++i)
            kept.columns.push_back({std::string(own_name(from, spec, column_at(spec, i))),
                                    from.column(column_at(spec, i)).type, IndexKind::none, 0, std::nullopt});
        const ComponentId id = change.layout.add_component(kept, spec.presence == none);
        const ComponentSpec& next = change.layout.components()[id.value];
        change.origin.resize(change.layout.columns().size(), none);
        change.fill.resize(change.layout.columns().size());
        if (next.presence != none)
            change.origin[next.presence] = spec.presence;
        change.origin[next.version] = spec.version;
        for (std::uint32_t i = 0; i < 2 * spec.column_count; ++i)
            change.origin[next.first_column + i] = spec.first_column + i;
    }
}

bool is_same(const Definition& a, const Definition& b) {
    if (a.incarnation != b.incarnation || a.components.size() != b.components.size())
        return false;
    for (std::size_t c = 0; c < a.components.size(); ++c) {
        const ComponentDefinition& left = a.components[c];
        const ComponentDefinition& right = b.components[c];
        if (left.name != right.name || left.space != right.space || left.key != right.key ||
            left.columns.size() != right.columns.size())
            return false;
        for (std::size_t i = 0; i < left.columns.size(); ++i)
            if (left.columns[i].name != right.columns[i].name ||
                left.columns[i].type != right.columns[i].type ||
                left.columns[i].index != right.columns[i].index ||
                left.columns[i].key != right.columns[i].key)
                return false;
    }
    return true;
}

bool has_space(const Snapshot& from, std::string_view name) {
    for (std::uint32_t s = 0; s < from.space_count(); ++s)
        if (text_of(from.space({s}).name) == name)
            return true;
    return false;
}

void sort_by_name(Definition& definition) {
    std::sort(definition.components.begin(), definition.components.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
}

} // namespace

Definition definition_of(const Snapshot& snapshot) {
    Definition out;
    out.incarnation = snapshot.incarnation();
    for (std::uint32_t c = 0; c < snapshot.component_count(); ++c) {
        const ComponentSpec& spec = snapshot.component({c});
        if (is_engines(spec))
            continue;
        ComponentDefinition& component = out.components.emplace_back();
        component.name = text_of(spec.name);
        component.space = text_of(snapshot.space({spec.space}).name);
        component.key = spec.key;
        for (std::uint32_t i = 0; i < spec.column_count; ++i) {
            const ColumnId id = column_at(spec, i);
            const ColumnSpec& column = snapshot.column(id);
            component.columns.push_back({std::string(own_name(snapshot, spec, id)), column.type,
                                         column.index_kind, column.key, std::nullopt});
        }
    }
    sort_by_name(out);
    return out;
}

std::optional<LayoutChange> plan_layout_change(const Snapshot& from, const Definition& wanted) {
    Definition definition = wanted;
    // A game may have components of cells, and worlds without cells: there they have no rows.
    std::erase_if(definition.components,
                  [&](const ComponentDefinition& component) { return !has_space(from, component.space); });
    sort_by_name(definition);
    if (is_same(definition_of(from), definition))
        return std::nullopt;
    LayoutChange change;
    change.layout.set_incarnation(definition.incarnation);
    keep_foundation(change, from);
    keep_engines_components(change, from);
    for (const ComponentDefinition& component : definition.components)
        add_component(change, from, definition, component, match_component(from, definition, component));
    return change;
}

} // namespace gamelan::store
