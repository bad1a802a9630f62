#include "core/store/region.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <string>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gamelan::store {

namespace {

constexpr std::uint64_t region_magic = 0x6e616c656d6167ULL; // "gamelan"
constexpr std::uint32_t region_layout_version = 2;
constexpr std::uint64_t pin_none = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t pin_revoked_bit = 1ULL << 63;

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

void relax() {
#if defined(__x86_64__)
    _mm_pause();
#endif
}

} // namespace

struct alignas(64) Region::Header {
    std::uint64_t magic;
    std::uint32_t layout_version;
    std::uint32_t world_slots;
    std::uint32_t pin_slots;
    std::uint32_t unit_count;
    std::uint64_t bytes;
    std::uint64_t controls_offset;
    std::uint64_t pins_offset;
    std::uint64_t unit_table_offset;
    std::uint64_t units_offset;
    std::atomic<std::uint32_t> lock_word;
    std::atomic<std::uint32_t> units_used;
    std::uint32_t search_from;
    alignas(64) std::atomic<std::uint64_t> epoch;
};

struct alignas(64) Region::Pin {
    std::atomic<std::uint64_t> epoch;
    std::atomic<std::uint64_t> since_ms;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<std::uint32_t>::is_always_lock_free);

Region::Region(std::byte* base)
    : base_(base), first_byte_(header().units_offset), end_byte_(header().bytes) {}

std::size_t Region::overhead_bytes(std::size_t region_bytes, const RegionOptions& options) {
    const std::size_t units = region_bytes / unit_bytes + 1;
    return sizeof(Header) + options.world_slots * sizeof(WorldControl) + options.pin_slots * sizeof(Pin) +
           round_up(units * sizeof(UnitInfo), ref_unit_bytes) + unit_bytes;
}

Region Region::format(void* base, std::size_t bytes, const RegionOptions& options) {
    if (options.world_slots == 0 || options.world_slots >= max_world_slots)
        throw Error(sqlstate::invalid_parameter, "the number of world slots must lie between 1 and 65534");
    if (bytes / ref_unit_bytes > std::numeric_limits<std::uint32_t>::max())
        throw Error(sqlstate::invalid_parameter, "a region cannot be larger than 256 GiB");
    const std::size_t overhead = overhead_bytes(bytes, options);
    if (bytes < overhead + 4 * unit_bytes)
        throw Error(sqlstate::invalid_parameter, "the region is too small: nothing is left for worlds",
                    "It has " + std::to_string(bytes) + " bytes and needs " + std::to_string(overhead) +
                        " for its own tables.",
                    "Raise gamelan.memory or lower gamelan.max_worlds.");

    auto* start = static_cast<std::byte*>(base);
    auto* header = new (start) Header{};
    header->layout_version = region_layout_version;
    header->world_slots = options.world_slots;
    header->pin_slots = options.pin_slots;
    header->bytes = bytes;
    header->controls_offset = sizeof(Header);
    header->pins_offset = header->controls_offset + options.world_slots * sizeof(WorldControl);
    header->unit_table_offset = header->pins_offset + options.pin_slots * sizeof(Pin);
    const std::size_t units_guess = bytes / unit_bytes;
    header->units_offset =
        round_up(header->unit_table_offset + units_guess * sizeof(UnitInfo), ref_unit_bytes);
    header->unit_count = static_cast<std::uint32_t>((bytes - header->units_offset) / unit_bytes);
    header->epoch.store(1);

    for (std::uint32_t i = 0; i < options.world_slots; ++i)
        new (start + header->controls_offset + i * sizeof(WorldControl)) WorldControl{};
    for (std::uint32_t i = 0; i < options.pin_slots; ++i)
        (new (start + header->pins_offset + i * sizeof(Pin)) Pin{})->epoch.store(pin_none);
    std::memset(start + header->unit_table_offset, 0, units_guess * sizeof(UnitInfo));
    header->magic = region_magic;
    return Region(start);
}

Region Region::attach(void* base) {
    Region region(static_cast<std::byte*>(base));
    if (region.header().magic != region_magic || region.header().layout_version != region_layout_version)
        throw Error(sqlstate::internal, "the shared memory of gamelan was laid out by another version", {},
                    "Restart the server so that all processes run the same library.");
    return region;
}

