// Which operation of kernels a function of Postgres is. Functions are known by the C function behind them:
// several have the same, as int4abs() and abs(int4).
#pragma once

#include "core/kernel/program.hpp"

#include <optional>

#include "extension/pg/pg.hpp"

namespace gamelan::compiler {

struct KernelFunction {
    enum class Kind {
        operation, // of arguments cast to `type`, which changes neither their value nor the result
        cast,      // to `type`
        identity,
        radians,
    } kind;
    kernel::Op op;
    ColumnType type;
};

// Reads no catalogs; nothing when there is no such operation.
std::optional<KernelFunction> kernel_function(Oid function);

// The deterministic function of ours that says what this one says, or what to do without it; else nullptr.
const char* deterministic_twin(Oid function);

} // namespace gamelan::compiler
