#include "core/kernel/unbound.hpp"

#include <algorithm>

namespace gamelan::kernel {

namespace {

// Numbers of symbols to numbers of a layout.
class Binding {
  public:
    Binding(const Symbols& symbols, const store::Snapshot& layout) {
        for (const Symbols::Component& symbol : symbols.components) {
            const auto found = layout.find_component(symbol.name);
            if (!found)
                throw Error(sqlstate::undefined_table, "component \"" + symbol.name + "\" does not exist");
            const store::SpaceId space{layout.component(*found).space};
            if ((store::text_of(layout.space(space).name) == store::cell_space) != symbol.is_of_cells)
                throw Error(sqlstate::datatype_mismatch,
                            "component \"" + symbol.name +
                                "\" is of another kind than the system takes it for");
            components_.push_back(*found);
        }
        for (const Symbols::Column& symbol : symbols.columns)
            columns_.push_back(find_column(symbols, symbol, layout));
    }

    ComponentId of(ComponentId symbol) const {
        return symbol.value == store::none ? symbol : components_[symbol.value];
    }
    ColumnId of(ColumnId symbol) const {
        return symbol.value == store::none ? symbol : columns_[symbol.value];
    }
    void apply(std::vector<ComponentId>& components) const {
        for (ComponentId& component : components)
            component = of(component);
    }

  private:
    ColumnId find_column(const Symbols& symbols, const Symbols::Column& symbol,
                         const store::Snapshot& layout) const {
        const auto found = layout.find_column(components_[symbol.component.value], symbol.name);
        const std::string& component = symbols.components[symbol.component.value].name;
        if (!found)
            throw Error(sqlstate::undefined_column,
                        "column \"" + symbol.name + "\" of component \"" + component + "\" does not exist");
        if (layout.column(*found).type != symbol.type)
            throw Error(sqlstate::datatype_mismatch, "column \"" + symbol.name + "\" of component \"" +
                                                         component +
                                                         "\" is of another type than the system "
                                                         "takes it for");
        return *found;
    }

    std::vector<ComponentId> components_;
    std::vector<ColumnId> columns_;
};

// Two symbols may name the same column: nodes can become fewer.
std::vector<NodeId> bind_nodes(const Expressions& from, Expressions& to, const Binding& binding) {
    std::vector<NodeId> ids;
    ids.reserve(from.size());
    for (std::uint32_t i = 0; i < from.size(); ++i) {
        Node node = from[{i}];
        node.column = binding.of(node.column);
        node.component = binding.of(node.component);
        for (NodeId& argument : node.arguments)
            argument = ids[argument.value];
        ids.push_back(to.add(node));
    }
    return ids;
}

Statement bind_statement(const Statement& unbound, const Binding& binding) {
    Statement out = unbound;
    out.expressions = {};
    const std::vector<NodeId> ids = bind_nodes(unbound.expressions, out.expressions, binding);
    const auto bind_node = [&](NodeId& id) { id = ids[id.value]; };
    const auto bind_optional = [&](std::optional<NodeId>& id) {
        if (id)
            bind_node(*id);
    };
    out.target = binding.of(unbound.target);
    binding.apply(out.components);
    for (RowSource& source : out.sources) {
        binding.apply(source.components);
        bind_optional(source.key);
        for (ColumnId& coordinate : source.coordinates)
            coordinate = binding.of(coordinate);
        for (NodeId& argument : source.arguments)
            bind_node(argument);
    }
    for (Aggregate& aggregate : out.aggregates) {
        bind_optional(aggregate.where);
        bind_optional(aggregate.argument);
    }
    bind_optional(out.where);
    for (Assignment& assignment : out.assignments) {
        assignment.column = binding.of(assignment.column);
        bind_node(assignment.value);
    }
    for (Check& check : out.checks)
        bind_node(check.condition);
    bind_optional(out.event_entity);
    bind_optional(out.each_where);
    for (Field& field : out.fields)
        bind_node(field.value);
    return out;
}

} // namespace

ComponentId Symbols::component(const std::string& name, bool is_of_cells) {
    const Component wanted{name, is_of_cells};
    const auto found = std::find(components.begin(), components.end(), wanted);
    const auto place = static_cast<std::uint32_t>(found - components.begin());
    if (found == components.end())
        components.push_back(wanted);
    return {place};
}

ColumnId Symbols::column(ComponentId component, const std::string& name, ColumnType type) {
    const Column wanted{component, name, type};
    const auto found = std::find(columns.begin(), columns.end(), wanted);
    const auto place = static_cast<std::uint32_t>(found - columns.begin());
    if (found == columns.end())
        columns.push_back(wanted);
    return {place};
}

System bind(const UnboundSystem& unbound, const store::Snapshot& layout) {
    const Binding binding(unbound.symbols, layout);
    System out{unbound.system.name, {}};
    for (const Statement& statement : unbound.system.statements)
        out.statements.push_back(bind_statement(statement, binding));
    return out;
}

} // namespace gamelan::kernel
