// Rows that a set-returning function found, on their way from the C++ frame to the executor.
#pragma once

#include <algorithm>
#include <vector>

#include "extension/pg/bridge.hpp"

extern "C" {
#include "funcapi.h"
}

namespace gamelan::pg {

template <class T>
struct Rows {
    T* rows;
    std::size_t count;
};

// C++ zone: they outlive the C++ frame.
template <class T>
Rows<T> palloc_rows(const std::vector<T>& rows) {
    auto* out = static_cast<T*>(
        pg_call([&] { return MemoryContextAllocHuge(CurrentMemoryContext, (rows.size() + 1) * sizeof(T)); }));
    std::copy(rows.begin(), rows.end(), out);
    return {out, rows.size()};
}

// A set of bigint.
inline Datum return_bigints(FunctionCallInfo fcinfo, const Rows<std::int64_t>& values) {
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (std::size_t i = 0; i < values.count; ++i) {
        Datum value = Int64GetDatum(values.rows[i]);
        bool is_null = false;
        tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
    }
    return static_cast<Datum>(0);
}

} // namespace gamelan::pg
