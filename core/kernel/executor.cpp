#include "core/kernel/executor.hpp"

#include "core/grid/planet.hpp"
#include "core/kernel/machine.hpp"

#include <algorithm>

namespace gamelan::kernel {

namespace {

// Gives the group's blocks up unless it is told otherwise.
class BlockSavepoint {
  public:
    explicit BlockSavepoint(store::WorldStore& store) : store_(store) { store.begin_block_savepoint(); }
    ~BlockSavepoint() {
        if (is_open_)
            store_.rollback_block_savepoint();
    }
    BlockSavepoint(const BlockSavepoint&) = delete;
    BlockSavepoint& operator=(const BlockSavepoint&) = delete;
    void release() {
        is_open_ = false;
        store_.release_block_savepoint();
    }

  private:
    store::WorldStore& store_;
    bool is_open_ = true;
};

Error error_of(const Check& check, const std::string& target) {
    if (check.domain.empty())
        return {sqlstate_check,
                "new row for relation \"" + target + "\" violates check constraint \"" + check.name + "\""};
    if (check.name.empty())
        return {sqlstate_not_null, "domain " + check.domain + " does not allow null values"};
    return {sqlstate_check,
            "value for domain " + check.domain + " violates check constraint \"" + check.name + "\""};
}

Error error_of(const Problem& problem, const Statement& statement, const std::string& row) {
    switch (problem.kind) {
    case Problem::Kind::not_null:
        return {sqlstate_not_null, "null value in column \"" +
                                       (statement.kind == StatementKind::append
                                            ? statement.fields[problem.number].name
                                            : statement.assignments[problem.number].column_name) +
                                       "\" of relation \"" + statement.target_name +
                                       "\" violates not-null constraint"};
    case Problem::Kind::check:
        return error_of(statement.checks[problem.number], statement.target_name);
    case Problem::Kind::conflict:
        return {sqlstate::unique_violation,
                "the row of " + row + " in component \"" + statement.target_name + "\" already exists"};
    default:
        return {sqlstate_of(problem.fault), std::string(message_of(problem.fault))};
    }
}

} // namespace

struct Executor::Query {
    Query(const QueryPlan& made, std::uint32_t block_slots)
        : plan(made), lanes(block_slots), machine(plan.pass, block_slots) {}

    const QueryPlan& plan;
    std::uint32_t lanes;
    Machine machine;
};

struct Executor::Pass {
    Pass(const PassPlan& made, std::uint32_t block_slots)
        : plan(made), lanes(block_slots), machine(plan, block_slots) {}

    const PassPlan& plan;
    std::uint32_t lanes;
    Machine machine;
    std::vector<std::unique_ptr<Query>> queries;
    std::vector<Derived> derived; // by the queries
};

struct Executor::Group {
    Group(GroupPlan made, const store::Snapshot& layout) : plan(std::move(made)) {
        const auto lanes_of = [&](const PassPlan& pass) { return layout.space(pass.space).block_slots; };
        for (const PassPlan& pass : plan.passes) {
            passes.push_back(std::make_unique<Pass>(pass, lanes_of(pass)));
            for (const QueryPlan& query : pass.queries)
                passes.back()->queries.push_back(std::make_unique<Query>(query, lanes_of(query.pass)));
        }
    }

    const GroupPlan plan;
    std::vector<std::unique_ptr<Pass>> passes;
};

Executor::Executor(const store::Snapshot& layout, std::vector<System> systems)
    : systems_(std::move(systems)), layout_version_(layout.layout_version()),
      incarnation_(layout.incarnation()) {
    for (GroupPlan& plan : make_plan(layout, systems_))
        groups_.push_back(std::make_unique<Group>(std::move(plan), layout));
}

Executor::~Executor() = default;
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;

bool Executor::is_for(const store::Snapshot& layout) const {
    if (layout.layout_version() != layout_version_ || layout.incarnation() != incarnation_)
        return false;
    const auto fits = [&](const auto& part, const PassPlan& plan) {
        return layout.space(plan.space).block_slots == part->lanes;
    };
    for (const auto& group : groups_)
        for (const auto& pass : group->passes) {
            const bool do_queries_fit =
                std::all_of(pass->queries.begin(), pass->queries.end(),
                            [&](const auto& query) { return fits(query, query->plan.pass); });
            if (!fits(pass, pass->plan) || !do_queries_fit)
                return false;
        }
    return true;
}

struct Executor::Run {
    store::WorldStore& store;
    const TickInputs& inputs;
    const EventLimit& limit;
    const std::vector<bool>* active;
    const CallHook& calls;
    RunReport report;

    bool is_active(std::uint32_t system) const { return !active || (*active)[system]; }

    std::uint64_t events_left() const {
        const std::uint64_t emitted = limit.emitted + report.events.size();
        return limit.per_tick - std::min(limit.per_tick, emitted);
    }
};

// Some systems of a group, until they are all through or one has failed.
struct Executor::Attempt {
    std::uint32_t first; // system
    std::uint32_t count;
    std::uint64_t events_left;
    std::vector<std::uint64_t> rows; // by system
    std::vector<EmittedEvent> events;
    std::vector<AppendedRows> appended;
    std::uint64_t blocks_written = 0;
    std::optional<Failure> failure; // of one system alone

