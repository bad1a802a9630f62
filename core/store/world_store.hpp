// The owner's side of a world: builds the next version tick by tick and publishes it.
//
// Life of a version: begin_tick() starts from the newest sealed version; writes copy each touched block once;
// seal() freezes it; publish() makes it the one readers see, once it is durable. Several sealed versions may
// wait for the log at the same time. abandon() drops the tick that is being built and leaves no trace.
//
// Single-threaded, one process per world.
#pragma once

#include "core/store/layout_change.hpp"

#include <deque>
#include <memory>

namespace gamelan::store {

class ColumnRows;
class NodeMemory;

// What is derived from the blocks of the versions that a world's owner builds, and kept from tick to tick.
// The store says when versions were given up: the next one may have other blocks in the same places.
class Derivation {
  public:
    virtual ~Derivation() = default;
    virtual void forget() = 0;
};

class WorldStore {
  public:
    // A new world of `layout` in a slot the caller has claimed, all values zero. Readers see nothing of it
    // before its first publish(), and a successor finds nothing to take over.
    static WorldStore create(const Region& region, WorldSlot slot, const Layout& layout,
                             std::uint32_t limit_units);
    // Takes over a world from an owner that died: its newest published version is where the world stands.
    // Throws Error(internal) when it had published nothing.
    static WorldStore take_over(const Region& region, WorldSlot slot, std::uint32_t limit_units);

    WorldStore(WorldStore&&) = default;
    WorldStore& operator=(WorldStore&&) = default;

    // Ends the world: no root from now on. Its memory goes back once no reader can see it; until then this
    // returns false and must be called again. The slot stays claimed.
    bool release();

    WorldSlot slot() const { return slot_; }
    std::unique_ptr<Derivation>& derivation() { return derivation_; }
    const Region& region() const { return arena_.region(); }

    // Whether there is one: not before the first tick of a new world.
    bool has_version() const { return static_cast<bool>(newest_root_); }
    // The version a tick would start from: the newest sealed or published one.
    Snapshot newest() const { return Snapshot::at(region(), newest_root_); }

    void begin_tick();
    bool in_tick() const { return static_cast<bool>(working_root_); }
    // The version being built. Only between begin_tick() and seal()/abandon(). A reference stays good while
    // the tick lasts.
    const Snapshot& working() const { return *working_; }
    // Its tick, which rows that change get as their version: one more than the newest.
    std::uint64_t working_tick() const { return working_tick_; }

    // Whole blocks, for systems: no savepoint covers them, and the versions of rows are theirs to note
    // (mark_block()).

    // A private copy of a block, to change in place.
    std::byte* write_block(ColumnId column, std::uint32_t index);
    // A fresh block whose old content is not copied: the caller writes every byte of it, or calls
    // keep_block(). The old block can be read until the tick is sealed. At most once per block and tick; not
    // within a savepoint.
    std::byte* replace_block(ColumnId column, std::uint32_t index);
    // Takes back a replace_block() whose result equals the old content, so that the block stays shared.
    void keep_block(ColumnId column, std::uint32_t index);
    // Every row of the block changed in this tick.
    void mark_block(ComponentId component, std::uint32_t index);

    // A point to return to within the tick for whole blocks. Until it is rolled back or released, the world
    // is written by renew_block() and mark_rows() only. One at a time, not within a savepoint.
    void begin_block_savepoint();
    // A fresh block whose old content is not copied, even when the tick wrote the old one before: the caller
    // writes every byte of it. The old block can be read until the savepoint ends. More than once
    // for a block only when the one before has been written.
    std::byte* renew_block(ColumnId column, std::uint32_t index);
    // The rows of the block whose bits are set changed in this tick: block_slots / 64 words. After its
    // presence has been renewed. `gone`: slots that lost their row, or nullptr.
    void mark_rows(ComponentId component, std::uint32_t index, const std::uint64_t* rows,
                   const std::uint64_t* gone = nullptr);
    // The values of the slots whose bits are set become zero. Not for a block that was renewed and not yet
    // written.
    void clear_slots(ColumnId column, std::uint32_t index, const std::uint64_t* slots);
    void rollback_block_savepoint();
    void release_block_savepoint();

    // Single values. set() and set_text() do not touch the version of a row: touch_row() does.

