// The grid that is kept while points move, and the one that follows a world's blocks, against looking at
// every point.
#include "core/spatial/kept_grids.hpp"
#include "core/spatial/reach.hpp"
#include "store_memory.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <random>

namespace gamelan::spatial {
namespace {

using Slots = std::vector<std::uint32_t>;
using World = std::map<std::uint32_t, Position>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::uint32_t slot_limit = 700;

double some_coordinate(std::mt19937_64& random, int shape) {
    std::uniform_real_distribution<double> unit(-1, 1);
    switch (shape) {
    case 0:
        return std::floor(unit(random) * 6);
    case 1:
        return unit(random) * 1e9;
    case 2:
        return std::floor(unit(random) * 3) * 1e6 + unit(random) * 1e-6;
    case 3:
        return std::ldexp(unit(random), static_cast<int>(random() % 2000) - 1000);
    default:
        return 4.5;
    }
}

Position some_position(std::mt19937_64& random, std::uint32_t dimensions, int shape) {
    Position out{};
    for (std::uint32_t d = 0; d < dimensions; ++d)
        out[d] = some_coordinate(random, shape);
    return out;
}

Slots sorted(Slots slots) {
    std::sort(slots.begin(), slots.end());
    return slots;
}

template <class F>
Slots those(const World& world, F test) {
    Slots out;
    for (const auto& [slot, at] : world)
        if (test(at))
            out.push_back(slot);
    return out;
}

void expect_finds_all(const MovingGrid& grid, const World& world, std::mt19937_64& random, int shape) {
    RC_ASSERT(grid.size() == world.size());
    Position centre = some_position(random, grid.dimensions(), shape);
    if (!world.empty() && random() % 2 == 0)
        centre = std::next(world.begin(), static_cast<std::ptrdiff_t>(random() % world.size()))->second;
    const Position other = some_position(random, grid.dimensions(), shape);
    const double radius = random() % 4 == 0 ? 0 : std::abs(centre[0] - other[0]);
    const Reach reach(radius);
    Slots found;
    grid.near(centre, radius, found);
    RC_ASSERT(sorted(found) == those(world, [&](const Position& at) {
                  return reach.has(at[0] - centre[0], at[1] - centre[1], at[2] - centre[2]);
              }));
    Position low{};
    Position high{};
    for (std::uint32_t d = 0; d < grid.dimensions(); ++d) {
        low[d] = random() % 8 == 0 ? -infinity : std::min(centre[d], other[d]);
        high[d] = random() % 8 == 0 ? infinity : std::max(centre[d], other[d]);
    }
    found.clear();
    grid.in_box(low, high, found);
    RC_ASSERT(sorted(found) == those(world, [&](const Position& at) {
                  for (std::uint32_t d = 0; d < grid.dimensions(); ++d)
                      if (at[d] < low[d] || at[d] > high[d])
                          return false;
                  return true;
              }));
    std::vector<MovingGrid::Nearest> expected;
    const auto generation_of = [](std::uint32_t slot) { return slot * 7 % 5; };
    for (const auto& [slot, at] : world)
        expected.push_back({distance(at[0] - centre[0], at[1] - centre[1], at[2] - centre[2]),
                            std::uint64_t{generation_of(slot)} << 32 | slot, slot});
    std::sort(expected.begin(), expected.end());
    const std::size_t count = random() % 6;
    expected.resize(std::min(count, expected.size()));
    std::vector<MovingGrid::Nearest> nearest;
    grid.nearest(centre, count, generation_of, nearest);
    RC_ASSERT(nearest.size() == expected.size());
    for (std::size_t i = 0; i < nearest.size(); ++i)
        RC_ASSERT((nearest[i].slot == expected[i].slot && nearest[i].distance == expected[i].distance));
}

RC_GTEST_PROP(MovingGrid, FindsWhatIsThereWhilePointsComeMoveAndGo, ()) {
    std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
    const int shape = *rc::gen::inRange(0, 5);
    const auto dimensions = *rc::gen::inRange(1U, 4U);
    MovingGrid grid(dimensions);
    World world;
    std::vector<MovingGrid::Point> points;
    for (std::uint32_t slot = 0; slot < slot_limit; ++slot)
        if (random() % 3 != 0) {
            world[slot] = some_position(random, dimensions, shape);
            points.push_back({slot, world[slot]});
        }
    grid.rebuild(points, slot_limit);
    expect_finds_all(grid, world, random, shape);
    for (int step = 0; step < 300; ++step) {
        const auto slot = static_cast<std::uint32_t>(random() % slot_limit);
        if (random() % 4 == 0) {
            world.erase(slot);
            grid.remove(slot);
        } else {
            world[slot] = some_position(random, dimensions, shape);
            grid.put(slot, world[slot]);
        }
        RC_ASSERT(grid.has(slot) == world.contains(slot));
        RC_ASSERT((!grid.has(slot) || grid.position(slot) == world[slot]));
        if (step % 30 == 0)
            expect_finds_all(grid, world, random, shape);
    }
    expect_finds_all(grid, world, random, shape);
}

TEST(MovingGrid, EndsWhenItHasFoundEnough) {
    std::vector<MovingGrid::Point> points;
    for (std::uint32_t slot = 0; slot < 1000; ++slot)
        points.push_back({slot, {static_cast<double>(slot % 32), static_cast<double>(slot / 32), 0}});
    MovingGrid grid(2);
    grid.rebuild(points, 1000);
    Slots found;
    grid.near({16, 16, 0}, 8, found, 1);
    EXPECT_GE(found.size(), 1U);
    EXPECT_LT(found.size(), 100U);
}

// --- the grid of a world that ticks ---

store::Layout layout_of_entities() {
    store::Layout layout;
    layout.add_space(store::entity_space, 0);
    store::add_entity_components(layout);
    return layout;
}

class TickingWorld {
  public:
    static constexpr std::uint32_t slots = 1200;

