// How the systems of worlds are doing: counters in shared memory that the world worker keeps and every
// session may read. They start from zero with the server.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "extension/pg/shared.hpp"

namespace gamelan::pg {

struct SystemStats {
    std::atomic<std::int64_t> world_id; // 0 = nobody's; what follows is valid once it is set
    char name[64];
    std::atomic<std::uint8_t> path; // game::SystemPath
    std::atomic<std::uint64_t> calls;
    std::atomic<std::uint64_t> rows;
    std::atomic<std::uint64_t> blocks;
    std::atomic<std::uint64_t> errors;
    std::atomic<std::uint64_t> duration_ns;
    std::atomic<std::uint32_t> durations[lateness_buckets]; // of nanoseconds, as lateness_bucket() has them
};

namespace system_stats {

std::size_t shared_bytes();
void set_shared_memory(void* memory);
void format();

std::uint32_t count();
SystemStats& at(std::uint32_t index);

// For the world worker: the place of a system, new if need be; null when gamelan.max_tracked_systems have
// one.
SystemStats* claim(std::int64_t world_id, std::string_view name);
void note(SystemStats& stats, std::uint8_t path, std::uint64_t rows, std::uint64_t blocks,
          std::uint64_t duration_ns, bool is_failed);
// A world that goes.
void forget(std::int64_t world_id);

} // namespace system_stats

} // namespace gamelan::pg
