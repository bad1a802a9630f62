// Kernel programs: names and numbers, round trips, and that nothing damaged or wrong comes through.
#include "core/codec/kernel_program.hpp"

#include "core/base/hash.hpp"
#include "kernel_world.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gamelan::kernel {
namespace {

using codec::decode_program;
using codec::encode_program;

// What a binding undoes.
UnboundSystem unbind(const System& system, const store::Snapshot& layout) {
    UnboundSystem out{{system.name, {}}, {}};
    const auto component = [&](ComponentId id) {
        if (id.value == store::none)
            return id;
        const store::ComponentSpec& spec = layout.component(id);
        const bool is_of_cells = store::text_of(layout.space({spec.space}).name) == store::cell_space;
        return out.symbols.component(std::string(store::text_of(spec.name)), is_of_cells);
    };
    const auto column = [&](ColumnId id) {
        if (id.value == store::none)
            return id;
        const store::ColumnSpec& spec = layout.column(id);
        const std::string name(store::text_of(spec.name));
        return out.symbols.column(component({spec.component}), name.substr(name.find('.') + 1), spec.type);
    };
    for (const Statement& statement : system.statements) {
        Statement unbound = statement;
        unbound.target = component(statement.target);
        for (ComponentId& id : unbound.components)
            id = component(id);
        for (RowSource& source : unbound.sources)
            for (ComponentId& id : source.components)
                id = component(id);
        unbound.expressions = {};
        for (std::uint32_t i = 0; i < statement.expressions.size(); ++i) {
            Node node = statement.expressions[{i}];
            node.column = column(node.column);
            node.component = component(node.component);
            unbound.expressions.add(node);
        }
        for (Assignment& assignment : unbound.assignments)
            assignment.column = column(assignment.column);
        out.system.statements.push_back(unbound);
    }
    return out;
}

RC_GTEST_PROP(KernelProgram, ComesBackAsItWasAndMeansTheSame, (std::uint64_t seed)) {
    const KernelWorld world(seed, 100, 64, 0);
    for (const System& system : random_systems(seed, world, 20)) {
        const UnboundSystem unbound = unbind(system, world.layout());
        const UnboundSystem back = decode_program(encode_program(unbound));
        RC_ASSERT(back == unbound);
        RC_ASSERT(bind(back, world.layout()) == system);
    }
}

// Statements of every kind, with everything that a statement can have.
UnboundSystem sample() {
    UnboundSystem out;
    out.system.name = "wärme";
    const ComponentId unit = out.symbols.component("unit", false);
    const ComponentId wound = out.symbols.component("wound", false);
    const ComponentId soil = out.symbols.component("soil", true);
    const ColumnId hp = out.symbols.column(unit, "hp", ColumnType::i32);
    const ColumnId target = out.symbols.column(unit, "target", ColumnType::i64);
    const ColumnId depth = out.symbols.column(wound, "depth", ColumnType::f32);
    const ColumnId heat = out.symbols.column(soil, "heat", ColumnType::i32);

    Statement update;
    update.target = unit;
    update.target_name = "unit";
    update.components = {unit};
    Expressions& e = update.expressions;
    const NodeId key = e.column(target, ColumnType::i64);
    update.sources.push_back({SourceKind::reference, {unit, wound}, key, true});
    update.sources.push_back({SourceKind::reference, {soil}, e.column(target, ColumnType::i64, {1}), false});
    update.sources.push_back({SourceKind::all, {unit}, std::nullopt, false});
    update.aggregates.push_back(
        {AggregateFunction::sum,
         {3},
         e.make(Op::greater, {e.column(hp, ColumnType::i32, {3}), e.constant(Value::of(ColumnType::i32, 0))}),
         e.column(hp, ColumnType::i32, {3})});
    update.aggregates.push_back({AggregateFunction::exists, {3}, std::nullopt, std::nullopt});
    update.where =
        e.make(Op::logical_and, {e.has_row(wound, {1}), e.observed(), e.aggregate(1, ColumnType::boolean),
                                 e.make(Op::not_equal, {e.entity(), e.entity({2})})});
    const NodeId sum = e.make(Op::add, {e.aggregate(0, ColumnType::i64),
                                        e.cast(e.column(heat, ColumnType::i32, {2}), ColumnType::i64)});
    update.assignments.push_back({hp, e.cast(sum, ColumnType::i32), true, "hp"});
    update.checks.push_back({e.make(Op::greater_equal, {e.column(hp, ColumnType::i32),
                                                        e.constant(Value::of(ColumnType::i32, 0))}),
                             "hp_check"});
    update.checks.push_back(
        {e.make(Op::is_not_null, {e.column(hp, ColumnType::i32)}), "", "arena.hit_points"});

    Statement insert;
    insert.kind = StatementKind::insert;
    insert.target = wound;
    insert.target_name = "wound";
    insert.components = {unit};
    insert.does_nothing_on_conflict = true;
    insert.assignments.push_back(
        {depth, insert.expressions.constant(Value::null(ColumnType::f32)), false, "depth"});

    Statement remove;
    remove.kind = StatementKind::remove;
    remove.target = wound;
    remove.target_name = "wound";
    remove.components = {wound, unit};

    Statement emit;
    emit.kind = StatementKind::emit;
    emit.target = {store::none};
    emit.target_name = "died";
    emit.components = {soil};
    Expressions& f = emit.expressions;
    emit.sources.push_back({SourceKind::neighbours, {soil}, std::nullopt, false});
    emit.aggregates.push_back(
        {AggregateFunction::greatest,
         {1},
         std::nullopt,
         f.make(Op::add, {f.column(heat, ColumnType::i32, {1}), f.column(heat, ColumnType::i32)})});
    emit.event_entity = f.entity();
    emit.fields.push_back({"heat", f.aggregate(0, ColumnType::i32)});
    emit.fields.push_back({"now", f.parameter(Parameter::now)});

    Statement append;
    append.kind = StatementKind::append;
    append.target = {store::none};
    append.target_name = "shot";
    append.components = {soil};
    Expressions& g = append.expressions;
    const NodeId owner = g.constant(Value::of_bytes(ColumnType::bytes16, "sixteen bytes ..", 16));
    append.fields.push_back({"owner", owner, true});
    append.fields.push_back({"heat", g.column(heat, ColumnType::i32)});
    append.checks.push_back({g.make(Op::is_not_null, {owner}), "owned"});

    Statement call;
    call.kind = StatementKind::call;
    call.target = {store::none};
    call.target_name = "spawn";
    call.components = {soil};
    call.sql = "game.spawn('arena.plant'::text, jsonb_build_object('heat', $1))";
    call.fields.push_back({"integer", call.expressions.column(heat, ColumnType::i32)});

    out.system.statements = {update, insert, remove, emit, append, call};
    return out;
}

TEST(KernelProgram, HoldsEveryKindOfStatement) {
    EXPECT_EQ(decode_program(encode_program(sample())), sample());
}

TEST(KernelProgram, AnUnknownVersionIsNamed) {
    std::string bytes = encode_program(sample());
    bytes[3] = 9;
    try {
        (void)decode_program(bytes);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::corrupt_data);
        EXPECT_NE(error.message().find("version is 9"), std::string::npos) << error.message();
    }
}

