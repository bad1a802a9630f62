// Packed definitions: round trips, and damage of every kind is found and named.
#include "core/codec/definition.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

namespace gamelan::codec {
namespace {

using store::ColumnDefinition;
using store::ComponentDefinition;
using store::IndexKind;

constexpr std::array types{ColumnType::boolean, ColumnType::i8,   ColumnType::i16,   ColumnType::i32,
                           ColumnType::i64,     ColumnType::f32,  ColumnType::f64,   ColumnType::code,
                           ColumnType::bytes16, ColumnType::span, ColumnType::value, ColumnType::text32};

store::Definition sample() {
    store::Definition out;
    out.incarnation = 0x0123456789abcdef;
    ColumnDefinition hp{"hp", ColumnType::i32, IndexKind::ordered, 3, std::string("\x64\0\0\0", 4)};
    ColumnDefinition motto{"motto", ColumnType::value, IndexKind::hash, 4, std::string("")};
    out.components.push_back({"health", std::string(store::entity_space), 16384, {hp, motto}});
    out.components.push_back({"søil",
                              std::string(store::cell_space),
                              16390,
                              {{"wet", ColumnType::boolean, IndexKind::none, 0, {}}}});
    out.components.push_back({"tag", std::string(store::entity_space), 1, {}});
    return out;
}

store::Definition generate() {
    store::Definition out;
    out.incarnation = *rc::gen::arbitrary<std::uint64_t>();
    for (int i = *rc::gen::inRange(0, 6); i > 0; --i) {
        ComponentDefinition component;
        component.name = (*rc::gen::arbitrary<std::string>()).substr(0, max_component_name_bytes);
        component.space = *rc::gen::element(store::entity_space, store::cell_space);
        component.key = *rc::gen::arbitrary<std::uint64_t>();
        for (int j = *rc::gen::inRange(0, 9); j > 0; --j) {
            ColumnDefinition column;
            column.name = (*rc::gen::arbitrary<std::string>()).substr(0, max_component_name_bytes);
            column.type = *rc::gen::elementOf(types);
            column.index = *rc::gen::element(IndexKind::none, IndexKind::hash, IndexKind::ordered);
            column.key = *rc::gen::arbitrary<std::int32_t>();
            if (*rc::gen::arbitrary<bool>())
                column.fill = column.type == ColumnType::value
                                  ? *rc::gen::arbitrary<std::string>()
                                  : std::string(width_of(column.type), *rc::gen::arbitrary<char>());
            component.columns.push_back(column);
        }
        out.components.push_back(component);
    }
    return out;
}

RC_GTEST_PROP(Definition, RoundTrips, ()) {
    const store::Definition definition = generate();
    const store::Definition back = decode_definition(encode_definition(definition));
    RC_ASSERT(back == definition);
    RC_ASSERT(definition_hash(back) == definition_hash(definition));
}

TEST(Definition, EveryChangedByteIsFound) {
    const std::string good = encode_definition(sample());
    ASSERT_EQ(decode_definition(good), sample());
    for (std::size_t at = 0; at < good.size(); ++at)
        for (int flip = 1; flip < 256; ++flip) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ flip);
            EXPECT_THROW(decode_definition(bad), Error) << "byte " << at << " ^ " << flip;
        }
}

TEST(Definition, EveryTruncationIsFound) {
    const std::string good = encode_definition(sample());
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_THROW(decode_definition(std::string_view(good).substr(0, size)), Error) << size;
    EXPECT_THROW(decode_definition(good + "x"), Error);
}

TEST(Definition, AnUnknownVersionIsNamed) {
    std::string bytes = encode_definition(sample());
    bytes[3] = 9;
    try {
        decode_definition(bytes);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::corrupt_data);
        EXPECT_NE(error.message().find("version is 9"), std::string::npos);
    }
}

TEST(Definition, WhatDiffersHasAnotherHash) {
    const std::uint64_t hash = definition_hash(sample());
    store::Definition other = sample();
    other.components[0].columns[0].fill = std::nullopt;
    EXPECT_NE(definition_hash(other), hash);
    other = sample();
    other.components[0].columns[0].key = 5;
    EXPECT_NE(definition_hash(other), hash);
    other = sample();
    std::swap(other.components[0], other.components[1]);
    EXPECT_NE(definition_hash(other), hash);
}

void expect_refused(const store::Definition& definition, std::string_view why) {
    try {
        encode_definition(definition);
        ADD_FAILURE() << "not refused: " << why;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::invalid_config);
        EXPECT_NE(error.message().find(why), std::string::npos) << error.message();
    }
}

TEST(Definition, IsRefusedBeyondItsLimits) {
    store::Definition many;
    many.components.resize(max_components + 1, {"c", std::string(store::entity_space), 0, {}});
    expect_refused(many, "too many components");

    store::Definition wide;
    wide.components.push_back({"c", std::string(store::entity_space), 0, {}});
    wide.components[0].columns.resize(max_component_columns + 1);
    expect_refused(wide, "too many columns");
    wide.components[0].columns.resize(max_component_columns);
    EXPECT_EQ(decode_definition(encode_definition(wide)), wide);

    store::Definition both = wide;
    both.components.resize(max_component_planes / planes_of(max_component_columns) + 1, wide.components[0]);
    expect_refused(both, "too many columns");

    store::Definition odd = sample();
    odd.components[0].space = "player";
    expect_refused(odd, "unknown space");
    odd = sample();
    odd.components[0].columns[0].fill = "abc";
    expect_refused(odd, "default does not fit");
    odd = sample();
    odd.components[0].columns[0].type = ColumnType::version;
    odd.components[0].columns[0].fill = std::nullopt;
    expect_refused(odd, "type that no column has");
    odd = sample();
    odd.components[0].name = std::string(max_component_name_bytes + 1, 'n');
    expect_refused(odd, "too long a name");
}

} // namespace
} // namespace gamelan::codec
