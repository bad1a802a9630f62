// Aggregates over rows that are found by their place: what is asked of a row and one that was found for it is
// computed on pairs of them.
#include "core/kernel/lowering.hpp"

#include <algorithm>
#include <utility>

namespace gamelan::kernel {

namespace {

void split_and(const Expressions& expressions, NodeId id, std::vector<NodeId>& out) {
    if (expressions[id].op != Op::logical_and)
        return out.push_back(id);
    for (const NodeId argument : expressions[id].arguments)
        split_and(expressions, argument, out);
}

} // namespace

// entity <> own entity
bool Lowering::says_not_own(NodeId id, SourceId source) const {
    const Node& node = expressions_[id];
    if ((node.op != Op::not_equal && node.op != Op::is_distinct) || pass_.is_of_cells)
        return false;
    const Node& a = expressions_[node.arguments[0]];
    const Node& b = expressions_[node.arguments[1]];
    return a.op == Op::entity && b.op == Op::entity && a.source != b.source &&
           (a.source == source || b.source == source) && (a.source == own_row || b.source == own_row);
}

// Sums that are rounded, equal values that differ (0 and -0), and which of several failures comes first.
bool Lowering::needs_order(const Aggregate& aggregate) const {
    for (const std::optional<NodeId>& part : {aggregate.where, aggregate.argument})
        if (part && expressions_[*part].can_fail)
            return true;
    switch (aggregate.function) {
    case AggregateFunction::first:
        return true;
    case AggregateFunction::sum:
    case AggregateFunction::least:
    case AggregateFunction::greatest:
        return is_float(expressions_[*aggregate.argument].type);
    default:
        return false;
    }
}

JoinPlan Lowering::join_on(SourceId id) {
    const RowSource& source = statement_.sources[id.value];
    JoinPlan out;
    out.kind = source.kind;
    out.grid = place_in(pass_.grids, {source.components[0], source.coordinates});
    out.lookup = lookup_of(id);
    out.generation = plane_of(store::entity_planes(layout_)->generation);
    for (std::uint32_t i = 0; i < expressions_.size(); ++i)
        out.has_distance =
            out.has_distance || (expressions_[{i}].op == Op::distance && expressions_[{i}].source == id);
    return out;
}

JoinPlan Lowering::join_of(const Aggregate& aggregate, std::vector<NodeId>& conditions) {
    const RowSource& source = statement_.sources[aggregate.source.value];
    JoinPlan out = join_on(aggregate.source);
    out.is_ordered = needs_order(aggregate);
    const auto is_of_own = [&](NodeId id) { return says_not_own(id, aggregate.source); };
    out.leaves_out_own = std::erase_if(conditions, is_of_own) != 0;
    const bool ends_early =
        aggregate.function == AggregateFunction::exists ||
        (aggregate.function == AggregateFunction::first && source.kind == SourceKind::nearest);
    if (ends_early && conditions.empty() && source.components.size() == 1)
        out.enough = out.leaves_out_own ? 2 : 1;
    return out;
}

std::uint32_t Lowering::add_join(const JoinPlan& plan) {
    pass_.joins.push_back(plan);
    return static_cast<std::uint32_t>(pass_.joins.size() - 1);
}

std::vector<Register> Lowering::lower_arguments(SourceId source, Register mask, std::vector<Step>& steps) {
    std::vector<Register> out;
    for (const NodeId argument : statement_.sources[source.value].arguments)
        out.push_back(lower(argument, mask, steps));
    return out;
}

void Lowering::open_pairs(SourceId source, std::uint32_t join, Register mask, std::vector<Step>& rows,
                          std::vector<Step>& pairs) {
    known_there_.clear();
    Step slots;
    slots.kind = StepKind::pair_slots;
    slots.number = join;
    slots.width_bytes = sizeof(std::uint32_t);
    on_pairs_ = OnPairs{source, join, append(slots, pairs), mask, &rows};
}

Register Lowering::lower_on(const std::vector<NodeId>& conditions, std::vector<Step>& pairs) {
    Register mask = selected_rows;
    for (const NodeId condition : conditions)
        mask = narrowed(StepKind::rows_if_true, mask, lower(condition, mask, pairs), true, pairs);
    return mask;
}

void Lowering::search(SourceId source, std::uint32_t join, const std::vector<Register>& arguments,
                      Register mask, const std::vector<Step>& on_pairs, std::vector<Step>& steps) {
    const RowSource& row = statement_.sources[source.value];
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        Step place;
        place.kind = StepKind::place;
        place.direction = static_cast<std::uint8_t>(i);
        place.in[0] = arguments[i];
        place.width_bytes = static_cast<std::uint8_t>(width_of(expressions_[row.arguments[i]].type));
        steps.push_back(place);
    }
    Step search;
    search.kind = StepKind::search;
    search.number = join;
    search.mask = mask;
    search.length = static_cast<std::uint32_t>(on_pairs.size());
    steps.push_back(search);
    steps.insert(steps.end(), on_pairs.begin(), on_pairs.end());
}

