// The memory the store lives in: one fixed region at the same address in every process (main shared memory of
// Postgres, or plain memory in tests), handed out in units of 16 KiB to the owners of worlds.
//
// Everything in the region is trivially copyable and reached by 32-bit references (offset / 64), so that a
// reference that went stale can be checked against the region's bounds and never faults. The region keeps
// only what must outlive a worker process: which units belong to whom, the published root of each world, and
// the pins of readers. Free lists are private to the owner (arena.hpp) and rebuilt from the roots after its
// death.
//
// Reclamation is by epochs (Fraser 2004, "Practical lock-freedom", chapter 5). A publish replaces a root and
// then advances the epoch; what the old root alone could reach is retired with the old epoch and comes back
// when no reader pins that epoch or an older one.
#pragma once

#include "core/base/error.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace gamelan::store {

// A place in the region in units of 64 bytes; 0 is "none" and, for a block, "all zero".
struct Ref {
    std::uint32_t value = 0;
    explicit operator bool() const { return value != 0; }
    bool operator==(const Ref&) const = default;
};

inline constexpr std::size_t ref_unit_bytes = 64;
inline constexpr std::size_t unit_bytes = 16 * 1024;
inline constexpr std::uint32_t max_world_slots = 65535;

// Index of a world's control slot, 0 .. world_slots-1.
struct WorldSlot {
    std::uint32_t value;
    bool operator==(const WorldSlot&) const = default;
};

// Index of a reader's pin slot; one per process that may read.
struct PinSlot {
    std::uint32_t value;
};

// Which owner a unit of memory belongs to and what it was cut into.
struct UnitInfo {
    std::uint16_t owner;      // world slot + 1, 0 = free
    std::uint8_t size_class;  // arena.hpp
    std::uint8_t is_head;     // first unit of its span
    std::uint32_t span_units; // valid in the head only
};

// What all processes know of a world. Written by its owner only, except where noted.
struct alignas(64) WorldControl {
    std::atomic<std::int64_t> world_id; // 0 = slot free
    std::atomic<std::uint32_t> root;    // Ref of the published root, 0 = none yet
    std::atomic<std::uint32_t> units_used;
    std::atomic<std::uint64_t> tick; // of the published root
};

struct RegionOptions {
    std::uint32_t world_slots;
    std::uint32_t pin_slots;
};

class Region {
  public:
    // Bytes that the region needs besides the units it hands out.
    static std::size_t overhead_bytes(std::size_t region_bytes, const RegionOptions& options);

    // Formats `bytes` of memory at `base` (64-byte aligned). Throws Error(invalid_parameter) if nothing would
    // be left.
    static Region format(void* base, std::size_t bytes, const RegionOptions& options);

    // Attaches to a formatted region. Throws Error(internal) when magic or layout version differ.
    static Region attach(void* base);

    std::uint32_t world_slots() const;
    std::uint32_t units_total() const;
    std::uint32_t units_used() const;

    WorldControl& control(WorldSlot slot) const;
    // The slot that holds `world_id`, if any.
    std::optional<WorldSlot> find(std::int64_t world_id) const;
    // Takes a free slot for a world. Throws Error(out_of_memory) naming gamelan.max_worlds when none is free.
    WorldSlot claim_slot(std::int64_t world_id) const;
    void release_slot(WorldSlot slot) const;

    // `count` contiguous units for `owner`, or nothing when there are none. Any owner, any process.
    std::optional<std::uint32_t> take_units(WorldSlot owner, std::uint32_t count,
                                            std::uint8_t size_class) const;
    void give_back_units(WorldSlot owner, std::uint32_t first) const;
    UnitInfo& unit(std::uint32_t index) const;

    std::byte* unit_address(std::uint32_t index) const;
    Ref ref_of(const void* address) const;
    // The unit a reference points into.
    std::uint32_t unit_of(Ref ref) const;
    // Checked: a reference outside the region, or with fewer than `bytes` behind it, throws
    // Error(snapshot_too_old).
    std::byte* resolve(Ref ref, std::size_t bytes) const {
        const std::size_t offset = ref.value * ref_unit_bytes;
        if (offset < first_byte_ || offset + bytes > end_byte_)
            fail_unresolved();
        return base_ + offset;
    }

    // Readers. A process pins before it loads a root and unpins when it is done; slots are private to a
    // process. `now_ms`: any clock that all processes share; a pin's age is told by it.
    std::uint64_t pin(PinSlot slot, std::uint64_t now_ms = 0) const; // returns the epoch
    // For a reader of several versions whose oldest is done: keeps what was pinned at `epoch` and later.
    void advance_pin(PinSlot slot, std::uint64_t epoch, std::uint64_t since_ms) const;
    void unpin(PinSlot slot) const;
    // False once the owner took the pin away because memory was short; what was read since may be garbage.
    bool pin_is_valid(PinSlot slot) const;
    // Whether the pin keeps what was current at `epoch`: for a reader that relies on another's pin, which may
    // have been taken away and set anew.
    bool pin_protects(PinSlot slot, std::uint64_t epoch) const;

    // Owners. Returns the epoch to stamp on what the publish made unreachable.
    std::uint64_t advance_epoch() const;
    std::uint64_t current_epoch() const;
    // What carries a smaller epoch than this may be reused.
    std::uint64_t oldest_pinned_epoch() const;
    // Takes away all pins older than the current epoch; returns how many there were.
    std::uint32_t revoke_old_pins() const;
    // Takes away the pins that have been held since before `since_ms`.
    std::uint32_t revoke_pins_since_before(std::uint64_t since_ms) const;
    struct PinCounts {
        std::uint32_t held;
        std::uint64_t oldest_since_ms; // of those held; 0 when there are none
    };
    PinCounts pins() const;

  private:
    struct Header;
    struct Pin;
    explicit Region(std::byte* base);
    Header& header() const;
    Pin& pin_at(PinSlot slot) const;
    void lock() const;
    void unlock() const;

    [[noreturn]] static void fail_unresolved();

    std::byte* base_;
    std::size_t first_byte_; // of the units
    std::size_t end_byte_;
};

} // namespace gamelan::store
