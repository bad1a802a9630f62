#include "core/store/ordered_index.hpp"

#include <algorithm>
#include <cstring>

namespace gamelan::store {

namespace {

// A node: this header, then arrays of keys, slots and, above the leaves, children. Entries of an inner node
// are lower bounds of their children; the first one bounds nothing when the tree is searched.
struct NodeHeader {
    std::uint16_t count;
    std::uint16_t level;
    std::uint32_t reserved;
};

constexpr std::uint32_t leaf_entry_bytes = sizeof(std::uint64_t) + sizeof(std::uint32_t);
constexpr std::uint32_t inner_entry_bytes = leaf_entry_bytes + sizeof(Ref);
constexpr std::uint32_t leaf_capacity = (index_node_bytes - sizeof(NodeHeader)) / leaf_entry_bytes;
constexpr std::uint32_t inner_capacity = (index_node_bytes - sizeof(NodeHeader)) / inner_entry_bytes;

constexpr std::uint32_t capacity_of(std::uint32_t level) {
    return level == 0 ? leaf_capacity : inner_capacity;
}
// Nodes with less are joined with a neighbour.
constexpr std::uint32_t least_count(std::uint32_t level) {
    return capacity_of(level) / 4;
}
// How far bulk writes fill nodes, so that the first insertions do not split all of them.
constexpr std::uint32_t bulk_count(std::uint32_t level) {
    return capacity_of(level) * 7 / 8;
}
// With more changes than this for one leaf, merging is cheaper than shifting.
constexpr std::size_t max_changes_in_place = 4;

template <class Byte>
class NodeView {
    template <class T>
    using Like = std::conditional_t<std::is_const_v<Byte>, const T, T>;

  public:
    NodeView(Byte* data, std::uint32_t level) : data_(data), capacity_(capacity_of(level)) {}

    Like<NodeHeader>& header() const { return *reinterpret_cast<Like<NodeHeader>*>(data_); }
    Like<std::uint64_t>* keys() const {
        return reinterpret_cast<Like<std::uint64_t>*>(data_ + sizeof(NodeHeader));
    }
    Like<std::uint32_t>* slots() const {
        return reinterpret_cast<Like<std::uint32_t>*>(data_ + sizeof(NodeHeader) +
                                                      capacity_ * sizeof(std::uint64_t));
    }
    Like<Ref>* children() const {
        return reinterpret_cast<Like<Ref>*>(data_ + sizeof(NodeHeader) + capacity_ * leaf_entry_bytes);
    }
    IndexEntry entry(std::uint32_t i) const { return {keys()[i], slots()[i]}; }
    void set(std::uint32_t i, IndexEntry entry) const {
        keys()[i] = entry.key;
        slots()[i] = entry.slot;
    }
    // The first of `count` entries that is not less than `wanted`.
    std::uint32_t lower_bound(std::uint32_t count, IndexEntry wanted) const {
        const std::uint64_t* const all_keys = keys();
        const std::uint32_t* const all_slots = slots();
        const auto is_less = [&](std::uint32_t i) {
            return all_keys[i] < wanted.key || (all_keys[i] == wanted.key && all_slots[i] < wanted.slot);
        };
        std::uint32_t base = 0;
        for (std::uint32_t rest = count; rest > 1; rest -= rest / 2)
            base += is_less(base + rest / 2 - 1) ? rest / 2 : 0;
        return base + (count > 0 && is_less(base) ? 1 : 0);
    }
    // The child that holds `wanted` if any does.
    std::uint32_t child_for(std::uint32_t count, IndexEntry wanted) const {
        const std::uint32_t bound = lower_bound(count, wanted);
        if (bound < count && entry(bound) == wanted)
            return bound;
        return bound == 0 ? 0 : bound - 1;
    }

