// What unbound systems must be like, so that nothing that is made of them can reach beyond its arrays,
// recurse without end, or read a row that is not there.
#include "core/kernel/decimal.hpp"
#include "core/kernel/unbound.hpp"

#include <algorithm>

namespace gamelan::kernel {

namespace {

void require(bool holds, const char* what) {
    if (!holds)
        throw Error(sqlstate::datatype_mismatch, std::string("a system's program is wrong: ") + what);
}

void require_limit(std::size_t count, std::size_t limit, const char* what) {
    if (count > limit)
        throw Error(sqlstate::feature_not_supported,
                    std::string("a system has too many ") + what + " for a kernel");
}

using SourceMask = std::uint64_t;
static_assert(max_sources <= 64);

// What a node reads, itself and its arguments.
struct Reads {
    SourceMask sources = 0;
    bool aggregates = false;
    bool observed = false;
    std::size_t depth = 1;
};

class StatementCheck {
  public:
    StatementCheck(const Statement& statement, const Symbols& symbols)
        : statement_(statement), expressions_(statement.expressions), symbols_(symbols) {}

    void run() {
        check_limits();
        is_of_cells_ = check_components(statement_.components);
        check_target();
        check_sources();
        for (std::uint32_t i = 0; i < expressions_.size(); ++i)
            reads_.push_back(check_node(expressions_[{i}], i));
        for (std::uint32_t i = 0; i < statement_.sources.size(); ++i) {
            check_key(i);
            check_arguments(statement_.sources[i]);
        }
        for (const Aggregate& aggregate : statement_.aggregates)
            check_aggregate(aggregate);
        for (std::uint32_t i = 0; i < expressions_.size(); ++i)
            check_aggregate_type(expressions_[{i}]);
        check_each();
        check_uses();
    }

  private:
    void check_limits() const {
        require_limit(statement_.sources.size(), max_sources, "sources in a statement");
        require_limit(statement_.aggregates.size(), max_aggregates, "sub-selects in a statement");
        require_limit(statement_.assignments.size(), max_assignments, "assignments in a statement");
        require_limit(statement_.checks.size(), max_checks, "checks in a statement");
        require_limit(statement_.fields.size(), max_fields, "fields in an event");
        require_limit(expressions_.size(), max_nodes, "expressions in a statement");
    }

    bool is_component(ComponentId id) const { return id.value < symbols_.components.size(); }

    // Whether they are of cells.
    bool check_components(const std::vector<ComponentId>& components) const {
        require_limit(components.size(), max_statement_components, "components in a row");
        require(!components.empty(), "a row is of no component");
        for (const ComponentId component : components)
            require(is_component(component), "there is no such component");
        const bool is_of_cells = symbols_.components[components[0].value].is_of_cells;
        for (const ComponentId component : components)
            require(symbols_.components[component.value].is_of_cells == is_of_cells,
                    "a row is of entities and of cells");
        return is_of_cells;
    }

    bool is_own(ComponentId component) const {
        return std::find(statement_.components.begin(), statement_.components.end(), component) !=
               statement_.components.end();
    }

    void check_target() const {
        const StatementKind kind = statement_.kind;
        if (is_told(kind)) {
            require(statement_.target.value == store::none, "an event has a target");
        } else {
            require(is_component(statement_.target), "there is no such target");
            require(symbols_.components[statement_.target.value].is_of_cells == is_of_cells_,
                    "the target is of other rows");
            require(is_own(statement_.target) != (kind == StatementKind::insert),
                    "the target is, or is not, among the components");
        }
        if (kind == StatementKind::insert || kind == StatementKind::remove)
            require(!is_of_cells_, "cells do not come or go");
        const bool is_assigning = kind == StatementKind::update || kind == StatementKind::insert;
        require(is_assigning || statement_.assignments.empty(), "it assigns nothing, and does");
        require(is_assigning || kind == StatementKind::append || statement_.checks.empty(),
                "it has nothing to check");
        require(kind == StatementKind::insert || !statement_.does_nothing_on_conflict,
                "only an insert has conflicts");
        require(is_told(kind) || statement_.fields.empty(), "only an event has fields");
        require(is_call(statement_) != statement_.sql.empty() && statement_.sql.size() <= max_call_bytes,
                "a call says nothing, or too much");
        require(kind == StatementKind::emit || !statement_.event_entity, "only an event is somebody's");
    }

