// One column of a version for code that reads it often: what Snapshot looks up with every value is looked up
// once. The same promises as Snapshot's: every reference is checked.
#pragma once

#include "core/store/snapshot.hpp"

#include <bit>

namespace gamelan::store {

class ColumnReader {
  public:
    // Throws Error(internal) when there is no such column. Not for versions.
    ColumnReader(const Snapshot& snapshot, ColumnId column)
        : region_(snapshot.region()), table_(snapshot.block_table(column)),
          block_slots_(snapshot.block_slots(column)),
          shift_(static_cast<std::uint32_t>(std::countr_zero(block_slots_))),
          bytes_(block_bytes(snapshot.column(column).type, block_slots_)) {}

    std::uint32_t block_slots() const { return block_slots_; }
    // The values of block `index`, or nullptr for a block of zeros.
    const std::byte* block(std::uint32_t index) const {
        if (index >= table_.size())
            return nullptr;
        // By copy: the owner of a world whose reader lost its pin may be writing here.
        const Ref ref = table_[index];
        return ref ? region_.resolve(ref, sizeof(BlockHeader) + bytes_) + sizeof(BlockHeader) : nullptr;
    }
    template <class T>
    T get(std::uint32_t slot) const {
        T value{};
        if (const std::byte* data = block(slot >> shift_))
            std::memcpy(&value, data + (slot & (block_slots_ - 1)) * sizeof(T), sizeof(T));
        return value;
    }
    // For columns of bits.
    bool bit(std::uint32_t slot) const {
        const std::byte* data = block(slot >> shift_);
        if (data == nullptr)
            return false;
        const std::uint32_t place = slot & (block_slots_ - 1);
        std::uint64_t word;
        std::memcpy(&word, data + place / 64 * sizeof word, sizeof word);
        return (word >> place % 64 & 1) != 0;
    }

  private:
    Region region_;
    std::span<const Ref> table_;
    std::uint32_t block_slots_;
    std::uint32_t shift_;
    std::size_t bytes_;
};

// find_entity() for many.
class EntityReader {
  public:
    EntityReader(const Snapshot& snapshot, const EntityPlanes& planes)
        : alive_(snapshot, ColumnId{snapshot.component(planes.component).presence}),
          generation_(snapshot, planes.generation), slot_count_(snapshot.slot_count(planes.space)) {}

    std::optional<std::uint32_t> find(Entity entity) const {
        const std::uint32_t slot = entity.slot();
        if (slot == 0 || slot >= slot_count_ || !alive_.bit(slot) ||
            generation_.get<std::uint32_t>(slot) != entity.generation())
            return std::nullopt;
        return slot;
    }

  private:
    ColumnReader alive_;
    ColumnReader generation_;
    std::uint32_t slot_count_;
};

} // namespace gamelan::store
