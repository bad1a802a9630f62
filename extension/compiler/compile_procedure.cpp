#include "extension/compiler/compiler.hpp"

#include "core/codec/kernel_program.hpp"
#include "core/kernel/cost.hpp"
#include "core/kernel/describe.hpp"

#include <algorithm>

#include "extension/compiler/procedure_trees.hpp"
#include "extension/compiler/statement_compiler.hpp"
#include "extension/pg/bridge.hpp"

namespace gamelan::compiler {

namespace {

void add_sorted(std::vector<std::string>& list, const std::string& name) {
    const auto place = std::lower_bound(list.begin(), list.end(), name);
    if (place == list.end() || *place != name)
        list.insert(place, name);
}

void name_touched(const StatementTree& tree, CompiledStatement& out) {
    for (int i = 0; i < tree.touched_count; ++i) {
        const TouchedColumn& touched = tree.touched[i];
        add_sorted(touched.is_write ? out.writes : out.reads,
                   std::string(touched.component) + "." + touched.column);
    }
}

// Compiles it alone; `system` takes it when that works.
void compile_statement(const StatementTree& tree, std::string_view game, kernel::UnboundSystem& system,
                       CompiledStatement& out) {
    if (tree.refusal != nullptr) {
        out.reason = tree.refusal;
        return;
    }
    if (!system.system.statements.empty() && kernel::is_call(system.system.statements.back())) {
        out.reason = "it comes after a statement that makes or ends entities, which kernels do last";
        return;
    }
    kernel::UnboundSystem with = system;
    try {
        StatementCompiler compiler(with.symbols, game);
        with.system.statements.push_back(compiler.compile(tree.query));
        // What it made is asked the same as what comes from a log.
        (void)codec::encode_program(with);
    } catch (const NotCompiled& refused) {
        out.reason = refused.what();
        return;
    } catch (const Error& refused) {
        out.reason = refused.message();
        return;
    }
    out.is_compiled = true;
    out.steps = kernel::describe(with.system.statements.back(), with.symbols);
    out.estimated_ns = kernel::estimated_ns(with.system.statements.back());
    system = std::move(with);
}

CompiledProcedure not_a_system(const ProcedureTrees& trees) {
    CompiledProcedure out;
    CompiledStatement& body = out.statements.emplace_back();
    body.text = "(the body of " + std::string(trees.name) + ")";
    body.reason = trees.refusal;
    return out;
}

} // namespace

CompiledProcedure compile_procedure(Oid procedure, std::string_view game) {
    const char* schema = pg::palloc_text(game);
    const ProcedureTrees trees = pg::pg_call([&] { return read_procedure(procedure, schema); });
    if (trees.refusal != nullptr)
        return not_a_system(trees);
    CompiledProcedure out;
    kernel::UnboundSystem system;
    system.system.name = trees.name;
    for (int i = 0; i < trees.count; ++i) {
        CompiledStatement& statement = out.statements.emplace_back();
        statement.text = trees.statements[i].text;
        statement.is_deterministic = trees.statements[i].is_deterministic;
        name_touched(trees.statements[i], statement);
        compile_statement(trees.statements[i], game, system, statement);
        statement.is_deterministic = statement.is_deterministic || statement.is_compiled;
        for (const std::string& name : statement.reads)
            add_sorted(out.reads, name);
        for (const std::string& name : statement.writes)
            add_sorted(out.writes, name);
    }
    const bool is_complete = std::all_of(out.statements.begin(), out.statements.end(),
                                         [](const CompiledStatement& it) { return it.is_compiled; });
    if (is_complete && !out.statements.empty())
        out.program = std::move(system);
    return out;
}

} // namespace gamelan::compiler