    template <class T>
    T get(ColumnId column, std::uint32_t slot) const {
        return working().get<T>(column, slot);
    }
    template <class T>
    void set(ColumnId column, std::uint32_t slot, T value) {
        set_bytes(column, slot, &value, sizeof value);
    }
    void set_bytes(ColumnId column, std::uint32_t slot, const void* value, std::uint32_t width);
    // Pads with zeros. Throws Error(invalid_parameter) when it does not fit.
    void set_text(ColumnId column, std::uint32_t slot, std::string_view text);
    // For columns of type value. Throws Error(invalid_parameter) beyond max_value_bytes.
    void set_value(ColumnId column, std::uint32_t slot, std::string_view contents);
    // A NULL's value is zero.
    void set_null(ColumnId column, std::uint32_t slot, bool is_null);

    // Rows of a component that has presence. insert_row(): the row must not be there; its values are zero,
    // none NULL. delete_row(): it must be there. A slot without a row holds zeros only.
    void insert_row(ComponentId component, std::uint32_t slot);
    void delete_row(ComponentId component, std::uint32_t slot);
    void touch_row(ComponentId component, std::uint32_t slot);

    // Appends a slot of zeros to a space. Throws Error(world_full) beyond max_slots.
    std::uint32_t append_slot(SpaceId space);
    // Gives a space at least so many slots. A space of rows that come and go gets blocks of max_block_slots
    // once it has more slots than that. Throws Error(world_full).
    void extend_space(SpaceId space, std::uint32_t slots);

    // Changes what the world is made of; all else stays. Not within a savepoint.
    void change_layout(const LayoutChange& change);

    // A point to return to within the tick. Covers single values, rows and slots. One at a time.
    void begin_savepoint();
    void rollback_savepoint();
    void release_savepoint();

    // Freezes the version as that of `tick` and returns it.
    Snapshot seal(std::uint64_t tick);
    void abandon();
    // Publishes the oldest sealed version; true if there was one.
    bool publish();
    // Drops the sealed version that is the newest and not published, if there is one: not within a tick.
    bool abandon_newest();
    // Drops all sealed, unpublished versions: the world stands at the published one again.
    void abandon_sealed();

    // Blocks of the world's memory that no version has and that are not on their way back either; looks at
    // every block. Anything but 0 is a leak.
    std::size_t lost_blocks() const;
    // Gives memory back that the world has had no use for lately; between ticks, now and then.
    void trim() { arena_.trim(); }

    std::size_t retired_blocks() const { return arena_.retired_blocks(); }
    // What only readers of older versions can still reach.
    std::uint64_t retired_bytes() const { return arena_.retired_bytes(); }
    // Throws Error(out_of_memory) when so little is left that a tick without any new rows might not find what
    // it needs: asked before rows are written, so that the world can go on without them.
    void require_headroom() const { arena_.require_headroom(); }

  private:
    enum class UndoKind : std::uint8_t { bytes, bit, insert };
    struct Undo {
        UndoKind kind;
        std::uint8_t width;
        std::uint32_t target; // plane, or the component of an inserted row
        std::uint32_t slot;
        std::size_t old; // place in undo_bytes_
    };
    // A block that replace_block() superseded, and that keep_block() may bring back.
    struct Superseded {
        ColumnId column;
        std::uint32_t index;
        Ref block;
    };
    // A block that a system rewrote in the tick before, so that its zone is not known yet.
    struct Rewritten {
        ColumnId column;
        std::uint32_t index;
        Ref block;
    };
    // A block that renew_block() superseded; none stands for zeros.
    struct Renewed {
        ColumnId column;
        std::uint32_t index;
        Ref old;
        bool is_old_published;
    };
    // What renew_block() looks up once for each column and savepoint, and which blocks it gave in the tick
    // that nobody wrote to afterwards.
    struct Rewriting {
        Ref* table = nullptr;
        std::uint32_t blocks = 0;
        std::uint32_t block_bytes = 0;
        bool are_old_published = false; // all that the column had: none was written before in the tick
        bool is_listed = false;
        std::vector<bool> is_rewritten;
    };
    // Blocks by what has become of them in the tick that is built.
    struct Changes {
        std::vector<Ref> created;  // reachable from this version on
        std::vector<Ref> replaced; // reachable until the version before
        std::vector<Ref> dropped;  // created, and given up again: go at the seal
    };
    struct Sealed {
        Ref root;
        std::uint64_t tick;
        Changes changes;
    };
    // Lengths of lists of changes.
    struct Marks {
        std::size_t created;
        std::size_t replaced;
        std::size_t dropped;
    };
    class Nodes;
    struct Savepoint {
        std::vector<std::uint32_t> slot_counts;
        Marks values;
    };
    WorldStore(const Region& region, WorldSlot slot, std::uint32_t limit_units);
    void create_root(const Layout& layout);
    Ref make_root(const Layout& layout, std::uint64_t layout_version);
    std::uint64_t newest_sequence() const { return newest().sequence(); }
    std::unordered_set<std::uint32_t> reachable_from(Ref root) const;
    void add_values_of(const Snapshot& view, ColumnId column, std::unordered_set<std::uint32_t>& out) const;
    Ref allocate(std::uint32_t data_bytes);
    void free_created(Ref block);
    void give_up(Ref block);
    void give_up_superseded();
    Ref* private_table(ColumnId column);
    std::byte* private_block(ColumnId column, std::uint32_t index);
    Rewriting& rewriting(ColumnId column);
    std::byte* renew(ColumnId column, std::uint32_t index, std::uint32_t bytes);
    bool is_rewritten(ColumnId column, std::uint32_t index) const;
    void forget_rewrite(ColumnId column, std::uint32_t index);
    void forget_rewrites();
    void end_rewriting();
    bool write_ages(ColumnId plane, std::uint32_t index, VersionAge* out) const;
    bool are_all_rows(ComponentId component, std::uint32_t index, const std::uint64_t* rows) const;
    bool is_private(Ref block) const { return arena_.header(block).sequence == sequence_; }
    RootHeader& header(Ref root) const { return *reinterpret_cast<RootHeader*>(arena_.data(root)); }
    Ref* tables(Ref root) const;
    SpaceState* states(Ref root) const;
    void look_at_working() { working_ = Snapshot::at(region(), working_root_); }

