// Statements that make rows, end them and tell of them, over components with columns that kernels do not
// know.
#include "kernel_world.hpp"

#include "core/kernel/event_text.hpp"

#include <gtest/gtest.h>

namespace gamelan::kernel {
namespace {

using store::ColumnDefinition;
using store::ComponentDefinition;

const TickInputs inputs{0.125, 77, 123456789, 42};
constexpr std::uint32_t slots = 200;
const std::string long_text(100, 't');

// Entities of which all have a number, and every second one a name, a text beyond what fits into a slot.
class NamedWorld {
  public:
    NamedWorld() {
        store::Layout layout;
        layout.add_space(store::entity_space, slots, 64);
        add_entity_components(layout);
        const std::string space(store::entity_space);
        ComponentDefinition number{"number", space, 0, {}};
        number.columns = {{"n", ColumnType::i32, {}, 0, {}}};
        ComponentDefinition name{"name", space, 0, {}};
        name.columns = {{"text", ColumnType::value, {}, 0, {}},
                        {"length", ColumnType::i32, {}, 0, {}},
                        {"short", ColumnType::text32, {}, 0, {}}};
        number_ = layout.add_component(number, false);
        name_ = layout.add_component(name, false);
        store_.emplace(store::WorldStore::create(*region_, region_->claim_slot(1), layout, region_.limit()));
        store_->begin_tick();
        for (std::uint32_t slot = 0; slot < slots; ++slot) {
            store_->insert_row(number_, slot);
            store_->set(n(), slot, static_cast<std::int32_t>(slot));
            if (slot % 2 == 0)
                add_name(slot);
        }
        next_tick();
    }

    void next_tick() {
        store_->seal(store_->working_tick());
        store_->publish();
        store_->begin_tick();
    }
    store::WorldStore& store() { return *store_; }
    const store::Snapshot& view() const { return store_->working(); }
    ComponentId number() const { return number_; }
    ComponentId name() const { return name_; }
    ColumnId n() const { return *view().find_column(number_, "n"); }
    ColumnId text() const { return *view().find_column(name_, "text"); }
    ColumnId length() const { return *view().find_column(name_, "length"); }
    ColumnId brief() const { return *view().find_column(name_, "short"); }

    // DELETE FROM name USING number WHERE n < limit
    Statement forgetting(std::int32_t limit) const {
        Statement out;
        out.kind = StatementKind::remove;
        out.target = name_;
        out.target_name = "name";
        out.components = {number_, name_};
        Expressions& e = out.expressions;
        out.where =
            e.make(Op::less, {e.column(n(), ColumnType::i32), e.constant(Value::of(ColumnType::i32, limit))});
        return out;
    }
    // INSERT INTO name (entity, length) SELECT entity, 100 / (divisor − n) FROM number
    Statement naming(std::int32_t divisor, bool does_nothing_on_conflict) const {
        Statement out;
        out.kind = StatementKind::insert;
        out.target = name_;
        out.target_name = "name";
        out.components = {number_};
        out.does_nothing_on_conflict = does_nothing_on_conflict;
        Expressions& e = out.expressions;
        const NodeId hundred = e.constant(Value::of(ColumnType::i32, std::int32_t{100}));
        const NodeId rest = e.make(
            Op::subtract, {e.constant(Value::of(ColumnType::i32, divisor)), e.column(n(), ColumnType::i32)});
        out.assignments.push_back({length(), e.make(Op::divide, {hundred, rest}), false, "length"});
        return out;
    }
    // SELECT game.emit('named', entity, {"n": n}) FROM number
    Statement telling() const {
        Statement out;
        out.kind = StatementKind::emit;
        out.target = {store::none};
        out.target_name = "named";
        out.components = {number_};
        out.event_entity = out.expressions.entity();
        out.fields.push_back({"n", out.expressions.column(n(), ColumnType::i32)});
        return out;
    }
    // INSERT INTO shot (n, half) SELECT n, nullif(n % 2 = 1, false) FROM number
    Statement appending() const {
        Statement out;
        out.kind = StatementKind::append;
        out.target = {store::none};
        out.target_name = "shot";
        out.components = {number_};
        Expressions& e = out.expressions;
        const NodeId number = e.column(n(), ColumnType::i32);
        const auto constant = [&](std::int32_t value) {
            return e.constant(Value::of(ColumnType::i32, value));
        };
        const NodeId is_odd = e.make(Op::equal, {e.make(Op::modulo, {number, constant(2)}), constant(1)});
        const NodeId no = e.constant(Value::of(ColumnType::boolean, std::uint8_t{0}));
        out.fields.push_back({"n", number, true});
        out.fields.push_back({"half", e.make(Op::nullif, {is_odd, no})});
        out.checks.push_back({e.make(Op::less, {number, constant(slots)}), "few"});
        return out;
    }
    RunReport run(std::vector<System> systems, const EventLimit& limit = {}) {
        Executor executor(view(), std::move(systems));
        return executor.run(*store_, inputs, Order::block_major, nullptr, limit);
    }
    // The world's next version, which must have lost no block.
    std::uint64_t hash_of_next() {
        next_tick();
        EXPECT_EQ(store_->lost_blocks(), 0U);
        const store::Snapshot sealed = store_->newest();
        EXPECT_EQ(sealed.state_hash(), sealed.state_hash_kept());
        return sealed.state_hash();
    }

