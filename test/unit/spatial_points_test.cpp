// Positions out of a world: which rows have one, whose they are, and when two versions have the same.
#include "core/spatial/cell_index.hpp"
#include "store_memory.hpp"

#include "core/store/layout_change.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace gamelan::spatial {
namespace {

using store::ColumnId;
using store::ComponentId;

store::Layout layout_of_entities() {
    store::Layout layout;
    layout.add_space(store::entity_space, 0);
    store::add_entity_components(layout);
    return layout;
}

class World {
  public:
    World()
        : store_(store::WorldStore::create(*region_, region_->claim_slot(1), layout_of_entities(),
                                           region_.limit())) {
        store_.begin_tick();
        store::ComponentDefinition position{"position", std::string(store::entity_space), 0, {}};
        for (const auto& [name, type] :
             {std::pair{"x", ColumnType::f32}, {"y", ColumnType::f64}, {"home", ColumnType::i64}})
            position.columns.push_back({name, type, store::IndexKind::none, 0, std::nullopt});
        store_.change_layout(*plan_layout_change(store_.working(), {1, {position}}));
        entities_ = *store::entity_planes(store_.working());
        store_.extend_space(entities_.space, 3000);
    }

    store::WorldStore& store() { return store_; }
    ComponentId component() const { return *store_.working().find_component("position"); }
    ColumnId column(std::string_view name) const { return *store_.working().find_column(component(), name); }
    ComponentPlanes planes() const {
        return {store_.working().component(component()).presence, entities_.generation};
    }

    void add(std::uint32_t slot, float x, double y, std::int32_t generation = 0) {
        store_.set(entities_.generation, slot, generation);
        store_.insert_row(component(), slot);
        store_.set(column("x"), slot, x);
        store_.set(column("y"), slot, y);
    }
    Points read() const { return PointReader(store_.working(), planes(), {column("x"), column("y")}).read(); }
    std::uint64_t print() const {
        return fingerprint(store_.working(), planes(), {column("x"), column("y")});
    }

  private:
    store::TestRegion region_;
    store::WorldStore store_;
    store::EntityPlanes entities_{};
};

TEST(Points, AreTheRowsThatHaveFiniteCoordinates) {
    World world;
    constexpr auto inf = std::numeric_limits<float>::infinity();
    world.add(1, 1, 10);
    world.add(2, std::numeric_limits<float>::quiet_NaN(), 0);
    world.add(3, 0, -std::numeric_limits<double>::infinity());
    world.add(4, inf, 0);
    world.add(5, 5, 0);
    world.store().set_null(world.column("y"), 5, true);
    world.add(2999, 7, 70, 4);
    world.add(2000, 8, 80);
    const Points points = world.read();
    EXPECT_EQ(points.dimensions, 2u);
    EXPECT_EQ(points.handles, (std::vector<std::uint64_t>{1, 2000, std::uint64_t{4} << 32 | 2999}));
    EXPECT_EQ(points.at[0], (std::vector<double>{1, 8, 7}));
    EXPECT_EQ(points.at[1], (std::vector<double>{10, 80, 70}));
}

TEST(Points, ComeInTheOrderOfHandles) {
    World world;
    world.add(1, 1, 0, 9);
    world.add(2, 2, 0, 0);
    world.add(70, 3, 0, 9);
    world.add(1500, 4, 0, 3000000);
    world.add(2500, 5, 0, 1);
    EXPECT_EQ(world.read().at[0], (std::vector<double>{2, 5, 1, 3, 4}));
}

TEST(Points, NeedColumnsOfRealNumbers) {
    World world;
    try {
        (void)PointReader(world.store().working(), world.planes(), {world.column("home")});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::datatype_mismatch);
    }
}

TEST(Points, HaveAFingerprint) {
    World world;
    world.add(1, 1, 10);
    world.store().seal(1);
    world.store().publish();
    world.store().begin_tick();
    const std::uint64_t before = world.print();
    world.store().set(world.column("home"), 1, std::int64_t{5});
    EXPECT_EQ(world.print(), before);
    world.store().set(world.column("y"), 1, 11.0);
    const std::uint64_t changed = world.print();
    EXPECT_NE(changed, before);
    world.store().set(world.column("y"), 1, 12.0);
    EXPECT_NE(world.print(), changed);
    world.store().set(world.column("y"), 1, 11.0);
    EXPECT_EQ(world.print(), changed);
    world.store().seal(2);
    world.store().publish();
    world.store().begin_tick();
    const std::uint64_t moved = world.print();
    world.store().delete_row(world.component(), 1);
    EXPECT_NE(world.print(), moved);
    world.store().abandon();
}

TEST(CellIndex, FindsWhoNamesACell) {
    World world;
    for (std::uint32_t slot = 1; slot < 9; ++slot) {
        world.add(slot, 0, 0, slot == 2 ? 1 : 0);
        world.store().set(world.column("home"), slot, std::int64_t{slot % 4} - 1);
    }
    world.store().set_null(world.column("home"), 3, true);
    const CellIndex index(CellReader(world.store().working(), world.planes(), world.column("home")).read());
    const auto find = [&](std::vector<std::int64_t> cells) { return index.in_cells(cells); };
    EXPECT_EQ(find({0}), (std::vector<std::uint64_t>{1, 5}));
    EXPECT_EQ(find({2, -1, 1}), (std::vector<std::uint64_t>{4, 6, 7, 8, std::uint64_t{1} << 32 | 2}));
    EXPECT_TRUE(find({3, -2}).empty());
    EXPECT_TRUE(find({}).empty());
}

} // namespace
} // namespace gamelan::spatial
