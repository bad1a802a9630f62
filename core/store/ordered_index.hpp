// A secondary index of a column: entries (order_key() of a row's value, slot) in that order, in a B+-tree
// whose nodes are blocks of the world's memory. Versions share nodes as they share blocks of values: a change
// copies the nodes from the root to a leaf once a tick, everything else stays (Bayer and McCreight 1972;
// copy on write after Rodeh 2008, "B-trees, shadowing, and clones"). Leaves are not linked, as a link would
// make every neighbour part of a copy; a cursor keeps its path instead.
#pragma once

#include "core/store/snapshot.hpp"

#include <array>
#include <compare>
#include <span>
#include <vector>

namespace gamelan::store {

// Chosen by bench/core/ordered_index_bench: larger nodes look up no faster and copy more a tick, smaller ones
// spend more on block headers and levels.
inline constexpr std::uint32_t index_node_bytes = 1024;
// Far above what max_slots entries in nodes a quarter full need: what is higher is garbage.
inline constexpr std::uint32_t max_index_height = 12;

struct IndexEntry {
    std::uint64_t key;
    std::uint32_t slot;
    auto operator<=>(const IndexEntry&) const = default;
};

struct IndexChange {
    enum class Kind : std::uint8_t { erase, insert };
    IndexEntry entry;
    Kind kind;
};

// Where a writer's nodes live.
class NodeMemory {
  public:
    virtual ~NodeMemory() = default;
    virtual Ref allocate(std::uint32_t bytes) = 0;
    // Whether a node belongs to the version being built, so that it may be changed in place.
    virtual bool is_private(Ref node) const = 0;
    // The tree that is being built does not have the node any more, be it private or not.
    virtual void replaced(Ref node) = 0;
    virtual std::byte* data(Ref node) const = 0;
};

// Builds the next version of an index. When an operation throws (out of memory, or an entry that contradicts
// the index: Error(internal)), state() is of no use any more; the memory knows which nodes were made.
class IndexWriter {
  public:
    IndexWriter(NodeMemory& memory, IndexState state) : memory_(memory), state_(state) {}

    const IndexState& state() const { return state_; }

    // Throws Error(internal) when the entry is there already.
    void insert(IndexEntry entry);
    // Throws Error(internal) when it is not there.
    void erase(IndexEntry entry);
    // The same for many at once, in strictly ascending order of entries.
    void apply(std::span<const IndexChange> changes);
    // Replaces everything by entries in strictly ascending order.
    void build(std::span<const IndexEntry> entries);
    void clear();

  private:
    // A node as its parent knows it: no entry below is less than `lower`.
    struct Child {
        IndexEntry lower;
        Ref node;
        std::uint32_t count; // 0 = as it was
    };
    using Children = std::vector<Child>;

    void apply_to(Ref node, std::uint32_t level, IndexEntry lower, std::span<const IndexChange> changes,
                  Children& out);
    void apply_to_leaf(Ref node, IndexEntry lower, std::span<const IndexChange> changes, Children& out);
    void apply_to_inner(Ref node, std::uint32_t level, IndexEntry lower, std::span<const IndexChange> changes,
                        Children& out);
    Ref relink(Ref node, std::uint32_t level, std::uint32_t first, std::span<const Child> children);
    bool change_in_place(Ref node, IndexEntry lower, std::span<const IndexChange> changes, Children& out);
    void merge_into_scratch(Ref node, std::span<const IndexChange> changes);
    void fill_up_small(std::uint32_t level, Children& children);
    void join(std::uint32_t level, Children& children, std::size_t left);
    // Spread evenly over as few nodes as hold them, the first of which takes the place of `reuse`, if any.
    void write_leaves(std::span<const IndexEntry> entries, std::uint32_t per_node, IndexEntry lower,
                      Ref reuse, Children& out);
    void write_inners(std::uint32_t level, std::span<const Child> children, std::uint32_t per_node, Ref reuse,
                      Children& out);
    // `node` if it is private, else a new node in its place: its contents are undefined, or a copy.
    Ref for_overwriting(Ref node);
    Ref for_changing(Ref node);
    void set_root(Children top, std::uint32_t level, std::uint32_t per_inner);
    void drop(Ref node, std::uint32_t level);

    NodeMemory& memory_;
    IndexState state_;
    std::vector<IndexEntry> scratch_;
};

// One version of an index, for any process. Like Snapshot: what a reader finds after its pin was taken away
// may be garbage or Error(snapshot_too_old), but never faults and always ends.
class OrderedIndex {
  public:
    // Goes through the entries with low <= key <= high in ascending order.
    class Cursor {
      public:
        bool next(IndexEntry& out);

      private:
        friend class OrderedIndex;
        struct Step {
            const std::byte* node;
            std::uint32_t position;
            std::uint32_t count;
        };
        Cursor(const Region& region, const IndexState& state, std::uint64_t low, std::uint64_t high);
        void step_into(Ref node, std::uint32_t level);
        bool advance_leaf();

        Region region_;
        std::uint32_t height_;
        std::uint64_t left_; // entries that can still come
        std::uint64_t high_;
        std::optional<IndexEntry> last_;
        std::array<Step, max_index_height> path_; // leaves are level 0
    };

    OrderedIndex(const Region& region, const IndexState& state) : region_(region), state_(state) {}

    // False when there was no memory for it: nothing can be asked of it then.
    bool is_built() const { return state_.height != index_not_built; }
    std::uint64_t count() const { return state_.entries; }
    Cursor range(std::uint64_t low, std::uint64_t high) const { return {region_, state_, low, high}; }
    Cursor equal(std::uint64_t key) const { return range(key, key); }

  private:
    Region region_;
    IndexState state_;
};

// All nodes of a version. For its owner, who knows that the tree is whole.
std::vector<Ref> nodes_of(const Region& region, const IndexState& state);

} // namespace gamelan::store
