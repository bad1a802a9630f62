// The estimates need not be right, but what does more must cost more.
#include "core/kernel/cost.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace gamelan::kernel {
namespace {

Statement update_of(const std::function<NodeId(Statement&)>& value) {
    Statement out;
    out.target = {0};
    out.components = {{0}};
    out.assignments.push_back({{0}, value(out), false, "x"});
    return out;
}

NodeId column(Statement& statement, std::uint32_t number, ColumnType type = ColumnType::f64) {
    return statement.expressions.column({number}, type);
}

TEST(KernelCost, EveryOperationCostsSomething) {
    const double nothing = estimated_ns(update_of([](Statement& s) { return column(s, 1); }));
    EXPECT_GT(nothing, 0);
    for (const Op op : {Op::add, Op::multiply, Op::divide, Op::greatest})
        EXPECT_GT(estimated_ns(update_of([&](Statement& s) {
                      return s.expressions.make(op, {column(s, 1), column(s, 1)});
                  })),
                  nothing);
    double last = nothing;
    for (const Op op : {Op::floor, Op::sqrt, Op::ln, Op::sin}) {
        const double ns =
            estimated_ns(update_of([&](Statement& s) { return s.expressions.make(op, {column(s, 1)}); }));
        EXPECT_GT(ns, last);
        last = ns;
    }
}

TEST(KernelCost, AColumnIsReadOnce) {
    const auto sum_of = [](std::uint32_t other) {
        return estimated_ns(update_of([&](Statement& s) {
            return s.expressions.make(Op::add, {column(s, 1), column(s, other)});
        }));
    };
    EXPECT_GT(sum_of(2), sum_of(1));
}

TEST(KernelCost, RowsElsewhereCostMoreThanTheOwn) {
    const double own = estimated_ns(update_of([](Statement& s) { return column(s, 1); }));
    const double other = estimated_ns(update_of([](Statement& s) {
        s.sources.push_back({SourceKind::reference, {{1}}, s.expressions.entity(), false});
        return s.expressions.column({1}, ColumnType::f64, {1});
    }));
    EXPECT_GT(other, own + 1);
    EXPECT_LT(other, executor_row_ns);
}

} // namespace
} // namespace gamelan::kernel
