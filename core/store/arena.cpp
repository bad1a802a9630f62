#include "core/store/arena.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <string>

namespace gamelan::store {

namespace {

constexpr std::uint32_t class_data_bytes(std::uint8_t size_class) {
    return 64U << size_class;
}
constexpr std::uint32_t class_block_bytes(std::uint8_t size_class) {
    return class_data_bytes(size_class) + static_cast<std::uint32_t>(sizeof(BlockHeader));
}

// Worlds that hold less than this take the shortest spans, others such that at most a sixteenth is lost to
// rounding.
constexpr std::uint32_t small_world_units = 64;

constexpr std::uint32_t span_units(std::uint8_t size_class, std::uint32_t units_held) {
    if (units_held < small_world_units)
        return size_class + 1 == size_classes ? 2 : 1;
    if (size_class <= 4)
        return 1;
    return size_class <= 6 ? 4 : 16;
}

constexpr std::uint32_t blocks_in(std::uint32_t units, std::uint8_t size_class) {
    return static_cast<std::uint32_t>(units * unit_bytes / class_block_bytes(size_class));
}
static_assert(blocks_in(span_units(7, 0), 7) > 0 && blocks_in(span_units(8, 0), 8) > 0);

std::uint8_t class_for(std::uint32_t data_bytes) {
    const std::uint32_t rounded = std::bit_ceil(data_bytes < 64 ? 64U : data_bytes);
    return static_cast<std::uint8_t>(std::countr_zero(rounded) - 6);
}

} // namespace

Arena::Arena(const Region& region, WorldSlot owner, std::uint32_t limit_units)
    : region_(region), owner_(owner), limit_units_(limit_units) {}

Ref Arena::allocate(std::uint32_t data_bytes, std::uint64_t sequence) {
    const bool is_large = data_bytes > class_data_bytes(size_classes - 1);
    const std::uint8_t size_class = is_large ? large_size_class : class_for(data_bytes);
    std::optional<Ref> block = try_allocate(size_class, data_bytes);
    if (!block) {
        reclaim();
        block = try_allocate(size_class, data_bytes);
    }
    if (!block && give_back_empty_spans() > 0)
        block = try_allocate(size_class, data_bytes);
    if (!block && region_.revoke_old_pins() > 0) {
        reclaim();
        block = try_allocate(size_class, data_bytes);
    }
    if (!block)
        out_of_memory(region_.control(owner_).units_used.load(std::memory_order_relaxed) >= limit_units_);
    new (&header(*block)) BlockHeader{sequence, 0, 0, data_bytes, 0, 0, 0, 0, 0};
    return *block;
}

void Arena::out_of_memory(bool is_at_limit) const {
    const std::uint32_t held = region_.control(owner_).units_used.load(std::memory_order_relaxed);
    const std::uint32_t free_units = region_.units_total() - region_.units_used();
    throw Error(sqlstate::out_of_memory, "the world is out of memory",
                "It holds " + std::to_string(held * (unit_bytes / 1024)) + " kB; " +
                    std::to_string(free_units * (unit_bytes / 1024)) + " kB of the pool are free.",
                is_at_limit ? "Raise gamelan.world_memory_limit." : "Raise gamelan.memory, or drop worlds.");
}

std::uint32_t Arena::head_of(Ref block) const {
    std::uint32_t unit = region_.unit_of(block);
    while (!region_.unit(unit).is_head)
        --unit;
    return unit;
}

std::uint32_t Arena::give_back_empty_spans() {
    std::unordered_map<std::uint32_t, std::uint32_t> idle; // free blocks of each span, by its first unit
    for (const auto& list : free_)
        for (const Ref block : list)
            ++idle[head_of(block)];
    std::erase_if(idle, [this](const auto& span) {
        const UnitInfo& info = region_.unit(span.first);
        return span.second < blocks_in(info.span_units, info.size_class);
    });
    if (idle.empty())
        return 0;
    for (auto& list : free_)
        std::erase_if(list, [&](Ref block) { return idle.contains(head_of(block)); });
    for (const auto& [head, blocks] : idle)
        region_.give_back_units(owner_, head);
    return static_cast<std::uint32_t>(idle.size());
}

void Arena::trim() {
    constexpr std::uint64_t least_share = 4;
    const std::uint64_t held =
        std::uint64_t{region_.control(owner_).units_used.load(std::memory_order_relaxed)} * unit_bytes;
    if (idle_bytes() > held / least_share)
        give_back_empty_spans();
}

// In blocks that were freed.
std::uint64_t Arena::idle_bytes() const {
    std::uint64_t bytes = 0;
    for (std::uint8_t size_class = 0; size_class < size_classes; ++size_class)
        bytes += std::uint64_t{class_data_bytes(size_class)} * free_[size_class].size();
    return bytes;
}

void Arena::require_headroom() const {
    constexpr std::uint32_t share = 32;
    const std::uint32_t idle = static_cast<std::uint32_t>(idle_bytes() / unit_bytes);
    const std::uint32_t held = region_.control(owner_).units_used.load(std::memory_order_relaxed);
    if (held - std::min(held, idle) + limit_units_ / share >= limit_units_)
        out_of_memory(true);
    const std::uint32_t used = region_.units_used();
    if (used - std::min(used, idle) + region_.units_total() / share >= region_.units_total())
        out_of_memory(false);
}

std::optional<Ref> Arena::try_allocate(std::uint8_t size_class, std::uint32_t data_bytes) {
    if (size_class == large_size_class) {
        const Ref block = allocate_large(data_bytes);
        return block ? std::optional(block) : std::nullopt;
    }
    std::vector<Ref>& list = free_[size_class];
    if (list.empty() && !refill(size_class))
        return std::nullopt;
    const Ref block = list.back();
    list.pop_back();
    // The header of a block is written as soon as it is taken, and has not been looked at for long.
    constexpr std::size_t ahead = 8;
    if (list.size() >= ahead)
        __builtin_prefetch(&header(list[list.size() - ahead]), 1);
    return block;
}

bool Arena::refill(std::uint8_t size_class) {
    const std::uint32_t held = region_.control(owner_).units_used.load(std::memory_order_relaxed);
    const std::uint32_t units = span_units(size_class, held);
    if (held + units > limit_units_)
        return false;
    const std::uint32_t count = blocks_in(units, size_class);
    free_[size_class].reserve(free_[size_class].size() + count); // before the units are ours: it may throw
    const std::optional<std::uint32_t> first = region_.take_units(owner_, units, size_class);
    if (!first)
        return false;
    std::byte* start = region_.unit_address(*first);
    for (std::uint32_t i = count; i-- > 0;)
        free_[size_class].push_back(region_.ref_of(start + i * class_block_bytes(size_class)));
    return true;
}

Ref Arena::allocate_large(std::uint32_t data_bytes) {
    const auto units =
        static_cast<std::uint32_t>((data_bytes + sizeof(BlockHeader) + unit_bytes - 1) / unit_bytes);
    if (region_.control(owner_).units_used.load(std::memory_order_relaxed) + units > limit_units_)
        return {};
    const std::optional<std::uint32_t> first = region_.take_units(owner_, units, large_size_class);
    return first ? region_.ref_of(region_.unit_address(*first)) : Ref{};
}

bool Arena::has_room(std::uint64_t bytes, std::uint32_t block_bytes) const {
    const std::uint32_t held = region_.control(owner_).units_used.load(std::memory_order_relaxed);
    const std::uint32_t units =
        std::min(limit_units_ - std::min(limit_units_, held), region_.units_total() - region_.units_used());
    const std::uint64_t idle = std::uint64_t{block_bytes} * free_[class_for(block_bytes)].size();
    return bytes <= std::uint64_t{units} * unit_bytes + idle;
}

// From the table of units: a header is a cache line that nobody has looked at for long.
void Arena::free(Ref block) {
    const std::uint32_t unit = region_.unit_of(block);
    const std::uint8_t size_class = region_.unit(unit).size_class;
    if (size_class == large_size_class)
        region_.give_back_units(owner_, unit);
    else
        free_[size_class].push_back(block);
}

std::uint32_t Arena::bytes_of(Ref block) const {
    const std::uint8_t size_class = region_.unit(region_.unit_of(block)).size_class;
    return size_class == large_size_class ? header(block).data_bytes : class_data_bytes(size_class);
}

void Arena::retire(Ref block, std::uint64_t epoch) {
    retired_.push_back({epoch, block});
    retired_bytes_ += bytes_of(block);
}

void Arena::reclaim() {
    if (retired_.empty())
        return;
    const std::uint64_t oldest = region_.oldest_pinned_epoch();
    while (!retired_.empty() && retired_.front().epoch < oldest) {
        retired_bytes_ -= bytes_of(retired_.front().block);
        free(retired_.front().block);
        retired_.pop_front();
    }
}

void Arena::for_each_block(std::uint32_t head_unit, auto&& visit) const {
    const std::uint8_t size_class = region_.unit(head_unit).size_class;
    std::byte* start = region_.unit_address(head_unit);
    if (size_class == large_size_class) {
        visit(region_.ref_of(start), size_class);
        return;
    }
    for (std::uint32_t i = 0; i < blocks_in(region_.unit(head_unit).span_units, size_class); ++i)
        visit(region_.ref_of(start + i * class_block_bytes(size_class)), size_class);
}

void Arena::adopt(const std::unordered_set<std::uint32_t>& reachable) {
    const std::uint64_t epoch = region_.advance_epoch();
    for (std::uint32_t i = 0; i < region_.units_total(); ++i) {
        const UnitInfo& info = region_.unit(i);
        if (info.owner != owner_.value + 1 || !info.is_head)
            continue;
        for_each_block(i, [&](Ref block, std::uint8_t size_class) {
            if (reachable.contains(block.value))
                return;
            // A block that was never used, or whose owner died while it filled it, has no trustworthy header.
            if (size_class != large_size_class)
                header(block).data_bytes = class_data_bytes(size_class);
            else
                header(block).data_bytes =
                    static_cast<std::uint32_t>(info.span_units * unit_bytes - sizeof(BlockHeader));
            retire(block, epoch);
        });
    }
    reclaim();
}

std::size_t Arena::count_others(const std::unordered_set<std::uint32_t>& known) const {
    std::unordered_set<std::uint32_t> idle;
    for (const std::vector<Ref>& list : free_)
        for (const Ref block : list)
            idle.insert(block.value);
    for (const Retired& entry : retired_)
        idle.insert(entry.block.value);
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < region_.units_total(); ++i)
        if (region_.unit(i).owner == owner_.value + 1 && region_.unit(i).is_head)
            for_each_block(i, [&](Ref block, std::uint8_t) {
                count += !known.contains(block.value) && !idle.contains(block.value);
            });
    return count;
}

void Arena::release_all() {
    for (std::uint32_t i = 0; i < region_.units_total(); ++i)
        if (region_.unit(i).owner == owner_.value + 1 && region_.unit(i).is_head)
            region_.give_back_units(owner_, i);
    for (auto& list : free_)
        list.clear();
    retired_.clear();
    retired_bytes_ = 0;
}

} // namespace gamelan::store
