// Systems of a world made with SQL: order, paths, what the log keeps, and that a replay needs nothing else.
#include "store_memory.hpp"

#include "core/codec/command_batch.hpp"
#include "core/codec/definition.hpp"
#include "core/codec/kernel_program.hpp"
#include "core/codec/rules.hpp"
#include "core/codec/write_set.hpp"
#include "core/game/schema_game.hpp"
#include "core/sim/apply_writes.hpp"
#include "core/sim/observers.hpp"
#include "core/sim/simulation.hpp"

#include <gtest/gtest.h>

namespace gamelan::sim {
namespace {

using game::RunOn;
using game::SystemPath;
using game::SystemRule;

constexpr std::int64_t entities = 100;

// UPDATE counter SET n = n + step
// `calls`: whether it ends with a call for each entity with n > 2.
std::string adding_program(std::int32_t step, std::size_t times, bool calls) {
    kernel::UnboundSystem out;
    const store::ComponentId counter = out.symbols.component("counter", false);
    const store::ColumnId n = out.symbols.column(counter, "n", ColumnType::i32);
    kernel::Statement statement;
    statement.target = counter;
    statement.target_name = "counter";
    statement.components = {counter};
    kernel::Expressions& e = statement.expressions;
    statement.assignments = {{n,
                              e.make(kernel::Op::add, {e.column(n, ColumnType::i32),
                                                       e.constant(kernel::Value::of(ColumnType::i32, step))}),
                              true, "n"}};
    out.system.statements.assign(times, statement);
    if (calls) {
        kernel::Statement call;
        call.kind = kernel::StatementKind::call;
        call.target = kernel::ComponentId{store::none};
        call.target_name = "spawn";
        call.sql = "game.spawn($1)";
        call.components = {counter};
        kernel::Expressions& f = call.expressions;
        const kernel::NodeId number = f.column(n, ColumnType::i32);
        call.where = f.make(kernel::Op::greater,
                            {number, f.constant(kernel::Value::of(ColumnType::i32, std::int32_t{2}))});
        call.fields.push_back({"integer", number});
        out.system.statements.push_back(call);
    }
    return codec::encode_program(out);
}

SystemRule rule(std::string name, SystemPath path) {
    SystemRule out;
    out.name = std::move(name);
    out.path = path;
    return out;
}

SystemRule adding(std::string name, std::int32_t step, std::size_t times = 1) {
    SystemRule out = rule(std::move(name), SystemPath::kernel);
    out.program = adding_program(step, times, false);
    return out;
}

SystemRule calling(std::string name, std::int32_t step) {
    SystemRule out = rule(std::move(name), SystemPath::calling);
    out.program = adding_program(step, 1, true);
    return out;
}

// One row of a component with one i32 column.
std::string row_of(codec::RowOperation operation, const std::string& component, std::uint64_t handle,
                   std::int32_t value) {
    codec::RowGroup group;
    group.operation = operation;
    group.component = component;
    if (operation != codec::RowOperation::spawn && operation != codec::RowOperation::remove)
        group.columns = {{"n", ColumnType::i32}};
    group.leading_columns = operation == codec::RowOperation::put ? 1 : 0;
    if (operation == codec::RowOperation::spawn)
        group.component.clear();
    ByteWriter rows;
    codec::WriteSetWriter::put_handle(rows, handle);
    if (!group.columns.empty())
        codec::WriteSetWriter::put_value(rows, ColumnType::i32,
                                         {false, {reinterpret_cast<const char*>(&value), sizeof value}});
    ByteWriter out;
    codec::WriteSetWriter::put_group(out, group, 1, rows.view());
    return out.take();
}

// Does what its owner says, as the world worker does what SQL says.
class TestHost final : public Host {
  public:
    std::function<std::string(const SystemRule&, const TickContext&)> system;
    std::function<std::string(const RowCalls&, const TickContext&)> calls;
    bool is_awake = true;
    int runs = 0;

    std::string run_calls(const SystemRule&, const RowCalls& wanted, const TickContext& context) override {
        ++runs;
        return calls(wanted, context);
    }

