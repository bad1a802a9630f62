// A plane as it is at one moment, for reading any slot of it: later copies on write do not change what is
// read, while the block savepoint lasts that keeps the old blocks.
#pragma once

#include "core/kernel/masks.hpp"
#include "core/store/snapshot.hpp"

#include <bit>
#include <vector>

namespace gamelan::kernel {

class PlaneTable {
  public:
    PlaneTable(const store::Snapshot& view, ColumnId plane);

    std::uint32_t block_slots() const { return mask_ + 1; }
    // Never nullptr: a block that does not exist is one of zeros.
    const std::byte* block(std::uint32_t index) const {
        return index < blocks_.size() ? blocks_[index] : zeros();
    }
    bool is_empty(std::uint32_t index) const { return block(index) == zeros(); }
    // No block exists.
    bool is_empty() const { return is_empty_; }
    // For loops: nothing that they write can change it.
    struct View {
        const std::byte* const* blocks;
        std::uint32_t shift;
        std::uint32_t mask;
        template <class T>
        T get(std::uint32_t slot) const {
            T value;
            std::memcpy(&value, blocks[slot >> shift] + (slot & mask) * sizeof(T), sizeof(T));
            return value;
        }
    };
    View view() const { return {blocks_.data(), shift_, mask_}; }
    // The slot is one of the space, or 0.
    template <class T>
    T get(std::uint32_t slot) const {
        return view().template get<T>(slot);
    }
    // Of a plane of bits.
    Byte bit(std::uint32_t slot) const {
        const auto* words = reinterpret_cast<const std::uint64_t*>(blocks_[slot >> shift_]);
        const std::uint32_t place = slot & mask_;
        return static_cast<Byte>(words[place / 64] >> place % 64 & 1);
    }

    // out[i] = the value at slots[i], of so many bytes; all slots are of the space.
    void gather(const std::uint32_t* slots, std::uint32_t lanes, std::uint32_t width_bytes,
                std::byte* out) const;
    // out[i] = the bit at slots[i].
    void gather_bits(const std::uint32_t* slots, std::uint32_t lanes, Byte* out) const;
    // The values of `lanes` slots in a row; zeros where there are no such slots.
    void copy(std::int64_t first, std::uint32_t lanes, std::uint32_t width_bytes, std::byte* out) const;
    // The same for bits; false, and nothing written, when none is set.
    bool copy_bits(std::int64_t first, std::uint32_t lanes, Byte* out) const;

  private:
    static const std::byte* zeros();

    std::vector<const std::byte*> blocks_;
    std::uint32_t shift_;
    std::uint32_t mask_;
    bool is_empty_ = true;
};

} // namespace gamelan::kernel