TEST(KernelProgram, EveryChangedByteIsFound) {
    const std::string good = encode_program(sample());
    for (std::size_t at = 0; at < good.size(); ++at)
        for (int flip = 1; flip < 256; flip += 2) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ flip);
            EXPECT_THROW(decode_program(bad), Error) << "byte " << at << " ^ " << flip;
        }
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_THROW(decode_program(std::string_view(good).substr(0, size)), Error) << size;
}

// With the checksum put right, as somebody would who means harm.
TEST(KernelProgram, WhatIsForgedIsRefusedOrWhole) {
    const std::string good = encode_program(sample());
    std::size_t refused = 0;
    for (std::size_t at = 4; at + 8 < good.size(); ++at)
        for (int flip = 1; flip < 256; ++flip) {
            std::string forged = good;
            forged[at] = static_cast<char>(forged[at] ^ flip);
            const std::uint64_t hash = hash64(std::string_view(forged).substr(0, forged.size() - 8));
            std::memcpy(forged.data() + forged.size() - 8, &hash, 8);
            try {
                const UnboundSystem other = decode_program(forged);
                EXPECT_EQ(decode_program(encode_program(other)), other) << "byte " << at << " ^ " << flip;
            } catch (const Error& error) {
                EXPECT_EQ(error.code(), sqlstate::corrupt_data);
                ++refused;
            }
        }
    EXPECT_GT(refused, good.size() * 100);
}

