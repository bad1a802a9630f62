#include "extension/pg/private_region.hpp"

#include <algorithm>
#include <sys/mman.h>

#include "extension/pg/settings.hpp"

namespace gamelan::pg {

namespace {

constexpr std::size_t megabyte = 1024 * 1024;
// A world that fills its share of the server's memory has no older versions to keep here, but its own blocks
// may fall into other size classes, so there is some more room.
constexpr std::size_t slack_bytes = 64 * megabyte;

std::size_t bytes_of_a_world() {
    if (settings::verify_memory_mb > 0)
        return static_cast<std::size_t>(settings::verify_memory_mb) * megabyte + slack_bytes;
    const int limit_mb =
        settings::world_memory_limit_mb > 0 ? settings::world_memory_limit_mb : settings::memory_mb;
    return std::min(static_cast<std::size_t>(limit_mb) * megabyte * 5 / 4 + slack_bytes,
                    std::size_t{256} * 1024 * megabyte - megabyte);
}

} // namespace

PrivateRegion::PrivateRegion() : PrivateRegion(bytes_of_a_world()) {}

PrivateRegion::PrivateRegion(std::size_t bytes) : bytes_(bytes) {
    base_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base_ == MAP_FAILED)
        throw Error(sqlstate::out_of_memory, "there is no memory for a private copy of a world",
                    "It may take " + std::to_string(bytes_ / megabyte) + " MB.");
    try {
        region_ = store::Region::format(base_, bytes_, {1, 1});
        (void)region_->claim_slot(1);
    } catch (...) {
        munmap(base_, bytes_);
        throw;
    }
}

PrivateRegion::~PrivateRegion() {
    munmap(base_, bytes_);
}

} // namespace gamelan::pg
