// Systems of shared libraries over the store: what they see, what of theirs stays, and what is refused.
#include "core/native/loader.hpp"
#include "core/native/native_system.hpp"
#include "store_memory.hpp"

#include "core/base/random.hpp"
#include "core/store/layout_change.hpp"

#include <gtest/gtest.h>

namespace gamelan::native {
namespace {

using store::ColumnId;

constexpr std::uint32_t slots = 2500;

GAMELAN_SYSTEM(move, writes<float>("position.x"), reads<float>("velocity.dx"))
(const Tick& tick, Block& block) {
    const auto x = block.write<float>(0);
    const auto dx = block.read<float>(1);
    block.each([&](std::uint32_t row) {
        if (!dx.is_null(row))
            x.set(row, static_cast<float>(x[row] + dx[row] * tick.dt()));
    });
}

GAMELAN_SYSTEM(scribble, writes<float>("position.x"))
(const Tick&, Block& block) {
    const auto x = block.write<float>(0);
    for (std::uint32_t row = 0; row < block.slot_count(); ++row)
        x.data()[row] = -7;
    block.each([&](std::uint32_t row) {
        if (block.entity(row) % 2 == 0)
            x.set_null(row);
    });
}

GAMELAN_SYSTEM(stumble, writes<float>("position.x"))
(const Tick& tick, Block& block) {
    const auto x = block.write<float>(0);
    block.each([&](std::uint32_t row) {
        x.set(row, -1);
        tick.emit("stumbled", block.entity(row));
        if (block.entity(row) == 2100)
            fail("22003", "stumbled");
    });
}

GAMELAN_SYSTEM(tell, reads<float>("velocity.dx"))
(const Tick& tick, Block& block) {
    block.each([&](std::uint32_t row) {
        const auto entity = static_cast<std::int64_t>(block.entity(row));
        if (entity <= 2)
            tick.emit("told", block.entity(row),
                      {{"number", tick.random(entity)}, {"is_first", entity == 1}});
    });
}

GAMELAN_SYSTEM(tell_badly, reads<float>("velocity.dx"))
(const Tick& tick, Block&) {
    tick.emit("no name", 0);
}

GAMELAN_SYSTEM(misread, reads<float>("velocity.dx"))
(const Tick&, Block& block) {
    (void)block.write<float>(0);
}

GAMELAN_SYSTEM(unknown, reads<float>("velocity.dz"))
(const Tick&, Block&) {}
GAMELAN_SYSTEM(mistyped, writes<double>("position.x"))
(const Tick&, Block&) {}
GAMELAN_SYSTEM(twice, writes<float>("position.x"), reads<float>("position.x"))
(const Tick&, Block&) {}

store::Layout layout_of_entities() {
    store::Layout layout;
    layout.add_space(store::entity_space, 0);
    store::add_entity_components(layout);
    return layout;
}

// Entities 1 .. 2499, x = entity; every third has no velocity, every fifth one that is NULL.
class World {
  public:
    World()
        : store_(store::WorldStore::create(*region_, region_->claim_slot(1), layout_of_entities(),
                                           region_.limit())) {
        store_.begin_tick();
        store_.change_layout(*plan_layout_change(
            store_.working(), {1, {component("position", "x"), component("velocity", "dx")}}));
        const store::EntityPlanes planes = *store::entity_planes(store_.working());
        store_.extend_space(planes.space, slots);
        for (std::uint32_t slot = 1; slot < slots; ++slot) {
            store_.insert_row(*store_.working().find_component("position"), slot);
            store_.set(x(), slot, static_cast<float>(slot));
            if (slot % 3 == 0)
                continue;
            store_.insert_row(*store_.working().find_component("velocity"), slot);
            store_.set(dx(), slot, 2.0F);
            store_.set_null(dx(), slot, slot % 5 == 0);
        }
        store_.seal(1);
        store_.publish();
        store_.begin_tick();
    }
    ~World() { store_.abandon(); }

    store::WorldStore& store() { return store_; }
    ColumnId x() const { return column("position", "x"); }
    ColumnId dx() const { return column("velocity", "dx"); }
    float at(std::uint32_t slot) const { return store_.get<float>(x(), slot); }
    std::uint64_t version(std::uint32_t slot) const {
        return store_.working().row_version(*store_.working().find_component("position"), slot);
    }
    Report run(const gamelan_system& system, std::size_t max_events = 10000) {
        return NativeSystem(system, store_.working()).run(store_, {2, 0, 0.25, 42, observed, max_events, 0});
    }
    std::string code_of(const gamelan_system& system, std::size_t max_events = 10000) {
        try {
            (void)run(system, max_events);
        } catch (const Error& error) {
            return error.code();
        }
        return {};
    }

