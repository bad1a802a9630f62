#include "core/kernel/plan.hpp"

#include "core/base/json_writer.hpp"
#include "core/kernel/event_text.hpp"
#include "core/kernel/lowering.hpp"

#include <algorithm>
#include <map>
#include <set>

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
    if (statement.kind != StatementKind::emit)
        return;
    for (const Field& field : statement.fields)
        if (const ColumnType type = statement.expressions[field.value].type; !has_json(type))
            throw Error(sqlstate::feature_not_supported,
                        "kernels cannot write a value of type " + std::string(name_of(type)) + " as jsonb");
    if (statement.event_entity && statement.expressions[*statement.event_entity].type != ColumnType::i64)
        does_not_fit("its event belongs to something that is no entity");
}

store::SpaceId space_of(const store::Snapshot& layout, const std::vector<ComponentId>& components) {
    if (components.empty())
        does_not_fit("it goes over no component");
    const store::SpaceId space{layout.component(components[0]).space};
    for (const ComponentId component : components)
        if (layout.component(component).space != space.value)
            does_not_fit("its components lie over several spaces");
    return space;
}

void check_sources(const store::Snapshot& layout, const Statement& statement, store::SpaceId own) {
    if (statement.sources.empty() || statement.sources.size() > max_sources)
        does_not_fit("it has no row of its own, or too many others");
    for (std::size_t i = 1; i < statement.sources.size(); ++i) {
        const RowSource& source = statement.sources[i];
        const store::SpaceId space = space_of(layout, source.components);
        const std::string_view name = store::text_of(layout.space(space).name);
        if (source.kind == SourceKind::neighbours && (space != own || name != store::cell_space))
            does_not_fit("only cells have neighbours");
        if (source.kind != SourceKind::all && name != store::cell_space && name != store::entity_space)
            does_not_fit("its rows have neither handles nor ids");
        if (is_by_place(source.kind) && name != store::entity_space)
            does_not_fit("only entities have a place");
        for (const ColumnId coordinate : source.coordinates)
            if (layout.column(coordinate).component != source.components[0].value ||
                !is_float(layout.column(coordinate).type))
                does_not_fit("a coordinate is not there");
        if (source.kind == SourceKind::reference &&
            (!source.key || statement.expressions[*source.key].type != ColumnType::i64))
            does_not_fit("a reference has no key");
    }
}

void check_nodes(const store::Snapshot& layout, const Statement& statement) {
    for (std::uint32_t i = 0; i < statement.expressions.size(); ++i) {
        const Node& node = statement.expressions[{i}];
        if (node.source.value >= statement.sources.size())
            does_not_fit("it reads a source that is not there");
        const std::vector<ComponentId>& components =
            node.source == own_row ? statement.components : statement.sources[node.source.value].components;
        if (node.op == Op::has_row &&
            layout.component(node.component).space != layout.component(components[0]).space)
            does_not_fit("it asks for a component that its rows cannot have");
        if (node.op == Op::aggregate && node.aggregate >= statement.aggregates.size())
            does_not_fit("it reads an aggregate that is not there");
        if (node.op != Op::column)
            continue;
        const store::ColumnSpec& spec = layout.column(node.column);
        const ComponentId component{spec.component};
        const bool is_inserted = statement.kind == StatementKind::insert && node.source == own_row &&
                                 component == statement.target;
        if (spec.type != node.type || (!is_among(component, components) && !is_inserted))
            does_not_fit("it reads a column that is not there");
    }
}

