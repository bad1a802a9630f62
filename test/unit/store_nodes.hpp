// Nodes of an index in a test's region, with a count of every one: versions as WorldStore has them, without a
// world.
#pragma once

#include "core/store/ordered_index.hpp"

#include <set>
#include <vector>

namespace gamelan::store {

class TestNodes final : public NodeMemory {
  public:
    TestNodes(const Region& region, WorldSlot owner, std::uint32_t limit_units)
        : arena_(region, owner, limit_units) {}

    Ref allocate(std::uint32_t bytes) override {
        const Ref node = arena_.allocate(bytes, sequence_);
        living_.insert(node.value);
        return node;
    }
    bool is_private(Ref node) const override { return arena_.header(node).sequence == sequence_; }
    void replaced(Ref node) override {
        if (is_private(node))
            free(node);
        else
            replaced_.push_back(node);
    }
    std::byte* data(Ref node) const override { return arena_.data(node); }

    // The version that was built is frozen; the ones before it may go on being read until drop_replaced().
    void freeze() { ++sequence_; }
    void drop_replaced() {
        for (const Ref node : replaced_)
            free(node);
        replaced_.clear();
    }
    std::size_t living() const { return living_.size() - replaced_.size(); }
    std::size_t replaced_count() const { return replaced_.size(); }

  private:
    void free(Ref node) {
        if (living_.erase(node.value) == 0)
            throw Error(sqlstate::internal, "a node was freed twice");
        arena_.free(node);
    }

    Arena arena_;
    std::uint64_t sequence_ = 1;
    std::set<std::uint32_t> living_;
    std::vector<Ref> replaced_;
};

} // namespace gamelan::store