  private:
    void add_name(std::uint32_t slot) {
        store_->insert_row(name_, slot);
        store_->set_value(text(), slot, long_text);
        store_->set_null(length(), slot, true);
        store_->set_text(brief(), slot, "short");
    }

    store::TestRegion region_;
    std::optional<store::WorldStore> store_;
    ComponentId number_{};
    ComponentId name_{};
};

TEST(KernelRows, RowsOfEventsComeInTheOrderOfRows) {
    NamedWorld world;
    // Events have a limit, these rows have not.
    const RunReport report =
        world.run({{"appending", {world.appending()}}, {"again", {world.appending()}}}, {0, 0});
    EXPECT_TRUE(report.failures.empty());
    EXPECT_EQ(report.rows[0], slots);
    ASSERT_EQ(report.appended.size(), 2U);
    EXPECT_EQ(report.appended[1].system, 1U);
    ASSERT_EQ(report.appended[0].rows.size(), slots);
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(slots); ++i) {
        const std::string& row = report.appended[0].rows[static_cast<std::size_t>(i)];
        ASSERT_EQ(row.size(), 1 + sizeof i + 2);
        std::int32_t number = -1;
        std::memcpy(&number, row.data() + 1, sizeof number);
        EXPECT_EQ(number, i);
        EXPECT_EQ(row.substr(5), i % 2 == 1 ? std::string("\0\1", 2) : std::string("\1\0", 2));
    }
}

TEST(KernelRows, ARowOfEventsThatItsTableRefusesEndsTheSystem) {
    NamedWorld world;
    Statement refused = world.appending();
    Expressions& e = refused.expressions;
    refused.checks.push_back({e.make(Op::less, {e.column(world.n(), ColumnType::i32),
                                                e.constant(Value::of(ColumnType::i32, std::int32_t{70}))}),
                              "small"});
    Statement null = world.appending();
    null.fields[1].is_not_null = true;
    const RunReport report =
        world.run({{"good", {world.appending()}}, {"refused", {refused}}, {"null", {null}}});
    ASSERT_EQ(report.failures.size(), 2U);
    EXPECT_EQ(report.failures[0].error.code(), "23514");
    EXPECT_EQ(report.failures[0].error.message(),
              "new row for relation \"shot\" violates check constraint \"small\"");
    EXPECT_EQ(report.failures[0].slot, 70U);
    EXPECT_EQ(report.failures[1].error.message(),
              "null value in column \"half\" of relation \"shot\" violates not-null constraint");
    ASSERT_EQ(report.appended.size(), 1U);
    EXPECT_EQ(report.appended[0].system, 0U);
}

TEST(KernelRows, ARemovedRowLeavesWhatDeletingItByHandLeaves) {
    NamedWorld world;
    NamedWorld by_hand;
    const RunReport report = world.run({{"forgetting", {world.forgetting(70)}}});
    EXPECT_TRUE(report.failures.empty());
    EXPECT_EQ(report.rows[0], 35U);
    for (std::uint32_t slot = 0; slot < 70; slot += 2)
        by_hand.store().delete_row(by_hand.name(), slot);
    EXPECT_EQ(world.hash_of_next(), by_hand.hash_of_next());
}

TEST(KernelRows, AnInsertedRowIsWhatInsertingItByHandMakes) {
    NamedWorld world;
    NamedWorld by_hand;
    const RunReport report = world.run({{"again", {world.forgetting(1000), world.naming(-1, false)}}});
    EXPECT_TRUE(report.failures.empty());
    EXPECT_EQ(report.rows[0], 100U + slots);
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        if (slot % 2 == 0)
            by_hand.store().delete_row(by_hand.name(), slot);
        by_hand.store().insert_row(by_hand.name(), slot);
        by_hand.store().set_null(by_hand.text(), slot, true);
        by_hand.store().set_null(by_hand.brief(), slot, true);
        by_hand.store().set(by_hand.length(), slot, 100 / (-1 - static_cast<std::int32_t>(slot)));
    }
    EXPECT_EQ(world.hash_of_next(), by_hand.hash_of_next());
}

