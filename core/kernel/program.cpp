#include "core/kernel/program.hpp"

#include "core/base/hash.hpp"

namespace gamelan::kernel {

namespace {

[[noreturn]] void refuse() {
    throw Error(sqlstate::datatype_mismatch, "a kernel does not know this operation for these types");
}

void require(bool holds) {
    if (!holds)
        refuse();
}

bool is_logical(Op op) {
    return op == Op::logical_and || op == Op::logical_or || op == Op::logical_not;
}

bool knows(Op op, ColumnType type) {
    const bool is_sum = op == Op::add || op == Op::subtract || op == Op::negate;
    if (op == Op::modulo)
        return is_integer(type);
    if (type == ColumnType::decimal)
        return is_sum || op == Op::multiply || op == Op::absolute;
    return is_number(type) || (type == ColumnType::span && is_sum);
}

// Besides the casts among numbers.
bool is_cast_of_integer(ColumnType from, ColumnType to) {
    const auto is_small = [](ColumnType type) {
        return type == ColumnType::boolean || type == ColumnType::i8;
    };
    return (is_small(from) && to == ColumnType::i32) || (from == ColumnType::i32 && is_small(to));
}

bool can_fail_for(Op op, ColumnType from, ColumnType to) {
    switch (op) {
    case Op::add:
    case Op::subtract:
    case Op::multiply:
        return from != ColumnType::decimal;
    case Op::divide:
    case Op::modulo:
    case Op::sqrt:
    case Op::exp:
    case Op::ln:
    case Op::sin:
    case Op::cos:
    case Op::power:
    case Op::date_add:
    case Op::date_subtract:
    case Op::date_difference:
        return true;
    case Op::negate:
    case Op::absolute:
        return is_integer(from) || from == ColumnType::span;
    case Op::cast:
        if ((from == ColumnType::i32 && to == ColumnType::i8) ||
            (from == ColumnType::decimal && is_integer(to)))
            return true;
        if (is_float(from))
            return is_integer(to) || (from == ColumnType::f64 && to == ColumnType::f32);
        return is_integer(from) && is_integer(to) && width_of(to) < width_of(from);
    default:
        return false;
    }
}

struct Shape {
    std::size_t fewest;
    std::size_t most;
};

Shape arguments_of(Op op) {
    switch (op) {
    case Op::column:
    case Op::constant:
    case Op::parameter:
    case Op::entity:
    case Op::has_row:
    case Op::observed:
    case Op::aggregate:
    case Op::distance:
        return {0, 0};
    case Op::negate:
    case Op::absolute:
    case Op::bit_not:
    case Op::sign:
    case Op::floor:
    case Op::ceil:
    case Op::round:
    case Op::trunc:
    case Op::sqrt:
    case Op::exp:
    case Op::ln:
    case Op::sin:
    case Op::cos:
    case Op::random:
    case Op::is_null:
    case Op::is_not_null:
    case Op::logical_not:
    case Op::cast:
        return {1, 1};
    case Op::logical_and:
    case Op::logical_or:
    case Op::greatest:
    case Op::least:
        return {2, max_nodes};
    case Op::coalesce:
        return {1, max_nodes};
    case Op::choose:
        return {3, max_nodes};
    default:
        return {2, 2};
    }
}

std::uint64_t hash_of(const Node& node) {
    std::uint64_t hash = 0;
    const auto mix = [&](std::uint64_t part) { hash = mix64(hash ^ part) + 0x9e3779b97f4a7c15ULL; };
    mix(std::uint64_t{static_cast<std::uint8_t>(node.op)} << 8 | static_cast<std::uint8_t>(node.type));
    mix(std::uint64_t{node.source.value} << 32 | node.column.value);
    mix(std::uint64_t{node.component.value} << 32 | node.aggregate);
    mix(std::uint64_t{static_cast<std::uint8_t>(node.parameter)} << 8 | (node.constant.is_null ? 1 : 0));
    mix(node.constant.bits);
    mix(node.constant.high);
    for (const NodeId argument : node.arguments)
        mix(argument.value);
    return hash;
}

} // namespace

NodeId Expressions::intern(Node node) {
    const std::uint64_t hash = hash_of(node);
    const auto [first, last] = places_.equal_range(hash);
    for (auto place = first; place != last; ++place)
        if (nodes_[place->second] == node)
            return {place->second};
    if (nodes_.size() >= max_nodes)
        throw Error(sqlstate::feature_not_supported, "the statement is too long for a kernel");
    const auto place = static_cast<std::uint32_t>(nodes_.size());
    places_.emplace(hash, place);
    nodes_.push_back(std::move(node));
    return {place};
}

NodeId Expressions::add(const Node& node) {
    for (const NodeId argument : node.arguments)
        require(argument.value < nodes_.size());
    switch (node.op) {
    case Op::column:
        return column(node.column, node.type, node.source);
    case Op::constant:
        return constant(node.constant);
    case Op::parameter:
        return parameter(node.parameter);
    case Op::entity:
        return entity(node.source);
    case Op::has_row:
        return has_row(node.component, node.source);
    case Op::observed:
        return observed();
    case Op::distance:
        return distance(node.source);
    case Op::aggregate:
        return aggregate(node.aggregate, node.type);
    case Op::cast:
        require(node.arguments.size() == 1);
        return cast(node.arguments[0], node.type);
    default:
        return make(node.op, node.arguments);
    }
}

NodeId Expressions::column(ColumnId column, ColumnType type, SourceId source) {
    require(is_known(type));
    Node node;
    node.op = Op::column;
    node.type = type;
    node.source = source;
    node.column = column;
    return intern(node);
}

NodeId Expressions::constant(const Value& value) {
    require(is_value(value.type));
    Node node;
    node.type = value.type;
    node.constant = value;
    return intern(node);
}

NodeId Expressions::parameter(Parameter parameter) {
    Node node;
    node.op = Op::parameter;
    node.parameter = parameter;
    node.type = parameter == Parameter::dt        ? ColumnType::f64
                : parameter == Parameter::dt_real ? ColumnType::f32
                                                  : ColumnType::i64;
    return intern(node);
}

NodeId Expressions::entity(SourceId source) {
    Node node;
    node.op = Op::entity;
    node.type = ColumnType::i64;
    node.source = source;
    return intern(node);
}

NodeId Expressions::has_row(ComponentId component, SourceId source) {
    Node node;
    node.op = Op::has_row;
    node.type = ColumnType::boolean;
    node.source = source;
    node.component = component;
    return intern(node);
}

NodeId Expressions::observed() {
    Node node;
    node.op = Op::observed;
    node.type = ColumnType::boolean;
    return intern(node);
}

NodeId Expressions::distance(SourceId source) {
    Node node;
    node.op = Op::distance;
    node.type = ColumnType::f64;
    node.source = source;
    return intern(node);
}

NodeId Expressions::aggregate(std::uint32_t place, ColumnType type) {
    require(is_value(type));
    Node node;
    node.op = Op::aggregate;
    node.type = type;
    node.aggregate = place;
    node.can_fail = true; // as what it is made of may
    return intern(node);
}

std::optional<ColumnType> result_type(AggregateFunction function, ColumnType argument) {
    switch (function) {
    case AggregateFunction::count:
        return ColumnType::i64;
    case AggregateFunction::sum:
        if (argument == ColumnType::i16 || argument == ColumnType::i32)
            return ColumnType::i64;
        if (argument == ColumnType::i64)
            return ColumnType::decimal;
        return is_float(argument) ? std::optional(argument) : std::nullopt;
    case AggregateFunction::average:
        if (is_integer(argument))
            return ColumnType::decimal;
        return is_float(argument) ? std::optional(ColumnType::f64) : std::nullopt;
    case AggregateFunction::least:
    case AggregateFunction::greatest:
        return is_number(argument) ? std::optional(argument) : std::nullopt;
    case AggregateFunction::every:
    case AggregateFunction::any:
        return argument == ColumnType::boolean ? std::optional(argument) : std::nullopt;
    case AggregateFunction::exists:
        return ColumnType::boolean;
    case AggregateFunction::first:
    case AggregateFunction::only:
        return argument;
    }
    return std::nullopt;
}

NodeId Expressions::make(Op op, std::vector<NodeId> arguments) {
    const Shape shape = arguments_of(op);
    require(!arguments.empty() && arguments.size() >= shape.fewest && arguments.size() <= shape.most &&
            op != Op::cast && op <= last_op);
    const auto type_of = [&](std::size_t i) { return nodes_[arguments[i].value].type; };
    const ColumnType first = type_of(0);
    const auto all_are = [&](ColumnType type, std::size_t from = 0) {
        for (std::size_t i = from; i < arguments.size(); ++i)
            require(type_of(i) == type);
    };
    Node node;
    node.op = op;
    node.type = first;
    if (op == Op::choose) {
        require(arguments.size() % 2 == 1);
        node.type = type_of(1);
        for (std::size_t i = 0; i + 1 < arguments.size(); i += 2)
            require(type_of(i) == ColumnType::boolean && type_of(i + 1) == node.type);
        require(type_of(arguments.size() - 1) == node.type);
    } else if (op == Op::shift_left || op == Op::shift_right) {
        require(is_integer(first) && type_of(1) == ColumnType::i32);
    } else if (op == Op::average) {
        require(first == ColumnType::decimal && type_of(1) == ColumnType::i64);
    } else {
        all_are(first);
    }
    if (is_logical(op))
        require(first == ColumnType::boolean);
    else if (op >= Op::add && op <= Op::absolute)
        require(knows(op, first));
    else if (op >= Op::bit_and && op <= Op::shift_right)
        require(is_integer(first));
    else if (op >= Op::sign && op <= Op::atan2)
        require(first == ColumnType::f64);
    else if (op >= Op::date_add && op <= Op::date_difference)
        require(first == ColumnType::i32);
    else if (op == Op::random)
        require(first == ColumnType::i64);
    else if ((op >= Op::less && op <= Op::greater_equal) || op == Op::greatest || op == Op::least)
        require(first != ColumnType::code);
    if (op == Op::random)
        node.type = ColumnType::f64;
    if (op >= Op::equal && op <= Op::is_not_distinct)
        node.type = ColumnType::boolean;
    node.can_fail = can_fail_for(op, first, node.type);
    for (const NodeId argument : arguments)
        node.can_fail = node.can_fail || nodes_[argument.value].can_fail;
    node.arguments = std::move(arguments);
    return intern(std::move(node));
}

NodeId Expressions::cast(NodeId argument, ColumnType type) {
    const ColumnType from = nodes_[argument.value].type;
    if (from == type)
        return argument;
    const bool is_of_decimal =
        (is_integer(from) && type == ColumnType::decimal) || (from == ColumnType::decimal && is_number(type));
    require(is_of_decimal || is_cast_of_integer(from, type) || (is_number(from) && is_number(type)));
    Node node;
    node.op = Op::cast;
    node.type = type;
    node.can_fail = can_fail_for(Op::cast, from, type) || nodes_[argument.value].can_fail;
    node.arguments = {argument};
    return intern(std::move(node));
}

NodeId Expressions::between(NodeId value, NodeId low, NodeId high) {
    return make(Op::logical_and,
                {make(Op::greater_equal, {value, low}), make(Op::less_equal, {value, high})});
}

NodeId Expressions::in_list(NodeId value, const std::vector<NodeId>& list) {
    std::vector<NodeId> tests;
    tests.reserve(list.size());
    for (const NodeId element : list)
        tests.push_back(make(Op::equal, {value, element}));
    require(!tests.empty());
    return tests.size() == 1 ? tests[0] : make(Op::logical_or, tests);
}

} // namespace gamelan::kernel
