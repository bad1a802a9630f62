// A world of fighters for benchmarks, and the systems that it plays: what the kernels run. Only bench/core
// uses it.
#pragma once

#include "test/unit/store_memory.hpp"

#include "core/kernel/executor.hpp"
#include "core/store/layout_change.hpp"

#include <random>
#include <utility>

namespace gamelan::bench {

using namespace gamelan::kernel;
using namespace gamelan::store;

inline constexpr float tick_seconds = 1.0F / 60;
inline constexpr std::uint32_t block_rows = 1024;

inline const std::vector<ComponentDefinition> definitions = [] {
    const std::string space(entity_space);
    const auto column = [](const char* name, ColumnType type) {
        return ColumnDefinition{name, type, IndexKind::none, 0, std::nullopt};
    };
    constexpr ColumnType f32 = ColumnType::f32;
    constexpr ColumnType i32 = ColumnType::i32;
    return std::vector<ComponentDefinition>{
        {"position", space, 1, {column("x", f32), column("y", f32), column("z", f32)}},
        {"velocity", space, 2, {column("x", f32), column("y", f32), column("z", f32)}},
        {"health", space, 3, {column("hp", i32), column("shield", i32), column("poison", i32)}},
        {"weapon", space, 4, {column("cooldown", f32), column("heat", f32), column("shots", i32)}},
        {"score", space, 5, {column("points", i32), column("deaths", i32)}},
    };
}();

inline Layout entity_layout() {
    Layout layout;
    layout.add_space(entity_space, 0);
    add_entity_components(layout);
    return layout;
}

// A world of `count` entities in slots 1 …, each with every component.
class Fight {
  public:
    explicit Fight(std::uint32_t count)
        : region_(std::size_t{1200} << 20), count_(count),
          store_(WorldStore::create(*region_, region_->claim_slot(1), entity_layout(), region_.limit())) {
        store_.begin_tick();
        store_.change_layout(*plan_layout_change(store_.working(), {1, definitions}));
        const EntityPlanes planes = *entity_planes(store_.working());
        store_.extend_space(planes.space, count + 1);
        std::mt19937 random(1);
        for (std::uint32_t slot = 1; slot <= count; ++slot) {
            store_.insert_row(planes.component, slot);
            for (const ComponentDefinition& definition : definitions)
                fill_row(*store_.working().find_component(definition.name), slot, random);
        }
        store_.seal(1);
        store_.publish();
    }

    Executor executor(std::vector<System> systems) const { return {store_.newest(), std::move(systems)}; }
    WorldStore& store() { return store_; }
    std::uint32_t count() const { return count_; }
    ColumnType type(ColumnId column) const { return store_.newest().column(column).type; }
    ComponentId component(const char* name) const { return *store_.newest().find_component(name); }
    ColumnId column(const char* component_name, const char* name) const {
        return *store_.newest().find_column(component(component_name), name);
    }

  private:
    void fill_row(ComponentId id, std::uint32_t slot, std::mt19937& random) {
        store_.insert_row(id, slot);
        const ComponentSpec spec = store_.working().component(id);
        for (std::uint32_t i = 0; i < spec.column_count; ++i) {
            const ColumnId column{spec.first_column + 2 * i};
            const auto number = static_cast<std::int32_t>(random() % 100);
            if (store_.working().column(column).type == ColumnType::f32)
                store_.set(column, slot, static_cast<float>(number));
            else
                store_.set(column, slot, number);
        }
    }

    TestRegion region_;
    std::uint32_t count_;
    WorldStore store_;
};

// A statement that is written as one would say it.
class Update {
  public:
    Update(const Fight& arena, const char* target, std::vector<const char*> others = {}) : arena_(arena) {
        statement_.target = arena.component(target);
        statement_.target_name = target;
        statement_.components = {statement_.target};
        for (const char* other : others)
            statement_.components.push_back(arena.component(other));
    }

    NodeId column(const char* component, const char* name) {
        const ColumnId id = arena_.column(component, name);
        return e().column(id, arena_.type(id));
    }
    NodeId real(float value) { return e().constant(Value::of(ColumnType::f32, value)); }
    NodeId number(std::int32_t value) { return e().constant(Value::of(ColumnType::i32, value)); }
    NodeId dt() { return e().parameter(Parameter::dt_real); }
    NodeId make(Op op, std::vector<NodeId> arguments) { return e().make(op, std::move(arguments)); }
    Update& where(NodeId condition) {
        statement_.where = condition;
        return *this;
    }
    Update& set(const char* name, NodeId value) {
        statement_.assignments.push_back(
            {arena_.column(statement_.target_name.c_str(), name), value, false, name});
        return *this;
    }
    System system(const char* name) { return {name, {statement_}}; }
    Expressions& e() { return statement_.expressions; }