    void check_sources() {
        require(!statement_.sources.empty(), "a statement has no row of its own");
        for (std::size_t i = 0; i < statement_.sources.size(); ++i) {
            const RowSource& source = statement_.sources[i];
            require(source.kind <= SourceKind::within, "there is no such kind of source");
            require((i == 0) == (source.kind == SourceKind::own), "the first source is the own row");
            require(source.key.has_value() == (source.kind == SourceKind::reference),
                    "a reference has a key, and nothing else");
            require(!source.is_optional || source.kind == SourceKind::reference,
                    "only a reference is optional");
            are_cells_.push_back(i == 0 ? is_of_cells_ : check_components(source.components));
            require(source.kind != SourceKind::neighbours || (is_of_cells_ && are_cells_.back()),
                    "only cells have neighbours");
            check_place(source, are_cells_.back());
            if (source.kind >= SourceKind::neighbours)
                sets_ |= SourceMask{1} << i;
        }
    }

    void check_place(const RowSource& source, bool is_of_cells) const {
        if (!is_by_place(source.kind)) {
            require(source.coordinates.empty() && source.arguments.empty(), "a source has no place");
            return;
        }
        require(!is_of_cells, "cells have no place");
        const std::size_t count = source.coordinates.size();
        require(count >= 1 && count <= max_coordinates, "a place has one to three coordinates");
        require(source.arguments.size() == argument_count(source.kind, count), "a place is not complete");
        for (const ColumnId coordinate : source.coordinates) {
            require(coordinate.value < symbols_.columns.size(), "there is no such column");
            const Symbols::Column& column = symbols_.columns[coordinate.value];
            require(column.component == source.components[0] && is_float(column.type),
                    "a coordinate is of another component or type");
        }
    }

    void check_arguments(const RowSource& source) const {
        for (std::size_t i = 0; i < source.arguments.size(); ++i) {
            const Reads& reads = reads_of(source.arguments[i]);
            const bool is_count = source.kind == SourceKind::nearest && i == source.coordinates.size();
            require((reads.sources & sets_) == 0 && !reads.aggregates, "a place depends on many rows");
            require(type_of(source.arguments[i]) == (is_count ? ColumnType::i32 : ColumnType::f64),
                    "a place is of another type");
        }
    }

    bool has_component(SourceId source, ComponentId component) const {
        if (source == own_row)
            return is_own(component) ||
                   (statement_.kind == StatementKind::insert && component == statement_.target);
        const std::vector<ComponentId>& components = statement_.sources[source.value].components;
        return std::find(components.begin(), components.end(), component) != components.end();
    }

    Reads check_leaf(const Node& node) const {
        Reads out;
        const bool is_of_source = node.op == Op::column || node.op == Op::entity || node.op == Op::has_row ||
                                  node.op == Op::distance;
        require(is_of_source || node.source == own_row, "it reads a source without need");
        require(node.source.value < statement_.sources.size(), "there is no such source");
        if (is_of_source)
            out.sources = SourceMask{1} << node.source.value;
        if (node.op == Op::column) {
            require(node.column.value < symbols_.columns.size(), "there is no such column");
            const Symbols::Column& column = symbols_.columns[node.column.value];
            require(column.type == node.type, "a column is of another type");
            require(has_component(node.source, column.component), "a row has no such column");
        }
        if (node.op == Op::has_row)
            require(is_component(node.component) && symbols_.components[node.component.value].is_of_cells ==
                                                        are_cells_[node.source.value],
                    "a row cannot have such a component");
        if (node.op == Op::distance)
            require(statement_.sources[node.source.value].kind == SourceKind::near ||
                        statement_.sources[node.source.value].kind == SourceKind::nearest,
                    "a row has no distance");
        if (node.op == Op::constant)
            check_constant(node.constant);
        require(node.op != Op::parameter || node.parameter <= Parameter::now, "there is no such parameter");
        require(node.op != Op::aggregate || node.aggregate < statement_.aggregates.size(),
                "there is no such aggregate");
        out.aggregates = node.op == Op::aggregate;
        out.observed = node.op == Op::observed;
        return out;
    }