    TickingWorld()
        : store_(store::WorldStore::create(*region_, region_->claim_slot(1), layout_of_entities(),
                                           region_.limit())) {
        store_.begin_tick();
        store::ComponentDefinition position{"position", std::string(store::entity_space), 0, {}};
        position.columns.push_back({"x", ColumnType::f32, store::IndexKind::none, 0, std::nullopt});
        position.columns.push_back({"y", ColumnType::f64, store::IndexKind::none, 0, std::nullopt});
        store_.change_layout(*plan_layout_change(store_.working(), {1, {position}}));
        store_.extend_space(store::entity_planes(store_.working())->space, slots);
        component_ = *store_.working().find_component("position");
        planes_.presence = store_.working().component(component_).presence;
        planes_.columns = {column("x"), column("y")};
    }

    store::WorldStore& store() { return store_; }
    store::ColumnId column(const char* name) const { return *store_.working().find_column(component_, name); }

    // One or several rows come, go or move.
    void change(std::mt19937_64& random) {
        const auto slot = static_cast<std::uint32_t>(1 + random() % (slots - 1));
        if (!store_.working().has_row(component_, slot)) {
            store_.insert_row(component_, slot);
            move(slot, random);
        } else if (random() % 4 == 0) {
            store_.delete_row(component_, slot);
        } else {
            move(slot, random);
        }
    }
    // As kernels do it.
    void rewrite_block(std::mt19937_64& random) {
        const std::uint32_t index =
            static_cast<std::uint32_t>(random() % store_.working().block_count(column("x")));
        const std::uint32_t block_slots = store_.working().block_slots(column("x"));
        const std::byte* old = store_.working().block(column("x"), index);
        std::vector<float> values(block_slots, 0.0F);
        if (old)
            std::memcpy(values.data(), old, block_slots * sizeof(float));
        for (std::uint32_t i = 0; i < block_slots; ++i)
            if (store_.working().has_row(component_, index * block_slots + i))
                values[i] += static_cast<float>(random() % 3);
        std::memcpy(store_.renew_block(column("x"), index), values.data(), block_slots * sizeof(float));
    }
    void expect_followed() {
        const auto kept = KeptGrids::of(store_).get(store_.working(), planes_);
        const store::Snapshot& view = store_.working();
        std::uint32_t count = 0;
        bool is_right = true;
        for (std::uint32_t slot = 0; slot < slots; ++slot) {
            const Position at{view.get<float>(column("x"), slot), view.get<double>(column("y"), slot), 0};
            const bool is_point = view.has_row(component_, slot) && !view.is_null(column("x"), slot) &&
                                  !view.is_null(column("y"), slot) && std::isfinite(at[0]) &&
                                  std::isfinite(at[1]);
            is_right = is_right && kept->grid().has(slot) == is_point &&
                       (!is_point || kept->grid().position(slot) == at) &&
                       (!is_point || !kept->is_tame() || KeptGrid::is_tame(at[1]));
            count += is_point;
        }
        RC_ASSERT(is_right);
        RC_ASSERT(kept->grid().size() == count);
    }

