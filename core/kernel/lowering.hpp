// Expressions of one statement to steps. Only plan.cpp uses it.
#pragma once

#include "core/kernel/plan.hpp"

#include <algorithm>
#include <map>

namespace gamelan::kernel {

// Where it is in the list, at whose end it is put if it is not there.
template <class T>
std::uint32_t place_in(std::vector<T>& list, const T& wanted) {
    const auto found = std::find(list.begin(), list.end(), wanted);
    const auto place = static_cast<std::uint32_t>(found - list.begin());
    if (found == list.end())
        list.push_back(wanted);
    return place;
}

class Lowering {
  public:
    // `self`: the source whose rows the pass goes over.
    Lowering(PassPlan& pass, const store::Snapshot& layout, const Statement& statement,
             SourceId self = own_row);

    // Appends the steps that compute a node for the rows of a mask to `steps`.
    Register lower(NodeId id, Register mask, std::vector<Step>& steps);
    // A step that has no result.
    void narrow(Register condition, std::vector<Step>& steps);
    // All that decides which rows are selected: references and conditions, each as soon as the sources that
    // it reads are known.
    void lower_selection(std::optional<NodeId> where, std::vector<Step>& steps);
    // From now on the column's register is another: checks see new values.
    void rename(Register source, Register value);
    // What is told of each row of a source is lowered between these, to steps on pairs, for the rows of the
    // mask that begin_each() returns.
    Register begin_each(std::vector<Step>& rows, std::vector<Step>& pairs);
    void end_each(Register mask, std::vector<Step>& rows, std::vector<Step>& pairs);
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
    void lower_reference(SourceId source, std::vector<Step>& steps);
    Register lower_elsewhere(const Node& node, std::vector<Step>& steps);
    Register lower_neighbour(const Node& node, std::vector<Step>& steps);
    Register lower_aggregate(const Node& node, Register mask, std::vector<Step>& steps);
    Register lower_neighbours(const Aggregate& aggregate, Register mask, std::vector<Step>& steps);
    bool can_derive(const Aggregate& aggregate) const;
    Register lower_stencil(const Aggregate& aggregate, Register mask, std::vector<Step>& steps);
    Register finish(const Aggregate& aggregate, Accumulation accumulation, Register value, Register mask,
                    std::vector<Step>& steps);
    // `as`: the aggregate's type, or what its decimal is cast to.
    Register lower_query(std::uint32_t place, Register mask, std::vector<Step>& steps, ColumnType as);
    std::optional<Register> lower_cast_of_query(const Node& node, Register mask, std::vector<Step>& steps);
    std::uint32_t add_query(const Aggregate& aggregate, bool is_derived);
    // Rows by their place (lowering_places.cpp).
    Register lower_places(const Aggregate& aggregate, Register mask, std::vector<Step>& steps);
    std::uint32_t add_join(const JoinPlan& plan);
    void search(SourceId source, std::uint32_t join, const std::vector<Register>& arguments, Register mask,
                const std::vector<Step>& on_pairs, std::vector<Step>& steps);
    std::vector<Register> lower_arguments(SourceId source, Register mask, std::vector<Step>& steps);
    void open_pairs(SourceId source, std::uint32_t join, Register mask, std::vector<Step>& rows,
                    std::vector<Step>& pairs);
    Register lower_on(const std::vector<NodeId>& conditions, std::vector<Step>& pairs);
    JoinPlan join_on(SourceId source);
    JoinPlan join_of(const Aggregate& aggregate, std::vector<NodeId>& conditions);
    Register lower_on_pairs(NodeId id, Register mask, std::vector<Step>& steps);
    Register lower_found(const Node& node, std::vector<Step>& steps);
    Register lower_outside(NodeId id);
    bool says_not_own(NodeId id, SourceId source) const;
    bool needs_order(const Aggregate& aggregate) const;
    std::uint32_t lookup_of(SourceId source);
    std::uint32_t plane_of(ColumnId column);
    std::uint32_t presence_of(ComponentId component);
    std::uint64_t reads_of(const Node& node) const;
    bool is_of_cells(SourceId source) const;
    bool is_many(SourceId source) const;
    Accumulation accumulation_of(const Aggregate& aggregate) const;

    bool is_fixed(NodeId id) const;
    Operand operand_of(NodeId id) const { return is_fixed(id) ? Operand::fixed : Operand::lanes; }
    bool may_fail(const Node& node, std::size_t from) const;
    bool reads_neighbours(NodeId id) const;
    std::map<std::uint32_t, Known>& known_of(NodeId id) {
        return on_pairs_ || reads_neighbours(id) ? known_there_ : known_;
    }

    PassPlan& pass_;
    const store::Snapshot& layout_;
    const Statement& statement_;
    const Expressions& expressions_;
    SourceId self_;
    std::vector<std::uint64_t> reads_; // by node: a bit for each source
    std::vector<bool> reads_observed_; // by node
    std::map<std::uint32_t, Known> known_;
    // Of nodes that read a neighbour, in the direction that is being lowered.
    std::map<std::uint32_t, Known> known_there_;
    std::uint8_t direction_ = 0;
    // While expressions on pairs are lowered: what says the same for all pairs of a row goes to steps on
    // rows.
    struct OnPairs {
        SourceId source;
        std::uint32_t join;
        Register slots;
        Register row_mask;
        std::vector<Step>* row_steps;
    };
    std::optional<OnPairs> on_pairs_;
    std::vector<Register> each_arguments_;
    std::map<std::uint32_t, Register> found_; // by source
    std::map<std::uint32_t, Register> keys_;
    std::map<std::uint32_t, std::uint32_t> queries_;    // by source: among those of the pass
    std::map<std::uint32_t, std::uint32_t> aggregates_; // by place in the statement: among those of the pass
    std::map<Register, Register> renamed_;
    std::uint32_t next_ = 0;
};

} // namespace gamelan::kernel
