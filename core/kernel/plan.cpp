#include "core/kernel/plan.hpp"

#include "core/base/json_writer.hpp"
#include "core/kernel/lowering.hpp"

#include <algorithm>
#include <map>

namespace gamelan::kernel {

namespace {

[[noreturn]] void does_not_fit(const char* what) {
    throw Error(sqlstate::datatype_mismatch, std::string("the statement does not fit the world: ") + what);
}

bool is_among(ComponentId wanted, const std::vector<ComponentId>& list) {
    return std::find(list.begin(), list.end(), wanted) != list.end();
}

void check_target(const store::Snapshot& layout, const Statement& statement, store::SpaceId space) {
    const store::ComponentSpec& spec = layout.component(statement.target);
    if (spec.space != space.value)
        does_not_fit("its target lies in another space than its rows");
    const bool is_insert = statement.kind == StatementKind::insert;
    if (is_among(statement.target, statement.components) == is_insert)
        does_not_fit(is_insert ? "it inserts where rows are already"
                               : "its target is not among its components");
    if (statement.kind == StatementKind::update)
        return;
    if (store::text_of(spec.name).starts_with('.'))
        throw Error(sqlstate::feature_not_supported, "kernels neither make entities nor end them");
    if (statement.kind == StatementKind::remove && spec.presence == store::none)
        throw Error(sqlstate::feature_not_supported, "rows of cells cannot be deleted");
}

void check_event(const Statement& statement) {
    if (statement.fields.size() > max_assignments)
        throw Error(sqlstate::feature_not_supported, "the event has too many fields for a kernel");
    for (const Field& field : statement.fields)
        if (statement.expressions[field.value].type == ColumnType::code)
            throw Error(sqlstate::feature_not_supported, "kernels do not know the labels of an enum");
    if (statement.event_entity && statement.expressions[*statement.event_entity].type != ColumnType::i64)
        does_not_fit("its event belongs to something that is no entity");
}

void check_columns(const store::Snapshot& layout, const Statement& statement, store::SpaceId space) {
    if (statement.components.empty())
        does_not_fit("it goes over no component");
    for (const ComponentId component : statement.components)
        if (layout.component(component).space != space.value)
            does_not_fit("its components lie over several spaces");
    if (statement.kind == StatementKind::emit)
        check_event(statement);
    else
        check_target(layout, statement, space);
    for (std::uint32_t i = 0; i < statement.expressions.size(); ++i) {
        const Node& node = statement.expressions[{i}];
        if (node.op != Op::column)
            continue;
        const store::ColumnSpec& spec = layout.column(node.column);
        const ComponentId component{spec.component};
        if (spec.type != node.type ||
            (!is_among(component, statement.components) &&
             (statement.kind != StatementKind::insert || component != statement.target)))
            does_not_fit("it reads a column that is not there");
    }
    std::vector<std::uint32_t> seen;
    for (const Assignment& assignment : statement.assignments) {
        const store::ColumnSpec& spec = layout.column(assignment.column);
        if (spec.type != statement.expressions[assignment.value].type ||
            spec.component != statement.target.value)
            does_not_fit("it assigns a column that is not there");
        if (std::find(seen.begin(), seen.end(), assignment.column.value) != seen.end())
            does_not_fit("it assigns a column twice");
        seen.push_back(assignment.column.value);
    }
}

// WHERE a AND b is two conditions, of which the second is asked where the first is true.
void conditions_of(const Expressions& expressions, NodeId id, std::vector<NodeId>& out) {
    if (expressions[id].op != Op::logical_and)
        return out.push_back(id);
    for (const NodeId argument : expressions[id].arguments)
        conditions_of(expressions, argument, out);
}

template <class T>
std::uint32_t place_in(std::vector<T>& list, const T& wanted) {
    const auto found = std::find(list.begin(), list.end(), wanted);
    const auto place = static_cast<std::uint32_t>(found - list.begin());
    if (found == list.end())
        list.push_back(wanted);
    return place;
}

void add_source(Register candidate, std::vector<Register>& list) {
    if (candidate < Lowering::first_fixed && std::find(list.begin(), list.end(), candidate) == list.end())
        list.push_back(candidate);
}

std::vector<Register> sources_of(const std::vector<Step>& steps) {
    std::vector<Register> out;
    for (const Step& step : steps)
        for (const Register in : step.in)
            add_source(in, out);
    return out;
}

void lower_assignments(Lowering& lowering, const Statement& statement, StatementPlan& plan,
                       GroupPlan& group) {
    for (const Assignment& assignment : statement.assignments) {
        const Register value = lowering.lower(assignment.value, selected_rows, plan.values);
        const Register source = lowering.source_of(assignment.column);
        group.sources[source].is_written = true;
        // A result that two columns share is copied into both; an insert may have rows to leave alone.
        const bool is_shared = statement.kind == StatementKind::insert ||
                               std::any_of(plan.results.begin(), plan.results.end(),
                                           [&](const Result& other) { return other.value == value; });
        for (Step& step : plan.values)
            if (step.out == value && !is_shared)
                step.result = static_cast<std::uint16_t>(plan.results.size());
        plan.results.push_back({source, value, assignment.is_not_null});
    }
}

// Checks see the row as it will be: where nothing is assigned, an inserted one has NULL.
void lower_checks(Lowering& lowering, const store::Snapshot& layout, const Statement& statement,
                  StatementPlan& plan) {
    if (statement.kind == StatementKind::insert && !statement.checks.empty())
        for (std::uint32_t i = 0; i < statement.expressions.size(); ++i) {
            const Node& node = statement.expressions[{i}];
            if (node.op == Op::column && layout.column(node.column).component == statement.target.value)
                lowering.rename(
                    lowering.source_of(node.column),
                    lowering.fixed_of({Fixed::Kind::constant, Value::null(node.type), Parameter::dt}));
        }
    for (const Result& result : plan.results)
        lowering.rename(result.source, result.value);
    for (const Check& check : statement.checks)
        plan.checks.push_back(lowering.lower(check.condition, selected_rows, plan.check_steps));
}

// Of fields with the same name the last one counts.
void lower_event(Lowering& lowering, const Statement& statement, StatementPlan& plan, GroupPlan& group) {
    plan.emission = group.emission_count++;
    if (statement.event_entity)
        plan.event_entity = lowering.lower(*statement.event_entity, selected_rows, plan.values);
    std::map<std::pair<std::size_t, std::string>, Register> fields;
    std::map<Register, ColumnType> types;
    for (const Field& field : statement.fields) {
        const Register value = lowering.lower(field.value, selected_rows, plan.values);
        fields[{field.name.size(), field.name}] = value;
        types[value] = statement.expressions[field.value].type;
    }
    for (const auto& [key, value] : fields)
        plan.fields.push_back({(plan.fields.empty() ? "{" : ", ") + JsonObject::quoted(key.second) + ": ",
                               types[value], value});
}

std::uint32_t target_of(GroupPlan& group, const Statement& statement) {
    const auto found = std::find_if(group.targets.begin(), group.targets.end(), [&](const Target& target) {
        return target.component == statement.target;
    });
    const auto place = static_cast<std::uint32_t>(found - group.targets.begin());
    if (found == group.targets.end())
        group.targets.push_back({statement.target, false, {}});
    if (statement.kind != StatementKind::update)
        group.targets[place].has_rows_changed = true;
    return place;
}

StatementPlan lower_statement(GroupPlan& group, const store::Snapshot& layout, const Statement& statement) {
    StatementPlan plan{};
    plan.kind = statement.kind;
    plan.does_nothing_on_conflict = statement.does_nothing_on_conflict;
    ComponentSet set = statement.components;
    std::sort(set.begin(), set.end(), [](ComponentId a, ComponentId b) { return a.value < b.value; });
    set.erase(std::unique(set.begin(), set.end()), set.end());
    plan.rows = place_in(group.row_sets, set);
    plan.target = statement.kind == StatementKind::emit ? store::none : target_of(group, statement);
    Lowering lowering(group, layout, statement.expressions);
    if (statement.where) {
        std::vector<NodeId> conditions;
        conditions_of(statement.expressions, *statement.where, conditions);
        for (const NodeId condition : conditions)
            lowering.narrow(lowering.lower(condition, selected_rows, plan.where), plan.where);
    }
    if (statement.kind == StatementKind::emit) {
        lower_event(lowering, statement, plan, group);
    } else if (statement.kind != StatementKind::remove) {
        lower_assignments(lowering, statement, plan, group);
        lower_checks(lowering, layout, statement, plan);
    }
    plan.where_sources = sources_of(plan.where);
    plan.value_sources = sources_of(plan.values);
    for (const Register source : sources_of(plan.check_steps))
        add_source(source, plan.value_sources);
    for (const Result& result : plan.results) {
        add_source(result.source, plan.value_sources);
        add_source(result.value, plan.value_sources);
    }
    for (const Register check : plan.checks)
        add_source(check, plan.value_sources);
    for (const EventField& field : plan.fields)
        add_source(field.value, plan.value_sources);
    if (plan.event_entity != no_register)
        add_source(plan.event_entity, plan.value_sources);
    return plan;
}

// What inserts and removes must know of all columns of their targets, once all sources are known.
void complete_targets(GroupPlan& group, const store::Snapshot& layout) {
    for (Target& target : group.targets) {
        const store::ComponentSpec& spec = layout.component(target.component);
        for (std::uint32_t i = 0; target.has_rows_changed && i < spec.column_count; ++i) {
            const ColumnId column{spec.first_column + 2 * i};
            const auto source =
                std::find_if(group.sources.begin(), group.sources.end(),
                             [&](const Source& other) { return !other.is_entity && other.column == column; });
            target.columns.push_back({column, layout.column(column).nulls,
                                      source == group.sources.end()
                                          ? no_register
                                          : static_cast<Register>(source - group.sources.begin())});
        }
    }
    for (StatementPlan& plan : group.statements) {
        if (plan.kind != StatementKind::insert)
            continue;
        for (const Target::Column& column : group.targets[plan.target].columns) {
            const bool is_assigned =
                std::any_of(plan.results.begin(), plan.results.end(),
                            [&](const Result& result) { return result.source == column.source; });
            if (column.source == no_register || is_assigned)
                continue;
            plan.blanks.push_back(column.source);
            add_source(column.source, plan.value_sources);
            group.sources[column.source].is_written = true;
        }
    }
}

// Numbers registers anew: sources, constants, results.
class Linker {
  public:
    explicit Linker(GroupPlan& group)
        : group_(group), fixed_(static_cast<Register>(group.sources.size())),
          results_(static_cast<Register>(fixed_ + group.fixed.size())) {}