Region::Header& Region::header() const {
    return *reinterpret_cast<Header*>(base_);
}

Region::Pin& Region::pin_at(PinSlot slot) const {
    return reinterpret_cast<Pin*>(base_ + header().pins_offset)[slot.value];
}

std::uint32_t Region::world_slots() const {
    return header().world_slots;
}
std::uint32_t Region::units_total() const {
    return header().unit_count;
}
std::uint32_t Region::units_used() const {
    return header().units_used.load(std::memory_order_relaxed);
}

WorldControl& Region::control(WorldSlot slot) const {
    return reinterpret_cast<WorldControl*>(base_ + header().controls_offset)[slot.value];
}

std::optional<WorldSlot> Region::find(std::int64_t world_id) const {
    if (world_id == 0)
        return std::nullopt;
    for (std::uint32_t i = 0; i < header().world_slots; ++i)
        if (control({i}).world_id.load(std::memory_order_acquire) == world_id)
            return WorldSlot{i};
    return std::nullopt;
}

WorldSlot Region::claim_slot(std::int64_t world_id) const {
    for (std::uint32_t i = 0; i < header().world_slots; ++i) {
        std::int64_t expected = 0;
        WorldControl& candidate = control({i});
        if (candidate.world_id.load(std::memory_order_relaxed) == 0 &&
            candidate.world_id.compare_exchange_strong(expected, world_id)) {
            candidate.root.store(0);
            candidate.tick.store(0);
            return {i};
        }
    }
    throw Error(sqlstate::out_of_memory, "no room for another world",
                "All " + std::to_string(header().world_slots) + " world slots are taken.",
                "Raise gamelan.max_worlds, or drop worlds that are not needed.");
}

void Region::release_slot(WorldSlot slot) const {
    control(slot).root.store(0);
    control(slot).tick.store(0);
    control(slot).world_id.store(0);
}

// Straight-line code only between lock and unlock: a process that dies in here does so by a signal, and then
// the postmaster builds the whole region anew.
void Region::lock() const {
    while (header().lock_word.exchange(1, std::memory_order_acquire) != 0)
        while (header().lock_word.load(std::memory_order_relaxed) != 0)
            relax();
}

void Region::unlock() const {
    header().lock_word.store(0, std::memory_order_release);
}

std::optional<std::uint32_t> Region::take_units(WorldSlot owner, std::uint32_t count,
                                                std::uint8_t size_class) const {
    Header& head = header();
    if (count == 0 || count > head.unit_count)
        return std::nullopt;
    lock();
    std::optional<std::uint32_t> found;
    // Next fit from the last hit, then once more from the start.
    for (int pass = 0; pass < 2 && !found; ++pass) {
        std::uint32_t run = 0;
        for (std::uint32_t i = pass == 0 ? head.search_from : 0; i < head.unit_count; ++i) {
            run = unit(i).owner == 0 ? run + 1 : 0;
            if (run == count) {
                found = i + 1 - count;
                break;
            }
        }
    }
    if (found) {
        for (std::uint32_t i = 0; i < count; ++i)
            unit(*found + i) = {static_cast<std::uint16_t>(owner.value + 1), size_class,
                                static_cast<std::uint8_t>(i == 0), i == 0 ? count : 0};
        head.search_from = *found + count;
        head.units_used.fetch_add(count, std::memory_order_relaxed);
        control(owner).units_used.fetch_add(count, std::memory_order_relaxed);
    }
    unlock();
    return found;
}

void Region::give_back_units(WorldSlot owner, std::uint32_t first) const {
    lock();
    const std::uint32_t count = unit(first).span_units;
    for (std::uint32_t i = 0; i < count; ++i)
        unit(first + i) = {};
    Header& head = header();
    if (first < head.search_from)
        head.search_from = first;
    head.units_used.fetch_sub(count, std::memory_order_relaxed);
    control(owner).units_used.fetch_sub(count, std::memory_order_relaxed);
    unlock();
}

UnitInfo& Region::unit(std::uint32_t index) const {
    return reinterpret_cast<UnitInfo*>(base_ + header().unit_table_offset)[index];
}

std::byte* Region::unit_address(std::uint32_t index) const {
    return base_ + header().units_offset + static_cast<std::size_t>(index) * unit_bytes;
}

