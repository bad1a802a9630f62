// The configuration of worlds whose game is made with SQL.
#include "core/game/schema_game.hpp"

#include <gtest/gtest.h>

namespace gamelan::game {
namespace {

std::string refusal(const Config& config) {
    try {
        complete_schema_config(config);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::invalid_config);
        return error.message();
    }
    return "accepted";
}

Config numbers(std::int64_t n, std::int64_t layers) {
    return {{"n", n}, {"layers", layers}};
}

TEST(SchemaGame, WithoutOptionsItHasNoCells) {
    EXPECT_EQ(complete_schema_config({}), numbers(0, 0));
    EXPECT_EQ(complete_schema_config({{"n", std::int64_t{0}}}), numbers(0, 0));
}

TEST(SchemaGame, AGridHasOneLayerUnlessToldOtherwise) {
    EXPECT_EQ(complete_schema_config({{"n", std::int64_t{64}}}), numbers(64, 1));
    EXPECT_EQ(complete_schema_config(numbers(64, 8)), numbers(64, 8));
}

TEST(SchemaGame, CompletingTwiceChangesNothing) {
    for (const Config& config : {numbers(0, 0), numbers(1, 1), numbers(1024, 6)})
        EXPECT_EQ(complete_schema_config(complete_schema_config(config)), config);
}

TEST(SchemaGame, TellsWhatTheNumbersAre) {
    const Config config = complete_schema_config(numbers(32, 3));
    EXPECT_EQ(frequency_of(config), 32u);
    EXPECT_EQ(layers_of(config), 3u);
}

TEST(SchemaGame, RefusesWhatNoWorldCanBe) {
    EXPECT_EQ(refusal({{"frequency", std::int64_t{8}}}), "a game made with SQL has no option \"frequency\"");
    EXPECT_EQ(refusal({{"n", std::int64_t{3}}}), "\"n\" must be a power of two");
    EXPECT_EQ(refusal({{"n", std::int64_t{-1}}}), "\"n\" must be an integer from 0 to 1024");
    EXPECT_EQ(refusal({{"n", std::int64_t{2048}}}), "\"n\" must be an integer from 0 to 1024");
    EXPECT_EQ(refusal({{"n", 8.0}}), "\"n\" must be an integer from 0 to 1024");
    EXPECT_EQ(refusal({{"n", std::string("8")}}), "\"n\" must be an integer from 0 to 1024");
    EXPECT_EQ(refusal(numbers(8, 9)), "\"layers\" must be an integer from 0 to 8");
    EXPECT_EQ(refusal(numbers(8, 0)), "a planet has at least one layer");
    EXPECT_EQ(refusal({{"layers", std::int64_t{2}}}), "a world without cells has no layers");
    EXPECT_EQ(refusal(numbers(1024, 7)), "the planet has too many cells");
}

} // namespace
} // namespace gamelan::game