  private:
    Byte* data_;
    std::uint32_t capacity_;
};
using Node = NodeView<std::byte>;
using ConstNode = NodeView<const std::byte>;

[[noreturn]] void fail_contradiction(IndexEntry entry, const char* what) {
    throw Error(sqlstate::internal, "an index contradicts its column",
                "The entry of slot " + std::to_string(entry.slot) + " " + what + ".");
}

[[noreturn]] void fail_too_old() {
    throw Error(sqlstate::snapshot_too_old, "snapshot too old",
                "The snapshot was given up because memory was short.",
                "Run the query again, make it shorter, or raise gamelan.memory.");
}

std::size_t nodes_for(std::size_t entries, std::uint32_t per_node) {
    return (entries + per_node - 1) / per_node;
}

// Spreads `count` entries evenly over as few nodes as hold them: visit(first, count of the node).
void for_each_chunk(std::size_t count, std::uint32_t per_node, auto&& visit) {
    const std::size_t nodes = nodes_for(count, per_node);
    for (std::size_t i = 0; i < nodes; ++i) {
        const std::size_t first = count * i / nodes;
        visit(first, static_cast<std::uint32_t>(count * (i + 1) / nodes - first));
    }
}

} // namespace

void IndexWriter::insert(IndexEntry entry) {
    const IndexChange change{entry, IndexChange::Kind::insert};
    apply({&change, 1});
}

void IndexWriter::erase(IndexEntry entry) {
    const IndexChange change{entry, IndexChange::Kind::erase};
    apply({&change, 1});
}

void IndexWriter::apply(std::span<const IndexChange> changes) {
    if (changes.empty())
        return;
    const auto inserted = static_cast<std::uint64_t>(
        std::count_if(changes.begin(), changes.end(),
                      [](const IndexChange& change) { return change.kind == IndexChange::Kind::insert; }));
    Children top;
    if (state_.root) {
        apply_to(state_.root, state_.height - 1, {}, changes, top);
    } else {
        merge_into_scratch({}, changes);
        write_leaves(scratch_, leaf_capacity, {}, {}, top);
    }
    const std::uint64_t entries = state_.entries + 2 * inserted - changes.size();
    set_root(std::move(top), state_.root ? state_.height - 1 : 0, inner_capacity);
    state_.entries = entries;
}

void IndexWriter::build(std::span<const IndexEntry> entries) {
    clear();
    Children top;
    write_leaves(entries, bulk_count(0), {}, {}, top);
    set_root(std::move(top), 0, bulk_count(1));
    state_.entries = entries.size();
}

void IndexWriter::clear() {
    if (state_.root)
        drop(state_.root, state_.height - 1);
    state_ = {};
}

void IndexWriter::drop(Ref node, std::uint32_t level) {
    if (level > 0) {
        const ConstNode view(memory_.data(node), level);
        for (std::uint32_t i = 0; i < view.header().count; ++i)
            drop(view.children()[i], level - 1);
    }
    memory_.replaced(node);
}

void IndexWriter::apply_to(Ref node, std::uint32_t level, IndexEntry lower,
                           std::span<const IndexChange> changes, Children& out) {
    if (level == 0)
        apply_to_leaf(node, lower, changes, out);
    else
        apply_to_inner(node, level, lower, changes, out);
}

void IndexWriter::apply_to_leaf(Ref node, IndexEntry lower, std::span<const IndexChange> changes,
                                Children& out) {
    if (changes.size() <= max_changes_in_place && change_in_place(node, lower, changes, out))
        return;
    merge_into_scratch(node, changes);
    if (scratch_.empty())
        memory_.replaced(node);
    else
        write_leaves(scratch_, leaf_capacity, lower, node, out);
}

// False when the result might not fit the node, or leave nothing.
bool IndexWriter::change_in_place(Ref node, IndexEntry lower, std::span<const IndexChange> changes,
                                  Children& out) {
    const std::uint32_t before = ConstNode(memory_.data(node), 0).header().count;
    if (before + changes.size() > leaf_capacity || before <= changes.size())
        return false;
    const Ref changed = for_changing(node);
    const Node view(memory_.data(changed), 0);
    std::uint32_t count = before;
    for (const IndexChange& change : changes) {
        const std::uint32_t at = view.lower_bound(count, change.entry);
        const bool is_there = at < count && view.entry(at) == change.entry;
        if (change.kind == IndexChange::Kind::insert) {
            if (is_there)
                fail_contradiction(change.entry, "is there already");
            std::copy_backward(view.keys() + at, view.keys() + count, view.keys() + count + 1);
            std::copy_backward(view.slots() + at, view.slots() + count, view.slots() + count + 1);
            view.set(at, change.entry);
            ++count;
        } else {
            if (!is_there)
                fail_contradiction(change.entry, "is missing");
            std::copy(view.keys() + at + 1, view.keys() + count, view.keys() + at);
            std::copy(view.slots() + at + 1, view.slots() + count, view.slots() + at);
            --count;
        }
    }
    view.header().count = static_cast<std::uint16_t>(count);
    out.push_back({lower, changed, count});
    return true;
}

// What the leaf holds after the changes. Without a node: what the changes alone make.
void IndexWriter::merge_into_scratch(Ref node, std::span<const IndexChange> changes) {
    scratch_.clear();
    const ConstNode view(node ? memory_.data(node) : nullptr, 0);
    const std::uint32_t count = node ? view.header().count : 0;
    std::uint32_t at = 0;
    for (const IndexChange& change : changes) {
        while (at < count && view.entry(at) < change.entry)
            scratch_.push_back(view.entry(at++));
        const bool is_there = at < count && view.entry(at) == change.entry;
        if (change.kind == IndexChange::Kind::insert) {
            if (is_there)
                fail_contradiction(change.entry, "is there already");
            scratch_.push_back(change.entry);
        } else {
            if (!is_there)
                fail_contradiction(change.entry, "is missing");
            ++at;
        }
    }
    while (at < count)
        scratch_.push_back(view.entry(at++));
}

void IndexWriter::apply_to_inner(Ref node, std::uint32_t level, IndexEntry lower,
                                 std::span<const IndexChange> changes, Children& out) {
    const ConstNode view(memory_.data(node), level);
    const std::uint32_t count = view.header().count;
    const std::uint32_t first = view.child_for(count, changes.front().entry);
    const auto lower_of = [&](std::uint32_t i) { return i == 0 ? lower : view.entry(i); };
    std::uint32_t next = first;
    Children changed; // what the children from `first` to before `next` have become
    bool is_each_still_one = true;
    for (; !changes.empty(); ++next) {
        const auto end = next + 1 == count
                             ? changes.end()
                             : std::find_if(changes.begin(), changes.end(), [&](const IndexChange& change) {
                                   return change.entry >= view.entry(next + 1);
                               });
        const std::size_t before = changed.size();
        if (end == changes.begin())
            changed.push_back({lower_of(next), view.children()[next], 0});
        else
            apply_to(view.children()[next], level - 1, lower_of(next), {changes.begin(), end}, changed);
        is_each_still_one = is_each_still_one && changed.size() == before + 1 &&
                            (changed.back().count == 0 || changed.back().count >= least_count(level - 1));
        changes = {end, changes.end()};
    }
    if (is_each_still_one) {
        out.push_back({lower, relink(node, level, first, changed), 0});
        return;
    }
    Children all;
    all.reserve(count + changed.size());
    for (std::uint32_t i = 0; i < first; ++i)
        all.push_back({lower_of(i), view.children()[i], 0});
    all.insert(all.end(), changed.begin(), changed.end());
    for (std::uint32_t i = next; i < count; ++i)
        all.push_back({lower_of(i), view.children()[i], 0});
    fill_up_small(level - 1, all);
    if (all.empty())
        memory_.replaced(node);
    else
        write_inners(level, all, inner_capacity, node, out);
}

// Children keep their places in the node, but some are other blocks now.
Ref IndexWriter::relink(Ref node, std::uint32_t level, std::uint32_t first, std::span<const Child> children) {
    for (std::uint32_t i = 0; i < children.size(); ++i) {
        if (ConstNode(memory_.data(node), level).children()[first + i] == children[i].node)
            continue;
        node = for_changing(node);
        Node(memory_.data(node), level).children()[first + i] = children[i].node;
    }
    return node;
}

void IndexWriter::fill_up_small(std::uint32_t level, Children& children) {
    for (std::size_t i = 0; i < children.size() && children.size() > 1;) {
        if (children[i].count == 0 || children[i].count >= least_count(level)) {
            ++i;
            continue;
        }
        i = i + 1 < children.size() ? i : i - 1;
        join(level, children, i);
    }
}

// Makes one node of two neighbours, or spreads their entries evenly over two.
void IndexWriter::join(std::uint32_t level, Children& children, std::size_t left) {
    const Child both[2] = {children[left], children[left + 1]};
    Children joined;
    if (level == 0) {
        scratch_.clear();
        for (const Child& child : both) {
            const ConstNode view(memory_.data(child.node), 0);
            for (std::uint32_t i = 0; i < view.header().count; ++i)
                scratch_.push_back(view.entry(i));
        }
        memory_.replaced(both[1].node);
        write_leaves(scratch_, leaf_capacity, both[0].lower, both[0].node, joined);
    } else {
        Children below;
        for (const Child& child : both) {
            const ConstNode view(memory_.data(child.node), level);
            for (std::uint32_t i = 0; i < view.header().count; ++i)
                below.push_back({i == 0 ? child.lower : view.entry(i), view.children()[i], 0});
        }
        memory_.replaced(both[1].node);
        write_inners(level, below, inner_capacity, both[0].node, joined);
    }
    const auto at = children.begin() + static_cast<std::ptrdiff_t>(left);
    children.insert(children.erase(at, at + 2), joined.begin(), joined.end());
}

void IndexWriter::write_leaves(std::span<const IndexEntry> entries, std::uint32_t per_node, IndexEntry lower,
                               Ref reuse, Children& out) {
    for_each_chunk(entries.size(), per_node, [&](std::size_t first, std::uint32_t count) {
        const Ref node = first == 0 && reuse ? for_overwriting(reuse) : memory_.allocate(index_node_bytes);
        const Node view(memory_.data(node), 0);
        view.header() = {static_cast<std::uint16_t>(count), 0, 0};
        for (std::uint32_t i = 0; i < count; ++i)
            view.set(i, entries[first + i]);
        out.push_back({first == 0 ? lower : entries[first], node, count});
    });
}

void IndexWriter::write_inners(std::uint32_t level, std::span<const Child> children, std::uint32_t per_node,
                               Ref reuse, Children& out) {
    for_each_chunk(children.size(), per_node, [&](std::size_t first, std::uint32_t count) {
        const Ref node = first == 0 && reuse ? for_overwriting(reuse) : memory_.allocate(index_node_bytes);
        const Node view(memory_.data(node), level);
        view.header() = {static_cast<std::uint16_t>(count), static_cast<std::uint16_t>(level), 0};
        for (std::uint32_t i = 0; i < count; ++i) {
            view.set(i, children[first + i].lower);
            view.children()[i] = children[first + i].node;
        }
        out.push_back({children[first].lower, node, count});
    });
}

Ref IndexWriter::for_overwriting(Ref node) {
    if (memory_.is_private(node))
        return node;
    const Ref fresh = memory_.allocate(index_node_bytes);
    memory_.replaced(node);
    return fresh;
}

Ref IndexWriter::for_changing(Ref node) {
    if (memory_.is_private(node))
        return node;
    const Ref copy = memory_.allocate(index_node_bytes);
    std::memcpy(memory_.data(copy), memory_.data(node), index_node_bytes);
    memory_.replaced(node);
    return copy;
}

// Builds levels over the nodes of `level` until there is one; and takes away those that have one child only.
void IndexWriter::set_root(Children top, std::uint32_t level, std::uint32_t per_inner) {
    while (top.size() > 1) {
        Children above;
        write_inners(++level, top, per_inner, {}, above);
        top = std::move(above);
    }
    if (top.empty()) {
        state_ = {};
        return;
    }
    Ref root = top.front().node;
    for (; level > 0 && ConstNode(memory_.data(root), level).header().count == 1; --level) {
        const Ref child = ConstNode(memory_.data(root), level).children()[0];
        memory_.replaced(root);
        root = child;
    }
    state_.root = root;
    state_.height = level + 1;
}

OrderedIndex::Cursor::Cursor(const Region& region, const IndexState& state, std::uint64_t low,
                             std::uint64_t high)
    : region_(region), height_(state.height), left_(state.entries), high_(high) {
    if (height_ > max_index_height)
        fail_too_old();
    if (height_ == 0 || left_ == 0 || low > high) {
        left_ = 0;
        return;
    }
    const IndexEntry target{low, 0};
    Ref node = state.root;
    for (std::uint32_t level = height_; level-- > 0;) {
        step_into(node, level);
        Step& step = path_[level];
        const ConstNode view(step.node, level);
        if (level == 0) {
            step.position = view.lower_bound(step.count, target);
        } else {
            step.position = view.child_for(step.count, target);
            node = view.children()[step.position];
        }
    }
}

void OrderedIndex::Cursor::step_into(Ref node, std::uint32_t level) {
    const std::byte* data =
        region_.resolve(node, sizeof(BlockHeader) + index_node_bytes) + sizeof(BlockHeader);
    const NodeHeader header = ConstNode(data, level).header();
    if (header.level != level || header.count == 0 || header.count > capacity_of(level))
        fail_too_old();
    path_[level] = {data, 0, header.count};
}

bool OrderedIndex::Cursor::advance_leaf() {
    std::uint32_t level = 1;
    while (level < height_ && path_[level].position + 1 >= path_[level].count)
        ++level;
    if (level >= height_)
        return false;
    ++path_[level].position;
    for (; level > 0; --level)
        step_into(ConstNode(path_[level].node, level).children()[path_[level].position], level - 1);
    return true;
}

bool OrderedIndex::Cursor::next(IndexEntry& out) {
    if (left_ == 0)
        return false;
    Step& leaf = path_[0];
    if (leaf.position >= leaf.count && !advance_leaf()) {
        left_ = 0;
        return false;
    }
    const IndexEntry entry = ConstNode(leaf.node, 0).entry(leaf.position++);
    if (entry.key > high_) {
        left_ = 0;
        return false;
    }
    // Whole trees only ascend; this is what ends the way through a tree that is not.
    if (last_ && entry <= *last_)
        fail_too_old();
    last_ = entry;
    --left_;
    out = entry;
    return true;
}

std::vector<Ref> nodes_of(const Region& region, const IndexState& state) {
    if (!state.root)
        return {};
    std::vector<Ref> nodes{state.root};
    std::size_t first = 0;
    for (std::uint32_t level = state.height; level-- > 1;) {
        const std::size_t end = nodes.size();
        for (; first < end; ++first) {
            const ConstNode view(region.resolve(nodes[first], sizeof(BlockHeader) + index_node_bytes) +
                                     sizeof(BlockHeader),
                                 level);
            nodes.insert(nodes.end(), view.children(), view.children() + view.header().count);
        }
    }
    return nodes;
}

} // namespace gamelan::store
