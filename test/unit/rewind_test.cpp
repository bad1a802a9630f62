// Worlds played at random and taken back to a tick they had: entities, rows, cells and a native game's
// columns are those of that tick again; and back once more to what was undone.
#include "store_memory.hpp"

#include "core/codec/checkpoint_state.hpp"
#include "core/sim/apply_writes.hpp"
#include "core/sim/rewind.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace gamelan::sim {
namespace {

using codec::RowGroup;
using codec::RowOperation;
using codec::WriteSetWriter;
using store::Snapshot;

constexpr std::uint32_t cells = 130;
constexpr std::uint32_t players = 3;

store::Definition definition() {
    store::Definition out;
    out.incarnation = 5;
    out.components.push_back({"body",
                              std::string(store::entity_space),
                              1,
                              {{"x", ColumnType::i32, store::IndexKind::none, 1, std::nullopt},
                               {"name", ColumnType::value, store::IndexKind::none, 2, std::nullopt}}});
    out.components.push_back({"tag",
                              std::string(store::entity_space),
                              2,
                              {{"x", ColumnType::i32, store::IndexKind::none, 1, std::nullopt}}});
    out.components.push_back({"field",
                              std::string(store::cell_space),
                              3,
                              {{"x", ColumnType::i32, store::IndexKind::none, 1, std::nullopt}}});
    return out;
}

// A game is made of components, or is a native one.
enum class Kind { components, native };

// What a world begins with. Components come with the definition.
store::Layout layout(Kind kind) {
    store::Layout out;
    const store::SpaceId grid = out.add_space(store::cell_space, cells, 64);
    if (kind == Kind::components) {
        out.add_space(store::entity_space, 0, 64);
        store::add_entity_components(out);
        return out;
    }
    const store::SpaceId people = out.add_space("player", 0);
    out.add_column(grid, "amount", ColumnType::u8);
    out.add_column(people, "name", ColumnType::text32);
    out.add_column(people, "score", ColumnType::i64);
    out.add_column(people, "last", ColumnType::i64, store::Visibility::server);
    return out;
}

// All that a rewind brings back, as text by place.
using Picture = std::map<std::string, std::string>;

std::string text_of(const Snapshot& state, store::ColumnId column, std::uint32_t slot) {
    if (state.is_null(column, slot))
        return "NULL";
    return state.column(column).type == ColumnType::value
               ? "'" + state.get_value(column, slot) + "'"
               : std::to_string(state.get<std::int32_t>(column, slot));
}

void add_entities(Picture& out, const Snapshot& state, const store::EntityPlanes& planes) {
    for (std::uint32_t slot = 0; slot < state.slot_count(planes.space); ++slot)
        if (state.has_row(planes.component, slot)) {
            const auto generation = state.get<std::uint32_t>(planes.generation, slot);
            out["entity " + std::to_string(store::Entity::of(slot, generation).handle)] =
                std::to_string(state.get<std::int64_t>(planes.created, slot)) + " " +
                text_of(state, planes.source, slot);
        }
}

void add_native(Picture& out, const Snapshot& state, store::ColumnId amount, store::ColumnId score) {
    for (std::uint32_t slot = 0; slot < cells; ++slot)
        out["amount " + std::to_string(slot)] = std::to_string(state.get<std::uint8_t>(amount, slot));
    // Who joined since has the score of a beginner, as who never joined.
    for (std::uint32_t slot = 0; slot < players; ++slot)
        out["score " + std::to_string(slot)] =
            std::to_string(slot < state.slot_count(score) ? state.get<std::int64_t>(score, slot) : 0);
}

Picture picture_of(const Snapshot& state) {
    Picture out;
    const auto planes = store::entity_planes(state);
    for (std::uint32_t c = 0; c < state.component_count(); ++c) {
        const store::ComponentSpec& spec = state.component({c});
        if (spec.version == store::none)
            continue;
        const std::string name(store::text_of(spec.name));
        if (name.starts_with('.'))
            continue;
        for (std::uint32_t slot = 0; slot < state.slot_count(store::SpaceId{spec.space}); ++slot) {
            if (!state.has_row({c}, slot))
                continue;
            const std::uint32_t generation =
                spec.presence == store::none ? 0 : state.get<std::uint32_t>(planes->generation, slot);
            std::string& row = out[name + " " + std::to_string(store::Entity::of(slot, generation).handle)];
            for (std::uint32_t i = 0; i < spec.column_count; ++i)
                row += text_of(state, {spec.first_column + 2 * i}, slot) + " ";
        }
    }
    if (planes)
        add_entities(out, state, *planes);
    if (const auto amount = state.find_column("cell.amount"))
        add_native(out, state, *amount, *state.find_column("player.score"));
    return out;
}

// A write set of the rows it is given.
class Body {
  public:
    void add(const std::shared_ptr<const RowGroup>& group, std::string_view row) {
        if (group != group_)
            end_group();
        group_ = group;
        rows_.put_bytes(row);
        ++count_;
    }
    std::string take() {
        end_group();
        return out_.take();
    }

