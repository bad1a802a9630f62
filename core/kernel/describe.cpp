#include "core/kernel/describe.hpp"

#include "core/kernel/decimal.hpp"
#include "core/kernel/event_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace gamelan::kernel {

namespace {

const char* symbol_of(Op op) {
    switch (op) {
    case Op::add:
    case Op::date_add:
        return "+";
    case Op::subtract:
    case Op::date_subtract:
    case Op::date_difference:
        return "-";
    case Op::multiply:
        return "*";
    case Op::divide:
        return "/";
    case Op::modulo:
        return "%";
    case Op::bit_and:
        return "&";
    case Op::bit_or:
        return "|";
    case Op::bit_xor:
        return "#";
    case Op::shift_left:
        return "<<";
    case Op::shift_right:
        return ">>";
    case Op::equal:
        return "=";
    case Op::not_equal:
        return "<>";
    case Op::less:
        return "<";
    case Op::less_equal:
        return "<=";
    case Op::greater:
        return ">";
    case Op::greater_equal:
        return ">=";
    case Op::is_distinct:
        return "IS DISTINCT FROM";
    case Op::is_not_distinct:
        return "IS NOT DISTINCT FROM";
    case Op::logical_and:
        return "AND";
    case Op::logical_or:
        return "OR";
    default:
        return nullptr;
    }
}

const char* name_of(Op op) {
    switch (op) {
    case Op::negate:
        return "-";
    case Op::absolute:
        return "abs";
    case Op::bit_not:
        return "~";
    case Op::sign:
        return "sign";
    case Op::floor:
        return "floor";
    case Op::ceil:
        return "ceil";
    case Op::round:
        return "round";
    case Op::trunc:
        return "trunc";
    case Op::sqrt:
        return "sqrt";
    case Op::exp:
        return "exp";
    case Op::ln:
        return "ln";
    case Op::sin:
        return "sin";
    case Op::cos:
        return "cos";
    case Op::power:
        return "power";
    case Op::atan2:
        return "atan2";
    case Op::random:
        return "random";
    case Op::logical_not:
        return "NOT ";
    case Op::coalesce:
        return "coalesce";
    case Op::nullif:
        return "nullif";
    case Op::greatest:
        return "greatest";
    case Op::least:
        return "least";
    case Op::average:
        return "average";
    default:
        return "?";
    }
}

const char* name_of(AggregateFunction function) {
    switch (function) {
    case AggregateFunction::count:
        return "count";
    case AggregateFunction::sum:
        return "sum";
    case AggregateFunction::least:
        return "min";
    case AggregateFunction::greatest:
        return "max";
    case AggregateFunction::every:
        return "every";
    case AggregateFunction::any:
        return "any";
    case AggregateFunction::exists:
        return "exists";
    case AggregateFunction::average:
        return "avg";
    case AggregateFunction::first:
        return "first";
    case AggregateFunction::only:
        return "only";
    }
    return "?";
}

const char* name_of(Parameter parameter) {
    switch (parameter) {
    case Parameter::dt:
        return "dt";
    case Parameter::dt_real:
        return "dt::f32";
    case Parameter::tick:
        return "tick";
    case Parameter::now:
        return "now";
    }
    return "?";
}

template <class T>
T read(const Value& value) {
    T out;
    std::memcpy(&out, &value.bits, sizeof out);
    return out;
}

template <class T>
std::string number_text(T value) {
    std::array<char, 64> room{};
    const auto end = std::to_chars(room.data(), room.data() + room.size(), value).ptr;
    return {room.data(), end};
}

std::string text_of_uuid(const Value& value) {
    std::array<std::byte, 16> bytes{};
    value.copy_to(bytes.data());
    return uuid_text(bytes.data());
}

// Months, days, microseconds.
std::string span_text(const Value& value) {
    return "(" + number_text(static_cast<std::int32_t>(value.high >> 32)) + ", " +
           number_text(static_cast<std::int32_t>(value.high)) + ", " +
           number_text(read<std::int64_t>(value)) + ")";
}

std::string text_of(const Value& value) {
    const std::string suffix = "::" + std::string(gamelan::name_of(value.type));
    if (value.is_null)
        return "NULL" + suffix;
    switch (value.type) {
    case ColumnType::boolean:
        return value.bits != 0 ? "true" : "false";
    case ColumnType::i16:
        return number_text(read<std::int16_t>(value)) + suffix;
    case ColumnType::i32:
        return number_text(read<std::int32_t>(value));
    case ColumnType::i64:
        return number_text(read<std::int64_t>(value)) + suffix;
    case ColumnType::f32:
        return number_text(read<float>(value)) + suffix;
    case ColumnType::f64:
        return number_text(read<double>(value)) + suffix;
    case ColumnType::i8:
        return number_text(read<std::int8_t>(value)) + suffix;
    case ColumnType::decimal:
        return text_of(decimal_of(value)) + suffix;
    case ColumnType::bytes16:
        return text_of_uuid(value) + suffix;
    case ColumnType::span:
        return span_text(value) + suffix;
    default:
        return number_text(value.bits) + suffix;
    }
}

class Description {
  public:
    Description(const Statement& statement, const Symbols& symbols)
        : statement_(statement), symbols_(symbols) {}

