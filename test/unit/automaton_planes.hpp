// Planes in blocks that own their bytes, for the automaton's tests.
#pragma once

#include "core/automaton/planes.hpp"

#include <cstring>
#include <memory>
#include <vector>

namespace gamelan::automaton::testing {

class BlockPlane {
  public:
    // Every block is an allocation of its own, so that AddressSanitizer sees a step beyond it. Filled with
    // 0xcd: nobody may count on zeros.
    BlockPlane(std::uint32_t cells, std::uint32_t block_slots) : cells_(cells), block_slots_(block_slots) {
        for (std::uint32_t block = 0; block < block_count(cells, block_slots); ++block) {
            owned_.push_back(std::make_unique<std::uint8_t[]>(block_slots));
            std::memset(owned_.back().get(), 0xcd, block_slots);
            writable_.push_back(owned_.back().get());
            readable_.push_back(owned_.back().get());
        }
    }

    void assign(const std::vector<std::uint8_t>& cells) {
        for (std::uint32_t place = 0; place < capacity(); ++place) {
            at(place) = place < cells.size() ? cells[place] : 0;
        }
    }

    std::vector<std::uint8_t> cells() const {
        std::vector<std::uint8_t> result(cells_);
        for (std::uint32_t cell = 0; cell < cells_; ++cell) {
            result[cell] = at(cell);
        }
        return result;
    }

    std::uint8_t& at(std::uint32_t place) { return owned_[place / block_slots_][place % block_slots_]; }
    std::uint8_t at(std::uint32_t place) const { return owned_[place / block_slots_][place % block_slots_]; }
    std::uint32_t capacity() const { return static_cast<std::uint32_t>(owned_.size()) * block_slots_; }
    std::uint32_t blocks() const { return static_cast<std::uint32_t>(owned_.size()); }
    bool same_block(const BlockPlane& other, std::uint32_t block) const {
        return std::memcmp(owned_[block].get(), other.owned_[block].get(), block_slots_) == 0;
    }
    bool tail_is_zero() const {
        for (std::uint32_t place = cells_; place < capacity(); ++place) {
            if (at(place) != 0) {
                return false;
            }
        }
        return true;
    }

    PlaneIn in() const { return {readable_, block_slots_}; }
    PlaneOut out() const { return {writable_, block_slots_}; }

  private:
    std::uint32_t cells_;
    std::uint32_t block_slots_;
    std::vector<std::unique_ptr<std::uint8_t[]>> owned_;
    std::vector<std::uint8_t*> writable_;
    std::vector<const std::uint8_t*> readable_;
};

// The two planes of a layer.
struct Layer {
    BlockPlane types;
    BlockPlane amounts;

    Layer(std::uint32_t cells, std::uint32_t block_slots)
        : types(cells, block_slots), amounts(cells, block_slots) {}
};

} // namespace gamelan::automaton::testing
