#include "core/kernel/cost.hpp"

#include "core/grid/hex_sphere.hpp"

#include <iterator>
#include <set>

namespace gamelan::kernel {

namespace {

// Measured with bench/core/kernel_cost_bench (values in the first cache) and kernel_sources_bench (100,000
// rows) on an AMD EPYC with AVX-512, one core.
struct OperationCost {
    Op first;
    Op last;
    double integer_ns_per_byte; // of the wider of operand and result
    double float_ns_per_byte;
    double flat_ns;
};
constexpr OperationCost operations[] = {
    {Op::add, Op::subtract, 0.019, 0.0105, 0},
    {Op::multiply, Op::multiply, 0.04, 0.027, 0},
    {Op::divide, Op::modulo, 0.16, 0.035, 0},
    {Op::negate, Op::shift_right, 0.015, 0.01, 0},
    {Op::sign, Op::trunc, 0, 0.009, 0},
    {Op::sqrt, Op::sqrt, 0, 0, 0.55},
    {Op::exp, Op::ln, 0, 0, 5.6},
    {Op::sin, Op::cos, 0, 0, 10},
    {Op::power, Op::atan2, 0, 0, 13},
    {Op::date_add, Op::date_difference, 0.04, 0, 0},
    {Op::random, Op::random, 0, 0, 0.44},
    {Op::equal, Op::greater_equal, 0.0105, 0.02, 0},
    {Op::is_null, Op::is_not_null, 0, 0, 0.012},
    {Op::is_distinct, Op::is_not_distinct, 0.0105, 0.02, 0},
    {Op::logical_and, Op::logical_not, 0, 0, 0.015},
    {Op::choose, Op::nullif, 0.022, 0.022, 0},
    {Op::greatest, Op::least, 0.0105, 0.018, 0},
    {Op::cast, Op::cast, 0.035, 0.035, 0},
    {Op::average, Op::average, 0, 0, 8.6},
};
constexpr double decimal_ns = 4; // any operation but comparisons
constexpr double decimal_test_ns = 2.6;
constexpr double span_ns = 2.2;
constexpr double uuid_ns = 1;
constexpr double row_ns = 0.05; // which rows there are
constexpr double read_ns_per_byte = 0.012;
constexpr double written_ns_per_byte = 0.03; // copied on write
constexpr double reference_ns = 2;           // from a key to a slot
constexpr double gather_ns = 0.9;            // a value there
constexpr double derived_ns = 0.5;           // six neighbours that are added up together
constexpr double neighbour_ns = 0.15;        // one that is read by itself
constexpr double fold_ns = 1;                // a row of an aggregate over all
constexpr double search_ns = 200;            // for the rows near one (BM_TickMoveAndTurn)
constexpr double pairs = 5;                  // that it finds, supposedly
constexpr double moved_row_ns = 1.5;         // that comes or goes
constexpr double event_ns = 100;
constexpr double event_field_ns = 60; // as text
constexpr double call_ns = 150000;    // game.spawn with a template of two components
constexpr double appended_row_ns = 40;
constexpr double appended_field_ns = 5;

double operation_ns(const Node& node, ColumnType operand) {
    if (operand == ColumnType::decimal || node.type == ColumnType::decimal)
        return node.op == Op::average             ? operations[std::size(operations) - 1].flat_ns
               : node.type == ColumnType::boolean ? decimal_test_ns
                                                  : decimal_ns;
    if (operand == ColumnType::span)
        return span_ns;
    if (operand == ColumnType::bytes16)
        return uuid_ns;
    for (const OperationCost& cost : operations)
        if (node.op >= cost.first && node.op <= cost.last) {
            const double bytes = std::max(width_of(operand), width_of(node.type));
            return cost.flat_ns +
                   bytes * (is_float(operand) ? cost.float_ns_per_byte : cost.integer_ns_per_byte);
        }
    return 0;
}

class Estimate {
  public:
    explicit Estimate(const Statement& statement) : statement_(statement), e_(statement.expressions) {}

    double ns() const {
        double out = row_ns;
        std::set<std::uint32_t> own_columns;
        for (std::uint32_t i = 0; i < e_.size(); ++i)
            out += node_ns(e_[{i}], own_columns);
        for (const RowSource& source : statement_.sources)
            out += source.kind == SourceKind::reference ? reference_ns : 0;
        for (const Aggregate& aggregate : statement_.aggregates)
            out += aggregate_ns(statement_.sources[aggregate.source.value].kind);
        if (statement_.each)
            out += search_ns;
        for (const Assignment& assignment : statement_.assignments)
            out += written_ns_per_byte * width_of(e_[assignment.value].type);
        return out + told_ns();
    }

  private:
    static double aggregate_ns(SourceKind kind) {
        if (is_by_place(kind))
            return search_ns + pairs * fold_ns;
        return kind == SourceKind::all ? fold_ns : derived_ns;
    }

    double node_ns(const Node& node, std::set<std::uint32_t>& own_columns) const {
        if (!node.arguments.empty())
            return operation_ns(node, e_[node.arguments[node.op == Op::choose ? 1 : 0]].type);
        const SourceKind kind = statement_.sources[node.source.value].kind;
        if (node.op != Op::column && node.op != Op::entity && node.op != Op::has_row)
            return 0;
        if (kind == SourceKind::reference)
            return gather_ns;
        if (is_by_place(kind))
            return pairs * gather_ns;
        if (kind == SourceKind::neighbours)
            return neighbour_ns * grid::HexSphere::direction_count;
        if (node.op == Op::column && !own_columns.insert(node.column.value).second)
            return 0;
        return read_ns_per_byte * width_of(node.type);
    }

    double told_ns() const {
        const auto fields = static_cast<double>(statement_.fields.size());
        switch (statement_.kind) {
        case StatementKind::insert:
        case StatementKind::remove:
            return moved_row_ns;
        case StatementKind::emit:
            return event_ns + event_field_ns * fields;
        case StatementKind::call:
            return call_ns;
        case StatementKind::append:
            return appended_row_ns + appended_field_ns * fields;
        default:
            return 0;
        }
    }

    const Statement& statement_;
    const Expressions& e_;
};

} // namespace

double estimated_ns(const Statement& statement) {
    return Estimate(statement).ns();
}

} // namespace gamelan::kernel
