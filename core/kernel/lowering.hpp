// Expressions of one statement to steps. Only plan.cpp uses it.
#pragma once

#include "core/kernel/plan.hpp"

#include <map>

namespace gamelan::kernel {

class Lowering {
  public:
    Lowering(GroupPlan& group, const store::Snapshot& layout, const Expressions& expressions)
        : group_(group), layout_(layout), expressions_(expressions) {}

    // Appends the steps that compute a node for the rows of a mask to `steps`.
    Register lower(NodeId id, Register mask, std::vector<Step>& steps);
    // A step that has no result.
    void narrow(Register condition, std::vector<Step>& steps);
    // From now on the column's register is another: checks see new values.
    void rename(Register source, Register value);
    Register source_of(ColumnId column);
    Register source_of_entity();
    Register fixed_of(const Fixed& fixed);
    std::uint32_t register_count() const { return next_; }
    // Registers of steps, until link() numbers them behind sources and constants.
    static constexpr Register first_result = 0x4000;
    static constexpr Register first_fixed = 0x2000;

  private:
    struct Known {
        Register value;
        Register mask;
    };
    Register append(Step step, std::vector<Step>& steps);
    Register lower_new(NodeId id, Register mask, std::vector<Step>& steps);
    Register lower_lanes(const Node& node, Register mask, std::vector<Step>& steps);
    std::optional<Register> lower_multiply_add(const Node& node, Register mask, std::vector<Step>& steps);
    std::optional<Register> lower_compare_select(const Node& node, Register mask, std::vector<Step>& steps);
    Register lower_logical(const Node& node, Register mask, std::vector<Step>& steps);
    Register lower_choose(const Node& node, std::size_t first, Register mask, std::vector<Step>& steps);
    Register lower_coalesce(const Node& node, std::size_t first, Register mask, std::vector<Step>& steps);
    Register lower_extreme(const Node& node, Register mask, std::vector<Step>& steps);
    Register lower_pair(StepKind kind, Op part, const Node& node, Register mask, std::vector<Step>& steps);
    Register narrowed(StepKind kind, Register mask, Register condition, bool is_needed,
                      std::vector<Step>& steps);
    bool is_fixed(NodeId id) const;
    Operand operand_of(NodeId id) const { return is_fixed(id) ? Operand::fixed : Operand::lanes; }
    bool may_fail(const Node& node, std::size_t from) const;

    GroupPlan& group_;
    const store::Snapshot& layout_;
    const Expressions& expressions_;
    std::map<std::uint32_t, Known> known_;
    std::map<Register, Register> renamed_;
    std::uint32_t next_ = 0;
};

} // namespace gamelan::kernel
