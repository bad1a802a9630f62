// Write sets: round trips, and how they follow components that change after they were made.
#include "core/codec/write_set.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

namespace gamelan::codec {
namespace {

constexpr std::uint64_t here = 77;

std::string bytes_of(std::int32_t value) {
    std::string out(sizeof value, '\0');
    std::memcpy(out.data(), &value, sizeof value);
    return out;
}

RowGroup group_of(RowOperation operation) {
    RowGroup group;
    group.operation = operation;
    group.component = "health";
    group.incarnation = here;
    group.key = 500;
    group.columns = {{"hp", ColumnType::i32, 3}, {"note", ColumnType::value, 4}};
    return group;
}

std::string one_row(const RowGroup& group, std::int32_t hp, std::string_view note) {
    ByteWriter rows;
    WriteSetWriter::put_handle(rows, 9);
    const std::string number = bytes_of(hp);
    for (const RowColumn& guard : group.guards)
        WriteSetWriter::put_value(rows, guard.type, {false, number});
    WriteSetWriter::put_value(rows, ColumnType::i32, {false, number});
    WriteSetWriter::put_value(rows, ColumnType::value, {false, note});
    ByteWriter out;
    WriteSetWriter::put_group(out, group, 1, rows.view());
    return out.take();
}

store::Definition definition_with(std::vector<store::ColumnDefinition> columns, std::string name = "health") {
    store::Definition out;
    out.incarnation = here;
    out.components.push_back({std::move(name), std::string(store::entity_space), 500, std::move(columns)});
    return out;
}

const store::ColumnDefinition hp{"hp", ColumnType::i32, store::IndexKind::none, 3, std::nullopt};
const store::ColumnDefinition note{"note", ColumnType::value, store::IndexKind::none, 4, std::nullopt};

TEST(WriteSet, StaysWhereNothingChanged) {
    EXPECT_FALSE(
        adapt_write_set(one_row(group_of(RowOperation::insert), 5, "a"), definition_with({hp, note})));
}

TEST(WriteSet, FollowsNewNames) {
    store::ColumnDefinition renamed = hp;
    renamed.name = "life";
    const auto adapted = adapt_write_set(one_row(group_of(RowOperation::insert), 5, "a"),
                                         definition_with({renamed, note}, "vigour"));
    ASSERT_TRUE(adapted);
    WriteSetReader reader(*adapted);
    ASSERT_TRUE(reader.next_group());
    EXPECT_EQ(reader.group().component, "vigour");
    EXPECT_EQ(reader.group().columns[0].name, "life");
    reader.next_row();
    EXPECT_EQ(reader.handle(), 9u);
    EXPECT_EQ(reader.values()[0].bytes, bytes_of(5));
    EXPECT_EQ(reader.values()[1].bytes, "a");
    EXPECT_FALSE(reader.next_group());
}

TEST(WriteSet, LeavesOutWhatWasDropped) {
    const auto adapted =
        adapt_write_set(one_row(group_of(RowOperation::update), 5, "a"), definition_with({note}));
    ASSERT_TRUE(adapted);
    WriteSetReader reader(*adapted);
    ASSERT_TRUE(reader.next_group());
    ASSERT_EQ(reader.group().columns.size(), 1u);
    reader.next_row();
    EXPECT_EQ(reader.values()[0].bytes, "a");

    store::Definition without = definition_with({});
    without.components.clear();
    EXPECT_EQ(adapt_write_set(one_row(group_of(RowOperation::insert), 5, "a"), without), std::string());
}

TEST(WriteSet, AGuardOfADroppedColumnGuardsNothing) {
    RowGroup group = group_of(RowOperation::update);
    group.guards = {{"hp", ColumnType::i32, 3}};
    const auto adapted = adapt_write_set(one_row(group, 5, "a"), definition_with({note}));
    ASSERT_TRUE(adapted);
    WriteSetReader reader(*adapted);
    ASSERT_TRUE(reader.next_group());
    EXPECT_TRUE(reader.group().guards.empty());
    reader.next_row();
    EXPECT_EQ(reader.values()[0].bytes, "a");
}

TEST(WriteSet, AnInsertedRowGetsWhatRowsGotInAnAddedColumn) {
    const store::ColumnDefinition armour{"armour", ColumnType::i32, store::IndexKind::none, 5, bytes_of(7)};
    const store::ColumnDefinition rank{"rank", ColumnType::i32, store::IndexKind::none, 6, std::nullopt};
    const auto adapted = adapt_write_set(one_row(group_of(RowOperation::insert), 5, "a"),
                                         definition_with({hp, note, armour, rank}));
    ASSERT_TRUE(adapted);
    WriteSetReader reader(*adapted);
    ASSERT_TRUE(reader.next_group());
    ASSERT_EQ(reader.group().columns.size(), 4u);
    reader.next_row();
    EXPECT_EQ(reader.values()[2].bytes, bytes_of(7));
    EXPECT_TRUE(reader.values()[3].is_null);
    // An update writes what it names, and no more.
    EXPECT_FALSE(adapt_write_set(one_row(group_of(RowOperation::update), 5, "a"),
                                 definition_with({hp, note, armour, rank})));
}

TEST(WriteSet, APutKeepsItsLeadingColumns) {
    RowGroup group = group_of(RowOperation::put);
    group.leading_columns = 1;
    const auto adapted = adapt_write_set(one_row(group, 5, "a"), definition_with({note}));
    ASSERT_TRUE(adapted);
    WriteSetReader reader(*adapted);
    ASSERT_TRUE(reader.next_group());
    EXPECT_EQ(reader.group().leading_columns, 0u) << "the column that led is gone";
}

TEST(WriteSet, KeysOfAnotherDatabaseMeanNothing) {
    store::Definition elsewhere = definition_with({});
    elsewhere.incarnation = here + 1;
    EXPECT_FALSE(adapt_write_set(one_row(group_of(RowOperation::insert), 5, "a"), elsewhere));
}

RC_GTEST_PROP(WriteSet, RoundTrips, ()) {
    const auto numbers = *rc::gen::arbitrary<std::vector<std::int32_t>>();
    const auto text = *rc::gen::arbitrary<std::string>();
    const RowGroup group = group_of(RowOperation::insert);
    ByteWriter rows;
    for (const std::int32_t number : numbers) {
        WriteSetWriter::put_handle(rows, static_cast<std::uint32_t>(number));
        WriteSetWriter::put_value(rows, ColumnType::i32, {false, bytes_of(number)});
        WriteSetWriter::put_value(rows, ColumnType::value, {number < 0, text});
    }
    ByteWriter out;
    WriteSetWriter::put_group(out, group, numbers.size(), rows.view());
    WriteSetWriter::put_group(out, group, 0, {});
    WriteSetReader reader(out.view());
    RC_ASSERT(reader.next_group());
    RC_ASSERT(reader.group() == group);
    for (const std::int32_t number : numbers) {
        reader.next_row();
        RC_ASSERT(reader.handle() == static_cast<std::uint32_t>(number));
        RC_ASSERT(reader.values()[0].bytes == bytes_of(number));
        RC_ASSERT(reader.values()[1].is_null == (number < 0));
        RC_ASSERT(number < 0 || reader.values()[1].bytes == text);
    }
    RC_ASSERT(reader.next_group());
    RC_ASSERT(!reader.next_group());
}

} // namespace
} // namespace gamelan::codec