void check_assignments(const store::Snapshot& layout, const Statement& statement) {
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

// The space of its rows.
store::SpaceId check_statement(const store::Snapshot& layout, const Statement& statement) {
    const store::SpaceId space = space_of(layout, statement.components);
    if (is_told(statement.kind))
        check_event(statement);
    else
        check_target(layout, statement, space);
    check_sources(layout, statement, space);
    check_nodes(layout, statement);
    check_assignments(layout, statement);
    return space;
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

bool reads_column(const Expressions& expressions, NodeId id, ColumnId column) {
    const Node& node = expressions[id];
    return (node.op == Op::column && node.column == column) ||
           std::any_of(node.arguments.begin(), node.arguments.end(),
                       [&](NodeId argument) { return reads_column(expressions, argument, column); });
}

bool is_asked_at_once(const Statement& statement, const Check& check) {
    return !check.domain.empty() &&
           std::any_of(statement.assignments.begin(), statement.assignments.end(), [&](const Assignment& it) {
               return reads_column(statement.expressions, check.condition, it.column);
           });
}

// A value is made one of its domain before the next value is computed.
void lower_domain_checks(Lowering& lowering, const Statement& statement, const Assignment& assignment,
                         const Result& result, StatementPlan& plan) {
    for (std::uint32_t i = 0; i < statement.checks.size(); ++i) {
        const Check& check = statement.checks[i];
        if (check.domain.empty() || !reads_column(statement.expressions, check.condition, assignment.column))
            continue;
        lowering.rename(result.source, result.value);
        Step step;
        step.kind = StepKind::require;
        step.in[0] = lowering.lower(check.condition, selected_rows, plan.values);
        step.buffer = static_cast<std::uint16_t>(i);
        plan.values.push_back(step);
        lowering.rename(result.source, result.source);
    }
}

void lower_assignments(Lowering& lowering, const Statement& statement, StatementPlan& plan, PassPlan& pass) {
    for (const Assignment& assignment : statement.assignments) {
        const Register value = lowering.lower(assignment.value, selected_rows, plan.values);
        const Register source = lowering.source_of(assignment.column);
        pass.sources[source].is_written = true;
        // A result that two columns share is copied into both; an insert may have rows to leave alone.
        const bool is_shared = statement.kind == StatementKind::insert ||
                               std::any_of(plan.results.begin(), plan.results.end(),
                                           [&](const Result& other) { return other.value == value; });
        for (Step& step : plan.values)
            if (step.out == value && !is_shared)
                step.result = static_cast<std::uint16_t>(plan.results.size());
        plan.results.push_back({source, value, assignment.is_not_null});
        lower_domain_checks(lowering, statement, assignment, plan.results.back(), plan);
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
                    lowering.fixed_of({Fixed::Kind::constant, Value::null(node.type), Parameter::dt, 0}));
        }
    for (const Result& result : plan.results)
        lowering.rename(result.source, result.value);
    for (std::uint32_t i = 0; i < statement.checks.size(); ++i) {
        if (is_asked_at_once(statement, statement.checks[i]))
            continue;
        plan.checks.push_back(lowering.lower(statement.checks[i].condition, selected_rows, plan.check_steps));
        plan.check_numbers.push_back(i);
    }
}

// Where what is told is computed: on the statement's rows, or on pairs.
struct Telling {
    std::vector<Step>& steps;
    Register mask;
};

// Of fields with the same name the last one counts.
void lower_event(Lowering& lowering, const Statement& statement, Telling to, StatementPlan& plan) {
    if (statement.event_entity)
        plan.event_entity = lowering.lower(*statement.event_entity, to.mask, to.steps);
    std::map<std::pair<std::size_t, std::string>, Register> fields;
    std::map<Register, ColumnType> types;
    for (const Field& field : statement.fields) {
        const Register value = lowering.lower(field.value, to.mask, to.steps);
        fields[{field.name.size(), field.name}] = value;
        types[value] = statement.expressions[field.value].type;
    }
    for (const auto& [key, value] : fields)
        plan.fields.push_back({(plan.fields.empty() ? "{" : ", ") + JsonObject::quoted(key.second) + ": ",
                               types[value], value, false});
}

// The fields stay in the order of the table's columns, in which Postgres computes them.
void lower_append(Lowering& lowering, const Statement& statement, Telling to, StatementPlan& plan) {
    for (const Field& field : statement.fields)
        plan.fields.push_back({{},
                               statement.expressions[field.value].type,
                               lowering.lower(field.value, to.mask, to.steps),
                               field.is_not_null});
    std::vector<Step>& checks = statement.each ? to.steps : plan.check_steps;
    for (std::uint32_t i = 0; i < statement.checks.size(); ++i) {
        plan.checks.push_back(lowering.lower(statement.checks[i].condition, to.mask, checks));
        plan.check_numbers.push_back(i);
    }
}

void lower_told(Lowering& lowering, const Statement& statement, StatementPlan& plan, PassPlan& pass) {
    plan.emission = pass.emission_count++;
    plan.is_of_each = statement.each.has_value();
    plan.each_limit = statement.each_limit;
    std::vector<Step> pairs;
    const Telling to = plan.is_of_each ? Telling{pairs, lowering.begin_each(plan.values, pairs)}
                                       : Telling{plan.values, selected_rows};
    if (statement.kind == StatementKind::emit)
        lower_event(lowering, statement, to, plan);
    else
        lower_append(lowering, statement, to, plan);
    if (plan.is_of_each)
        lowering.end_each(to.mask, plan.values, pairs);
}

std::uint32_t target_of(PassPlan& pass, const Statement& statement) {
    const auto found = std::find_if(pass.targets.begin(), pass.targets.end(), [&](const Target& target) {
        return target.component == statement.target;
    });
    const auto place = static_cast<std::uint32_t>(found - pass.targets.begin());
    if (found == pass.targets.end())
        pass.targets.push_back({statement.target, false, {}});
    if (statement.kind != StatementKind::update)
        pass.targets[place].has_rows_changed = true;
    return place;
}

// Which columns of the block the steps and what is made of them read.
void find_sources(StatementPlan& plan) {
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
    if (plan.reduction && plan.reduction->argument != no_register)
        add_source(plan.reduction->argument, plan.value_sources);
}

StatementPlan lower_statement(PassPlan& pass, const store::Snapshot& layout, const Statement& statement) {
    StatementPlan plan{};
    plan.kind = statement.kind;
    plan.does_nothing_on_conflict = statement.does_nothing_on_conflict;
    ComponentSet set = statement.components;
    std::sort(set.begin(), set.end(), [](ComponentId a, ComponentId b) { return a.value < b.value; });
    set.erase(std::unique(set.begin(), set.end()), set.end());
    plan.rows = place_in(pass.row_sets, set);
    plan.target = is_told(statement.kind) ? store::none : target_of(pass, statement);
    Lowering lowering(pass, layout, statement);
    lowering.lower_selection(statement.where, plan.where);
    if (is_told(statement.kind)) {
        lower_told(lowering, statement, plan, pass);
    } else if (statement.kind != StatementKind::remove) {
        lower_assignments(lowering, statement, plan, pass);
        lower_checks(lowering, layout, statement, plan);
    }
    find_sources(plan);
    return plan;
}

// What inserts and removes must know of all columns of their targets, once all sources are known.
void complete_targets(PassPlan& pass, const store::Snapshot& layout) {
    for (Target& target : pass.targets) {
        const store::ComponentSpec& spec = layout.component(target.component);
        for (std::uint32_t i = 0; target.has_rows_changed && i < spec.column_count; ++i) {
            const ColumnId column{spec.first_column + 2 * i};
            const auto source =
                std::find_if(pass.sources.begin(), pass.sources.end(),
                             [&](const Source& other) { return !other.is_entity && other.column == column; });
            target.columns.push_back({column, layout.column(column).nulls,
                                      source == pass.sources.end()
                                          ? no_register
                                          : static_cast<Register>(source - pass.sources.begin())});
        }
    }
    for (StatementPlan& plan : pass.statements) {
        if (plan.kind != StatementKind::insert)
            continue;
        for (const Target::Column& column : pass.targets[plan.target].columns) {
            const bool is_assigned =
                std::any_of(plan.results.begin(), plan.results.end(),
                            [&](const Result& result) { return result.source == column.source; });
            if (column.source == no_register || is_assigned)
                continue;
            plan.blanks.push_back(column.source);
            add_source(column.source, plan.value_sources);
            pass.sources[column.source].is_written = true;
        }
    }
}

// Numbers registers anew: sources, constants, results.
class Linker {
  public:
    explicit Linker(PassPlan& pass)
        : pass_(pass), fixed_(static_cast<Register>(pass.sources.size())),
          results_(static_cast<Register>(fixed_ + pass.fixed.size())) {}

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
        if (plan.reduction)
            plan.reduction->argument = linked(plan.reduction->argument);
        give_buffers(plan, steps);
    }

  private:
    Register linked(Register old) {
        if (old >= selected_rows || old < Lowering::first_fixed)
            return old;
        if (old < Lowering::first_result)
            return static_cast<Register>(old - Lowering::first_fixed + fixed_);
        const auto out = static_cast<Register>(old - Lowering::first_result + results_);
        pass_.register_count = std::max<std::uint32_t>(pass_.register_count, out + 1U);
        return out;
    }

    // A buffer is free again after the step that last reads it; none is both a step's input and output.
    void give_buffers(const StatementPlan& plan, const std::vector<Step*>& steps) {
        constexpr std::size_t forever = ~std::size_t{0};
        std::vector<std::size_t> last_use(std::max<std::size_t>(pass_.register_count, results_ + 1U), 0);
        for (std::size_t i = 0; i < steps.size(); ++i) {
            for (const Register in : steps[i]->in)
                if (in < last_use.size())
                    last_use[in] = i;
            if (steps[i]->mask < last_use.size())
                last_use[steps[i]->mask] = i;
        }
        keep_for_pairs(steps, last_use);
        for (const Result& result : plan.results)
            last_use[result.value] = forever;
        for (const Register check : plan.checks)
            last_use[check] = forever;
        for (const EventField& field : plan.fields)
            last_use[field.value] = forever;
        if (plan.event_entity != no_register)
            last_use[plan.event_entity] = forever;
        if (plan.reduction && plan.reduction->argument != no_register)
            last_use[plan.reduction->argument] = forever;
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
        pass_.buffer_count =
            std::max<std::uint32_t>(pass_.buffer_count, static_cast<std::uint32_t>(free_from.size()));
    }

    // Steps on pairs are played again and again: what they read of rows is needed until the last time.
    static void keep_for_pairs(const std::vector<Step*>& steps, std::vector<std::size_t>& last_use) {
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const std::size_t last = i + steps[i]->length;
            if (last > i && steps[i]->mask < last_use.size())
                last_use[steps[i]->mask] = std::max(last_use[steps[i]->mask], last);
            std::vector<Register> made;
            for (std::size_t at = i + 1; at <= last; ++at) {
                for (const Register in : steps[at]->in)
                    if (in < last_use.size() && std::find(made.begin(), made.end(), in) == made.end())
                        last_use[in] = std::max(last_use[in], last);
                made.push_back(steps[at]->out);
            }
        }
    }

    PassPlan& pass_;
    Register fixed_;
    Register results_;
};

