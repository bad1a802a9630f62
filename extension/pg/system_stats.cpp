#include "extension/pg/system_stats.hpp"

#include "extension/pg/settings.hpp"

#include <cstring>

namespace gamelan::pg::system_stats {

namespace {

SystemStats* all = nullptr;

void clear(SystemStats& stats) {
    for (auto* counter : {&stats.calls, &stats.rows, &stats.blocks, &stats.errors, &stats.duration_ns})
        counter->store(0, std::memory_order_relaxed);
    for (auto& bucket : stats.durations)
        bucket.store(0, std::memory_order_relaxed);
}

} // namespace

std::size_t shared_bytes() {
    return CACHELINEALIGN(mul_size(static_cast<Size>(settings::max_tracked_systems), sizeof(SystemStats)));
}

void set_shared_memory(void* memory) {
    all = static_cast<SystemStats*>(memory);
}

void format() {
    std::memset(static_cast<void*>(all), 0, shared_bytes());
}

std::uint32_t count() {
    return static_cast<std::uint32_t>(settings::max_tracked_systems);
}

SystemStats& at(std::uint32_t index) {
    return all[index];
}

SystemStats* claim(std::int64_t world_id, std::string_view name) {
    SystemStats* free = nullptr;
    for (std::uint32_t i = 0; i < count(); ++i) {
        const std::int64_t owner = all[i].world_id.load(std::memory_order_relaxed);
        if (owner == world_id && name == all[i].name)
            return &all[i];
        if (owner == 0 && free == nullptr)
            free = &all[i];
    }
    if (free == nullptr)
        return nullptr;
    clear(*free);
    const std::size_t bytes = Min(name.size(), sizeof free->name - 1);
    std::memcpy(free->name, name.data(), bytes);
    free->name[bytes] = '\0';
    free->world_id.store(world_id, std::memory_order_release);
    return free;
}

void note(SystemStats& stats, std::uint8_t path, std::uint64_t rows, std::uint64_t blocks,
          std::uint64_t duration_ns, bool is_failed) {
    constexpr auto relaxed = std::memory_order_relaxed;
    stats.path.store(path, relaxed);
    stats.calls.fetch_add(1, relaxed);
    stats.rows.fetch_add(rows, relaxed);
    stats.blocks.fetch_add(blocks, relaxed);
    stats.errors.fetch_add(is_failed, relaxed);
    stats.duration_ns.fetch_add(duration_ns, relaxed);
    stats.durations[lateness_bucket(static_cast<std::int64_t>(duration_ns))].fetch_add(1, relaxed);
}

void forget(std::int64_t world_id) {
    for (std::uint32_t i = 0; i < count(); ++i)
        if (all[i].world_id.load(std::memory_order_relaxed) == world_id)
            all[i].world_id.store(0, std::memory_order_release);
}

} // namespace gamelan::pg::system_stats
