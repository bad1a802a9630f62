// game._recovery: how worlds came into memory. Its contract is the COMMENT in
// extension/sql/50-checkpoints.sql.
#include "extension/pg/bridge.hpp"
#include "extension/pg/shared.hpp"

namespace {

using namespace gamelan::pg;

const char* name_of(RecoveryPhase phase) {
    switch (phase) {
    case RecoveryPhase::none:
        break;
    case RecoveryPhase::loading:
        return "loading";
    case RecoveryPhase::replaying:
        return "replaying";
    case RecoveryPhase::done:
        return "done";
    case RecoveryPhase::failed:
        return "failed";
    }
    return "none";
}

struct Texts {
    std::int64_t started_at, replay_started_at, ended_at;
    char chain[sizeof RecoveryReport::chain];
    char damage[sizeof RecoveryReport::damage];
};

Texts texts_of(const RecoveryReport& report) {
    Texts out;
    LWLockAcquire(shared->lock, LW_SHARED);
    out.started_at = report.started_at;
    out.replay_started_at = report.replay_started_at;
    out.ended_at = report.ended_at;
    memcpy(out.chain, report.chain, sizeof out.chain);
    memcpy(out.damage, report.damage, sizeof out.damage);
    LWLockRelease(shared->lock);
    return out;
}

Datum bigint(std::uint64_t value) {
    return Int64GetDatum(static_cast<std::int64_t>(value));
}

void put(ReturnSetInfo* result, std::int64_t world_id, const RecoveryReport& report) {
    const Texts texts = texts_of(report);
    const std::uint64_t from = report.from_tick.load(), tick = report.tick.load();
    const TimestampTz until = texts.ended_at != 0 ? texts.ended_at : GetCurrentTimestamp();
    const double seconds = static_cast<double>(until - texts.replay_started_at) / 1e6;
    const bool has_rate = texts.replay_started_at != 0 && seconds > 0 && tick > from;
    Datum values[10] = {Int64GetDatum(world_id),
                        CStringGetTextDatum(name_of(report.phase.load())),
                        bigint(from),
                        bigint(tick),
                        bigint(report.target.load()),
                        CStringGetTextDatum(texts.chain),
                        CStringGetTextDatum(texts.damage),
                        TimestampTzGetDatum(texts.started_at),
                        TimestampTzGetDatum(texts.ended_at),
                        Float8GetDatum(has_rate ? static_cast<double>(tick - from) / seconds : 0)};
    bool nulls[10] = {};
    nulls[5] = texts.chain[0] == '\0';
    nulls[6] = texts.damage[0] == '\0';
    nulls[8] = texts.ended_at == 0;
    nulls[9] = !has_rate;
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_recovery);

PGDLLEXPORT Datum gamelan_recovery(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (shared == nullptr || shared->database_oid.load() != MyDatabaseId)
        return static_cast<Datum>(0);
    for (std::uint32_t i = 0; i < shared->max_worlds; ++i) {
        const std::int64_t id = region().control({i}).world_id.load();
        if (id != 0 && runtime({i}).recovery.phase.load() != RecoveryPhase::none)
            put(result, id, runtime({i}).recovery);
    }
    return static_cast<Datum>(0);
}

} // extern "C"
