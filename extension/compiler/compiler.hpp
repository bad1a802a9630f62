// From procedures to kernels: takes the analysed trees that Postgres keeps of a LANGUAGE sql … BEGIN ATOMIC
// procedure and says the same as statements of core/kernel/program.hpp, or says why it cannot.
//
// Nothing is parsed, and operators are known by the function behind them, so whatever a user calls "+" in his
// search_path is never taken for ours. What a statement would do in Postgres (rewritten views, defaults,
// domains, NOT NULL, CHECK, privileges of the procedure's owner) it does as a kernel, else it is not
// compiled.
#pragma once

#include "core/kernel/unbound.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extension/pg/pg.hpp"

namespace gamelan::compiler {

struct CompiledStatement {
    std::string text; // as Postgres prints it, on one line, shortened
    bool is_compiled = false;
    std::string reason;             // when it is not: one clause, for people
    std::vector<std::string> steps; // what the kernel does, for people
    double estimated_ns = 0;        // of the kernel, for each row that it goes over (core/kernel/cost.hpp)
    // The same rows in give the same rows out, whatever the plan; so a replay could run it again.
    bool is_deterministic = false;
    std::vector<std::string> reads; // "component.column", of its own game, sorted
    std::vector<std::string> writes;
};

struct CompiledProcedure {
    std::optional<kernel::UnboundSystem> program; // when all statements are compiled
    std::vector<CompiledStatement> statements;
    std::vector<std::string> reads; // of all statements
    std::vector<std::string> writes;
};

// C++ zone; needs a transaction with a snapshot. Looks at the catalogs as the procedure's owner. What cannot
// be compiled is said in the result; throws PgError for what has nothing to do with the procedure: a cancel,
// lack of memory, and 55P03 when another session holds a lock on what the procedure names (it waits for it
// lock_wait_ms at most). Throws Error(undefined_function) when there is no such procedure.
inline constexpr int lock_wait_ms = 100;
CompiledProcedure compile_procedure(Oid procedure, std::string_view game);

} // namespace gamelan::compiler