void expect_refused(const UnboundSystem& wrong, std::string_view why) {
    try {
        encode_program(wrong);
        ADD_FAILURE() << "not refused: " << why;
    } catch (const Error& error) {
        EXPECT_NE(error.message().find(why), std::string::npos) << error.message();
    }
}

TEST(KernelProgram, IsRefusedWhenItReadsWhatIsNotThere) {
    UnboundSystem wrong = sample();
    wrong.system.statements[0].sources[1].key = wrong.system.statements[0].sources[2].key;
    expect_refused(wrong, "comes after it");

    wrong = sample();
    Statement& update = wrong.system.statements[0];
    update.where = update.aggregates[0].where;
    expect_refused(wrong, "reads many rows");

    wrong = sample();
    Expressions& e = wrong.system.statements[3].expressions;
    wrong.system.statements[3].aggregates[0].argument = e.aggregate(0, ColumnType::i32);
    expect_refused(wrong, "reads an aggregate");

    wrong = sample();
    wrong.system.statements[0].assignments[0].column = {2};
    expect_refused(wrong, "another component or type");

    wrong = sample();
    wrong.system.statements[1].components.push_back({1});
    expect_refused(wrong, "among the components");

    wrong = sample();
    wrong.system.statements[2].components.push_back({2});
    expect_refused(wrong, "of entities and of cells");
}

TEST(KernelProgram, IsRefusedBeyondItsLimits) {
    UnboundSystem deep = sample();
    Expressions& e = deep.system.statements[1].expressions;
    NodeId value = e.entity();
    for (std::size_t i = 0; i < max_depth; ++i)
        value = e.make(Op::add, {value, e.entity()});
    expect_refused(deep, "too deep");

    UnboundSystem many = sample();
    many.system.statements.resize(max_statements + 1, many.system.statements[1]);
    expect_refused(many, "too many statements");

    UnboundSystem long_name = sample();
    long_name.system.name = std::string(codec::max_program_name_bytes + 1, 'n');
    expect_refused(long_name, "a name is too long");
}

TEST(KernelProgram, NamesWhatAWorldLacks) {
    const KernelWorld world(1, 100, 64, 0);
    UnboundSystem system{{"s", {}}, {}};
    const ComponentId first = system.symbols.component("first", false);
    system.symbols.column(first, "i32", ColumnType::i32);
    EXPECT_NO_THROW(bind(system, world.layout()));
    const auto code_of = [&](const UnboundSystem& unbound) {
        try {
            bind(unbound, world.layout());
        } catch (const Error& error) {
            return error.code();
        }
        return std::string();
    };
    UnboundSystem other = system;
    other.symbols.component("third", false);
    EXPECT_EQ(code_of(other), sqlstate::undefined_table);
    other = system;
    other.symbols.column(first, "i33", ColumnType::i32);
    EXPECT_EQ(code_of(other), sqlstate::undefined_column);
    other = system;
    other.symbols.columns[0].type = ColumnType::f32;
    EXPECT_EQ(code_of(other), sqlstate::datatype_mismatch);
    other = system;
    other.symbols.components[0].is_of_cells = true;
    EXPECT_EQ(code_of(other), sqlstate::datatype_mismatch);
}

} // namespace
} // namespace gamelan::kernel
