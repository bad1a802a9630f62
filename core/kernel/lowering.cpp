#include "core/kernel/lowering.hpp"

#include <algorithm>

namespace gamelan::kernel {

namespace {

constexpr std::size_t max_registers = 0x1f00; // of each kind

const Operation* require(const Operation* operation) {
    if (!operation)
        throw Error(sqlstate::internal, "a kernel lacks an operation");
    return operation;
}

std::uint8_t width(ColumnType type) {
    return static_cast<std::uint8_t>(width_of(type));
}

bool is_comparison(Op op) {
    return op >= Op::equal && op <= Op::greater_equal;
}

template <class T>
Register place_of(std::vector<T>& list, const T& wanted, Register first) {
    const auto found = std::find(list.begin(), list.end(), wanted);
    if (found != list.end())
        return static_cast<Register>(first + (found - list.begin()));
    if (list.size() >= max_registers)
        throw Error(sqlstate::feature_not_supported, "the systems are too long for a kernel");
    list.push_back(wanted);
    return static_cast<Register>(first + list.size() - 1);
}

} // namespace

Register Lowering::append(Step step, std::vector<Step>& steps) {
    if (next_ >= max_registers)
        throw Error(sqlstate::feature_not_supported, "the statement is too long for a kernel");
    step.out = static_cast<Register>(first_result + next_++);
    steps.push_back(step);
    return step.out;
}

void Lowering::narrow(Register condition, std::vector<Step>& steps) {
    Step step;
    step.kind = StepKind::narrow;
    step.in[0] = condition;
    steps.push_back(step);
}

void Lowering::rename(Register source, Register value) {
    renamed_[source] = value;
    known_.clear();
}

Register Lowering::source_of(ColumnId column) {
    for (std::size_t i = 0; i < pass_.sources.size(); ++i)
        if (!pass_.sources[i].is_entity && pass_.sources[i].column == column)
            return static_cast<Register>(i);
    if (pass_.sources.size() >= max_registers)
        throw Error(sqlstate::feature_not_supported, "the systems are too long for a kernel");
    const store::ColumnSpec& spec = layout_.column(column);
    pass_.sources.push_back({false, column, spec.nulls, width(spec.type), false});
    return static_cast<Register>(pass_.sources.size() - 1);
}

Register Lowering::source_of_entity() {
    for (std::size_t i = 0; i < pass_.sources.size(); ++i)
        if (pass_.sources[i].is_entity)
            return static_cast<Register>(i);
    if (pass_.is_of_cells) {
        pass_.sources.push_back({true, {store::none}, store::none, sizeof(std::uint64_t), false});
        return static_cast<Register>(pass_.sources.size() - 1);
    }
    const auto planes = store::entity_planes(layout_);
    if (!planes || planes->space != pass_.space)
        throw Error(sqlstate::undefined_column, "these rows are no entities");
    pass_.sources.push_back({true, planes->generation, store::none, sizeof(std::uint64_t), false});
    return static_cast<Register>(pass_.sources.size() - 1);
}

Register Lowering::fixed_of(const Fixed& fixed) {
    return place_of(pass_.fixed, fixed, first_fixed);
}

bool Lowering::is_fixed(NodeId id) const {
    const Op op = expressions_[id].op;
    return op == Op::constant || op == Op::parameter;
}

bool Lowering::may_fail(const Node& node, std::size_t from) const {
    return std::any_of(node.arguments.begin() + static_cast<std::ptrdiff_t>(from), node.arguments.end(),
                       [&](NodeId id) { return expressions_[id].can_fail; });
}

Register Lowering::lower(NodeId id, Register mask, std::vector<Step>& steps) {
    const Node& node = expressions_[id];
    if (on_pairs_ && !is_fixed(id))
        return lower_on_pairs(id, mask, steps);
    const bool is_own = node.source == self_;
    switch (node.op) {
    case Op::column: {
        if (!is_own)
            break;
        const Register source = source_of(node.column);
        const auto renamed = renamed_.find(source);
        return renamed == renamed_.end() ? source : renamed->second;
    }
    case Op::constant:
        return fixed_of({Fixed::Kind::constant, node.constant, Parameter::dt, 0});
    case Op::parameter:
        return fixed_of({Fixed::Kind::parameter, {}, node.parameter, 0});
    case Op::entity:
        if (is_own)
            return source_of_entity();
        break;
    default:
        break;
    }
    // What was computed for other rows may not have failed for these.
    auto& all_known = known_of(id);
    const auto known = all_known.find(id.value);
    if (known != all_known.end() &&
        (!node.can_fail || known->second.mask == mask || known->second.mask == selected_rows))
        return known->second.value;
    const Register value = lower_new(id, mask, steps);
    all_known[id.value] = {value, mask};
    return value;
}

Register Lowering::lower_new(NodeId id, Register mask, std::vector<Step>& steps) {
    const Node& node = expressions_[id];
    switch (node.op) {
    case Op::column:
    case Op::entity:
    case Op::has_row:
    case Op::observed:
        return lower_elsewhere(node, steps);
    case Op::aggregate:
        return lower_aggregate(node, mask, steps);
    case Op::logical_and:
    case Op::logical_or:
        return lower_logical(node, mask, steps);
    case Op::choose:
        if (const auto fused = lower_compare_select(node, mask, steps))
            return *fused;
        return lower_choose(node, 0, mask, steps);
    case Op::coalesce:
        return lower_coalesce(node, 0, mask, steps);
    case Op::greatest:
    case Op::least:
        return lower_extreme(node, mask, steps);
    case Op::nullif:
        return lower_pair(StepKind::nullif, Op::equal, node, mask, steps);
    case Op::is_distinct:
        return lower_pair(StepKind::distinct, Op::not_equal, node, mask, steps);
    case Op::is_not_distinct:
        return lower_pair(StepKind::not_distinct, Op::equal, node, mask, steps);
    case Op::logical_not:
    case Op::is_null:
    case Op::is_not_null: {
        Step step;
        step.kind = node.op == Op::logical_not ? StepKind::negation
                    : node.op == Op::is_null   ? StepKind::null_test
                                               : StepKind::not_null_test;
        step.width_bytes = 1;
        step.in[0] = lower(node.arguments[0], mask, steps);
        return append(step, steps);
    }
    case Op::cast:
        if (const auto whole = lower_cast_of_query(node, mask, steps))
            return *whole;
        return lower_lanes(node, mask, steps);
    default:
        if (const auto fused = lower_multiply_add(node, mask, steps))
            return *fused;
        return lower_lanes(node, mask, steps);
    }
}

Register Lowering::lower_lanes(const Node& node, Register mask, std::vector<Step>& steps) {
    const ColumnType type = expressions_[node.arguments[0]].type;
    Step step;
    step.mask = mask;
    step.width_bytes = width(node.type);
    if (node.op == Op::random) {
        step.in[0] = lower(node.arguments[0], mask, steps);
        step.in[1] = fixed_of({Fixed::Kind::random_word, {}, Parameter::dt, 0});
        step.operation = require(find_operation(node.op, type, node.type, Operand::fixed));
        return append(step, steps);
    }
    for (std::size_t i = 0; i < node.arguments.size(); ++i)
        step.in[i] = lower(node.arguments[i], mask, steps);
    const bool is_swappable = node.op == Op::add || node.op == Op::multiply || node.op == Op::bit_and ||
                              node.op == Op::bit_or || node.op == Op::bit_xor || node.op == Op::equal ||
                              node.op == Op::not_equal;
    Operand second = node.arguments.size() == 2 ? operand_of(node.arguments[1]) : Operand::lanes;
    if (is_swappable && second == Operand::lanes && is_fixed(node.arguments[0])) {
        std::swap(step.in[0], step.in[1]);
        second = Operand::fixed;
    }
    step.operation = find_operation(node.op, type, node.type, second);
    if (!step.operation)
        step.operation = require(find_operation(node.op, type, node.type, Operand::lanes));
    return append(step, steps);
}

// a + b × c, b × c + a (when a cannot fail: Postgres would evaluate the product first), a − b × c.
std::optional<Register> Lowering::lower_multiply_add(const Node& node, Register mask,
                                                     std::vector<Step>& steps) {
    if ((node.op != Op::add && node.op != Op::subtract) || !is_float(node.type))
        return std::nullopt;
    const auto is_new_product = [&](NodeId id) {
        return expressions_[id].op == Op::multiply && !known_of(id).contains(id.value);
    };
    NodeId term = node.arguments[0];
    NodeId product = node.arguments[1];
    if (!is_new_product(product)) {
        std::swap(term, product);
        if (node.op == Op::subtract || !is_new_product(product) || expressions_[term].can_fail)
            return std::nullopt;
    }
    Step step;
    step.kind = StepKind::multiply_add;
    step.mask = mask;
    step.width_bytes = width(node.type);
    step.in[0] = lower(term, mask, steps);
    NodeId left = expressions_[product].arguments[0];
    NodeId right = expressions_[product].arguments[1];
    step.in[1] = lower(left, mask, steps);
    step.in[2] = lower(right, mask, steps);
    if (is_fixed(left) && !is_fixed(right)) {
        std::swap(left, right);
        std::swap(step.in[1], step.in[2]);
    }
    const Operand multiplier = operand_of(right);
    step.operation = require(find_multiply_add(node.type, node.op == Op::subtract, multiplier));
    step.parts[0] = require(find_operation(Op::multiply, node.type, node.type, multiplier));
    step.parts[1] = require(find_operation(node.op, node.type, node.type, Operand::lanes));
    return append(step, steps);
}

std::optional<Register> Lowering::lower_compare_select(const Node& node, Register mask,
                                                       std::vector<Step>& steps) {
    const Node& condition = expressions_[node.arguments[0]];
    if (node.arguments.size() != 3 || !is_comparison(condition.op) || may_fail(node, 1) ||
        known_of(node.arguments[0]).contains(node.arguments[0].value))
        return std::nullopt;
    const ColumnType type = expressions_[condition.arguments[0]].type;
    const Operand second = operand_of(condition.arguments[1]);
    Step step;
    step.operation = find_compare_select(condition.op, type, second);
    if (!step.operation || width(type) != width(node.type))
        return std::nullopt;
    step.kind = StepKind::compare_select;
    step.mask = mask;
    step.width_bytes = width(node.type);
    step.in[0] = lower(condition.arguments[0], mask, steps);
    step.in[1] = lower(condition.arguments[1], mask, steps);
    step.in[2] = lower(node.arguments[1], mask, steps);
    step.in[3] = lower(node.arguments[2], mask, steps);
    step.parts[0] = require(find_operation(condition.op, type, ColumnType::boolean, second));
    step.parts[1] = find_select(width(node.type));
    return append(step, steps);
}

Register Lowering::narrowed(StepKind kind, Register mask, Register condition, bool is_needed,
                            std::vector<Step>& steps) {
    if (!is_needed)
        return mask;
    Step step;
    step.kind = kind;
    step.width_bytes = 1;
    step.in[0] = mask;
    step.in[1] = condition;
    return append(step, steps);
}

// AND ends at the first false, OR at the first true; a NULL lets them go on.
Register Lowering::lower_logical(const Node& node, Register mask, std::vector<Step>& steps) {
    const bool is_and = node.op == Op::logical_and;
    Register value = lower(node.arguments[0], mask, steps);
    for (std::size_t i = 1; i < node.arguments.size(); ++i) {
        mask = narrowed(is_and ? StepKind::rows_unless_false : StepKind::rows_unless_true, mask, value,
                        may_fail(node, i), steps);
        Step step;
        step.kind = is_and ? StepKind::conjunction : StepKind::disjunction;
        step.width_bytes = 1;
        step.in[0] = value;
        step.in[1] = lower(node.arguments[i], mask, steps);
        value = append(step, steps);
    }
    return value;
}

Register Lowering::lower_choose(const Node& node, std::size_t first, Register mask,
                                std::vector<Step>& steps) {
    if (first + 1 == node.arguments.size())
        return lower(node.arguments[first], mask, steps);
    Step step;
    step.kind = StepKind::select;
    step.width_bytes = width(node.type);
    step.operation = find_select(width(node.type));
    step.in[0] = lower(node.arguments[first], mask, steps);
    const Register yes = narrowed(StepKind::rows_if_true, mask, step.in[0],
                                  expressions_[node.arguments[first + 1]].can_fail, steps);
    step.in[1] = lower(node.arguments[first + 1], yes, steps);
    const Register no =
        narrowed(StepKind::rows_unless_true, mask, step.in[0], may_fail(node, first + 2), steps);
    step.in[2] = lower_choose(node, first + 2, no, steps);
    return append(step, steps);
}

Register Lowering::lower_coalesce(const Node& node, std::size_t first, Register mask,
                                  std::vector<Step>& steps) {
    const Register value = lower(node.arguments[first], mask, steps);
    if (first + 1 == node.arguments.size())
        return value;
    const Register rest = narrowed(StepKind::rows_if_null, mask, value, may_fail(node, first + 1), steps);
    Step step;
    step.kind = StepKind::coalesce;
    step.width_bytes = width(node.type);
    step.operation = find_select(width(node.type));
    step.in[0] = value;
    step.in[1] = lower_coalesce(node, first + 1, rest, steps);
    return append(step, steps);
}

Register Lowering::lower_extreme(const Node& node, Register mask, std::vector<Step>& steps) {
    std::vector<Register> values;
    for (const NodeId argument : node.arguments)
        values.push_back(lower(argument, mask, steps));
    Register value = values[0];
    for (std::size_t i = 1; i < values.size(); ++i) {
        Step step;
        step.kind = StepKind::extreme;
        step.width_bytes = width(node.type);
        step.operation =
            require(find_operation(node.op, node.type, node.type, operand_of(node.arguments[i])));
        step.parts[0] = find_select(width(node.type));
        step.in[0] = value;
        step.in[1] = values[i];
        value = append(step, steps);
    }
    return value;
}

Register Lowering::lower_pair(StepKind kind, Op part, const Node& node, Register mask,
                              std::vector<Step>& steps) {
    Step step;
    step.kind = kind;
    step.mask = mask;
    step.width_bytes = width(node.type);
    step.in[0] = lower(node.arguments[0], mask, steps);
    step.in[1] = lower(node.arguments[1], mask, steps);
    step.operation = require(find_operation(part, expressions_[node.arguments[0]].type, ColumnType::boolean,
                                            operand_of(node.arguments[1])));
    return append(step, steps);
}

} // namespace gamelan::kernel