Ref Region::ref_of(const void* address) const {
    return {static_cast<std::uint32_t>((static_cast<const std::byte*>(address) - base_) / ref_unit_bytes)};
}

std::uint32_t Region::unit_of(Ref ref) const {
    return static_cast<std::uint32_t>((ref.value * ref_unit_bytes - header().units_offset) / unit_bytes);
}

void Region::fail_unresolved() {
    throw Error(sqlstate::snapshot_too_old, "snapshot too old",
                "The snapshot was given up because memory was short.",
                "Run the query again, make it shorter, or raise gamelan.memory.");
}

// The order "store the pin, then load a root" against "replace the root, then look at the pins" is what keeps
// a reader's blocks alive; both sides use sequentially consistent operations for it.
std::uint64_t Region::pin(PinSlot slot, std::uint64_t now_ms) const {
    pin_at(slot).since_ms.store(now_ms, std::memory_order_relaxed);
    const std::uint64_t epoch = header().epoch.load();
    pin_at(slot).epoch.store(epoch);
    return epoch;
}

void Region::advance_pin(PinSlot slot, std::uint64_t epoch, std::uint64_t since_ms) const {
    std::uint64_t pinned = pin_at(slot).epoch.load();
    // A pin that was taken away stays so: its reader has to learn of it.
    if ((pinned & pin_revoked_bit) == 0 && pin_at(slot).epoch.compare_exchange_strong(pinned, epoch))
        pin_at(slot).since_ms.store(since_ms, std::memory_order_relaxed);
}

void Region::unpin(PinSlot slot) const {
    pin_at(slot).epoch.store(pin_none);
}

bool Region::pin_is_valid(PinSlot slot) const {
    const std::uint64_t pinned = pin_at(slot).epoch.load();
    return pinned != pin_none && (pinned & pin_revoked_bit) == 0;
}

bool Region::pin_protects(PinSlot slot, std::uint64_t epoch) const {
    const std::uint64_t pinned = pin_at(slot).epoch.load();
    return (pinned & pin_revoked_bit) == 0 && pinned <= epoch;
}

std::uint64_t Region::advance_epoch() const {
    return header().epoch.fetch_add(1);
}

std::uint64_t Region::current_epoch() const {
    return header().epoch.load();
}

std::uint64_t Region::oldest_pinned_epoch() const {
    std::uint64_t oldest = pin_none;
    for (std::uint32_t i = 0; i < header().pin_slots; ++i) {
        const std::uint64_t pinned = pin_at({i}).epoch.load();
        if ((pinned & pin_revoked_bit) == 0 && pinned < oldest)
            oldest = pinned;
    }
    return oldest;
}

std::uint32_t Region::revoke_pins_since_before(std::uint64_t since_ms) const {
    std::uint32_t revoked = 0;
    for (std::uint32_t i = 0; i < header().pin_slots; ++i) {
        std::uint64_t pinned = pin_at({i}).epoch.load();
        if ((pinned & pin_revoked_bit) == 0 && pin_at({i}).since_ms.load() < since_ms &&
            pin_at({i}).epoch.compare_exchange_strong(pinned, pinned | pin_revoked_bit))
            ++revoked;
    }
    return revoked;
}

Region::PinCounts Region::pins() const {
    PinCounts out{0, 0};
    for (std::uint32_t i = 0; i < header().pin_slots; ++i) {
        if ((pin_at({i}).epoch.load() & pin_revoked_bit) != 0)
            continue;
        const std::uint64_t since = pin_at({i}).since_ms.load();
        out.oldest_since_ms = out.held == 0 ? since : std::min(out.oldest_since_ms, since);
        ++out.held;
    }
    return out;
}

std::uint32_t Region::revoke_old_pins() const {
    const std::uint64_t now = header().epoch.load();
    std::uint32_t revoked = 0;
    for (std::uint32_t i = 0; i < header().pin_slots; ++i) {
        std::uint64_t pinned = pin_at({i}).epoch.load();
        if ((pinned & pin_revoked_bit) == 0 && pinned < now &&
            pin_at({i}).epoch.compare_exchange_strong(pinned, pinned | pin_revoked_bit))
            ++revoked;
    }
    return revoked;
}

} // namespace gamelan::store