void link(PassPlan& pass, const store::Snapshot& layout) {
    for (QueryPlan& query : pass.queries) {
        for (StatementPlan& statement : query.pass.statements)
            find_sources(statement);
        link(query.pass, layout);
    }
    complete_targets(pass, layout);
    Linker linker(pass);
    for (StatementPlan& statement : pass.statements)
        linker.link(statement);
    pass.register_count = std::max<std::uint32_t>(
        pass.register_count, static_cast<std::uint32_t>(pass.sources.size() + pass.fixed.size()));
}

// Planes that are read at other slots than the own row's, and planes that are written.
struct Traffic {
    std::set<std::uint32_t> read;
    std::set<std::uint32_t> written;
};

Traffic traffic_of(const store::Snapshot& layout, const Statement& statement) {
    Traffic out;
    const auto presence = [&](ComponentId component) { return layout.component(component).presence; };
    for (const RowSource& source : statement.sources) {
        for (const ComponentId component : source.components)
            out.read.insert(presence(component));
        for (const ColumnId coordinate : source.coordinates)
            out.read.insert(coordinate.value);
    }
    for (std::uint32_t i = 0; i < statement.expressions.size(); ++i) {
        const Node& node = statement.expressions[{i}];
        if (node.op == Op::column && node.source != own_row)
            out.read.insert(node.column.value);
        if (node.op == Op::has_row && node.source != own_row)
            out.read.insert(presence(node.component));
    }
    out.read.erase(store::none);
    for (const Assignment& assignment : statement.assignments)
        out.written.insert(assignment.column.value);
    if (statement.kind == StatementKind::insert || statement.kind == StatementKind::remove)
        out.written.insert(presence(statement.target));
    return out;
}