  private:
    void move(std::uint32_t slot, std::mt19937_64& random) {
        store_.set(column("x"), slot, static_cast<float>(random() % 100));
        store_.set(column("y"), slot, random() % 50 == 0 ? infinity : static_cast<double>(random() % 100));
        store_.set_null(column("x"), slot, random() % 20 == 0);
        if (random() % 500 == 0)
            store_.set(column("y"), slot, 1e200);
    }

    store::TestRegion region_;
    store::WorldStore store_;
    store::ComponentId component_{};
    PositionPlanes planes_;
};

RC_GTEST_PROP(KeptGrids, FollowWhateverBecomesOfBlocks, ()) {
    std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
    TickingWorld world;
    store::WorldStore& store = world.store();
    for (int i = 0; i < 600; ++i)
        world.change(random);
    world.expect_followed();
    std::uint64_t tick = 0;
    store.seal(++tick);
    store.publish();
    for (int step = 0; step < 20; ++step) {
        store.begin_tick();
        const bool is_kernel = random() % 2 == 0;
        if (is_kernel)
            store.begin_block_savepoint();
        else
            store.begin_savepoint();
        for (std::uint64_t i = random() % 20; i > 0; --i)
            is_kernel ? world.rewrite_block(random) : world.change(random);
        if (random() % 2 == 0)
            world.expect_followed();
        const bool is_undone = random() % 3 == 0;
        if (is_kernel)
            is_undone ? store.rollback_block_savepoint() : store.release_block_savepoint();
        else
            is_undone ? store.rollback_savepoint() : store.release_savepoint();
        if (random() % 2 == 0)
            world.expect_followed();
        if (random() % 6 == 0) {
            store.abandon();
            continue;
        }
        store.seal(++tick);
        if (random() % 4 != 0)
            while (store.publish()) {
            }
        else if (random() % 2 == 0)
            store.abandon_sealed();
    }
    store.begin_tick();
    world.expect_followed();
}

TEST(KeptGrids, AreNotSortedAnewForAFewMoves) {
    TickingWorld world;
    std::mt19937_64 random(1);
    store::WorldStore& store = world.store();
    for (int i = 0; i < 1500; ++i)
        world.change(random);
    const PositionPlanes planes{
        store.working().component(*store.working().find_component("position")).presence,
        {world.column("x"), world.column("y")}};
    std::uint64_t tick = 0;
    const auto first = KeptGrids::of(store).get(store.working(), planes);
    EXPECT_EQ(first->rebuild_count(), 1U);
    for (int i = 0; i < 5; ++i) {
        store.seal(++tick);
        store.publish();
        store.begin_tick();
        const auto again = KeptGrids::of(store).get(store.working(), planes);
        EXPECT_EQ(again, first);
    }
    const std::uint64_t rebuilds = first->rebuild_count();
    const std::uint64_t compared = first->compared_blocks();
    store.set(world.column("x"), 5, 1.5F);
    (void)KeptGrids::of(store).get(store.working(), planes);
    EXPECT_EQ(first->rebuild_count(), rebuilds);
    EXPECT_EQ(first->compared_blocks(), compared + 1);
}

} // namespace
} // namespace gamelan::spatial