    std::vector<std::uint64_t> observed;

  private:
    static store::ComponentDefinition component(const char* name, const char* column) {
        return {name,
                std::string(store::entity_space),
                0,
                {{column, ColumnType::f32, store::IndexKind::none, 0, std::nullopt}}};
    }
    ColumnId column(std::string_view component, std::string_view name) const {
        return *store_.working().find_column(*store_.working().find_component(component), name);
    }

    store::TestRegion region_;
    store::WorldStore store_;
};

TEST(NativeSystem, PlaysTheRowsThatHaveAllComponents) {
    World world;
    const Report report = world.run(move);
    std::uint64_t rows = 0;
    for (std::uint32_t slot = 1; slot < slots; ++slot) {
        const bool moves = slot % 3 != 0 && slot % 5 != 0;
        EXPECT_EQ(world.at(slot), static_cast<float>(slot) + (moves ? 0.5F : 0.0F));
        EXPECT_EQ(world.version(slot), moves ? 2u : 1u);
        rows += moves;
    }
    EXPECT_EQ(report.rows, rows);
}

TEST(NativeSystem, KeepsWhatTheLibraryDidNotTouch) {
    World world;
    (void)world.run(scribble);
    for (std::uint32_t slot = 1; slot < slots; ++slot) {
        EXPECT_EQ(world.at(slot), slot % 2 == 0 ? 0.0F : static_cast<float>(slot));
        EXPECT_EQ(world.store().working().is_null(world.x(), slot), slot % 2 == 0);
    }
    EXPECT_EQ(world.at(0), 0.0F);
}

TEST(NativeSystem, PlaysWhatIsObserved) {
    World world;
    world.observed.assign((slots + 63) / 64, 0);
    world.observed[1] = 2; // slot 65
    EXPECT_EQ(world.run(move).rows, 0u);
    world.observed[1] = 8; // slot 67
    EXPECT_EQ(world.run(move).rows, 1u);
    EXPECT_EQ(world.at(67), 67.5F);
}

TEST(NativeSystem, LeavesNothingWhenItFails) {
    World world;
    const std::uint64_t before = world.store().working().state_hash();
    EXPECT_EQ(world.code_of(stumble), "22003");
    EXPECT_EQ(world.store().working().state_hash(), before);
    EXPECT_EQ(world.run(move).events.size(), 0u);
}

TEST(NativeSystem, TellsOfEvents) {
    World world;
    const Report report = world.run(tell);
    ASSERT_EQ(report.events.size(), 2u);
    EXPECT_EQ(report.events[0].kind, "told");
    EXPECT_EQ(report.events[0].entity, 1);
    EXPECT_NE(report.events[0].payload.find("\"is_first\": true"), std::string::npos);
    EXPECT_NE(report.events[1].payload.find("\"is_first\": false"), std::string::npos);
    EXPECT_EQ(world.code_of(tell, 1), "54000");
    EXPECT_EQ(world.code_of(tell_badly), "22023");
}

TEST(NativeSystem, RefusesColumnsThatAreNotSo) {
    World world;
    EXPECT_EQ(world.code_of(unknown), "42703");
    EXPECT_EQ(world.code_of(mistyped), "42804");
    EXPECT_EQ(world.code_of(misread), "42804");
    EXPECT_EQ(world.code_of(twice), "42701");
}

class OneSystem final : public Loader {
  public:
    explicit OneSystem(const void* found) : found_(found) { install(this); }
    ~OneSystem() override { install(nullptr); }
    const void* find(const std::string& library, const std::string& symbol) override {
        asked = library + "/" + symbol;
        return found_;
    }
    std::string asked;

  private:
    const void* found_;
};

TEST(NativeLoader, FindsASystemByItsProgram) {
    OneSystem loader(&move);
    EXPECT_EQ(&resolve("$libdir/games:move"), &move);
    EXPECT_EQ(loader.asked, "$libdir/games/move");
}

TEST(NativeLoader, RefusesWhatIsNoSystemOrOfAnotherVersion) {
    EXPECT_THROW((void)resolve("a:b"), Error);
    const std::uint64_t other[16] = {7};
    OneSystem stranger(&other);
    EXPECT_THROW((void)resolve("a:b"), Error);
    gamelan_system later = move;
    ++later.abi_version;
    OneSystem newer(&later);
    EXPECT_THROW((void)resolve("a:b"), Error);
}

} // namespace
} // namespace gamelan::native
