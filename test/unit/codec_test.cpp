// Command batches and checkpoint chunks: round trips, and damage of every kind is found and named.
#include "core/base/bytes.hpp"
#include "core/base/hash.hpp"
#include "core/codec/checkpoint.hpp"
#include "core/codec/command_batch.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gamelan::codec {
namespace {

bool is_equal(const game::Command& a, const game::Command& b) {
    return a.kind == b.kind && a.body == b.body && a.handle == b.handle && a.actor == b.actor &&
           a.action == b.action && a.client_seq == b.client_seq && a.arguments == b.arguments;
}

game::Command sample() {
    game::Command command;
    command.handle = 7;
    command.actor = "guest:0123";
    command.action = "claim";
    command.client_seq = -3;
    command.arguments = {true, std::int64_t{-1}, 0.1, std::string("nörd\0!", 7)};
    return command;
}

// Written rows and changed definitions travel with the calls.
TEST(CommandBatch, CarriesBodies) {
    game::Command writes;
    writes.kind = game::CommandKind::writes;
    writes.handle = 3;
    writes.actor = "postgres";
    writes.body = std::string("\0rows\xff", 6);
    game::Command definition = writes;
    definition.kind = game::CommandKind::definition;
    definition.body.clear();
    const std::vector<game::Command> commands = {sample(), writes, definition, sample()};
    const std::vector<game::Command> back = decode_commands(encode_commands(commands));
    ASSERT_EQ(back.size(), commands.size());
    for (std::size_t i = 0; i < back.size(); ++i)
        EXPECT_TRUE(is_equal(back[i], commands[i])) << i;
}

// As the library wrote it before commands had kinds: logs of that time are still replayed.
TEST(CommandBatch, ReadsVersionOne) {
    ByteWriter old;
    old.put_bytes("GLC");
    old.put(std::uint8_t{1});
    old.put_varint(1);
    old.put_signed_varint(7);
    old.put_text("ada");
    old.put_text("claim");
    old.put_signed_varint(0);
    old.put_varint(0);
    old.put(hash64(old.view()));
    const std::vector<game::Command> back = decode_commands(old.view());
    ASSERT_EQ(back.size(), 1u);
    EXPECT_EQ(back[0].kind, game::CommandKind::action);
    EXPECT_EQ(back[0].actor, "ada");
    EXPECT_EQ(back[0].action, "claim");
}

RC_GTEST_PROP(CommandBatch, RoundTrips, ()) {
    std::vector<game::Command> commands;
    for (int i = *rc::gen::inRange(0, 8); i > 0; --i) {
        game::Command command = sample();
        command.handle = *rc::gen::arbitrary<std::int64_t>();
        command.client_seq = *rc::gen::arbitrary<std::int64_t>();
        command.actor = (*rc::gen::arbitrary<std::string>()).substr(0, 64);
        command.arguments.push_back(*rc::gen::arbitrary<std::int64_t>());
        command.arguments.push_back(*rc::gen::arbitrary<std::string>());
        commands.push_back(command);
    }
    const std::vector<game::Command> back = decode_commands(encode_commands(commands));
    RC_ASSERT(back.size() == commands.size());
    for (std::size_t i = 0; i < back.size(); ++i)
        RC_ASSERT(is_equal(back[i], commands[i]));
}

TEST(CommandBatch, EveryFlippedBitIsFound) {
    const game::Command command = sample();
    const std::string good = encode_commands({&command, 1});
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::string bad = good;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
        EXPECT_THROW(decode_commands(bad), Error) << "bit " << bit;
    }
}

TEST(CommandBatch, EveryTruncationIsFound) {
    const game::Command command = sample();
    const std::string good = encode_commands({&command, 1});
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_THROW(decode_commands(std::string_view(good).substr(0, size)), Error) << size;
    EXPECT_THROW(decode_commands(good + "x"), Error);
}

TEST(CommandBatch, AnUnknownVersionIsNamed) {
    std::string bytes = encode_commands({});
    bytes[3] = 9;
    try {
        decode_commands(bytes);
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(error.message().find("version is 9"), std::string::npos);
    }
}

TEST(CheckpointChunk, RoundTripsAndFindsDamage) {
    const CheckpointPart part{"cell.amount", 2048, 1024, std::string(1024, 'a')};
    const CheckpointChunk chunk = compress(part);
    EXPECT_LT(chunk.data.size(), 100u);
    EXPECT_NO_THROW(check(chunk));
    EXPECT_EQ(decompress(chunk).bytes, part.bytes);
    for (std::size_t bit = 0; bit < chunk.data.size() * 8; ++bit) {
        CheckpointChunk bad = chunk;
        bad.data[bit / 8] = static_cast<char>(bad.data[bit / 8] ^ (1 << bit % 8));
        EXPECT_THROW(check(bad), Error);
    }
    const auto is_noticed = [&](auto&& damage) {
        CheckpointChunk bad = chunk;
        damage(bad);
        EXPECT_THROW(check(bad), Error);
    };
    is_noticed([](CheckpointChunk& bad) { bad.first_slot = 0; });
    is_noticed([](CheckpointChunk& bad) { bad.slots = 2048; });
    is_noticed([](CheckpointChunk& bad) { bad.column = "cell.resource"; });
    is_noticed([](CheckpointChunk& bad) { bad.raw_bytes = 4096; });
    is_noticed([](CheckpointChunk& bad) { bad.checksum ^= 1; });
}

TEST(CheckpointChunk, WhatWasChangedIsSignedAnew) {
    CheckpointChunk chunk = compress({"cell.amount", 0, 64, "some values"});
    chunk.data += "a tag";
    EXPECT_THROW(check(chunk), Error);
    sign(chunk);
    EXPECT_NO_THROW(check(chunk));
}

// Each field of a manifest has its part in the hash.
TEST(Manifest, EveryFieldCounts) {
    const ManifestContents contents{7,   100, "full",          0,  0,  0,  3,  "1.0", "zstd", "",
                                    "d", "l", "{\"cell\": 1}", 11, 90, 12, 13, 14};
    const std::uint64_t hash = manifest_hash(contents);
    const auto differs = [&](auto&& change) {
        ManifestContents other = contents;
        change(other);
        EXPECT_NE(manifest_hash(other), hash);
    };
    differs([](auto& m) { m.world = 8; });
    differs([](auto& m) { m.tick = 101; });
    differs([](auto& m) { m.kind = "incremental"; });
    differs([](auto& m) { m.base_tick = 1; });
    differs([](auto& m) { m.base_hash = 1; });
    differs([](auto& m) { m.chain_length = 1; });
    differs([](auto& m) { m.format_version = 2; });
    differs([](auto& m) { m.engine_version = "1.1"; });
    differs([](auto& m) { m.codec = "lz4"; });
    differs([](auto& m) { m.key_id = "k"; });
    differs([](auto& m) { m.definition = "e"; });
    differs([](auto& m) { m.layout = "m"; });
    differs([](auto& m) { m.spaces = "{}"; });
    differs([](auto& m) { m.state_hash = 0; });
    differs([](auto& m) { m.log_tick = 91; });
    differs([](auto& m) { m.row_hash = 0; });
    differs([](auto& m) { m.chunks = 0; });
    differs([](auto& m) { m.chunks_hash = 0; });
}

TEST(CheckpointChunk, TheOrderOfChunksMatters) {
    EXPECT_NE(chain_checksum(chain_checksum(0, 1), 2), chain_checksum(chain_checksum(0, 2), 1));
}

} // namespace
} // namespace gamelan::codec