  private:
    const Fight& arena_;
    Statement statement_;
};

inline System movement(const Fight& arena) {
    Update u(arena, "position", {"velocity"});
    for (const char* axis : {"x", "y", "z"})
        u.set(axis, u.make(Op::add, {u.column("position", axis),
                                     u.make(Op::multiply, {u.column("velocity", axis), u.dt()})}));
    return u.system("movement");
}

inline System movement_of_the_healthy(const Fight& arena) {
    Update u(arena, "position", {"velocity", "health"});
    for (const char* axis : {"x", "y", "z"})
        u.set(axis, u.make(Op::add, {u.column("position", axis),
                                     u.make(Op::multiply, {u.column("velocity", axis), u.dt()})}));
    u.where(u.make(Op::greater, {u.column("health", "hp"), u.number(49)}));
    return u.system("movement of the healthy");
}

inline System drag(const Fight& arena) {
    Update u(arena, "velocity");
    for (const char* axis : {"x", "y", "z"})
        u.set(axis, u.make(Op::multiply, {u.column("velocity", axis), u.real(0.999F)}));
    return u.system("drag");
}

inline System gravity(const Fight& arena) {
    Update u(arena, "velocity");
    const NodeId fall =
        u.make(Op::subtract, {u.column("velocity", "z"), u.make(Op::multiply, {u.real(9.81F), u.dt()})});
    u.set("z", u.make(Op::greatest, {fall, u.real(-50)}));
    return u.system("gravity");
}

// Positions beyond the border come in again at the other side.
inline System wrap(const Fight& arena) {
    Update u(arena, "position");
    for (const char* axis : {"x", "y", "z"}) {
        const NodeId at = u.column("position", axis);
        const NodeId lower = u.make(Op::choose, {u.make(Op::greater, {at, u.real(1000)}),
                                                 u.make(Op::subtract, {at, u.real(1000)}), at});
        u.set(axis, lower);
    }
    return u.system("wrap");
}

// `column` of the integers goes up or down by a step where a condition on it holds.
inline System counting(const Fight& arena, const char* component, const char* column, Op test,
                       std::int32_t bound, Op change, std::int32_t step) {
    Update u(arena, component);
    const NodeId value = u.column(component, column);
    u.set(column, u.make(change, {value, u.number(step)}));
    u.where(u.make(test, {value, u.number(bound)}));
    return u.system("counting");
}

inline System cooling(const Fight& arena, const char* column) {
    Update u(arena, "weapon");
    u.set(column,
          u.make(Op::greatest, {u.make(Op::subtract, {u.column("weapon", column), u.dt()}), u.real(0)}));
    return u.system("cooling");
}

inline System damage_over_time(const Fight& arena) {
    Update u(arena, "health");
    u.set("hp", u.make(Op::subtract,
                       {u.column("health", "hp"),
                        u.make(Op::choose, {u.make(Op::greater, {u.column("health", "poison"), u.number(90)}),
                                            u.number(1), u.number(0)})}));
    return u.system("damage over time");
}

inline System firing(const Fight& arena) {
    Update u(arena, "weapon", {"health"});
    u.set("cooldown", u.real(0.5F));
    u.set("shots", u.make(Op::add, {u.column("weapon", "shots"), u.number(1)}));
    u.where(u.make(Op::logical_and, {u.make(Op::less_equal, {u.column("weapon", "cooldown"), u.real(0)}),
                                     u.make(Op::greater, {u.column("health", "hp"), u.number(0)})}));
    return u.system("firing");
}

inline System scoring(const Fight& arena) {
    Update u(arena, "score", {"weapon"});
    u.set("points", u.make(Op::add, {u.column("score", "points"),
                                     u.make(Op::bit_and, {u.column("weapon", "shots"), u.number(1)})}));
    return u.system("scoring");
}

inline System death(const Fight& arena) {
    Update u(arena, "score", {"health"});
    u.set("deaths", u.make(Op::add, {u.column("score", "deaths"), u.number(1)}));
    u.where(u.make(Op::less_equal, {u.column("health", "hp"), u.number(0)}));
    return u.system("death");
}

inline System revival(const Fight& arena) {
    Update u(arena, "health");
    u.set("hp", u.number(100)).set("shield", u.number(50)).set("poison", u.number(0));
    u.where(u.make(Op::less_equal, {u.column("health", "hp"), u.number(0)}));
    return u.system("revival");
}

inline System bounce(const Fight& arena, const char* axis) {
    Update u(arena, "velocity", {"position"});
    const NodeId speed = u.column("velocity", axis);
    u.set(axis, u.make(Op::choose, {u.make(Op::less, {u.column("position", axis), u.real(0)}),
                                    u.make(Op::absolute, {speed}), speed}));
    return u.system("bounce");
}

inline std::vector<System> four_systems(const Fight& arena) {
    return {movement(arena), drag(arena), gravity(arena), wrap(arena)};
}

inline std::vector<System> twenty_systems(const Fight& arena) {
    std::vector<System> out = four_systems(arena);
    for (const char* axis : {"x", "y", "z"})
        out.push_back(bounce(arena, axis));
    out.push_back(cooling(arena, "cooldown"));
    out.push_back(cooling(arena, "heat"));
    out.push_back(firing(arena));
    out.push_back(counting(arena, "health", "hp", Op::less, 100, Op::add, 1));
    out.push_back(counting(arena, "health", "shield", Op::less, 50, Op::add, 1));
    out.push_back(counting(arena, "health", "poison", Op::greater, 0, Op::subtract, 1));
    out.push_back(damage_over_time(arena));
    out.push_back(death(arena));
    out.push_back(revival(arena));
    out.push_back(scoring(arena));
    out.push_back(counting(arena, "score", "points", Op::greater, 1000000, Op::subtract, 1000000));
    out.push_back(counting(arena, "weapon", "shots", Op::greater, 1000000, Op::subtract, 1000000));
    out.push_back(counting(arena, "score", "deaths", Op::greater, 1000000, Op::subtract, 1000000));
    return out;
}

} // namespace gamelan::bench
