// Memory of this process alone that looks like the server's: for states of the past and for checking what is
// stored, without a place among the worlds that everybody sees.
#pragma once

#include "core/store/region.hpp"

namespace gamelan::pg {

class PrivateRegion {
  public:
    // Address space for worlds of up to `bytes`; a page takes memory only once it is touched. One world slot.
    // Throws Error(out_of_memory).
    explicit PrivateRegion(std::size_t bytes);
    // gamelan.verify_memory, or as much as one world may take in the server's memory.
    PrivateRegion();
    ~PrivateRegion();
    PrivateRegion(const PrivateRegion&) = delete;
    PrivateRegion& operator=(const PrivateRegion&) = delete;

    const store::Region& region() const { return *region_; }
    store::WorldSlot slot() const { return {0}; }
    std::uint32_t limit_units() const { return region_->units_total(); }

  private:
    void* base_ = nullptr;
    std::size_t bytes_;
    std::optional<store::Region> region_;
};

} // namespace gamelan::pg
