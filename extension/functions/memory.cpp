// game._memory: who holds gamelan.memory. Its contract is the COMMENT in extension/sql/60-memory.sql.
#include "core/store/usage.hpp"
#include "extension/pg/reading.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;

// One row of the answer; texts are palloc'd.
struct UsageRow {
    const char* part;
    std::int64_t world; // 0 = null
    const char* component;
    std::int64_t bytes;
    std::int64_t items; // -1 = null
};

struct UsageRows {
    UsageRow* rows;
    std::size_t count;
};

void put(ReturnSetInfo* result, const UsageRow& row) {
    Datum values[5] = {CStringGetTextDatum(row.part), Int64GetDatum(row.world),
                       row.component == nullptr ? static_cast<Datum>(0) : CStringGetTextDatum(row.component),
                       Int64GetDatum(row.bytes), Int64GetDatum(row.items)};
    bool nulls[5] = {false, row.world == 0, row.component == nullptr, false, row.items < 0};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

// C++ zone. What the published version of a world holds; nothing when it has none.
UsageRows usage_of_world(store::WorldSlot slot, std::int64_t world_id) {
    std::vector<UsageRow> rows;
    std::vector<store::ComponentUsage> usage;
    {
        const ReadPin pin;
        if (const auto snapshot = store::Snapshot::current(region(), slot))
            usage = store::usage_of(*snapshot);
        pin.check();
    }
    for (const store::ComponentUsage& entry : usage) {
        const char* name = palloc_text(entry.name);
        const auto rows_count = static_cast<std::int64_t>(entry.rows);
        rows.push_back(
            {"component", world_id, name, static_cast<std::int64_t>(entry.block_bytes), rows_count});
        if (entry.value_bytes > 0)
            rows.push_back({"heap", world_id, name, static_cast<std::int64_t>(entry.value_bytes), -1});
        if (entry.index_bytes > 0)
            rows.push_back({"index", world_id, name, static_cast<std::int64_t>(entry.index_bytes), -1});
    }
    auto* copy =
        static_cast<UsageRow*>(pg_call([&] { return palloc(sizeof(UsageRow) * Max(rows.size(), 1)); }));
    std::copy(rows.begin(), rows.end(), copy);
    return {copy, rows.size()};
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_memory);

PGDLLEXPORT Datum gamelan_memory(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (shared == nullptr)
        return static_cast<Datum>(0);
    const auto unit = static_cast<std::int64_t>(store::unit_bytes);
    const std::int64_t total = std::int64_t{region().units_total()} * unit;
    const std::int64_t used = std::int64_t{region().units_used()} * unit;
    put(result, {"pool", 0, nullptr, total, -1});
    put(result, {"free", 0, nullptr, total - used, -1});
    const store::Region::PinCounts pins = region().pins();
    put(result, {"pins", 0, nullptr, 0, pins.held});
    if (shared->database_oid.load() != MyDatabaseId)
        return static_cast<Datum>(0);
    for (std::uint32_t i = 0; i < shared->max_worlds; ++i) {
        const store::WorldControl& control = region().control({i});
        const std::int64_t world_id = control.world_id.load();
        if (world_id == 0)
            continue;
        put(result, {"world", world_id, nullptr, std::int64_t{control.units_used.load()} * unit, -1});
        put(result,
            {"history", world_id, nullptr, static_cast<std::int64_t>(runtime({i}).retired_bytes.load()), -1});
        const UsageRows usage = sql_boundary([&] { return usage_of_world({i}, world_id); });
        for (std::size_t row = 0; row < usage.count; ++row)
            put(result, usage.rows[row]);
        CHECK_FOR_INTERRUPTS();
    }
    return static_cast<Datum>(0);
}

} // extern "C"
