// Runs systems over a world in a tick. Block-major: all statements of all systems over a space are played on
// one block before the next, so that a block is in cache once and each written column is copied once. A
// statement sees what earlier ones wrote, as if each had run over the whole world: rows depend on their own
// slot only.
//
// Each system is atomic. When one fails, nothing of the group remains, and it is run again system by system,
// so that only the failing ones' writes are lost.
#pragma once

#include "core/kernel/program.hpp"
#include "core/store/world_store.hpp"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace gamelan::kernel {

// How a system failed: its first statement that met a row that fails, and the first such row by slot.
struct Failure {
    std::uint32_t system;
    std::uint32_t statement;
    std::uint32_t slot;                  // none when no row is to blame: the statement emits too much
    std::optional<store::Entity> entity; // when the row is an entity's
    Error error;
};

struct EmittedEvent {
    std::uint32_t system;
    std::uint32_t statement;
    std::uint32_t slot;                  // of the row
    std::optional<store::Entity> entity; // that the event is about
    std::string type;
    std::string payload; // a JSON object, as jsonb prints it
};

// Rows that a statement appends to a table of events, or makes calls for.
struct AppendedRows {
    std::uint32_t system;
    std::uint32_t statement; // its fields are the columns
    // By slot; each field a byte (1 = NULL) and its value's bytes.
    std::vector<std::string> rows;
};

// What a system wants called, before its writes are kept: when this throws Error, it has failed. Nothing may
// be written to the store meanwhile.
using CallHook = std::function<void(const AppendedRows&)>;

// A system with which a tick would emit more fails.
struct EventLimit {
    std::uint64_t per_tick = 65536;
    std::uint64_t emitted = 0; // in this tick before the run
};

struct RunReport {
    std::vector<Failure> failures;      // by system
    std::vector<EmittedEvent> events;   // by system, statement and slot; of systems that did not fail
    std::vector<AppendedRows> appended; // by system and statement; likewise
    std::vector<std::uint64_t> rows;    // that each system changed or emitted, over its statements
    std::uint64_t blocks_written = 0;
};

enum class Order : std::uint8_t {
    block_major,
    system_major, // one system after the other over all blocks
};

struct AggregateResult;
class Derived;
struct StatementPlan;

class Executor {
  public:
    // Throws what make_plan() throws. `layout` decides what column numbers mean: is_for() tells whether it is
    // still so.
    Executor(const store::Snapshot& layout, std::vector<System> systems);
    ~Executor();
    Executor(Executor&&) noexcept;
    Executor& operator=(Executor&&) noexcept;

    bool is_for(const store::Snapshot& layout) const;
    const std::vector<System>& systems() const { return systems_; }

    // In a tick, outside savepoints. Throws Error(internal) when the layout has changed and
    // Error(out_of_memory); then nothing of the group that was played remains, but of groups before it.
    // `active`: of each system whether it runs; null = all do. `calls`: for systems that end with a call.
    RunReport run(store::WorldStore& store, const TickInputs& inputs, Order order = Order::block_major,
                  const std::vector<bool>* active = nullptr, const EventLimit& events = {},
                  const CallHook& calls = {});

  private:
    struct Query;
    struct Pass;
    struct Group;
    struct Run;
    struct Attempt;

    bool play(Group& group, Run& run, std::uint32_t first, std::uint32_t count);
    const Statement& statement_of(const AppendedRows& rows) const;
    bool call(Run& run, const Attempt& attempt) const;
    bool play(Pass& pass, const Run& run, Attempt& attempt) const;
    std::vector<AggregateResult> answer(Pass& pass, const Run& run, const Attempt& attempt) const;
    static void answer(Query& query, const Run& run, std::vector<Derived>& derived,
                       std::vector<AggregateResult>& out);
    Failure failure_of(const Pass& pass, const Run& run, const StatementPlan& plan,
                       std::uint32_t block) const;
    std::optional<Failure> limit_failure_of(const Pass& pass, const Run& run, const Attempt& attempt,
                                            std::size_t end) const;
    void collect_events(const Pass& pass, Attempt& attempt) const;

    std::vector<System> systems_;
    std::vector<std::unique_ptr<Group>> groups_;
    std::uint64_t layout_version_;
    std::uint64_t incarnation_;
};

} // namespace gamelan::kernel