    static void check_constant(const Value& value) {
        const std::uint32_t width = width_of(value.type);
        require(!value.is_null || (value.bits == 0 && value.high == 0), "a NULL has a value");
        require(width >= sizeof value.bits || value.bits >> (8 * width) == 0,
                "a constant is wider than its type");
        require(width > sizeof value.bits || value.high == 0, "a constant is wider than its type");
        require(value.type != ColumnType::decimal || (value.bits & 0xff) <= max_decimal_scale,
                "a number has too many digits behind the point");
        require(value.type != ColumnType::boolean || value.bits <= 1, "a boolean is neither true nor false");
    }

    Reads check_node(const Node& node, std::uint32_t place) const {
        if (node.arguments.empty())
            return check_leaf(node);
        Reads out;
        out.depth = 0;
        for (const NodeId argument : node.arguments) {
            require(argument.value < place, "an expression comes before its arguments");
            const Reads& read = reads_[argument.value];
            out.sources |= read.sources;
            out.aggregates = out.aggregates || read.aggregates;
            out.observed = out.observed || read.observed;
            out.depth = std::max(out.depth, read.depth);
        }
        const bool is_list = node.op == Op::choose || node.op == Op::coalesce;
        out.depth += is_list ? node.arguments.size() : 1;
        if (out.depth > max_depth)
            throw Error(sqlstate::feature_not_supported, "an expression is too deep for a kernel");
        return out;
    }

    const Reads& reads_of(NodeId id) const {
        require(id.value < reads_.size(), "there is no such expression");
        return reads_[id.value];
    }
    ColumnType type_of(NodeId id) const { return expressions_[id].type; }

    void check_key(std::uint32_t place) const {
        const std::optional<NodeId> key = statement_.sources[place].key;
        if (!key)
            return;
        const Reads& reads = reads_of(*key);
        const SourceMask before = (SourceMask{1} << place) - 1;
        require((reads.sources & (~before | sets_)) == 0, "a key reads a source that comes after it");
        require(!reads.aggregates, "a key reads an aggregate");
        require(type_of(*key) == ColumnType::i64, "a key is no handle");
    }

    void check_aggregate(const Aggregate& aggregate) const {
        require(aggregate.function <= AggregateFunction::only, "there is no such aggregate function");
        require(aggregate.source.value < statement_.sources.size() &&
                    (sets_ >> aggregate.source.value & 1) != 0,
                "an aggregate is over a single row");
        require(aggregate.argument.has_value() ? aggregate.function != AggregateFunction::exists
                                               : aggregate.function == AggregateFunction::count ||
                                                     aggregate.function == AggregateFunction::exists,
                "an aggregate has an argument, or has none");
        require(aggregate.function < AggregateFunction::first ||
                    is_by_place(statement_.sources[aggregate.source.value].kind),
                "a row of many is not found by its place");
        require(aggregate.function != AggregateFunction::average ||
                    statement_.sources[aggregate.source.value].kind == SourceKind::all,
                "an average is not over all rows");
        const SourceMask own = SourceMask{1} << aggregate.source.value;
        const bool is_of_all = statement_.sources[aggregate.source.value].kind == SourceKind::all;
        const SourceMask readable = is_of_all ? own : own | ~sets_;
        for (const std::optional<NodeId>& id : {aggregate.where, aggregate.argument}) {
            if (!id)
                continue;
            const Reads& reads = reads_of(*id);
            require((reads.sources & ~readable) == 0, "an aggregate reads another source");
            require(!reads.aggregates, "an aggregate reads an aggregate");
            require(!reads.observed || !is_of_all, "an aggregate reads what is observed");
        }
        require(!aggregate.where || type_of(*aggregate.where) == ColumnType::boolean,
                "a condition is no boolean");
        require(!aggregate.argument || result_type(aggregate.function, type_of(*aggregate.argument)),
                "an aggregate does not know its argument's type");
    }