TEST(KernelRows, WhatFailsBringsBackRowsAndTheirTexts) {
    NamedWorld world;
    NamedWorld untouched;
    // Of entity 150 the divisor is zero, after many rows have gone and come.
    const RunReport report = world.run({{"again", {world.forgetting(1000), world.naming(150, false)}}});
    ASSERT_EQ(report.failures.size(), 1U);
    EXPECT_EQ(report.failures[0].error.code(), "22012");
    EXPECT_EQ(report.failures[0].slot, 150U);
    EXPECT_EQ(world.view().get_value(world.text(), 150), long_text);
    EXPECT_EQ(world.hash_of_next(), untouched.hash_of_next());
}

TEST(KernelRows, ARowThatIsThereAlreadyIsAnError) {
    NamedWorld world;
    NamedWorld untouched;
    const RunReport report = world.run({{"naming", {world.naming(-1, false)}}});
    ASSERT_EQ(report.failures.size(), 1U);
    EXPECT_EQ(report.failures[0].error.code(), "23505");
    EXPECT_EQ(report.failures[0].error.message(), "the row of entity 0 in component \"name\" already exists");
    EXPECT_EQ(world.hash_of_next(), untouched.hash_of_next());
}

TEST(KernelRows, OnConflictDoNothingLeavesSuchRowsAlone) {
    NamedWorld world;
    const RunReport report = world.run({{"naming", {world.naming(-1, true)}}});
    EXPECT_TRUE(report.failures.empty());
    EXPECT_EQ(report.rows[0], slots / 2);
    EXPECT_EQ(world.view().get_value(world.text(), 2), long_text);
    EXPECT_TRUE(world.view().is_null(world.text(), 3));
    EXPECT_EQ(world.view().get<std::int32_t>(world.length(), 3), -25);
    EXPECT_EQ(world.view().row_version(world.name(), 2), 1U);
    EXPECT_EQ(world.view().row_version(world.name(), 3), 2U);
}