    void note(UndoKind kind, std::uint32_t target, std::uint32_t slot, const void* old, std::uint8_t width);
    bool is_undo_needed(ColumnId column, std::uint32_t slot) const;
    void write_bytes(ColumnId column, std::uint32_t slot, const void* value, std::uint32_t width);
    void set_bit(ColumnId plane, std::uint32_t slot, bool value);
    void write_bit(ColumnId plane, std::uint32_t slot, bool value);
    bool is_alone(ComponentId component, std::uint32_t slot) const;
    void write_version(ComponentId component, std::uint32_t slot, std::uint64_t version);
    void renew_shared_version(ColumnId plane, std::uint32_t index);
    void restore_version(ColumnId plane, std::uint32_t slot, const std::byte* old);
    void clear_row(ComponentId component, std::uint32_t slot);
    ValueSlot store_value(std::string_view contents);
    void give_up_value(const ValueSlot& value);
    void give_up_plane(const Snapshot& view, ColumnId column);
    void move_planes(const Snapshot& old, const std::vector<std::uint32_t>& origin);
    void copy_plane(const Snapshot& old, ColumnId from, ColumnId to);
    void fill_column(ColumnId column, const std::string& fill);
    void fill_nulls(ColumnId column);
    void enlarge_blocks(SpaceId space);
    // Brings the secondary indexes and the zones of changed blocks up to the working version.
    void update_indexes();
    void update_zones();
    void update_zone(const ColumnRows& rows, std::uint32_t block);
    void settle_zones();
    void settle_zone(const ColumnRows& rows, const ColumnRows& old_rows, std::uint32_t block);
    IndexState* index_states(Ref root) const;
    std::optional<ColumnId> origin_of(ColumnId column) const;
    IndexState next_index(const Snapshot& before, std::optional<ColumnId> old, ColumnId column);
    IndexState build_index(NodeMemory& nodes, const ColumnRows& rows);
    void give_up_index(const IndexState& state);
    static Marks marks_of(const Changes& changes);
    void return_to(const Marks& marks, Changes& changes);
    Changes take_changes();

    Arena arena_;
    WorldSlot slot_;
    Ref newest_root_;
    Ref working_root_;
    std::optional<Snapshot> working_;
    std::uint64_t working_tick_ = 0;
    std::uint64_t sequence_ = 0; // of the version being built
    Changes changes_;            // blocks
    Changes values_;             // blocks of the value heap
    // For each plane, the plane of the newest version that it was, or none. Empty while the layout is the
    // same.
    std::vector<std::uint32_t> origin_;
    std::vector<Superseded> superseded_;
    std::vector<Renewed> renewed_;     // within the block savepoint
    std::vector<Rewriting> rewriting_; // by plane
    std::vector<std::uint32_t> rewriting_columns_;
    std::vector<Rewritten> rewritten_;
    std::optional<Marks> block_savepoint_; // of the values
    std::deque<Sealed> sealed_;
    std::optional<Savepoint> savepoint_;
    std::vector<Undo> undo_;
    std::vector<std::byte> undo_bytes_;
    // The row inserted last within the savepoint: undoing its insertion is enough.
    ComponentId fresh_component_{none};
    std::uint32_t fresh_slot_ = 0;
    std::unique_ptr<Derivation> derivation_;
    bool released_ = false;
    std::uint64_t release_epoch_ = 0;
};

} // namespace gamelan::store