Register Lowering::lower_places(const Aggregate& aggregate, Register mask, std::vector<Step>& steps) {
    std::vector<NodeId> conditions;
    if (aggregate.where)
        split_and(expressions_, *aggregate.where, conditions);
    const std::uint32_t join = add_join(join_of(aggregate, conditions));
    const std::vector<Register> arguments = lower_arguments(aggregate.source, mask, steps);
    std::vector<Step> on_pairs;
    open_pairs(aggregate.source, join, mask, steps, on_pairs);
    Step fold;
    fold.kind = StepKind::fold;
    fold.number = join;
    fold.mask = lower_on(conditions, on_pairs);
    fold.accumulation = accumulation_of(aggregate);
    if (aggregate.argument)
        fold.in[0] = lower(*aggregate.argument, fold.mask, on_pairs);
    on_pairs.push_back(fold);
    on_pairs_.reset();
    search(aggregate.source, join, arguments, mask, on_pairs, steps);
    Step folded;
    folded.kind = StepKind::folded;
    folded.number = join;
    folded.accumulation = fold.accumulation;
    folded.width_bytes =
        static_cast<std::uint8_t>(width_of(*result_type(aggregate.function, fold.accumulation.type)));
    return append(folded, steps);
}

Register Lowering::begin_each(std::vector<Step>& rows, std::vector<Step>& pairs) {
    const SourceId source = *statement_.each;
    JoinPlan plan = join_on(source);
    plan.is_ordered = true;
    each_arguments_ = lower_arguments(source, selected_rows, rows);
    open_pairs(source, add_join(plan), selected_rows, rows, pairs);
    std::vector<NodeId> conditions;
    if (statement_.each_where)
        split_and(expressions_, *statement_.each_where, conditions);
    return lower_on(conditions, pairs);
}

void Lowering::end_each(Register mask, std::vector<Step>& rows, std::vector<Step>& pairs) {
    Step tell;
    tell.kind = StepKind::tell;
    tell.mask = mask;
    pairs.push_back(tell);
    const std::uint32_t join = on_pairs_->join;
    on_pairs_.reset();
    search(*statement_.each, join, each_arguments_, selected_rows, pairs, rows);
}

// What cannot fail and reads nothing of the row that was found is the same for all pairs of a row; what can
// fail does so only where there is a pair.
Register Lowering::lower_on_pairs(NodeId id, Register mask, std::vector<Step>& steps) {
    const Node& node = expressions_[id];
    const auto known = known_there_.find(id.value);
    if (known != known_there_.end() &&
        (!node.can_fail || known->second.mask == mask || known->second.mask == selected_rows))
        return known->second.value;
    const bool is_of_row = (reads_[id.value] >> on_pairs_->source.value & 1) == 0;
    Register value = no_register;
    if (is_of_row && !node.can_fail) {
        const Register outside = lower_outside(id);
        if (outside >= first_fixed && outside < first_result)
            return outside;
        Step step;
        step.kind = StepKind::spread;
        step.number = on_pairs_->join;
        step.width_bytes = static_cast<std::uint8_t>(width_of(node.type));
        step.in[0] = outside;
        value = append(step, steps);
    } else if (node.arguments.empty()) {
        value = lower_found(node, steps);
    } else {
        value = lower_new(id, mask, steps);
    }
    known_there_[id.value] = {value, mask};
    return value;
}

Register Lowering::lower_outside(NodeId id) {
    const OnPairs inside = *on_pairs_;
    on_pairs_.reset();
    const auto known_there = std::exchange(known_there_, {});
    const Register out = lower(id, inside.row_mask, *inside.row_steps);
    known_there_ = known_there;
    on_pairs_ = inside;
    return out;
}

Register Lowering::lower_found(const Node& node, std::vector<Step>& steps) {
    Step step;
    step.width_bytes = static_cast<std::uint8_t>(width_of(node.type));
    step.in[0] = on_pairs_->slots;
    switch (node.op) {
    case Op::entity:
        step.kind = StepKind::pair_handle;
        step.number = pass_.joins[on_pairs_->join].generation;
        break;
    case Op::distance:
        step.kind = StepKind::pair_distance;
        step.number = on_pairs_->join;
        break;
    case Op::has_row:
        step.kind = StepKind::gather_bit;
        step.number = presence_of(node.component);
        break;
    default:
        step.kind = StepKind::gather;
        step.number = plane_of(node.column);
    }
    return append(step, steps);
}

} // namespace gamelan::kernel