    Effects run_system(const SystemRule& rule, const TickContext& context) override {
        ++runs;
        Effects out{system(rule, context), {}, 1};
        apply_writes(context.store, out.writes, context.freed);
        return out;
    }
    Effects run_action(const game::Command& command, const TickContext& context) override {
        const auto handle = static_cast<std::uint64_t>(std::get<std::int64_t>(command.arguments.at(0)));
        Effects out{row_of(codec::RowOperation::put, "counter", handle, 1000), "\"done\"", 1};
        apply_writes(context.store, out.writes, context.freed);
        context.events.push_back({"acted", "{}"});
        return out;
    }
    bool is_wanted(const SystemRule&, const TickContext&) override { return is_awake; }
};

class SystemsTest : public testing::Test {
  protected:
    Simulation make() {
        const game::Module& module = game::schema_module();
        auto world = module.make(1, 42, module.complete({}));
        store::WorldStore store = store::WorldStore::create(*region_, region_->claim_slot(next_slot_++),
                                                            world->layout(), region_.limit());
        Simulation out(1, std::move(world), std::move(store));
        out.generate();
        return out;
    }

    static game::Command definition() {
        store::Definition definition;
        definition.components = {
            {"counter", std::string(store::entity_space), 0, {{"n", ColumnType::i32, {}, 0, {}}}},
            {"mark", std::string(store::entity_space), 0, {{"n", ColumnType::i32, {}, 0, {}}}}};
        game::Command out;
        out.kind = game::CommandKind::definition;
        out.body = codec::encode_definition(definition);
        return out;
    }

    static game::Command writes(std::string body) {
        game::Command out;
        out.kind = game::CommandKind::writes;
        out.body = std::move(body);
        return out;
    }

    // A world with rows, and what the log has of each tick.
    void begin(Simulation& world, const game::Rules& rules, Host* host) {
        std::vector<game::Command> commands = {definition(), *world.rules_change(codec::encode_rules(rules))};
        std::string rows;
        for (std::int64_t entity = 1; entity <= entities; ++entity) {
            rows += row_of(codec::RowOperation::spawn, {}, static_cast<std::uint64_t>(entity), 0);
            rows += row_of(codec::RowOperation::insert, "counter", static_cast<std::uint64_t>(entity), 0);
        }
        commands.push_back(writes(rows));
        tick(world, std::move(commands), host);
    }

    TickResult tick(Simulation& world, std::vector<game::Command> commands, Host* host) {
        TickResult result = world.run_tick(commands, host);
        for (std::size_t i = 0; i < commands.size(); ++i) {
            EXPECT_FALSE(result.outcomes[i].error.has_value()) << result.outcomes[i].error->message();
            commands[i].effects = result.outcomes[i].effects;
        }
        commands.insert(commands.end(), result.effects.begin(), result.effects.end());
        log_.push_back(codec::encode_commands(commands));
        world.store().publish();
        return result;
    }

    std::int32_t value(Simulation& world, std::uint32_t slot, std::string_view column = "counter.n") {
        const store::Snapshot state = world.store().newest();
        return state.get<std::int32_t>(*state.find_column(column), slot);
    }

    // What the log leads to, with nobody there to run SQL.
    std::uint64_t replayed() {
        Simulation again = make();
        for (const std::string& row : log_) {
            const TickResult result = again.run_tick(codec::decode_commands(row));
            for (const Outcome& outcome : result.outcomes)
                EXPECT_TRUE(outcome.applied);
            again.store().publish();
        }
        return again.store().newest().state_hash();
    }

