// The simulation with the hexfactory game: actions, atomicity, duplicates, replay.
#include "games/hexfactory/native/hexfactory.hpp"
#include "store_memory.hpp"

#include "core/codec/checkpoint_state.hpp"
#include "core/codec/command_batch.hpp"
#include "core/sim/simulation.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gamelan::sim {
namespace {

using store::TestRegion;

Simulation make_simulation(const TestRegion& region, std::int64_t world_id = 1, std::uint64_t seed = 42) {
    const game::Module& module = game::find_module("hexfactory");
    auto world = module.make(world_id, seed, module.complete({{"frequency", std::int64_t{8}}}));
    store::WorldStore store =
        store::WorldStore::create(*region, region->claim_slot(world_id), world->layout(), region.limit());
    Simulation simulation(world_id, std::move(world), std::move(store));
    simulation.generate();
    return simulation;
}

game::Command command(std::string actor, std::string action, std::vector<game::Value> arguments,
                      std::int64_t seq = 0) {
    return {0, std::move(actor), std::move(action), seq, std::move(arguments)};
}

std::int64_t cell(std::uint32_t slot, std::int64_t world_id = 1) {
    return grid::Planet(world_id, 8, 1).cell_id_of(slot);
}

Outcome run(Simulation& simulation, const game::Command& one) {
    TickResult result = simulation.run_tick({&one, 1});
    simulation.store().publish();
    return result.outcomes.front();
}

std::string code_of(const Outcome& outcome) {
    return outcome.error ? outcome.error->code() : "ok";
}

TEST(Hexfactory, FirstClaimWins) {
    const TestRegion region;
    Simulation simulation = make_simulation(region);
    const std::vector<game::Command> commands = {command("a", "join", {"ada"}), command("b", "join", {"bob"}),
                                                 command("b", "claim", {cell(5)}),
                                                 command("a", "claim", {cell(5)})};
    const TickResult result = simulation.run_tick(commands);
    EXPECT_EQ(code_of(result.outcomes[2]), "ok");
    EXPECT_EQ(code_of(result.outcomes[3]), sqlstate::cell_already_claimed);
    EXPECT_EQ(result.outcomes[3].error->detail(), "It belongs to \"bob\".");
    EXPECT_EQ(result.events.size(), 3u);
}

TEST(Hexfactory, OnlyTheOwnerPlantsAndHarvests) {
    const TestRegion region;
    Simulation simulation = make_simulation(region);
    run(simulation, command("a", "join", {"ada"}));
    run(simulation, command("b", "join", {"bob"}));
    run(simulation, command("a", "claim", {cell(7)}));
    EXPECT_EQ(code_of(run(simulation, command("b", "plant", {cell(7), std::int64_t{1}}))),
              sqlstate::not_owner);
    EXPECT_EQ(code_of(run(simulation, command("b", "harvest", {cell(7)}))), sqlstate::not_owner);
    EXPECT_EQ(code_of(run(simulation, command("a", "plant", {cell(7), std::int64_t{4}}))),
              sqlstate::invalid_parameter);
    EXPECT_EQ(code_of(run(simulation, command("a", "plant", {cell(7), std::int64_t{3}}))), "ok");
    EXPECT_EQ(code_of(run(simulation, command("a", "harvest", {cell(7)}))), "ok");
    EXPECT_EQ(code_of(run(simulation, command("c", "claim", {cell(8)}))), sqlstate::not_joined);
}

TEST(Hexfactory, AHarvestTakesThreeQuartersAndAddsThemToTheScore) {
    const TestRegion region;
    Simulation simulation = make_simulation(region);
    const std::vector<game::Command> commands = {
        command("a", "join", {"ada"}), command("a", "claim", {cell(9)}),
        command("a", "plant", {cell(9), std::int64_t{2}}), command("a", "harvest", {cell(9)})};
    const TickResult result = simulation.run_tick(commands);
    EXPECT_EQ(result.outcomes[3].result, "{\"cell\": \"" + std::to_string(cell(9)) +
                                             "\", \"resource\": 2, \"amount\": 48, \"score\": 48}");
}

TEST(Hexfactory, NamesAreUniqueAndClean) {
    const TestRegion region;
    Simulation simulation = make_simulation(region);
    EXPECT_EQ(code_of(run(simulation, command("a", "join", {"ada"}))), "ok");
    EXPECT_EQ(code_of(run(simulation, command("b", "join", {"ada"}))), sqlstate::name_taken);
    for (const char* bad : {"", " x", "x ", "a\nb", "123456789012345678901234567890123"})
        EXPECT_EQ(code_of(run(simulation, command("b", "join", {std::string(bad)}))),
                  sqlstate::invalid_parameter)
            << bad;
    EXPECT_EQ(code_of(run(simulation, command("a", "join", {"ada"}))), "ok") << "joining again is no error";
}

TEST(Hexfactory, CellsOfOtherWorldsAndNoCellsAreToldApartFromOthers) {
    const TestRegion region;
    Simulation simulation = make_simulation(region);
    run(simulation, command("a", "join", {"ada"}));
    EXPECT_EQ(code_of(run(simulation, command("a", "claim", {cell(3, 2)}))), sqlstate::undefined_cell);
    EXPECT_EQ(code_of(run(simulation, command("a", "claim", {std::int64_t{17}}))), sqlstate::undefined_cell);
    EXPECT_EQ(code_of(run(simulation, command("a", "claim", {std::int64_t{-1}}))), sqlstate::undefined_cell);
}

TEST(Simulation, UnknownActionsAndWrongArgumentsChangeNothing) {
    const TestRegion region;
    Simulation simulation = make_simulation(region);
    Simulation untouched = make_simulation(region, 2);
    EXPECT_EQ(code_of(run(simulation, command("a", "fly", {}))), sqlstate::undefined_action);
    EXPECT_EQ(code_of(run(simulation, command("a", "claim", {"x"}))), sqlstate::argument_type_mismatch);
    EXPECT_EQ(code_of(run(simulation, command("a", "claim", {}))), sqlstate::missing_argument);
    for (int i = 0; i < 3; ++i) {
        untouched.run_tick({});
        untouched.store().publish();
    }
    EXPECT_EQ(simulation.store().newest().state_hash(), untouched.store().newest().state_hash());
}

TEST(Simulation, ARepeatedSequenceNumberIsAppliedOnce) {
    const TestRegion region;
    Simulation simulation = make_simulation(region);
    run(simulation, command("a", "join", {"ada"}, 1));
    run(simulation, command("a", "claim", {cell(4)}, 2));
    const Outcome again = run(simulation, command("a", "claim", {cell(4)}, 2));
    EXPECT_FALSE(again.applied);
    EXPECT_EQ(again.result, "{\"duplicate\": true}");
    EXPECT_EQ(code_of(run(simulation, command("a", "claim", {cell(4)}, 3))), sqlstate::cell_already_claimed);
    EXPECT_EQ(code_of(run(simulation, command("a", "plant", {cell(4), std::int64_t{1}}, 3))), "ok")
        << "a number whose act was refused is free";
}

TEST(Simulation, AnAbandonedTickForgetsItsPlayers) {
    const TestRegion region;
    Simulation simulation = make_simulation(region);
    const game::Command join = command("a", "join", {"ada"});
    simulation.run_tick({&join, 1});
    simulation.forget_newest();
    EXPECT_EQ(code_of(run(simulation, command("a", "claim", {cell(4)}))), sqlstate::not_joined);
}

// Random play, logged as the worker logs it, replayed: from the beginning, and from a checkpoint in between.
RC_GTEST_PROP(SimulationProperty, ReplayLeadsToTheSameState, ()) {
    const TestRegion region;
    Simulation live = make_simulation(region, 1);
    std::vector<std::string> log;
    std::optional<codec::StateCopy> checkpoint;
    const int ticks = *rc::gen::inRange(2, 30);
    const int checkpoint_at = *rc::gen::inRange(1, ticks);
    for (int tick = 1; tick <= ticks; ++tick) {
        std::vector<game::Command> commands;
        for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
            const std::string actor(1, static_cast<char>('a' + *rc::gen::inRange(0, 3)));
            const std::int64_t target = cell(*rc::gen::inRange(0u, 642u));
            switch (*rc::gen::inRange(0, 4)) {
            case 0:
                commands.push_back(command(actor, "join", {actor}, *rc::gen::inRange(0, 50)));
                break;
            case 1:
                commands.push_back(command(actor, "claim", {target}));
                break;
            case 2:
                commands.push_back(command(actor, "plant", {target, std::int64_t{*rc::gen::inRange(0, 5)}}));
                break;
            default:
                commands.push_back(command(actor, "harvest", {target}));
            }
        }
        const TickResult result = live.run_tick(commands);
        live.store().publish();
        std::vector<game::Command> applied;
        for (std::size_t i = 0; i < commands.size(); ++i)
            if (result.outcomes[i].applied)
                applied.push_back(commands[i]);
        log.push_back(codec::encode_commands(applied));
        if (tick == checkpoint_at)
            checkpoint = codec::copy_state(live.store().newest());
    }
    const std::uint64_t expected = live.store().newest().state_hash();