    std::vector<std::string> lines() {
        add(head());
        add("rows: " + list_of(statement_.components));
        for (std::size_t i = 1; i < statement_.sources.size(); ++i)
            add("#" + std::to_string(i) + ": " + source(statement_.sources[i]));
        if (statement_.where)
            add("where " + expression(*statement_.where));
        if (statement_.each)
            add("each #" + std::to_string(statement_.each->value) +
                (statement_.each_where ? " where " + expression(*statement_.each_where) : ""));
        for (const Assignment& assignment : statement_.assignments)
            add(column(assignment.column) + " := " + expression(assignment.value) +
                (assignment.is_not_null ? ", not null" : ""));
        for (const Check& check : statement_.checks)
            add((check.domain.empty() ? "check " : "domain " + check.domain + " ") + check.name +
                (check.name.empty() ? "" : " ") + expression(check.condition));
        if (statement_.event_entity)
            add("entity " + expression(*statement_.event_entity));
        for (const Field& field : statement_.fields)
            add("\"" + field.name + "\": " + expression(field.value) +
                (field.is_not_null ? ", not null" : ""));
        return std::move(lines_);
    }

  private:
    void add(std::string line) { lines_.push_back(std::move(line)); }

    std::string head() const {
        switch (statement_.kind) {
        case StatementKind::update:
            return "update " + statement_.target_name;
        case StatementKind::insert:
            return "insert into " + statement_.target_name +
                   (statement_.does_nothing_on_conflict ? ", or do nothing" : "");
        case StatementKind::remove:
            return "delete from " + statement_.target_name;
        case StatementKind::emit:
            return "emit " + statement_.target_name;
        case StatementKind::call:
            return "call " + statement_.sql;
        case StatementKind::append:
            return "append to " + statement_.target_name;
        }
        return "?";
    }

    std::string list_of(const std::vector<ComponentId>& components) const {
        std::string out;
        for (const ComponentId component : components)
            out += (out.empty() ? "" : ", ") + symbols_.components[component.value].name;
        return out;
    }

    std::string source(const RowSource& source) const {
        std::string components = list_of(source.components);
        switch (source.kind) {
        case SourceKind::reference:
            return components + " of " + expression(*source.key) +
                   (source.is_optional ? ", if there is one" : "");
        case SourceKind::neighbours:
            return components + " of the cells around";
        case SourceKind::all:
            return components + " of all";
        case SourceKind::near:
            return components + " near " + list_of(source.arguments) + index(source);
        case SourceKind::nearest:
            return components + " nearest to " + list_of(source.arguments) + index(source);
        case SourceKind::in_box:
            return components + " in the box " + list_of(source.arguments) + index(source);
        case SourceKind::within:
            return components + " that may be within " + list_of(source.arguments) + index(source);
        case SourceKind::own:
            break;
        }
        return components;
    }