    store::TestRegion region_{std::size_t{32} << 20};
    std::int64_t next_slot_ = 1;
    std::vector<std::string> log_;
};

TEST_F(SystemsTest, RunInTheirOrderOnWhateverPath) {
    Simulation world = make();
    TestHost host;
    host.system = [](const SystemRule&, const TickContext& context) {
        // Sees what the kernel before it wrote in this tick.
        const store::Snapshot state = context.store.working();
        const auto seen = state.get<std::int32_t>(*state.find_column("counter.n"), 1);
        return row_of(codec::RowOperation::put, "mark", 1, seen);
    };
    game::Rules rules;
    rules.systems = {adding("first", 1), rule("second", SystemPath::executor), adding("third", 10)};
    begin(world, rules, &host);
    const TickResult result = tick(world, {}, &host);
    EXPECT_EQ(value(world, 1), 22);
    EXPECT_EQ(value(world, 1, "mark.n"), 12);
    ASSERT_EQ(result.systems.size(), 3u);
    EXPECT_EQ(result.systems[0].rows, static_cast<std::uint64_t>(entities));
    ASSERT_EQ(result.effects.size(), 1u);
    EXPECT_EQ(result.effects[0].action, "second");
    EXPECT_EQ(replayed(), world.store().newest().state_hash());
    EXPECT_EQ(host.runs, 2) << "a replay asks nobody";
}

TEST_F(SystemsTest, OneThatFailsLeavesNothingAndTheTickGoesOn) {
    Simulation world = make();
    TestHost host;
    host.system = [](const SystemRule&, const TickContext& context) -> std::string {
        std::vector<store::Entity> freed;
        apply_writes(context.store, row_of(codec::RowOperation::put, "mark", 1, 5), freed);
        context.events.push_back({"lost", "{}"});
        throw Error("22012", "division by zero");
    };
    game::Rules rules;
    rules.systems = {rule("broken", SystemPath::executor), adding("other", 1)};
    begin(world, rules, &host);
    const TickResult result = tick(world, {}, &host);
    ASSERT_TRUE(result.systems[0].error);
    EXPECT_EQ(result.systems[0].error->code(), "22012");
    EXPECT_TRUE(result.events.empty());
    EXPECT_TRUE(result.effects.empty());
    EXPECT_FALSE(world.store().newest().has_row(*world.store().newest().find_component("mark"), 1));
    EXPECT_EQ(value(world, 1), 2);
    EXPECT_EQ(replayed(), world.store().newest().state_hash());
}

// Each tick one entity more, with a mark; the system behind it sees that at once.
TEST_F(SystemsTest, WhatKernelsCallForIsReplayedByWhatItDid) {
    Simulation world = make();
    TestHost host;
    std::uint64_t next = entities + 1;
    host.calls = [&](const RowCalls& calls, const TickContext& context) {
        EXPECT_EQ(calls.sql, "game.spawn($1)");
        EXPECT_EQ(calls.rows.size(), static_cast<std::size_t>(entities));
        std::int32_t first = 0;
        std::memcpy(&first, calls.rows.at(0).data() + 1, sizeof first);
        const store::Snapshot state = context.store.working();
        EXPECT_EQ(first, state.get<std::int32_t>(*state.find_column("counter.n"), 1));
        std::string out = row_of(codec::RowOperation::spawn, {}, next, 0);
        return out + row_of(codec::RowOperation::insert, "mark", next++, first);
    };
    game::Rules rules;
    rules.systems = {adding("first", 1), calling("second", 1), adding("third", 10)};
    begin(world, rules, &host);
    EXPECT_EQ(host.runs, 0) << "no row is selected";
    for (int i = 0; i < 3; ++i) {
        const TickResult result = tick(world, {}, &host);
        ASSERT_EQ(result.effects.size(), 1u);
        EXPECT_EQ(result.effects[0].action, "second");
    }
    EXPECT_EQ(value(world, static_cast<std::uint32_t>(next - 1), "mark.n"), 38);
    EXPECT_EQ(value(world, 1), 48);
    EXPECT_EQ(replayed(), world.store().newest().state_hash());
    EXPECT_EQ(host.runs, 3);
}

TEST_F(SystemsTest, AKernelWhoseCallsFailLeavesNothing) {
    TestHost host;
    bool is_broken = false;
    host.calls = [&](const RowCalls&, const TickContext&) -> std::string {
        if (is_broken)
            throw Error("23514", "no");
        return row_of(codec::RowOperation::put, "mark", 1, 7);
    };
    for (const bool is_conditioned : {false, true}) {
        log_.clear();
        is_broken = false;
        Simulation other = make();
        game::Rules rules;
        rules.systems = {adding("first", 1), calling("second", 2)};
        rules.systems[1].condition = is_conditioned ? "awake" : "";
        begin(other, rules, &host);
        (void)tick(other, {}, &host);
        EXPECT_EQ(value(other, 1), 6);
        is_broken = true;
        const TickResult result = tick(other, {}, &host);
        ASSERT_TRUE(result.systems.at(1).error);
        EXPECT_EQ(result.systems[1].error->code(), "23514");
        EXPECT_EQ(result.systems[1].statement, 1u);
        EXPECT_EQ(value(other, 1), 7) << "what others did remains";
        EXPECT_EQ(result.effects.size(), is_conditioned ? 1u : 0u);
        is_broken = false;
        (void)tick(other, {}, &host);
        EXPECT_EQ(value(other, 1), 10);
        EXPECT_EQ(replayed(), other.store().newest().state_hash());
    }
}

TEST_F(SystemsTest, ThoseThatRunTogetherShareTheirTimeByWhatTheyDo) {
    Simulation world = make();
    game::Rules rules;
    rules.systems = {adding("short", 1), adding("long", 10, 8)};
    begin(world, rules, nullptr);
    const TickResult result = tick(world, {}, nullptr);
    ASSERT_EQ(result.systems.size(), 2u);
    const std::uint64_t whole = result.systems[0].duration_ns + result.systems[1].duration_ns;
    ASSERT_GT(whole, 90u);
    EXPECT_NEAR(static_cast<double>(result.systems[1].duration_ns) / static_cast<double>(whole), 8.0 / 9,
                0.02);
}

TEST_F(SystemsTest, ActionsAreReplayedByWhatTheyDid) {
    Simulation world = make();
    TestHost host;
    game::Rules rules;
    rules.systems = {adding("one", 1)};
    begin(world, rules, &host);
    const TickResult result = tick(world, {{0, "ada", "act", 0, {std::int64_t{7}}}}, &host);
    EXPECT_EQ(result.outcomes[0].result, "\"done\"");
    EXPECT_EQ(result.events.at(0).event.kind, "acted");
    EXPECT_EQ(result.events.at(0).actor, "ada");
    EXPECT_EQ(value(world, 7), 1001);
    EXPECT_EQ(replayed(), world.store().newest().state_hash());
}

TEST_F(SystemsTest, ANumberedCommandIsAppliedOnce) {
    Simulation world = make();
    TestHost host;
    begin(world, {}, &host);
    const auto act = [&](const char* actor, std::int64_t sequence, std::int64_t entity) {
        const std::vector<game::Command> commands = {{0, actor, "act", sequence, {entity}}};
        const Outcome out = world.run_tick(commands, &host).outcomes[0];
        world.store().publish();
        return out.applied ? "applied" : out.error ? "refused" : out.result;
    };
    const std::string duplicate = R"({"duplicate": true})";
    EXPECT_EQ(act("ada", 5, 7), "applied");
    EXPECT_EQ(act("ada", 5, 7), duplicate);
    EXPECT_EQ(act("ada", 4, 7), duplicate);
    EXPECT_EQ(act("ada", 0, 7), "applied");
    EXPECT_EQ(act("bob", 1, entities + 1), "refused");
    EXPECT_EQ(act("eve", 1, 7), "applied");
    EXPECT_EQ(act("bob", 1, 7), "applied");
    EXPECT_EQ(act("ada", 6, entities + 1), "refused");
    EXPECT_EQ(act("ada", 6, 7), "applied");
    EXPECT_EQ(act("eve", 1, 7), duplicate);

    // A tick that could not be written has not been.
    const std::vector<game::Command> commands = {{0, "ada", "act", 7, {std::int64_t{7}}},
                                                 {0, "zoe", "act", 1, {std::int64_t{7}}}};
    EXPECT_TRUE(world.run_tick(commands, &host).outcomes[1].applied);
    world.forget_newest();
    EXPECT_EQ(act("zoe", 1, 7), "applied");
    EXPECT_EQ(act("ada", 7, 7), "applied");
    EXPECT_EQ(act("ada", 7, 7), duplicate);
}

TEST_F(SystemsTest, AReplayKnowsWhatWasApplied) {
    Simulation world = make();
    TestHost host;
    begin(world, {}, &host);
    (void)tick(world, {{0, "ada", "act", 3, {std::int64_t{7}}}, {0, "bob", "act", 9, {std::int64_t{8}}}},
               &host);
    Simulation again = make();
    for (const std::string& row : log_) {
        (void)again.run_tick(codec::decode_commands(row));
        again.store().publish();
    }
    const std::vector<game::Command> repeats = {{0, "ada", "act", 3, {std::int64_t{7}}},
                                                {0, "bob", "act", 10, {std::int64_t{8}}}};
    const TickResult result = again.run_tick(repeats, &host);
    EXPECT_EQ(result.outcomes[0].result, R"({"duplicate": true})");
    EXPECT_TRUE(result.outcomes[1].applied);
}

TEST_F(SystemsTest, AConditionIsAskedOnceAndTheLogRemembers) {
    Simulation world = make();
    TestHost host;
    game::Rules rules;
    rules.systems = {adding("one", 1), adding("sometimes", 100)};
    rules.systems[1].condition = "is_time";
    begin(world, rules, &host);
    host.is_awake = false;
    tick(world, {}, &host);
    host.is_awake = true;
    tick(world, {}, &host);
    EXPECT_EQ(value(world, 1), 203);
    EXPECT_EQ(replayed(), world.store().newest().state_hash());
}

TEST_F(SystemsTest, SomeRunInSomeTicksOnly) {
    Simulation world = make();
    game::Rules rules;
    rules.systems = {adding("third", 1), adding("off", 100)};
    rules.systems[0].every_n_ticks = 3;
    rules.systems[1].is_enabled = false;
    TestHost host;
    begin(world, rules, &host);
    for (int i = 0; i < 9; ++i)
        tick(world, {}, &host);
    EXPECT_EQ(world.tick(), 10u);
    EXPECT_EQ(value(world, 1), 3);
}

TEST_F(SystemsTest, ObserversAreToldWhatCameChangedAndWent) {
    Simulation world = make();
    TestHost host;
    std::map<std::string, std::vector<std::uint64_t>> told;
    host.system = [&](const SystemRule& rule, const TickContext& context) {
        told[rule.name].assign(context.observed.begin(), context.observed.end());
        return std::string();
    };
    game::Rules rules;
    for (const auto& [name, run_on] :
         {std::pair{"created", RunOn::create}, std::pair{"updated", RunOn::update},
          std::pair{"destroyed", RunOn::destroy}}) {
        rules.systems.push_back(rule(name, SystemPath::executor));
        rules.systems.back().run_on = run_on;
        rules.systems.back().observed = {"mark", "unknown"};
    }
    begin(world, rules, &host);
    EXPECT_TRUE(told.empty()) << "no mark has changed";
    tick(world,
         {writes(row_of(codec::RowOperation::insert, "mark", 3, 1) +
                 row_of(codec::RowOperation::insert, "mark", 5, 1))},
         &host);
    EXPECT_EQ(told["created"], (std::vector<std::uint64_t>{3, 5}));
    EXPECT_EQ(told.size(), 1u);
    told.clear();
    tick(world,
         {writes(row_of(codec::RowOperation::update, "mark", 3, 2) +
                 row_of(codec::RowOperation::remove, "mark", 5, 0))},
         &host);
    EXPECT_EQ(told["updated"], (std::vector<std::uint64_t>{3}));
    EXPECT_EQ(told["destroyed"], (std::vector<std::uint64_t>{5}));
    EXPECT_EQ(told.size(), 2u);
    told.clear();
    tick(world, {}, &host);
    EXPECT_TRUE(told.empty());
    EXPECT_EQ(replayed(), world.store().newest().state_hash());
}

TEST_F(SystemsTest, TimeGoesOnAtItsNewPace) {
    Simulation world = make();
    TestHost host;
    game::Rules rules;
    rules.tick_rate_hz = 60;
    begin(world, rules, &host);
    for (int i = 0; i < 59; ++i)
        tick(world, {}, &host);
    EXPECT_EQ(world.systems().now_us(60), 1'000'000);
    rules.tick_rate_hz = 10;
    rules.time_scale = 0.5;
    tick(world, {*world.rules_change(codec::encode_rules(rules))}, &host);
    for (int i = 0; i < 9; ++i)
        tick(world, {}, &host);
    EXPECT_EQ(world.systems().now_us(70), 1'500'000);
    EXPECT_DOUBLE_EQ(world.systems().rules().dt(), 0.05);
}

TEST_F(SystemsTest, RulesAreNotPartOfTheHash) {
    Simulation compiled = make();
    Simulation executed = make();
    TestHost host;
    host.system = [](const SystemRule&, const TickContext& context) {
        std::string out;
        const store::Snapshot state = context.store.working();
        for (std::uint32_t entity = 1; entity <= entities; ++entity)
            out += row_of(codec::RowOperation::update, "counter", entity,
                          state.get<std::int32_t>(*state.find_column("counter.n"), entity) + 1);
        return out;
    };
    game::Rules rules;
    rules.systems = {adding("one", 1)};
    begin(compiled, rules, &host);
    rules.systems = {rule("one", SystemPath::executor)};
    begin(executed, rules, &host);
    for (int i = 0; i < 5; ++i) {
        tick(compiled, {}, &host);
        tick(executed, {}, &host);
        EXPECT_EQ(compiled.store().newest().state_hash(), executed.store().newest().state_hash());
    }
}

TEST_F(SystemsTest, ALogThatTellsOfUnknownSystemsIsNotBelieved) {
    Simulation world = make();
    TestHost host;
    game::Rules rules;
    rules.systems = {adding("one", 1)};
    begin(world, rules, &host);
    game::Command stray;
    stray.kind = game::CommandKind::effects;
    stray.action = "nobody";
    EXPECT_THROW(world.run_tick({&stray, 1}), Error);
}

} // namespace
} // namespace gamelan::sim
