// A world's memory: blocks of power-of-two sizes cut from units of the region.
//
// Private to the process that owns the world; only unit ownership and block contents are in the region. After
// the owner's death a successor calls adopt() with everything the published root reaches; all else is retired
// with the current epoch, because readers may still hold it.
//
// A block is a 64-byte header followed by its data. The header also staggers block starts by 64 bytes, so
// that streams over several columns do not collide in the low address bits.
#pragma once

#include "core/store/region.hpp"

#include <array>
#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gamelan::store {

struct alignas(64) BlockHeader {
    std::uint64_t sequence;                // of the publish that made it visible
    std::atomic<std::uint64_t> state_hash; // contribution to the state hash; valid if hash_is_known
    std::atomic<std::uint32_t> hash_is_known;
    std::uint32_t data_bytes;
    // Smallest and largest value of the block's rows (snapshot.hpp, Zone), written before zone_is_known,
    // which may be after the block was published. Of a block of ages (snapshot.hpp): `zone_least` is the tick
    // that they count from.
    std::uint64_t zone_least;
    std::uint64_t zone_greatest;
    std::atomic<std::uint32_t> zone_is_known;
    std::uint32_t reserved;
    // state_hash XOR the ColumnSpec::name_hash that it was made with: columns can be renamed, while a reader
    // of a version before takes the share for its own.
    std::atomic<std::uint64_t> hash_tag;
};
static_assert(sizeof(BlockHeader) == 64);

// Data sizes 64 << class, class 0..8 (64 bytes to 16 KiB); larger allocations take whole units.
inline constexpr std::uint8_t size_classes = 9;
inline constexpr std::uint8_t large_size_class = 0xff;

class Arena {
  public:
    // `limit_units`: the most the world may hold; exceeding it throws Error(out_of_memory) from allocate().
    Arena(const Region& region, WorldSlot owner, std::uint32_t limit_units);

    // A block with room for `data_bytes`, contents undefined except its header. Throws Error(out_of_memory)
    // after it has reclaimed what it can and taken away the pins of slow readers.
    Ref allocate(std::uint32_t data_bytes, std::uint64_t sequence);
    // Throws Error(out_of_memory) when less than a thirty-second of the limit, or of the pool, is left.
    void require_headroom() const;
    // For blocks no reader can have seen.
    void free(Ref block);
    // For blocks readers may still hold: they come back when no pin is as old as `epoch`.
    void retire(Ref block, std::uint64_t epoch);
    // Whether so much could be allocated now in blocks of that size.
    bool has_room(std::uint64_t bytes, std::uint32_t block_bytes) const;
    // Frees what no pin protects any more.
    void reclaim();
    // Gives spans without a block in use back to the region, when much of the memory is idle: for the end of
    // a rush. Takes time in proportion to the free blocks.
    void trim();

    // Rebuilds the free lists after the previous owner died; see above.
    void adopt(const std::unordered_set<std::uint32_t>& reachable);
    // Returns every unit to the region. The caller has made sure that nobody reads.
    void release_all();

    std::byte* data(Ref block) const {
        return region_.resolve(block, sizeof(BlockHeader)) + sizeof(BlockHeader);
    }
    BlockHeader& header(Ref block) const {
        return *reinterpret_cast<BlockHeader*>(region_.resolve(block, sizeof(BlockHeader)));
    }
    // Blocks that are neither free nor retired nor among `known`.
    std::size_t count_others(const std::unordered_set<std::uint32_t>& known) const;
    std::size_t retired_blocks() const { return retired_.size(); }
    std::uint64_t retired_bytes() const { return retired_bytes_; }
    const Region& region() const { return region_; }

  private:
    struct Retired {
        std::uint64_t epoch;
        Ref block;
    };

    [[noreturn]] void out_of_memory(bool is_at_limit) const;
    std::uint64_t idle_bytes() const;
    std::uint32_t bytes_of(Ref block) const;
    std::uint32_t head_of(Ref block) const;
    // Returns how many there were.
    std::uint32_t give_back_empty_spans();
    bool refill(std::uint8_t size_class);
    Ref allocate_large(std::uint32_t data_bytes);
    std::optional<Ref> try_allocate(std::uint8_t size_class, std::uint32_t data_bytes);
    void for_each_block(std::uint32_t head_unit, auto&& visit) const;

    Region region_;
    WorldSlot owner_;
    std::uint32_t limit_units_;
    // Last in, first out: the block freed last is the one most likely still in cache.
    std::array<std::vector<Ref>, size_classes> free_;
    std::deque<Retired> retired_;
    std::uint64_t retired_bytes_ = 0;
};

} // namespace gamelan::store
