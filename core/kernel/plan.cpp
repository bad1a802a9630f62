#include "core/kernel/plan.hpp"

#include "core/kernel/lowering.hpp"

#include <algorithm>

namespace gamelan::kernel {

namespace {

[[noreturn]] void does_not_fit(const char* what) {
    throw Error(sqlstate::datatype_mismatch, std::string("the statement does not fit the world: ") + what);
}

void check_columns(const store::Snapshot& layout, const Statement& statement, store::SpaceId space) {
    const auto reads = [&](ComponentId component) {
        return std::find(statement.components.begin(), statement.components.end(), component) !=
               statement.components.end();
    };
    if (!reads(statement.target))
        does_not_fit("its target is not among its components");
    for (const ComponentId component : statement.components)
        if (layout.component(component).space != space.value)
            does_not_fit("its components lie over several spaces");
    for (std::uint32_t i = 0; i < statement.expressions.size(); ++i) {
        const Node& node = statement.expressions[{i}];
        if (node.op != Op::column)
            continue;
        const store::ColumnSpec& spec = layout.column(node.column);
        if (spec.type != node.type || !reads(ComponentId{spec.component}))
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

void lower_values(Lowering& lowering, const Statement& statement, StatementPlan& plan, GroupPlan& group) {
    for (const Assignment& assignment : statement.assignments) {
        const Register value = lowering.lower(assignment.value, selected_rows, plan.values);
        const Register source = lowering.source_of(assignment.column);
        group.sources[source].is_written = true;
        // A result that two columns share is copied into both.
        const bool is_shared = std::any_of(plan.results.begin(), plan.results.end(),
                                           [&](const Result& other) { return other.value == value; });
        for (Step& step : plan.values)
            if (step.out == value && !is_shared)
                step.result = static_cast<std::uint16_t>(plan.results.size());
        plan.results.push_back({source, value, assignment.is_not_null});
    }
    for (const Result& result : plan.results)
        lowering.rename(result.source, result.value);
    for (const Check& check : statement.checks)
        plan.checks.push_back(lowering.lower(check.condition, selected_rows, plan.check_steps));
}

StatementPlan lower_statement(GroupPlan& group, const store::Snapshot& layout, const Statement& statement) {
    StatementPlan plan{};
    plan.target = statement.target;
    ComponentSet set = statement.components;
    std::sort(set.begin(), set.end(), [](ComponentId a, ComponentId b) { return a.value < b.value; });
    set.erase(std::unique(set.begin(), set.end()), set.end());
    plan.rows = place_in(group.row_sets, set);
    place_in(group.targets, statement.target);
    Lowering lowering(group, layout, statement.expressions);
    if (statement.where) {
        std::vector<NodeId> conditions;
        conditions_of(statement.expressions, *statement.where, conditions);
        for (const NodeId condition : conditions)
            lowering.narrow(lowering.lower(condition, selected_rows, plan.where), plan.where);
    }
    lower_values(lowering, statement, plan, group);
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
    return plan;
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
    const store::SpaceId space{layout.component(system.statements[0].target).space};
    for (const Statement& statement : system.statements)
        if (layout.component(statement.target).space != space.value)
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
        Linker linker(group);
        for (StatementPlan& statement : group.statements)
            linker.link(statement);
        group.register_count = std::max<std::uint32_t>(
            group.register_count, static_cast<std::uint32_t>(group.sources.size() + group.fixed.size()));
    }
    return groups;
}

} // namespace gamelan::kernel
