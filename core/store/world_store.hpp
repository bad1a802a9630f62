// The owner's side of a world: builds the next version tick by tick and publishes it.
//
// Life of a version: begin_tick() starts from the newest sealed version; writes copy each touched block once;
// seal() freezes it; publish() makes it the one readers see, once it is durable. Several sealed versions may
// wait for the log at the same time. abandon() drops the tick that is being built and leaves no trace.
//
// Single-threaded, one process per world.
#pragma once

#include "core/store/snapshot.hpp"

#include <deque>

namespace gamelan::store {

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
    const Region& region() const { return arena_.region(); }

    // The version a tick would start from: the newest sealed or published one.
    Snapshot newest() const { return Snapshot::at(region(), newest_root_); }

    void begin_tick();
    bool in_tick() const { return static_cast<bool>(working_root_); }
    // The version being built. Only between begin_tick() and seal()/abandon().
    Snapshot working() const { return Snapshot::at(region(), working_root_); }

    // A private copy of a block, to change in place.
    std::byte* write_block(ColumnId column, std::uint32_t index);
    // A fresh block whose old content is not copied: the caller writes every byte of it, or calls
    // keep_block(). The old block can be read until the tick is sealed. At most once per block and tick; not
    // within a savepoint.
    std::byte* replace_block(ColumnId column, std::uint32_t index);
    // Takes back a replace_block() whose result equals the old content, so that the block stays shared.
    void keep_block(ColumnId column, std::uint32_t index);

    template <class T>
    T get(ColumnId column, std::uint32_t slot) const {
        return working().get<T>(column, slot);
    }
    template <class T>
    void set(ColumnId column, std::uint32_t slot, T value) {
        set_bytes(column, slot, &value, sizeof value);
    }
    // Pads with zeros. Throws Error(invalid_parameter) when it does not fit.
    void set_text(ColumnId column, std::uint32_t slot, std::string_view text);

    // Appends a slot of zeros to a space. Throws Error(world_full) beyond max_slots.
    std::uint32_t append_slot(SpaceId space);

    // A point to return to within the tick. Covers set(), set_text() and append_slot(); whole-block writes
    // are for systems, which are undone by abandon(). One at a time.
    void begin_savepoint();
    void rollback_savepoint();
    void release_savepoint();

    // Freezes the version as that of `tick` and returns it.
    Snapshot seal(std::uint64_t tick);
    void abandon();
    // Publishes the oldest sealed version; true if there was one.
    bool publish();
    // Drops all sealed, unpublished versions: the world stands at the published one again.
    void abandon_sealed();

    std::size_t retired_blocks() const { return arena_.retired_blocks(); }

  private:
    struct Undo {
        ColumnId column;
        std::uint32_t slot;
        std::uint32_t width;
        std::byte old[64];
    };
    // A block of this tick that replace_block() superseded: no version reaches it.
    struct Superseded {
        ColumnId column;
        std::uint32_t index;
        Ref block;
    };
    struct Difference {
        std::vector<Ref> created;  // reachable from the newer version only
        std::vector<Ref> replaced; // reachable from the older version only
    };
    struct Sealed {
        Ref root;
        std::uint64_t tick;
        Difference difference; // from the version before it
    };
    WorldStore(const Region& region, WorldSlot slot, std::uint32_t limit_units);
    void create_root(const Layout& layout);
    std::uint64_t newest_sequence() const { return newest().sequence(); }
    Difference difference(Ref older, Ref newer) const;
    std::unordered_set<std::uint32_t> reachable_from(Ref root) const;
    void set_bytes(ColumnId column, std::uint32_t slot, const void* value, std::uint32_t width);
    Ref allocate(std::uint32_t data_bytes);
    Ref* private_table(ColumnId column);
    void free_superseded();
    bool is_private(Ref block) const { return arena_.header(block).sequence == sequence_; }
    Ref* tables(Ref root) const;
    SpaceState* states(Ref root) const;
    void grow_tables(SpaceId space, std::uint32_t block_count);

    Arena arena_;
    WorldSlot slot_;
    Ref newest_root_;
    Ref working_root_;
    std::uint64_t sequence_ = 0; // of the version being built
    std::vector<Superseded> superseded_;
    std::deque<Sealed> sealed_;
    bool has_savepoint_ = false;
    std::vector<Undo> undo_;
    std::vector<std::uint32_t> undo_slot_counts_;
    bool released_ = false;
    std::uint64_t release_epoch_ = 0;
};

} // namespace gamelan::store
