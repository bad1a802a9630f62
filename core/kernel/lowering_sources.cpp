// Rows elsewhere: references, neighbours, and aggregates over them.
#include "core/kernel/lowering.hpp"

#include <algorithm>

namespace gamelan::kernel {

namespace {

// WHERE a AND b is two conditions, of which the second is asked where the first is true. Asking twice would
// say nothing new.
void add_conditions(const Expressions& expressions, NodeId id, std::vector<bool>& seen,
                    std::vector<NodeId>& out) {
    if (seen[id.value])
        return;
    seen[id.value] = true;
    if (expressions[id].op != Op::logical_and)
        return out.push_back(id);
    for (const NodeId argument : expressions[id].arguments)
        add_conditions(expressions, argument, seen, out);
}

std::vector<NodeId> conditions_of(const Expressions& expressions, std::optional<NodeId> where) {
    std::vector<NodeId> out;
    std::vector<bool> seen(expressions.size(), false);
    if (where)
        add_conditions(expressions, *where, seen, out);
    return out;
}

std::uint64_t bit_of(SourceId source) {
    return std::uint64_t{1} << source.value;
}

} // namespace

Lowering::Lowering(PassPlan& pass, const store::Snapshot& layout, const Statement& statement, SourceId self)
    : pass_(pass), layout_(layout), statement_(statement), expressions_(statement.expressions), self_(self) {
    reads_.resize(expressions_.size());
    reads_observed_.resize(expressions_.size());
    for (std::uint32_t i = 0; i < expressions_.size(); ++i) {
        const Node& node = expressions_[{i}];
        reads_[i] = reads_of(node);
        reads_observed_[i] = node.op == Op::observed ||
                             std::any_of(node.arguments.begin(), node.arguments.end(),
                                         [&](NodeId argument) { return reads_observed_[argument.value]; });
    }
    // Once more with what aggregates read, whose expressions may come behind them.
    for (std::uint32_t i = 0; i < expressions_.size(); ++i) {
        const Node& node = expressions_[{i}];
        std::uint64_t reads = reads_of(node);
        if (node.op == Op::aggregate) {
            const Aggregate& aggregate = statement_.aggregates[node.aggregate];
            for (const std::optional<NodeId>& part : {aggregate.where, aggregate.argument})
                if (part)
                    reads |= reads_[part->value] & ~bit_of(aggregate.source);
            for (const NodeId argument : statement_.sources[aggregate.source.value].arguments)
                reads |= reads_[argument.value];
        }
        reads_[i] = reads;
    }
}

std::uint64_t Lowering::reads_of(const Node& node) const {
    const bool is_of_row =
        node.op == Op::column || node.op == Op::entity || node.op == Op::has_row || node.op == Op::distance;
    std::uint64_t reads = is_of_row ? bit_of(node.source) : 0;
    for (const NodeId argument : node.arguments)
        reads |= reads_[argument.value];
    return reads;
}

bool Lowering::is_many(SourceId source) const {
    const SourceKind kind = statement_.sources[source.value].kind;
    return source != self_ && kind >= SourceKind::neighbours;
}

bool Lowering::reads_neighbours(NodeId id) const {
    for (std::uint32_t i = 0; i < statement_.sources.size(); ++i)
        if ((reads_[id.value] >> i & 1) != 0 && is_many({i}))
            return true;
    return false;
}

bool Lowering::is_of_cells(SourceId source) const {
    if (source == self_)
        return pass_.is_of_cells;
    const store::ComponentSpec& spec = layout_.component(statement_.sources[source.value].components[0]);
    return store::text_of(layout_.space({spec.space}).name) == store::cell_space;
}

std::uint32_t Lowering::lookup_of(SourceId source) {
    return place_in(pass_.lookups, {is_of_cells(source), statement_.sources[source.value].components});
}

std::uint32_t Lowering::plane_of(ColumnId column) {
    const store::ColumnSpec& spec = layout_.column(column);
    return place_in(pass_.planes, {column, spec.nulls, static_cast<std::uint8_t>(width_of(spec.type))});
}

// None when every slot has a row.
std::uint32_t Lowering::presence_of(ComponentId component) {
    const std::uint32_t plane = layout_.component(component).presence;
    return plane == store::none ? plane : place_in(pass_.planes, {{plane}, store::none, 0});
}

void Lowering::lower_selection(std::optional<NodeId> where, std::vector<Step>& steps) {
    const std::vector<NodeId> conditions = conditions_of(expressions_, where);
    std::vector<bool> is_done(conditions.size(), false);
    std::uint64_t known = bit_of(self_);
    const auto lower_conditions = [&](bool is_last) {
        for (std::size_t i = 0; i < conditions.size(); ++i) {
            if (is_done[i] || (!is_last && (reads_[conditions[i].value] & ~known) != 0))
                continue;
            is_done[i] = true;
            narrow(lower(conditions[i], selected_rows, steps), steps);
        }
    };
    lower_conditions(false);
    for (std::uint32_t i = 1; self_ == own_row && i < statement_.sources.size(); ++i) {
        if (statement_.sources[i].kind != SourceKind::reference)
            continue;
        lower_reference({i}, steps);
        known |= bit_of({i});
        lower_conditions(false);
    }
    lower_conditions(true);
}

void Lowering::lower_reference(SourceId source, std::vector<Step>& steps) {
    const RowSource& row = statement_.sources[source.value];
    Step step;
    step.kind = StepKind::find;
    step.width_bytes = sizeof(std::uint32_t);
    step.number = lookup_of(source);
    step.in[0] = lower(*row.key, selected_rows, steps);
    keys_[source.value] = step.in[0];
    const Register found = append(step, steps);
    found_[source.value] = found;
    if (row.is_optional)
        return;
    Step rest;
    rest.kind = StepKind::narrow_found;
    rest.in[0] = found;
    steps.push_back(rest);
}

Register Lowering::lower_elsewhere(const Node& node, std::vector<Step>& steps) {
    Step step;
    step.width_bytes = static_cast<std::uint8_t>(width_of(node.type));
    if (node.op == Op::observed) {
        step.kind = StepKind::observed;
        return append(step, steps);
    }
    const bool is_single = node.source != self_ && !is_many(node.source);
    if (node.op == Op::has_row && layout_.component(node.component).presence == store::none && !is_single)
        return fixed_of(
            {Fixed::Kind::constant, Value::of(ColumnType::boolean, std::uint8_t{1}), Parameter::dt, 0});
    if (node.op == Op::has_row && node.source == self_) {
        step.kind = StepKind::has_own_row;
        step.number = place_in(pass_.row_sets, {node.component});
        return append(step, steps);
    }
    if (is_many(node.source))
        return lower_neighbour(node, steps);
    const auto found = found_.find(node.source.value);
    if (found == found_.end())
        throw Error(sqlstate::internal, "a kernel reads a row that it has not found");
    step.in[0] = found->second;
    if (node.op == Op::entity) {
        step.kind = StepKind::found_key;
        step.in[1] = keys_.at(node.source.value);
    } else if (node.op == Op::has_row) {
        step.kind = StepKind::gather_bit;
        step.number = presence_of(node.component);
    } else {
        step.kind = StepKind::gather;
        step.number = plane_of(node.column);
    }
    return append(step, steps);
}

Register Lowering::lower_neighbour(const Node& node, std::vector<Step>& steps) {
    if (statement_.sources[node.source.value].kind != SourceKind::neighbours)
        throw Error(sqlstate::internal, "a kernel reads many rows outside an aggregate");
    Step step;
    step.width_bytes = static_cast<std::uint8_t>(width_of(node.type));
    step.direction = direction_;
    if (node.op == Op::entity) {
        step.kind = StepKind::neighbour_id;
    } else if (node.op == Op::has_row) {
        step.kind = StepKind::neighbour_bit;
        step.number = presence_of(node.component);
    } else {
        step.kind = StepKind::neighbour;
        step.number = plane_of(node.column);
    }
    return append(step, steps);
}

Accumulation Lowering::accumulation_of(const Aggregate& aggregate) const {
    return {aggregate.function,
            aggregate.argument ? expressions_[*aggregate.argument].type : ColumnType::i64};
}

Register Lowering::lower_aggregate(const Node& node, Register mask, std::vector<Step>& steps) {
    const Aggregate& aggregate = statement_.aggregates[node.aggregate];
    if (statement_.sources[aggregate.source.value].kind == SourceKind::neighbours)
        return lower_neighbours(aggregate, mask, steps);
    if (is_by_place(statement_.sources[aggregate.source.value].kind))
        return lower_places(aggregate, mask, steps);
    return lower_query(node.aggregate, mask, steps, node.type);
}

// A decimal that is the same for all rows is cast once.
std::optional<Register> Lowering::lower_cast_of_query(const Node& node, Register mask,
                                                      std::vector<Step>& steps) {
    const Node& argument = expressions_[node.arguments[0]];
    if (node.op != Op::cast || argument.op != Op::aggregate || argument.type != ColumnType::decimal)
        return std::nullopt;
    const Aggregate& aggregate = statement_.aggregates[argument.aggregate];
    if (statement_.sources[aggregate.source.value].kind != SourceKind::all)
        return std::nullopt;
    return lower_query(argument.aggregate, mask, steps, node.type);
}

// Neighbour after neighbour, as one row at a time would meet them.
Register Lowering::lower_neighbours(const Aggregate& aggregate, Register mask, std::vector<Step>& steps) {
    pass_.has_neighbours = true;
    if (can_derive(aggregate))
        return lower_stencil(aggregate, mask, steps);
    const Accumulation accumulation = accumulation_of(aggregate);
    const std::vector<NodeId> conditions = conditions_of(expressions_, aggregate.where);
    Register value = no_register;
    for (direction_ = 0; direction_ < grid::HexSphere::direction_count; ++direction_) {
        known_there_.clear();
        Step rows;
        rows.kind = StepKind::neighbour_rows;
        rows.width_bytes = 1;
        rows.direction = direction_;
        rows.number = lookup_of(aggregate.source);
        rows.in[0] = mask;
        Register there = append(rows, steps);
        for (const NodeId condition : conditions)
            there = narrowed(StepKind::rows_if_true, there, lower(condition, there, steps), true, steps);
        Step step;
        step.kind = StepKind::accumulate;
        step.accumulation = accumulation;
        step.width_bytes =
            static_cast<std::uint8_t>(width_of(*result_type(accumulation.function, accumulation.type)));
        step.in[0] = value;
        if (aggregate.argument)
            step.in[1] = lower(*aggregate.argument, there, steps);
        step.mask = there;
        if (accumulation.function == AggregateFunction::sum && is_float(accumulation.type))
            step.operation = find_operation(Op::add, accumulation.type, accumulation.type, Operand::lanes);
        value = append(step, steps);
    }
    known_there_.clear();
    return finish(aggregate, accumulation, value, mask, steps);
}

// What a cell adds to the aggregates of its neighbours is the same for all of them, and cannot fail. Reals
// are added in order, with their own zero.
bool Lowering::can_derive(const Aggregate& aggregate) const {
    const std::uint64_t there = bit_of(aggregate.source);
    for (const std::optional<NodeId>& part : {aggregate.where, aggregate.argument})
        if (part && ((reads_[part->value] & ~there) != 0 || expressions_[*part].can_fail ||
                     reads_observed_[part->value]))
            return false;
    for (const ComponentId component : statement_.sources[aggregate.source.value].components)
        if (layout_.component(component).presence != store::none)
            return false;
    switch (aggregate.function) {
    case AggregateFunction::sum:
        return expressions_[*aggregate.argument].type == ColumnType::i16 ||
               expressions_[*aggregate.argument].type == ColumnType::i32;
    case AggregateFunction::least:
    case AggregateFunction::greatest:
        return false;
    default:
        return true;
    }
}

Register Lowering::lower_stencil(const Aggregate& aggregate, Register mask, std::vector<Step>& steps) {
    Step step;
    step.kind = StepKind::stencil;
    step.accumulation = accumulation_of(aggregate);
    step.number = add_query(aggregate, true);
    return finish(aggregate, step.accumulation, append(step, steps), mask, steps);
}

// Counts are kept in bytes and sums of i16 in i32: there are few neighbours.
Register Lowering::finish(const Aggregate& aggregate, Accumulation accumulation, Register value,
                          Register mask, std::vector<Step>& steps) {
    const bool is_count = aggregate.function == AggregateFunction::count;
    const bool is_short_sum =
        aggregate.function == AggregateFunction::sum && accumulation.type == ColumnType::i16;
    if (!is_count && !is_short_sum)
        return value;
    Step step;
    step.width_bytes = sizeof(std::int64_t);
    step.mask = mask;
    step.in[0] = value;
    step.operation = find_cast(is_count ? ColumnType::u8 : ColumnType::i32, ColumnType::i64);
    return append(step, steps);
}

Register Lowering::lower_query(std::uint32_t place, Register mask, std::vector<Step>& steps, ColumnType as) {
    const auto known = aggregates_.find(place);
    const std::uint32_t number =
        known == aggregates_.end() ? add_query(statement_.aggregates[place], false) : known->second;
    aggregates_[place] = number;
    const Aggregate& aggregate = statement_.aggregates[place];
    const Accumulation accumulation = accumulation_of(aggregate);
    const Register value = fixed_of({Fixed::Kind::aggregate, Value::null(as), Parameter::dt, number});
    const bool is_sum =
        aggregate.function == AggregateFunction::sum || aggregate.function == AggregateFunction::average;
    const bool may_fail = (is_sum && (is_float(accumulation.type) || is_integer(as))) ||
                          (aggregate.where && expressions_[*aggregate.where].can_fail) ||
                          (aggregate.argument && expressions_[*aggregate.argument].can_fail);
    if (may_fail) {
        Step step;
        step.kind = StepKind::pass_fault;
        step.in[0] = value;
        step.mask = mask;
        steps.push_back(step);
    }
    return value;
}

std::uint32_t Lowering::add_query(const Aggregate& aggregate, bool is_derived) {
    const RowSource& source = statement_.sources[aggregate.source.value];
    auto query = queries_.find(aggregate.source.value);
    if (query == queries_.end()) {
        QueryPlan& fresh = pass_.queries.emplace_back();
        fresh.statement = static_cast<std::uint32_t>(pass_.statements.size());
        fresh.pass.is_of_cells = is_of_cells(aggregate.source);
        fresh.pass.space = {layout_.component(source.components[0]).space};
        fresh.pass.row_sets.push_back(source.components);
        query = queries_.emplace(aggregate.source.value, static_cast<std::uint32_t>(pass_.queries.size() - 1))
                    .first;
    }
    PassPlan& pass = pass_.queries[query->second].pass;
    StatementPlan plan{};
    plan.target = store::none;
    Lowering lowering(pass, layout_, statement_, aggregate.source);
    lowering.lower_selection(aggregate.where, plan.where);
    plan.reduction.emplace();
    plan.reduction->accumulation = accumulation_of(aggregate);
    plan.reduction->type = *result_type(aggregate.function, plan.reduction->accumulation.type);
    plan.reduction->is_derived = is_derived;
    plan.reduction->aggregate = is_derived ? pass_.derived_count++ : pass_.aggregate_count++;
    if (aggregate.argument)
        plan.reduction->argument = lowering.lower(*aggregate.argument, selected_rows, plan.values);
    const std::uint32_t number = plan.reduction->aggregate;
    pass.statements.push_back(std::move(plan));
    return number;
}

} // namespace gamelan::kernel
