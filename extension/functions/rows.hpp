// Rows that a set-returning function found, on their way from the C++ frame to the executor.
#pragma once

#include <algorithm>
#include <vector>

#include "extension/pg/bridge.hpp"

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

} // namespace gamelan::pg