    void link(StatementPlan& plan) {
        std::vector<Step*> steps;
        for (auto* list : {&plan.where, &plan.values, &plan.check_steps})
            for (Step& step : *list)
                steps.push_back(&step);
        for (Step* step : steps) {
            for (Register& in : step->in)
                in = linked(in);
            step->out = linked(step->out);
        }
        for (Step* step : steps)
            step->mask = linked(step->mask);
        for (Result& result : plan.results)
            result.value = linked(result.value);
        for (Register& check : plan.checks)
            check = linked(check);
        for (EventField& field : plan.fields)
            field.value = linked(field.value);
        plan.event_entity = linked(plan.event_entity);
        give_buffers(plan, steps);
    }

  private:
    Register linked(Register old) {
        if (old >= selected_rows || old < Lowering::first_fixed)
            return old;
        if (old < Lowering::first_result)
            return static_cast<Register>(old - Lowering::first_fixed + fixed_);
        const auto out = static_cast<Register>(old - Lowering::first_result + results_);
        group_.register_count = std::max<std::uint32_t>(group_.register_count, out + 1U);
        return out;
    }

    // A buffer is free again after the step that last reads it; none is both a step's input and output.
    void give_buffers(const StatementPlan& plan, const std::vector<Step*>& steps) {
        constexpr std::size_t forever = ~std::size_t{0};
        std::vector<std::size_t> last_use(std::max<std::size_t>(group_.register_count, results_ + 1U), 0);
        for (std::size_t i = 0; i < steps.size(); ++i) {
            for (const Register in : steps[i]->in)
                if (in < last_use.size())
                    last_use[in] = i;
            if (steps[i]->mask < last_use.size())
                last_use[steps[i]->mask] = i;
        }
        for (const Result& result : plan.results)
            last_use[result.value] = forever;
        for (const Register check : plan.checks)
            last_use[check] = forever;
        for (const EventField& field : plan.fields)
            last_use[field.value] = forever;
        if (plan.event_entity != no_register)
            last_use[plan.event_entity] = forever;
        std::vector<std::size_t> free_from; // of each buffer: the step from which on it is free
        for (std::size_t i = 0; i < steps.size(); ++i) {
            if (steps[i]->out == no_register)
                continue;
            std::size_t buffer = 0;
            while (buffer < free_from.size() && free_from[buffer] >= i + 1)
                ++buffer;
            if (buffer == free_from.size())
                free_from.push_back(0);
            const std::size_t last = last_use[steps[i]->out];
            free_from[buffer] = last == forever ? forever : std::max(last, i) + 1;
            steps[i]->buffer = static_cast<std::uint16_t>(buffer);
        }
        group_.buffer_count =
            std::max<std::uint32_t>(group_.buffer_count, static_cast<std::uint32_t>(free_from.size()));
    }