TEST(KernelRows, LaterSystemsOfTheTickSeeTheNewRows) {
    NamedWorld world;
    Statement longer;
    longer.target = world.name();
    longer.target_name = "name";
    longer.components = {world.name()};
    Expressions& e = longer.expressions;
    longer.assignments.push_back(
        {world.length(),
         e.make(Op::coalesce, {e.column(world.length(), ColumnType::i32),
                               e.constant(Value::of(ColumnType::i32, std::int32_t{7}))}),
         true, "length"});
    const RunReport report = world.run({{"naming", {world.naming(-1, true)}}, {"longer", {longer}}});
    EXPECT_TRUE(report.failures.empty());
    EXPECT_EQ(report.rows[1], slots);
    EXPECT_EQ(world.view().get<std::int32_t>(world.length(), 2), 7);
    EXPECT_EQ(world.view().get<std::int32_t>(world.length(), 3), -25);
}

TEST(KernelRows, TooManyEventsAreAnErrorOfTheSystemThatEmitsThem) {
    NamedWorld world;
    const System telling{"telling", {world.telling()}};
    const RunReport report =
        world.run({telling, {"twice", {world.telling(), world.telling()}}, telling}, {500, 50});
    ASSERT_EQ(report.failures.size(), 1U);
    EXPECT_EQ(report.failures[0].system, 1U);
    EXPECT_EQ(report.failures[0].statement, 1U);
    EXPECT_EQ(report.failures[0].slot, store::none);
    EXPECT_EQ(report.failures[0].error.message(), "more than 500 events were emitted in a tick");
    ASSERT_EQ(report.events.size(), 2 * slots);
    EXPECT_EQ(report.events[7].type, "named");
    EXPECT_EQ(report.events[7].payload, "{\"n\": 7}");
    EXPECT_EQ(report.events[7].entity->handle, 7U);
    EXPECT_EQ(report.events[slots].system, 2U);
}

TEST(KernelRows, RefuseTargetsThatAreNotTheirs) {
    NamedWorld world;
    Statement nothing = world.forgetting(1);
    nothing.components = {world.number()};
    EXPECT_THROW(Executor(world.view(), {{"nothing", {nothing}}}), Error);
    Statement twice = world.naming(1, false);
    twice.components.push_back(world.name());
    EXPECT_THROW(Executor(world.view(), {{"twice", {twice}}}), Error);
    Statement entities = world.forgetting(1);
    entities.target = *world.view().find_component(store::entity_component);
    entities.components.push_back(entities.target);
    EXPECT_THROW(Executor(world.view(), {{"entities", {entities}}}), Error);
}

template <class T>
std::string json(ColumnType type, T value) {
    std::string out;
    append_json(out, type, reinterpret_cast<const std::byte*>(&value));
    return out;
}

// What PostgreSQL 15 prints for to_jsonb() of these.
TEST(KernelRows, EventsSpellNumbersAsJsonbDoes) {
    constexpr ColumnType f64 = ColumnType::f64;
    EXPECT_EQ(json(f64, 1e23), "99999999999999990000000");
    EXPECT_EQ(json(f64, 0x1p59), "576460752303423500");
    EXPECT_EQ(json(f64, 1e20), "100000000000000000000");
    EXPECT_EQ(json(f64, -0.0), "0");
    EXPECT_EQ(json(f64, -12.5), "-12.5");
    EXPECT_EQ(json(f64, 5e-324), "0." + std::string(323, '0') + "5");
    EXPECT_EQ(json(f64, 1.7976931348623157e308), "17976931348623157" + std::string(292, '0'));
    EXPECT_EQ(json(f64, std::numeric_limits<double>::quiet_NaN()), "\"NaN\"");
    EXPECT_EQ(json(f64, -std::numeric_limits<double>::infinity()), "\"-Infinity\"");
    EXPECT_EQ(json(ColumnType::f32, 1.5e-7F), "0.00000015");
    EXPECT_EQ(json(ColumnType::f32, 16777216.0F), "16777216");
    EXPECT_EQ(json(ColumnType::f32, 0.1F), "0.1");
    EXPECT_EQ(json(ColumnType::i64, std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(json(ColumnType::i16, std::int16_t{-7}), "-7");
    EXPECT_EQ(json(ColumnType::boolean, std::uint8_t{1}), "true");
}

} // namespace
} // namespace gamelan::kernel
