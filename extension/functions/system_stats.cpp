// Statistics of systems. Contract: the COMMENTs in extension/sql/61-system-statistics.sql.
#include "extension/pg/system_stats.hpp"

#include <cmath>

#include "extension/pg/pg.hpp"

extern "C" {
#include "funcapi.h"
}

namespace {

using namespace gamelan::pg;

constexpr const char* path_names[] = {"kernel", "executor", "native", "kernel"};

// The duration that a share of the calls stayed below.
double percentile_ns(const SystemStats& stats, double share) {
    std::uint64_t total = 0;
    for (const auto& bucket : stats.durations)
        total += bucket.load(std::memory_order_relaxed);
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total)));
    std::uint64_t seen = 0;
    for (std::uint32_t i = 0; i < lateness_buckets; ++i) {
        seen += stats.durations[i].load(std::memory_order_relaxed);
        if (seen >= wanted && total > 0)
            return static_cast<double>(lateness_bucket_limit_us(i));
    }
    return 0;
}

void put(ReturnSetInfo* result, const SystemStats& stats, std::int64_t world_id) {
    const auto calls = stats.calls.load();
    const auto rows = stats.rows.load();
    const auto total_ns = static_cast<double>(stats.duration_ns.load());
    Datum values[9] = {Int64GetDatum(world_id),
                       CStringGetTextDatum(stats.name),
                       CStringGetTextDatum(path_names[stats.path.load() % 3]),
                       Int64GetDatum(static_cast<std::int64_t>(calls)),
                       Int64GetDatum(static_cast<std::int64_t>(rows)),
                       Int64GetDatum(static_cast<std::int64_t>(stats.blocks.load())),
                       Int64GetDatum(static_cast<std::int64_t>(stats.errors.load())),
                       Float8GetDatum(total_ns),
                       Float8GetDatum(percentile_ns(stats, 0.99))};
    bool nulls[9] = {};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_system_statistics);

PGDLLEXPORT Datum gamelan_system_statistics(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (shared == nullptr || shared->database_oid.load() != MyDatabaseId)
        return static_cast<Datum>(0);
    for (std::uint32_t i = 0; i < system_stats::count(); ++i) {
        const SystemStats& stats = system_stats::at(i);
        if (const std::int64_t world_id = stats.world_id.load(std::memory_order_acquire); world_id != 0)
            put(result, stats, world_id);
    }
    return static_cast<Datum>(0);
}

} // extern "C"