    GroupPlan& group_;
    Register fixed_;
    Register results_;
};

store::SpaceId space_of(const store::Snapshot& layout, const System& system) {
    if (system.statements.empty())
        throw Error(sqlstate::feature_not_supported, "a system without statements has no kernel");
    const auto space_of_rows = [&](const Statement& statement) {
        return statement.components.empty() ? store::none : layout.component(statement.components[0]).space;
    };
    const store::SpaceId space{space_of_rows(system.statements[0])};
    for (const Statement& statement : system.statements)
        if (space_of_rows(statement) != space.value)
            throw Error(sqlstate::feature_not_supported,
                        "the statements of the system " + system.name + " lie over several spaces");
    return space;
}

} // namespace

std::vector<GroupPlan> make_plan(const store::Snapshot& layout, std::span<const System> systems) {
    std::vector<GroupPlan> groups;
    for (std::uint32_t s = 0; s < systems.size(); ++s) {
        const store::SpaceId space = space_of(layout, systems[s]);
        if (groups.empty() || groups.back().space != space) {
            groups.emplace_back();
            groups.back().space = space;
            groups.back().first_system = s;
        }
        GroupPlan& group = groups.back();
        ++group.system_count;
        for (std::uint32_t i = 0; i < systems[s].statements.size(); ++i) {
            check_columns(layout, systems[s].statements[i], space);
            StatementPlan plan = lower_statement(group, layout, systems[s].statements[i]);
            plan.system = s;
            plan.number = i;
            group.statements.push_back(std::move(plan));
        }
    }
    for (GroupPlan& group : groups) {
        complete_targets(group, layout);
        Linker linker(group);
        for (StatementPlan& statement : group.statements)
            linker.link(statement);
        group.register_count = std::max<std::uint32_t>(
            group.register_count, static_cast<std::uint32_t>(group.sources.size() + group.fixed.size()));
    }
    return groups;
}

} // namespace gamelan::kernel
