// A region in plain memory for tests.
#pragma once

#include "core/store/world_store.hpp"

#include <cstdlib>
#include <memory>

namespace gamelan::store {

class TestRegion {
  public:
    explicit TestRegion(std::size_t bytes = 8u << 20, RegionOptions options = {16, 8})
        : memory_(std::aligned_alloc(64, bytes)), region_(Region::format(memory_.get(), bytes, options)) {}

    const Region& operator*() const { return region_; }
    const Region* operator->() const { return &region_; }
    std::uint32_t limit() const { return region_.units_total(); }

  private:
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    std::unique_ptr<void, Free> memory_;
    Region region_;
};

} // namespace gamelan::store