    // The same id, so that cells keep their names.
    RC_ASSERT(live.store().release());
    region->release_slot(*region->find(1));
    Simulation replay = make_simulation(region, 1);
    for (const std::string& entry : log) {
        for (const Outcome& outcome : replay.run_tick(codec::decode_commands(entry)).outcomes)
            RC_ASSERT(outcome.applied);
        replay.store().publish();
    }
    RC_ASSERT(replay.store().newest().state_hash() == expected);

    RC_ASSERT(replay.store().release());
    region->release_slot(*region->find(1));
    const game::Module& module = game::find_module("hexfactory");
    auto world = module.make(1, 42, module.complete({{"frequency", std::int64_t{8}}}));
    store::WorldStore store =
        store::WorldStore::create(*region, region->claim_slot(1), world->layout(), region.limit());
    store.begin_tick();
    codec::restore_spaces(store, checkpoint->outline.spaces);
    for (const codec::CheckpointPart& part : checkpoint->parts)
        codec::restore_part(store, codec::decompress(codec::compress(part)));
    RC_ASSERT(store.seal(checkpoint->outline.tick).state_hash() == checkpoint->outline.state_hash);
    store.publish();
    Simulation resumed(1, std::move(world), std::move(store));
    for (std::size_t i = static_cast<std::size_t>(checkpoint_at); i < log.size(); ++i) {
        resumed.run_tick(codec::decode_commands(log[i]));
        resumed.store().publish();
    }
    RC_ASSERT(resumed.store().newest().state_hash() == expected);
}

