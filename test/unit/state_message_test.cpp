#include "core/codec/state_json.hpp"
#include "core/codec/state_message.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>

namespace gamelan::codec {
namespace {

using Bytes = std::vector<std::byte>;

constexpr ColumnType all_types[] = {
    ColumnType::boolean, ColumnType::u8,  ColumnType::i16,    ColumnType::i32,    ColumnType::i64,
    ColumnType::f32,     ColumnType::f64, ColumnType::text32, ColumnType::text64,
};

template <typename Value>
Bytes bytes_of(const std::vector<Value>& values) {
    Bytes bytes(values.size() * sizeof(Value));
    if (!bytes.empty())
        std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

// Makes a damaged message pass the hash check, so that the checks after it are reached.
void seal(Bytes& message) {
    const std::uint64_t hash = XXH3_64bits(message.data(), message.size() - 8);
    std::memcpy(message.data() + message.size() - 8, &hash, 8);
}

StateMessage decoded(const Bytes& bytes) {
    StateMessage message;
    EXPECT_EQ(decode_state_message(bytes, message), StateMessageError::none);
    return message;
}

StateMessageError error_of(const Bytes& bytes) {
    StateMessage message;
    return decode_state_message(bytes, message);
}

// A message of one column written by hand after the 26 bytes of header: `body` goes between header and hash.
Bytes message_with(StateMessageKind kind, std::initializer_list<int> body, std::uint16_t columns = 1) {
    Bytes bytes = StateMessageBuilder(kind, 7, kind == StateMessageKind::snapshot ? 7 : 5).finish();
    bytes.resize(bytes.size() - 8);
    std::memcpy(bytes.data() + 24, &columns, 2);
    for (const int byte : body)
        bytes.push_back(static_cast<std::byte>(byte));
    bytes.resize(bytes.size() + 8);
    seal(bytes);
    return bytes;
}

// All slots of a dense or run-length column.
Bytes expanded(const ColumnChange& column) {
    if (column.encoding == ColumnEncoding::dense)
        return column.values;
    Bytes values;
    const std::size_t width = width_of(column.type);
    for (std::size_t i = 0; i < column.runs.size(); ++i)
        for (std::uint32_t n = 0; n < column.runs[i]; ++n)
            values.insert(values.end(), column.values.begin() + static_cast<std::ptrdiff_t>(i * width),
                          column.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
    return values;
}

// Values that repeat often enough for every encoding to be chosen.
Bytes some_values(ColumnType type, std::size_t count) {
    const auto seeds = *rc::gen::container<std::vector<std::uint8_t>>(
        count, rc::gen::weightedElement<std::uint8_t>({{10, 0}, {3, 1}, {1, 200}, {1, 255}}));
    Bytes values;
    for (const std::uint8_t seed : seeds)
        for (std::uint32_t i = 0; i < width_of(type); ++i)
            values.push_back(static_cast<std::byte>(seed >> (i % 8)));
    return values;
}

TEST(StateMessage, an_empty_message_has_the_documented_bytes) {
    const Bytes bytes = StateMessageBuilder(StateMessageKind::delta, 0x0102, 0x0101).finish();
    const std::uint8_t expected[26] = {'G', 'L', 'S', 1, 1, 0, 0, 0, 2, 1, 0, 0, 0,
                                       0,   0,   0,   1, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    ASSERT_EQ(bytes.size(), sizeof expected + 8);
    EXPECT_EQ(std::memcmp(bytes.data(), expected, sizeof expected), 0);
    const std::uint64_t hash = XXH3_64bits(bytes.data(), sizeof expected);
    EXPECT_EQ(std::memcmp(bytes.data() + sizeof expected, &hash, 8), 0);
}

TEST(StateMessage, each_encoding_has_the_documented_bytes) {
    StateMessageBuilder builder(StateMessageKind::delta, 2, 1);
    builder.add_dense("a", ColumnType::u8, 3, bytes_of<std::uint8_t>({1, 2, 3}));
    builder.add_dense("b", ColumnType::u8, 300, Bytes(300, std::byte{9}));
    builder.add_sparse("c", ColumnType::i16, std::vector<std::uint32_t>{0, 1, 200},
                       bytes_of<std::int16_t>({-1, 2, 3}));
    const Bytes bytes = builder.finish();
    const std::uint8_t expected[] = {1, 'a', 2, 0, 3,    1,    2,    3,       //
                                     1, 'b', 2, 1, 0xAC, 0x02, 0xAC, 0x02, 9, //
                                     1, 'c', 3, 2, 3,    0,    0,    0xC6, 0x01, 0xFF, 0xFF, 2, 0, 3, 0};
    ASSERT_EQ(bytes.size(), 26 + sizeof expected + 8);
    EXPECT_EQ(std::memcmp(bytes.data() + 26, expected, sizeof expected), 0);
    EXPECT_EQ(bytes[24], std::byte{3});
}

RC_GTEST_PROP(StateMessage, a_snapshot_survives_the_round_trip, ()) {
    const auto tick = *rc::gen::arbitrary<std::uint64_t>();
    StateMessageBuilder builder(StateMessageKind::snapshot, tick, tick);
    std::vector<Bytes> columns;
    for (const ColumnType type : all_types) {
        const auto count = *rc::gen::inRange<std::uint32_t>(0, 200);
        columns.push_back(some_values(type, count));
        builder.add_dense("space.c" + std::to_string(columns.size()), type, count, columns.back());
    }
    StateMessage message;
    RC_ASSERT(decode_state_message(builder.finish(), message) == StateMessageError::none);
    RC_ASSERT(message.kind == StateMessageKind::snapshot);
    RC_ASSERT(message.tick == tick && message.base_tick == tick);
    RC_ASSERT(message.columns.size() == columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
        RC_ASSERT(message.columns[i].name == "space.c" + std::to_string(i + 1));
        RC_ASSERT(message.columns[i].type == all_types[i]);
        RC_ASSERT(message.columns[i].count * width_of(all_types[i]) == columns[i].size());
        RC_ASSERT(expanded(message.columns[i]) == columns[i]);
    }
}

RC_GTEST_PROP(StateMessage, a_difference_leads_from_one_state_to_the_other, ()) {
    const ColumnType type =
        *rc::gen::elementOf(std::vector<ColumnType>(std::begin(all_types), std::end(all_types)));
    const std::size_t width = width_of(type);
    const auto count = *rc::gen::inRange<std::uint32_t>(0, 300);
    const Bytes before = some_values(type, count);
    Bytes after = *rc::gen::arbitrary<bool>() ? before : some_values(type, count);
    StateMessageBuilder builder(StateMessageKind::delta, 9, 8);
    const std::uint32_t changed = builder.add_difference("x.y", type, count, before, after);
    StateMessage message;
    RC_ASSERT(decode_state_message(builder.finish(), message) == StateMessageError::none);
    RC_ASSERT(message.columns.size() == (changed > 0 ? 1u : 0u));
    RC_ASSERT((changed == 0) == (before == after));
    Bytes result = before;
    for (const ColumnChange& column : message.columns) {
        if (column.encoding != ColumnEncoding::sparse) {
            result = expanded(column);
            continue;
        }
        RC_ASSERT(column.slots.size() == changed);
        for (std::size_t i = 0; i < column.slots.size(); ++i)
            std::memcpy(result.data() + column.slots[i] * width, column.values.data() + i * width, width);
    }
    RC_ASSERT(result == after);
}

RC_GTEST_PROP(StateMessage, sparse_slots_survive_the_round_trip, ()) {
    const auto set = *rc::gen::container<std::map<std::uint32_t, std::int64_t>>(
        rc::gen::inRange<std::uint32_t>(0, max_state_slots), rc::gen::arbitrary<std::int64_t>());
    std::vector<std::uint32_t> slots;
    std::vector<std::int64_t> values;
    for (const auto& [slot, value] : set) {
        slots.push_back(slot);
        values.push_back(value);
    }
    StateMessageBuilder builder(StateMessageKind::delta, 2, 1);
    builder.add_sparse("x", ColumnType::i64, slots, bytes_of(values));
    StateMessage message;
    RC_ASSERT(decode_state_message(builder.finish(), message) == StateMessageError::none);
    RC_ASSERT(message.columns.at(0).slots == slots);
    RC_ASSERT(message.columns.at(0).values == bytes_of(values));
}

RC_GTEST_PROP(StateMessage, a_changed_byte_is_found, (std::uint8_t change)) {
    RC_PRE(change != 0);
    StateMessageBuilder builder(StateMessageKind::snapshot, 3, 3);
    builder.add_dense("a", ColumnType::i32, 4, bytes_of<std::int32_t>({1, 2, 3, 4}));
    Bytes bytes = builder.finish();
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] ^= static_cast<std::byte>(change);
    RC_ASSERT(error_of(bytes) != StateMessageError::none);
}

// Every prefix is refused, also when its hash is right.
TEST(StateMessage, a_message_cut_short_is_refused) {
    StateMessageBuilder builder(StateMessageKind::delta, 3, 2);
    builder.add_dense("a", ColumnType::u8, 300, Bytes(300, std::byte{1}));
    builder.add_sparse("b", ColumnType::text32, std::vector<std::uint32_t>{5, 500},
                       Bytes(64, std::byte{'x'}));
    const Bytes whole = builder.finish();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_NE(error_of(part), StateMessageError::none) << size;
        if (size >= 34) {
            seal(part);
            EXPECT_NE(error_of(part), StateMessageError::none) << size;
        }
    }
}

TEST(StateMessage, every_fault_of_the_header_has_its_name) {
    const Bytes good = StateMessageBuilder(StateMessageKind::snapshot, 3, 3).finish();
    const auto with = [&](std::size_t at, int value) {
        Bytes bytes = good;
        bytes[at] = static_cast<std::byte>(value);
        seal(bytes);
        return error_of(bytes);
    };
    EXPECT_EQ(error_of({}), StateMessageError::too_short);
    EXPECT_EQ(with(0, 'X'), StateMessageError::bad_magic);
    EXPECT_EQ(with(3, 2), StateMessageError::unknown_version);
    EXPECT_EQ(with(4, 2), StateMessageError::unknown_kind);
    EXPECT_EQ(with(6, 1), StateMessageError::reserved_not_zero);
    EXPECT_EQ(with(16, 2), StateMessageError::bad_base_tick);
    EXPECT_EQ(with(24, 1), StateMessageError::truncated);
    EXPECT_EQ(with(25, 2), StateMessageError::too_many_columns);
    Bytes wrong_hash = good;
    wrong_hash.back() ^= std::byte{1};
    EXPECT_EQ(error_of(wrong_hash), StateMessageError::bad_hash);
}

TEST(StateMessage, every_fault_of_a_column_has_its_name) {
    const auto delta = StateMessageKind::delta;
    const auto fault = [&](std::initializer_list<int> body, std::uint16_t columns = 1) {
        return error_of(message_with(delta, body, columns));
    };
    EXPECT_EQ(fault({0, 2, 0, 0}), StateMessageError::bad_column_name);
    EXPECT_EQ(fault({1, 0xFF, 2, 0, 0}), StateMessageError::bad_column_name);
    EXPECT_EQ(fault({1, 'a', 0, 0, 0}), StateMessageError::unknown_type);
    EXPECT_EQ(fault({1, 'a', 10, 0, 0}), StateMessageError::unknown_type);
    EXPECT_EQ(fault({1, 'a', 2, 3, 0}), StateMessageError::unknown_encoding);
    EXPECT_EQ(fault({1, 'a', 2, 0, 2, 1}), StateMessageError::truncated);
    EXPECT_EQ(fault({1, 'a', 2, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1}), StateMessageError::varint_overflow);
    EXPECT_EQ(fault({1, 'a', 2, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F}), StateMessageError::varint_overflow);
    EXPECT_EQ(fault({1, 'a', 2, 0, 0x81, 0x80, 0x80, 0x20}), StateMessageError::too_many_slots);
    EXPECT_EQ(fault({1, 'a', 2, 1, 2, 0, 9}), StateMessageError::bad_run);
    EXPECT_EQ(fault({1, 'a', 2, 1, 2, 3, 9}), StateMessageError::bad_run);
    EXPECT_EQ(fault({1, 'a', 2, 2, 1, 0x80, 0x80, 0x80, 0x20, 9}), StateMessageError::slot_out_of_range);
    EXPECT_EQ(fault({1, 'a', 2, 2, 2, 0xFF, 0xFF, 0xFF, 0x1F, 0, 9, 9}),
              StateMessageError::slot_out_of_range);
    EXPECT_EQ(fault({1, 'a', 2, 0, 0, 1, 'a', 2, 0, 0}, 2), StateMessageError::duplicate_column);
    EXPECT_EQ(fault({1, 'a', 2, 0, 1, 9, 9}), StateMessageError::trailing_bytes);
    EXPECT_EQ(error_of(message_with(StateMessageKind::snapshot, {1, 'a', 2, 2, 0})),
              StateMessageError::sparse_in_snapshot);
    EXPECT_EQ(fault({1, 'a', 2, 2, 1, 0xFF, 0xFF, 0xFF, 0x1F, 9}), StateMessageError::none);
}

// A count near the limit with almost no bytes behind it must be refused before memory for it is taken.
TEST(StateMessage, a_large_count_without_bytes_is_refused) {
    for (const int encoding : {0, 1, 2})
        EXPECT_EQ(
            error_of(message_with(StateMessageKind::delta, {1, 'a', 9, encoding, 0x80, 0x80, 0x80, 0x20})),
            StateMessageError::truncated);
}

TEST(StateMessage, the_builder_refuses_what_the_format_cannot_hold) {
    StateMessageBuilder builder(StateMessageKind::delta, 2, 1);
    const Bytes one(1);
    const std::vector<std::uint32_t> twice = {4, 4};
    const std::vector<std::uint32_t> too_far = {max_state_slots};
    EXPECT_THROW(StateMessageBuilder(StateMessageKind::snapshot, 2, 1), std::invalid_argument);
    EXPECT_THROW(StateMessageBuilder(StateMessageKind::delta, 1, 2), std::invalid_argument);
    EXPECT_THROW(builder.add_dense("", ColumnType::u8, 1, one), std::invalid_argument);
    EXPECT_THROW(builder.add_dense(std::string(256, 'a'), ColumnType::u8, 1, one), std::invalid_argument);
    EXPECT_THROW(builder.add_dense("a", ColumnType::u8, 2, one), std::invalid_argument);
    EXPECT_THROW(builder.add_dense("a", static_cast<ColumnType>(0), 1, one), std::invalid_argument);
    EXPECT_THROW(builder.add_sparse("a", ColumnType::u8, twice, Bytes(2)), std::invalid_argument);
    EXPECT_THROW(builder.add_sparse("a", ColumnType::u8, too_far, one), std::invalid_argument);
    builder.add_dense("a", ColumnType::u8, 1, one);
    EXPECT_THROW(builder.add_dense("a", ColumnType::u8, 1, one), std::invalid_argument);
    for (std::uint32_t i = 1; i < max_state_columns; ++i)
        builder.add_dense("c" + std::to_string(i), ColumnType::u8, 1, one);
    EXPECT_THROW(builder.add_dense("more", ColumnType::u8, 1, one), std::invalid_argument);
    EXPECT_EQ(decoded(builder.finish()).columns.size(), max_state_columns);
    EXPECT_THROW(builder.finish(), std::invalid_argument);
}

TEST(StateMessage, utf8_is_told_from_other_bytes) {
    for (const char* good :
         {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8E\xBC", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"})
        EXPECT_TRUE(is_utf8(good)) << good;
    for (const char* bad : {"\x80", "\xC0\xAF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                            "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82", "\xFF"})
        EXPECT_FALSE(is_utf8(bad));
}

std::string json_of_column(ColumnType type, const Bytes& values) {
    StateMessage message{StateMessageKind::snapshot, 5, 5, {}};
    ColumnChange column;
    column.name = "a.b";
    column.type = type;
    column.count = static_cast<std::uint32_t>(values.size() / width_of(type));
    column.values = values;
    message.columns.push_back(column);
    std::string text;
    append_json(text, message);
    return text;
}

std::string snapshot_json(std::string_view values) {
    return "{\"type\":\"snapshot\",\"tick\":5,\"columns\":{\"a.b\":{\"values\":[" + std::string(values) +
           "]}}}";
}

TEST(StateJson, every_type_has_its_json_form) {
    EXPECT_EQ(json_of_column(ColumnType::boolean, bytes_of<std::uint8_t>({0, 1})),
              snapshot_json("false,true"));
    EXPECT_EQ(json_of_column(ColumnType::u8, bytes_of<std::uint8_t>({0, 255})), snapshot_json("0,255"));
    EXPECT_EQ(json_of_column(ColumnType::i16, bytes_of<std::int16_t>({-32768, 7})),
              snapshot_json("-32768,7"));
    EXPECT_EQ(json_of_column(ColumnType::i32, bytes_of<std::int32_t>({-1, 2147483647})),
              snapshot_json("-1,2147483647"));
    EXPECT_EQ(json_of_column(ColumnType::i64,
                             bytes_of<std::int64_t>({1LL << 53, (1LL << 53) + 1, -(1LL << 53) - 1})),
              snapshot_json("9007199254740992,\"9007199254740993\",\"-9007199254740993\""));
    EXPECT_EQ(json_of_column(ColumnType::f32, bytes_of<float>({0.1f, std::nanf("")})),
              snapshot_json("0.1,null"));
    EXPECT_EQ(
        json_of_column(ColumnType::f64, bytes_of<double>({0.1, -std::numeric_limits<double>::infinity()})),
        snapshot_json("0.1,null"));
    Bytes text(64);
    std::memcpy(text.data(), "a\"\\\n\xC3\xA9\xFF", 7);
    std::memset(text.data() + 32, 'x', 32);
    EXPECT_EQ(json_of_column(ColumnType::text32, text),
              snapshot_json("\"a\\\"\\\\\\u000a\xC3\xA9\xEF\xBF\xBD\",\"" + std::string(32, 'x') + "\""));
}

TEST(StateJson, a_delta_has_base_runs_and_gaps) {
    StateMessageBuilder builder(StateMessageKind::delta, 9, 7);
    builder.add_dense("r", ColumnType::u8, 100, Bytes(100, std::byte{3}));
    builder.add_sparse("s", ColumnType::i32, std::vector<std::uint32_t>{2, 3, 10},
                       bytes_of<std::int32_t>({5, 6, 7}));
    std::string text;
    append_json(text, decoded(builder.finish()));
    EXPECT_EQ(text, "{\"type\":\"delta\",\"tick\":9,\"base\":7,\"columns\":{\"r\":{\"runs\":[100,3]},"
                    "\"s\":{\"gaps\":[2,0,6],\"values\":[5,6,7]}}}");
}

} // namespace
} // namespace gamelan::codec