    bool has(std::uint32_t system) const { return system - first < count; }
};

Failure Executor::failure_of(const Pass& pass, const Run& run, const StatementPlan& plan,
                             std::uint32_t block) const {
    const Problem& problem = pass.machine.problem();
    const std::uint32_t slot = block * pass.lanes + problem.lane;
    const store::Snapshot& view = run.store.working();
    std::optional<store::Entity> entity;
    std::string row = "cell " + std::to_string(slot);
    if (const auto planes = store::entity_planes(view); planes && planes->space == pass.plan.space) {
        entity = store::Entity::of(slot, view.get<std::uint32_t>(planes->generation, slot));
        row = "entity " + std::to_string(entity->handle);
    } else if (run.inputs.planet && pass.plan.is_of_cells) {
        row = "cell " + std::to_string(run.inputs.planet->cell_id_of(slot));
    }
    return {plan.system, plan.number, slot, entity,
            error_of(problem, systems_[plan.system].statements[plan.number], row)};
}

// The first of the statements with which there are too many events.
std::optional<Failure> Executor::limit_failure_of(const Pass& pass, const Run& run, const Attempt& attempt,
                                                  std::size_t end) const {
    std::uint64_t left = attempt.events_left - attempt.events.size();
    for (std::size_t i = 0; i < end; ++i) {
        const StatementPlan& plan = pass.plan.statements[i];
        if (plan.kind != StatementKind::emit || !attempt.has(plan.system))
            continue;
        const std::uint64_t count = pass.machine.emissions()[plan.emission].count;
        if (count > left)
            return Failure{plan.system, plan.number, store::none, std::nullopt,
                           Error(sqlstate_limit, "more than " + std::to_string(run.limit.per_tick) +
                                                     " events were emitted in a tick")};
        left -= count;
    }
    return std::nullopt;
}

void Executor::collect_events(const Pass& pass, Attempt& attempt) const {
    for (const StatementPlan& plan : pass.plan.statements) {
        if ((plan.kind == StatementKind::append || plan.kind == StatementKind::call) &&
            pass.machine.emissions()[plan.emission].count != 0) {
            AppendedRows& rows = attempt.appended.emplace_back(AppendedRows{plan.system, plan.number, {}});
            for (const Event& event : pass.machine.emissions()[plan.emission].events)
                rows.rows.push_back(event.payload);
        }
        if (plan.kind != StatementKind::emit)
            continue;
        const std::string& type = systems_[plan.system].statements[plan.number].target_name;
        for (const Event& event : pass.machine.emissions()[plan.emission].events)
            attempt.events.push_back(
                {plan.system, plan.number, event.slot, event.entity, type, event.payload});
    }
}

// What the statements that run want to know of all rows of other sources, as these are before the pass.
std::vector<AggregateResult> Executor::answer(Pass& pass, const Run& run, const Attempt& attempt) const {
    std::vector<AggregateResult> out(pass.plan.aggregate_count);
    pass.derived.resize(pass.plan.derived_count);
    for (const auto& query : pass.queries) {
        const std::uint32_t system = pass.plan.statements[query->plan.statement].system;
        if (attempt.has(system) && run.is_active(system))
            answer(*query, run, pass.derived, out);
        else // nobody will ask
            for (const StatementPlan& statement : query->plan.pass.statements)
                if (!statement.reduction->is_derived)
                    out[statement.reduction->aggregate] = Accumulator().result(*statement.reduction);
    }
    return out;
}

void Executor::answer(Query& query, const Run& run, std::vector<Derived>& derived,
                      std::vector<AggregateResult>& out) {
    const std::vector<StatementPlan>& statements = query.plan.pass.statements;
    const store::Snapshot& view = run.store.working();
    const store::SpaceId space = query.plan.pass.space;
    std::vector<Accumulator> accumulators(statements.size());
    for (const StatementPlan& statement : statements)
        if (const Reduction& reduction = *statement.reduction; reduction.is_derived)
            derived[reduction.aggregate].reset(view.space_blocks(space) * query.lanes,
                                               run.inputs.planet->sphere().frequency(),
                                               width_of(reduction.accumulation.type));
    query.machine.start(run.store, run.inputs, 0);
    const std::uint32_t blocks = view.space_blocks(space);
    for (std::uint32_t block = 0; block < blocks; ++block) {
        query.machine.begin_block(block);
        for (std::size_t i = 0; i < statements.size(); ++i)
            if (const Reduction& reduction = *statements[i].reduction; reduction.is_derived)
                query.machine.derive(statements[i], derived[reduction.aggregate]);
            else
                query.machine.reduce(statements[i], accumulators[i]);
    }
    for (std::size_t i = 0; i < statements.size(); ++i)
        if (!statements[i].reduction->is_derived)
            out[statements[i].reduction->aggregate] = accumulators[i].result(*statements[i].reduction);
}

// Plays the attempt's statements of one pass; false when one failed.
bool Executor::play(Pass& pass, const Run& run, Attempt& attempt) const {
    const std::vector<StatementPlan>& statements = pass.plan.statements;
    const auto is_played = [&](const StatementPlan& plan) {
        return attempt.has(plan.system) && run.is_active(plan.system);
    };
    if (std::none_of(statements.begin(), statements.end(), is_played))
        return true;
    if (pass.plan.has_neighbours && !run.inputs.planet)
        throw Error(sqlstate::internal, "a world without a planet has no neighbours");
    const std::vector<AggregateResult> aggregates = answer(pass, run, attempt);
    const std::uint64_t events_left = attempt.events_left - attempt.events.size();
    pass.machine.start(run.store, run.inputs, events_left, aggregates, pass.derived);
    std::size_t end = statements.size();
    const std::uint32_t blocks = run.store.working().space_blocks(pass.plan.space);
    for (std::uint32_t block = 0; block < blocks; ++block) {
        pass.machine.begin_block(block);
        for (std::size_t i = 0; i < end; ++i) {
            if (!is_played(statements[i]))
                continue;
            if (const auto changed = pass.machine.run(statements[i])) {
                attempt.rows[statements[i].system] += *changed;
                continue;
            }
            if (attempt.count > 1)
                return false;
            // The one to report is the first statement's: of those before this one, a later block may fail.
            attempt.failure = failure_of(pass, run, statements[i], block);
            end = i;
        }
        if (attempt.count > 1 && pass.machine.event_count() > events_left)
            return false;
        if (!attempt.failure)
            pass.machine.commit_block();
        else if (std::none_of(statements.begin(), statements.begin() + static_cast<std::ptrdiff_t>(end),
                              is_played))
            break;
    }
    pass.machine.finish();
    if (auto too_many = limit_failure_of(pass, run, attempt, end))
        attempt.failure = std::move(too_many);
    if (attempt.failure)
        return false;
    collect_events(pass, attempt);
    attempt.blocks_written += pass.machine.blocks_written();
    return true;
}

const Statement& Executor::statement_of(const AppendedRows& rows) const {
    return systems_[rows.system].statements[rows.statement];
}

// False when what a system wants called has failed; of one system alone it is reported.
bool Executor::call(Run& run, const Attempt& attempt) const {
    for (const AppendedRows& rows : attempt.appended) {
        if (!is_call(statement_of(rows)))
            continue;
        try {
            if (!run.calls)
                throw Error(sqlstate::feature_not_supported, "nobody makes or ends entities here");
            run.calls(rows);
        } catch (const Error& error) {
            if (error.code() == sqlstate::out_of_memory)
                throw;
            if (attempt.count == 1)
                run.report.failures.push_back(
                    {rows.system, rows.statement, store::none, std::nullopt, error});
            return false;
        }
    }
    return true;
}

// Plays systems first … first + count − 1; false when one failed, and nothing of them remains. Of one system
// alone the failure is reported.
bool Executor::play(Group& group, Run& run, std::uint32_t first, std::uint32_t count) {
    Attempt attempt{first, count, run.events_left(), {}, {}, {}, 0, {}};
    attempt.rows.resize(systems_.size());
    BlockSavepoint savepoint(run.store);
    for (const auto& pass : group.passes) {
        if (play(*pass, run, attempt))
            continue;
        if (attempt.failure)
            run.report.failures.push_back(std::move(*attempt.failure));
        return false;
    }
    if (!call(run, attempt))
        return false;
    savepoint.release();
    std::erase_if(attempt.appended, [&](const AppendedRows& rows) { return is_call(statement_of(rows)); });
    std::move(attempt.events.begin(), attempt.events.end(), std::back_inserter(run.report.events));
    std::move(attempt.appended.begin(), attempt.appended.end(), std::back_inserter(run.report.appended));
    for (std::size_t i = 0; i < attempt.rows.size(); ++i)
        run.report.rows[i] += attempt.rows[i];
    run.report.blocks_written += attempt.blocks_written;
    return true;
}

RunReport Executor::run(store::WorldStore& store, const TickInputs& inputs, Order order,
                        const std::vector<bool>* active, const EventLimit& events, const CallHook& calls) {
    if (!is_for(store.working()))
        throw Error(sqlstate::internal, "the world's layout has changed since its kernels were made");
    Run run{store, inputs, events, active, calls, {}};
    run.report.rows.assign(systems_.size(), 0);
    for (const auto& group : groups_) {
        const std::uint32_t first = group->plan.first_system;
        const std::uint32_t count = group->plan.system_count;
        if (order == Order::block_major && (play(*group, run, first, count) || count == 1))
            continue;
        for (std::uint32_t system = first; system < first + count; ++system)
            if (run.is_active(system))
                play(*group, run, system, 1);
    }
    return std::move(run.report);
}

} // namespace gamelan::kernel