TEST(HexfactoryConfig, IsCompletedAndChecked) {
    const game::Module& module = game::find_module("hexfactory");
    const game::Config complete = module.complete({});
    EXPECT_EQ(std::get<std::int64_t>(complete.at("frequency")), 64);
    EXPECT_EQ(std::get<std::int64_t>(complete.at("layer_stride")), 41984);
    EXPECT_EQ(module.complete(complete), complete) << "a completed one is a valid one";
    EXPECT_THROW(module.complete({{"frequency", std::int64_t{60}}}), Error);
    EXPECT_THROW(module.complete({{"frequency", std::int64_t{2048}}}), Error);
    EXPECT_THROW(module.complete({{"frequency", std::string("64")}}), Error);
    EXPECT_THROW(module.complete({{"size", std::int64_t{1}}}), Error);
    EXPECT_THROW(game::find_module("chess"), Error);
}

TEST(Hexfactory, LayersLiveTheirOwnLives) {
    const TestRegion region;
    const game::Module& module = game::find_module("hexfactory");
    auto world =
        module.make(1, 42, module.complete({{"frequency", std::int64_t{2}}, {"layers", std::int64_t{3}}}));
    store::WorldStore store =
        store::WorldStore::create(*region, region->claim_slot(1), world->layout(), region.limit());
    Simulation simulation(1, std::move(world), std::move(store));
    simulation.generate();
    const grid::Planet& planet = *simulation.world().planet();
    for (std::uint32_t slot = 0; slot < planet.slot_count(); ++slot)
        if (planet.is_cell(slot)) {
            EXPECT_EQ(planet.slot_of(planet.cell_id_of(slot)), slot);
        }
    const store::Snapshot state = simulation.store().newest();
    const auto amount = *state.find_column("cell.amount");
    bool differ = false;
    for (std::uint32_t i = 0; i < planet.sphere().cell_count(); ++i)
        differ |=
            state.get<std::uint8_t>(amount, i) != state.get<std::uint8_t>(amount, i + planet.layer_stride());
    EXPECT_TRUE(differ);
}

} // namespace
} // namespace gamelan::sim