    std::string list_of(const std::vector<NodeId>& arguments) const {
        std::string out;
        for (const NodeId argument : arguments)
            out += (out.empty() ? "(" : ", ") + expression(argument);
        return out + ")";
    }

    std::string index(const RowSource& source) const {
        std::string out;
        for (const ColumnId coordinate : source.coordinates)
            out += (out.empty() ? ", by the grid of " : ", ") + column(coordinate);
        return out;
    }

    std::string column(ColumnId id) const {
        const Symbols::Column& column = symbols_.columns[id.value];
        return symbols_.components[column.component.value].name + "." + column.name;
    }

    static std::string row(SourceId source) {
        return source == own_row ? "" : "#" + std::to_string(source.value) + ".";
    }

    std::string aggregate(std::uint32_t place) const {
        const Aggregate& aggregate = statement_.aggregates[place];
        return std::string(name_of(aggregate.function)) + "(#" + std::to_string(aggregate.source.value) +
               (aggregate.argument ? ": " + expression(*aggregate.argument) : "") +
               (aggregate.where ? " where " + expression(*aggregate.where) : "") + ")";
    }

    std::string choose(const Node& node) const {
        std::string out = "CASE";
        for (std::size_t i = 0; i + 1 < node.arguments.size(); i += 2)
            out += " WHEN " + expression(node.arguments[i]) + " THEN " + expression(node.arguments[i + 1]);
        return out + " ELSE " + expression(node.arguments.back()) + " END";
    }

    std::string expression(NodeId id) const {
        const Node& node = statement_.expressions[id];
        switch (node.op) {
        case Op::column:
            return row(node.source) + column(node.column);
        case Op::constant:
            return text_of(node.constant);
        case Op::parameter:
            return name_of(node.parameter);
        case Op::entity:
            return row(node.source) + "entity";
        case Op::distance:
            return row(node.source) + "distance";
        case Op::has_row:
            return "has " + row(node.source) + symbols_.components[node.component.value].name;
        case Op::observed:
            return "observed";
        case Op::aggregate:
            return aggregate(node.aggregate);
        case Op::is_null:
            return "(" + expression(node.arguments[0]) + " IS NULL)";
        case Op::is_not_null:
            return "(" + expression(node.arguments[0]) + " IS NOT NULL)";
        case Op::choose:
            return choose(node);
        case Op::cast:
            return expression(node.arguments[0]) + "::" + std::string(gamelan::name_of(node.type));
        default:
            return operation(node);
        }
    }

    std::string operation(const Node& node) const {
        const char* symbol = symbol_of(node.op);
        const std::string between = symbol == nullptr ? ", " : " " + std::string(symbol) + " ";
        std::string arguments;
        for (const NodeId argument : node.arguments)
            arguments += (arguments.empty() ? "" : between) + expression(argument);
        return (symbol == nullptr ? name_of(node.op) : "") + ("(" + arguments + ")");
    }

    const Statement& statement_;
    const Symbols& symbols_;
    std::vector<std::string> lines_;
};

} // namespace

std::vector<std::string> describe(const Statement& statement, const Symbols& symbols) {
    return Description(statement, symbols).lines();
}

std::string describe(const UnboundSystem& system) {
    std::string out;
    for (std::size_t i = 0; i < system.system.statements.size(); ++i) {
        out += "statement " + std::to_string(i + 1) + "\n";
        for (const std::string& line : describe(system.system.statements[i], system.symbols))
            out += "  " + line + "\n";
    }
    return out;
}

} // namespace gamelan::kernel