  private:
    void end_group() {
        if (count_ > 0)
            WriteSetWriter::put_group(out_, *group_, count_, rows_.view());
        rows_.clear();
        count_ = 0;
    }
    std::shared_ptr<const RowGroup> group_;
    ByteWriter rows_;
    ByteWriter out_;
    std::uint64_t count_ = 0;
};

class Played {
  public:
    explicit Played(std::uint32_t seed, Kind kind = Kind::components)
        : random_(seed), kind_(kind), region_(32U << 20),
          store_(store::WorldStore::create(*region_, region_->claim_slot(1), layout(kind), region_.limit())) {
        store_.begin_tick();
        if (kind == Kind::components)
            store_.change_layout(*store::plan_layout_change(store_.working(), definition()));
        end_tick();
    }

    std::uint64_t tick() const { return store_.newest().tick(); }
    Snapshot now() const { return store_.newest(); }
    Picture picture() const { return picture_of(now()); }
    codec::StateCopy copy() const { return codec::copy_state(now(), std::nullopt); }

    void play() {
        store_.begin_tick();
        for (int i = 0; i < 12; ++i)
            act();
        end_tick();
    }

    // Throws what the write set throws.
    void apply(const std::string& body, bool is_first = true) {
        store_.begin_tick();
        std::vector<store::Entity> freed;
        try {
            (void)apply_writes(store_, body, freed, is_first);
        } catch (const Error&) {
            store_.abandon();
            throw;
        }
        end_tick();
    }

  private:
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

    void end_tick() {
        (void)store_.seal(store_.newest().tick() + 1);
        (void)store_.publish();
    }

    void act() {
        if (kind_ == Kind::native)
            return act_natively();
        switch (below(5)) {
        case 0:
            spawn();
            return;
        case 1:
            if (const auto entity = any_entity())
                write(RowOperation::despawn, "", entity->handle);
            return;
        case 2:
            write(RowOperation::put, "field", below(cells));
            return;
        default:
            if (const auto entity = any_entity())
                change_row(*entity);
        }
    }

    void act_natively() {
        const store::ColumnId amount = *store_.working().find_column("cell.amount");
        store_.set<std::uint8_t>(amount, below(cells), static_cast<std::uint8_t>(below(256)));
        const store::SpaceId people = *store_.working().find_space("player");
        if (below(8) == 0 && store_.working().slot_count(people) < players)
            store_.set_text(*store_.working().find_column("player.name"), store_.append_slot(people), "who");
        if (const std::uint32_t there = store_.working().slot_count(people); there > 0) {
            store_.set<std::int64_t>(*store_.working().find_column("player.score"), below(there), below(9));
            store_.set<std::int64_t>(*store_.working().find_column("player.last"), below(there), below(9));
        }
    }

    std::optional<store::Entity> any_entity() {
        const Snapshot& state = store_.working();
        const auto planes = store::entity_planes(state);
        const std::uint32_t slots = state.slot_count(planes->space);
        for (int i = 0; i < 8 && slots > 1; ++i) {
            const std::uint32_t slot = 1 + below(slots - 1);
            if (state.has_row(planes->component, slot))
                return store::Entity::of(slot, state.get<std::uint32_t>(planes->generation, slot));
        }
        return std::nullopt;
    }

    void spawn() {
        const Snapshot& state = store_.working();
        const auto planes = store::entity_planes(state);
        const std::uint32_t slot = 1 + below(90);
        if (slot < state.slot_count(planes->space) && state.has_row(planes->component, slot))
            return;
        const std::uint32_t generation =
            slot < state.slot_count(planes->space) ? state.get<std::uint32_t>(planes->generation, slot) : 0;
        write(RowOperation::spawn, below(2) == 0 ? "" : "wolf", store::Entity::of(slot, generation).handle);
    }

    void change_row(store::Entity entity) {
        const std::string component = below(2) == 0 ? "body" : "tag";
        const auto id = store_.working().find_component(component);
        const bool is_there = store_.working().has_row(*id, entity.slot());
        write(is_there && below(3) == 0 ? RowOperation::remove : RowOperation::put, component, entity.handle);
    }

    void write(RowOperation operation, const std::string& component, std::uint64_t handle) {
        RowGroup group;
        group.operation = operation;
        group.component = component;
        ByteWriter row;
        WriteSetWriter::put_handle(row, handle);
        const auto value = static_cast<std::int32_t>(below(5));
        const std::string_view bytes(reinterpret_cast<const char*>(&value), sizeof value);
        if (operation == RowOperation::put) {
            group.columns.push_back({"x", ColumnType::i32});
            WriteSetWriter::put_value(row, ColumnType::i32, {below(4) == 0, bytes});
        }
        if (operation == RowOperation::put && component == "body") {
            group.columns.push_back({"name", ColumnType::value});
            WriteSetWriter::put_value(row, ColumnType::value,
                                      {below(4) == 0, "name " + std::to_string(value)});
        }
        group.leading_columns = static_cast<std::uint32_t>(group.columns.size());
        ByteWriter out;
        WriteSetWriter::put_group(out, group, 1, row.view());
        std::vector<store::Entity> freed;
        (void)apply_writes(store_, out.view(), freed);
    }