    void check_aggregate_type(const Node& node) const {
        if (node.op != Op::aggregate)
            return;
        const Aggregate& aggregate = statement_.aggregates[node.aggregate];
        const ColumnType argument = aggregate.argument ? type_of(*aggregate.argument) : ColumnType::i64;
        require(result_type(aggregate.function, argument) == node.type, "an aggregate is of another type");
    }

    void check_value(NodeId id) const {
        require((reads_of(id).sources & sets_) == 0, "an expression reads many rows");
    }
    // What is told of each row of a source may read that row.
    void check_told(NodeId id) const {
        require((reads_of(id).sources & sets_ & ~each_) == 0, "an expression reads many rows");
    }
    void check_each() {
        require(statement_.each || !statement_.each_where, "a condition is on no rows");
        if (!statement_.each)
            return;
        require(is_told(statement_.kind) && statement_.each->value < statement_.sources.size() &&
                    statement_.sources[statement_.each->value].kind == SourceKind::near,
                "what is told of is not near");
        each_ = SourceMask{1} << statement_.each->value;
        if (!statement_.each_where)
            return;
        check_told(*statement_.each_where);
        require(type_of(*statement_.each_where) == ColumnType::boolean, "a condition is no boolean");
    }

    void check_uses() const {
        if (statement_.where) {
            check_value(*statement_.where);
            require(type_of(*statement_.where) == ColumnType::boolean, "a condition is no boolean");
        }
        std::vector<std::uint32_t> seen;
        for (const Assignment& assignment : statement_.assignments) {
            check_value(assignment.value);
            require(assignment.column.value < symbols_.columns.size(), "there is no such column");
            const Symbols::Column& column = symbols_.columns[assignment.column.value];
            require(column.component == statement_.target && column.type == type_of(assignment.value),
                    "an assigned column is of another component or type");
            require(std::find(seen.begin(), seen.end(), assignment.column.value) == seen.end(),
                    "a column is assigned twice");
            seen.push_back(assignment.column.value);
        }
        for (const Check& check : statement_.checks) {
            const Reads& reads = reads_of(check.condition);
            if (statement_.kind == StatementKind::append)
                check_told(check.condition);
            else
                require((reads.sources & ~SourceMask{1}) == 0 && !reads.aggregates && !reads.observed,
                        "a check reads more than the row");
            require(type_of(check.condition) == ColumnType::boolean, "a check is no boolean");
        }
        if (statement_.event_entity) {
            check_told(*statement_.event_entity);
            require(type_of(*statement_.event_entity) == ColumnType::i64, "an event's entity is no handle");
        }
        for (const Field& field : statement_.fields)
            check_told(field.value);
    }

    const Statement& statement_;
    const Expressions& expressions_;
    const Symbols& symbols_;
    bool is_of_cells_ = false;
    std::vector<bool> are_cells_; // by source
    SourceMask sets_ = 0;         // sources of many rows
    SourceMask each_ = 0;         // the one of which something is told
    std::vector<Reads> reads_;    // by node
};

} // namespace

void check(const UnboundSystem& unbound) {
    const Symbols& symbols = unbound.symbols;
    require_limit(symbols.components.size(), store::max_components, "components");
    require_limit(symbols.columns.size(), store::max_columns, "columns");
    for (const Symbols::Column& column : symbols.columns)
        require(column.component.value < symbols.components.size() && is_known(column.type),
                "a column is of no component, or of no type");
    require_limit(unbound.system.statements.size(), max_statements, "statements");
    for (const Statement& statement : unbound.system.statements) {
        require(statement.kind <= StatementKind::call, "there is no such kind of statement");
        require(!is_call(statement) || &statement == &unbound.system.statements.back(),
                "a statement comes after a call");
        StatementCheck(statement, symbols).run();
    }
}

} // namespace gamelan::kernel
