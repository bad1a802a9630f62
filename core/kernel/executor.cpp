#include "core/kernel/executor.hpp"

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

Error error_of(const Problem& problem, const Statement& statement, const std::string& row) {
    switch (problem.kind) {
    case Problem::Kind::not_null:
        return {sqlstate_not_null,
                "null value in column \"" + statement.assignments[problem.number].column_name +
                    "\" of relation \"" + statement.target_name + "\" violates not-null constraint"};
    case Problem::Kind::check:
        return {sqlstate_check, "new row for relation \"" + statement.target_name +
                                    "\" violates check constraint \"" +
                                    statement.checks[problem.number].name + "\""};
    case Problem::Kind::conflict:
        return {sqlstate::unique_violation,
                "the row of " + row + " in component \"" + statement.target_name + "\" already exists"};
    default:
        return {sqlstate_of(problem.fault), std::string(message_of(problem.fault))};
    }
}

} // namespace

struct Executor::Group {
    Group(GroupPlan made, std::uint32_t block_slots)
        : plan(std::move(made)), lanes(block_slots), machine(plan, block_slots) {}

    GroupPlan plan;
    std::uint32_t lanes;
    Machine machine;
};

Executor::Executor(const store::Snapshot& layout, std::vector<System> systems)
    : systems_(std::move(systems)), layout_version_(layout.layout_version()),
      incarnation_(layout.incarnation()) {
    for (GroupPlan& plan : make_plan(layout, systems_)) {
        const std::uint32_t lanes = layout.space(plan.space).block_slots;
        groups_.push_back(std::make_unique<Group>(std::move(plan), lanes));
    }
}

Executor::~Executor() = default;
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;

bool Executor::is_for(const store::Snapshot& layout) const {
    if (layout.layout_version() != layout_version_ || layout.incarnation() != incarnation_)
        return false;
    return std::all_of(groups_.begin(), groups_.end(), [&](const auto& group) {
        return layout.space(group->plan.space).block_slots == group->lanes;
    });
}

struct Executor::Run {
    store::WorldStore& store;
    const TickInputs& inputs;
    const EventLimit& limit;
    const std::vector<bool>* active;
    RunReport report;

    bool is_active(std::uint32_t system) const { return !active || (*active)[system]; }

    std::uint64_t events_left() const {
        const std::uint64_t emitted = limit.emitted + report.events.size();
        return limit.per_tick - std::min(limit.per_tick, emitted);
    }
};

Failure Executor::failure_of(const Group& group, const store::WorldStore& store, const StatementPlan& plan,
                             std::uint32_t block) const {
    const Problem& problem = group.machine.problem();
    const std::uint32_t slot = block * group.lanes + problem.lane;
    std::optional<store::Entity> entity;
    std::string row = "cell " + std::to_string(slot);
    if (const auto planes = store::entity_planes(store.working());
        planes && planes->space == group.plan.space) {
        entity = store::Entity::of(slot, store.get<std::uint32_t>(planes->generation, slot));
        row = "entity " + std::to_string(entity->handle);
    }
    return {plan.system, plan.number, slot, entity,
            error_of(problem, systems_[plan.system].statements[plan.number], row)};
}

// The first of the statements with which there are too many events.
std::optional<Failure> Executor::limit_failure_of(const Group& group, const Run& run, std::size_t begin,
                                                  std::size_t end) const {
    std::uint64_t left = run.events_left();
    for (std::size_t i = begin; i < end; ++i) {
        const StatementPlan& plan = group.plan.statements[i];
        if (plan.kind != StatementKind::emit)
            continue;
        const std::uint64_t count = group.machine.emissions()[plan.emission].count;
        if (count > left)
            return Failure{plan.system, plan.number, store::none, std::nullopt,
                           Error(sqlstate_limit, "more than " + std::to_string(run.limit.per_tick) +
                                                     " events were emitted in a tick")};
        left -= count;
    }
    return std::nullopt;
}

void Executor::collect_events(const Group& group, std::size_t begin, std::size_t end,
                              RunReport& report) const {
    for (std::size_t i = begin; i < end; ++i) {
        const StatementPlan& plan = group.plan.statements[i];
        if (plan.kind != StatementKind::emit)
            continue;
        const std::string& type = systems_[plan.system].statements[plan.number].target_name;
        for (const Event& event : group.machine.emissions()[plan.emission].events)
            report.events.push_back(
                {plan.system, plan.number, event.slot, event.entity, type, event.payload});
    }
}

// Plays systems first … first + count − 1; false when one failed, and nothing of them remains. Of one system
// alone the failure is reported.
bool Executor::play(Group& group, Run& run, std::uint32_t first, std::uint32_t count) {
    const std::vector<StatementPlan>& statements = group.plan.statements;
    std::size_t begin = 0;
    while (begin < statements.size() && statements[begin].system < first)
        ++begin;
    std::size_t end = begin;
    while (end < statements.size() && statements[end].system < first + count)
        ++end;
    std::vector<std::uint64_t> rows(systems_.size(), 0);
    BlockSavepoint savepoint(run.store);
    const std::uint64_t events_left = run.events_left();
    group.machine.start(run.store, run.inputs, events_left);
    std::optional<Failure> failure;
    const std::uint32_t blocks = run.store.working().space_blocks(group.plan.space);
    for (std::uint32_t block = 0; block < blocks; ++block) {
        group.machine.begin_block(block);
        for (std::size_t i = begin; i < end; ++i) {
            if (!run.is_active(statements[i].system))
                continue;
            const auto changed = group.machine.run(statements[i]);
            if (changed) {
                rows[statements[i].system] += *changed;
                continue;
            }
            if (count > 1)
                return false;
            // The one to report is the first statement's: of those before this one, a later block may fail.
            failure = failure_of(group, run.store, statements[i], block);
            end = i;
        }
        if (count > 1 && group.machine.event_count() > events_left)
            return false;
        if (!failure)
            group.machine.commit_block();
        else if (end == begin)
            break;
    }
    group.machine.finish();
    if (auto too_many = limit_failure_of(group, run, begin, end))
        failure = std::move(too_many);
    if (failure) {
        run.report.failures.push_back(std::move(*failure));
        return false;
    }
    savepoint.release();
    collect_events(group, begin, end, run.report);
    for (std::size_t i = 0; i < rows.size(); ++i)
        run.report.rows[i] += rows[i];
    run.report.blocks_written += group.machine.blocks_written();
    return true;
}

RunReport Executor::run(store::WorldStore& store, const TickInputs& inputs, Order order,
                        const std::vector<bool>* active, const EventLimit& events) {
    if (!is_for(store.working()))
        throw Error(sqlstate::internal, "the world's layout has changed since its kernels were made");
    Run run{store, inputs, events, active, {}};
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