    std::mt19937 random_;
    Kind kind_;
    store::TestRegion region_;
    store::WorldStore store_;
};

// A past state in memory of its own, as sessions have it.
class Past {
  public:
    explicit Past(const codec::StateCopy& copy, Kind kind = Kind::components)
        : region_(32U << 20),
          store_(store::WorldStore::create(*region_, region_->claim_slot(1), layout(kind), region_.limit())) {
        store_.begin_tick();
        codec::restore_layout(store_, copy.outline.definition);
        codec::restore_spaces(store_, copy.outline.spaces);
        for (const codec::CheckpointPart& part : copy.parts)
            codec::restore_part(store_, part);
        (void)store_.seal(copy.outline.tick);
        (void)store_.publish();
    }
    Snapshot state() const { return store_.newest(); }

  private:
    store::TestRegion region_;
    store::WorldStore store_;
};

std::string way_back(const Snapshot& now, const Snapshot& then, const RewindScope& scope = {}) {
    Body body;
    (void)rewind(
        now, then, definition(), scope,
        [&](const std::shared_ptr<const RowGroup>& group, std::string_view row) { body.add(group, row); });
    return body.take();
}

void play_and_rewind(Kind kind) {
    for (std::uint32_t seed = 0; seed < 60; ++seed) {
        Played world(seed, kind);
        std::vector<codec::StateCopy> copies;
        std::vector<Picture> pictures;
        for (int i = 0; i < 10; ++i) {
            copies.push_back(world.copy());
            pictures.push_back(world.picture());
            world.play();
        }
        const Picture before = world.picture();
        const codec::StateCopy undone = world.copy();
        const std::size_t chosen = seed % copies.size();
        const Past then(copies[chosen], kind);
        world.apply(way_back(world.now(), then.state()));
        ASSERT_EQ(world.picture(), pictures[chosen]) << "seed " << seed;
        world.play();
        const Past undo(undone, kind);
        world.apply(way_back(world.now(), undo.state()));
        ASSERT_EQ(world.picture(), before) << "seed " << seed;
    }
}

TEST(Rewind, BringsBackAnyStateAndWhatWasUndone) {
    play_and_rewind(Kind::components);
}

TEST(Rewind, BringsBackANativeGamesColumns) {
    play_and_rewind(Kind::native);
}

TEST(Rewind, IsRefusedOnceTheWorldHasGoneOn) {
    Played world(1);
    world.play();
    const Past then(world.copy());
    world.play();
    const std::string body = way_back(world.now(), then.state());
    EXPECT_THROW(world.apply(body, false), Error);
    world.play();
    EXPECT_THROW(world.apply(body), Error);
}

TEST(Rewind, OneComponentLeavesTheOthersAlone) {
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
        Played world(seed);
        for (int i = 0; i < 6; ++i)
            world.play();
        const Past then(world.copy());
        const Picture picture_then = world.picture();
        for (int i = 0; i < 4; ++i)
            world.play();
        const Picture before = world.picture();
        RewindScope scope;
        scope.extent = RewindExtent::rows;
        scope.components = {"body"};
        world.apply(way_back(world.now(), then.state(), scope));
        Picture expected = before;
        std::erase_if(expected, [](const auto& part) { return part.first.starts_with("body "); });
        for (const auto& [place, row] : picture_then)
            if (place.starts_with("body ") && before.contains("entity " + place.substr(5)))
                expected[place] = row;
        ASSERT_EQ(world.picture(), expected) << "seed " << seed;
    }
}

TEST(Rewind, ChosenEntitiesComeBackWithTheirRows) {
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
        Played world(seed);
        for (int i = 0; i < 6; ++i)
            world.play();
        const Past then(world.copy());
        const Picture picture_then = world.picture();
        for (int i = 0; i < 4; ++i)
            world.play();
        Picture expected = world.picture();
        const auto planes = store::entity_planes(world.now());
        RewindScope scope;
        scope.extent = RewindExtent::entities;
        scope.has_cells = false;
        for (const auto& [place, row] : picture_then) {
            if (!place.starts_with("entity "))
                continue;
            const store::Entity entity{std::stoull(place.substr(7))};
            const bool is_taken = world.now().has_row(planes->component, entity.slot()) &&
                                  !store::find_entity(world.now(), *planes, entity);
            if (is_taken)
                continue;
            scope.handles.insert(entity.handle);
            for (const std::string component : {"entity ", "body ", "tag "}) {
                const std::string part = component + std::to_string(entity.handle);
                expected.erase(part);
                if (const auto was = picture_then.find(part); was != picture_then.end())
                    expected.insert(*was);
            }
        }
        if (scope.handles.empty())
            continue;
        world.apply(way_back(world.now(), then.state(), scope));
        ASSERT_EQ(world.picture(), expected) << "seed " << seed;
    }
}

} // namespace
} // namespace gamelan::sim