// Puts statements into passes, and passes into groups.
class Planner {
  public:
    Planner(const store::Snapshot& layout, std::span<const System> systems)
        : layout_(layout), systems_(systems) {}

    std::vector<GroupPlan> plan() {
        for (std::uint32_t s = 0; s < systems_.size(); ++s) {
            if (systems_[s].statements.empty())
                throw Error(sqlstate::feature_not_supported, "a system without statements has no kernel");
            for (std::uint32_t i = 0; i < systems_[s].statements.size(); ++i)
                add(s, i);
            ++groups_.back().system_count;
        }
        for (GroupPlan& group : groups_)
            for (PassPlan& pass : group.passes)
                link(pass, layout_);
        return std::move(groups_);
    }

  private:
    void add(std::uint32_t system, std::uint32_t number) {
        const Statement& statement = systems_[system].statements[number];
        const store::SpaceId space = check_statement(layout_, statement);
        const Traffic traffic = traffic_of(layout_, statement);
        if (groups_.empty() || groups_.back().passes.back().space != space || is_barrier(traffic)) {
            if (groups_.empty() || number == 0)
                groups_.push_back({system, 0, {}});
            PassPlan& pass = groups_.back().passes.emplace_back();
            pass.space = space;
            pass.is_of_cells = store::text_of(layout_.space(space).name) == store::cell_space;
            written_.clear();
        }
        PassPlan& pass = groups_.back().passes.back();
        StatementPlan plan = lower_statement(pass, layout_, statement);
        plan.system = system;
        plan.number = number;
        pass.statements.push_back(std::move(plan));
        written_.insert(traffic.written.begin(), traffic.written.end());
    }

    // Other blocks than the present one have not been written yet.
    bool is_barrier(const Traffic& traffic) const {
        return std::any_of(traffic.read.begin(), traffic.read.end(),
                           [&](std::uint32_t plane) { return written_.contains(plane); });
    }

    const store::Snapshot& layout_;
    std::span<const System> systems_;
    std::vector<GroupPlan> groups_;
    std::set<std::uint32_t> written_; // in the last pass
};

} // namespace

std::vector<GroupPlan> make_plan(const store::Snapshot& layout, std::span<const System> systems) {
    return Planner(layout, systems).plan();
}

} // namespace gamelan::kernel
