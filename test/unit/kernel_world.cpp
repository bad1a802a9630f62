#include "kernel_world.hpp"

#include <cmath>
#include <limits>

namespace gamelan::kernel {

namespace {

template <class T>
Value extreme_real(ColumnType type, std::mt19937_64& random) {
    using Limits = std::numeric_limits<T>;
    const T values[] = {T(0),
                        -T(0),
                        Limits::infinity(),
                        -Limits::infinity(),
                        Limits::max(),
                        Limits::lowest(),
                        Limits::quiet_NaN(),
                        Limits::denorm_min(),
                        Limits::min(),
                        T(2147483647.5),
                        T(-2147483648.5),
                        T(32767.5),
                        T(9.3e18),
                        T(-9.3e18),
                        T(0.5),
                        T(1e-30)};
    return Value::of(type, values[random() % std::size(values)]);
}

template <class T>
Value extreme_integer(ColumnType type, std::mt19937_64& random) {
    using Limits = std::numeric_limits<T>;
    const T values[] = {Limits::min(), Limits::max(), static_cast<T>(Limits::min() + 1), T(0),
                        T(-1),         T(1),          static_cast<T>(Limits::max() / 2), T(46)};
    return Value::of(type, values[random() % std::size(values)]);
}

Value extreme_value(ColumnType type, std::mt19937_64& random) {
    switch (type) {
    case ColumnType::i16:
        return extreme_integer<std::int16_t>(type, random);
    case ColumnType::i64:
        return extreme_integer<std::int64_t>(type, random);
    case ColumnType::f32:
        return extreme_real<float>(type, random);
    case ColumnType::f64:
        return extreme_real<double>(type, random);
    default:
        return extreme_integer<std::int32_t>(type, random);
    }
}

class ProgramMaker {
  public:
    ProgramMaker(std::mt19937_64& random, const KernelWorld& world, Expressions& out, bool has_second,
                 std::uint32_t wildness)
        : random_(random), world_(world), out_(out), has_second_(has_second), wildness_(wildness) {}

    NodeId make(ColumnType type, int depth) {
        if (depth <= 0 || below(6) == 0)
            return leaf(type);
        switch (below(8)) {
        case 0:
            return conditional(type, depth);
        case 1:
            return out_.make(Op::coalesce, {make(type, depth - 1), make(type, depth - 1)});
        case 2:
            return out_.make(Op::nullif, {make(type, depth - 1), make(type, depth - 1)});
        case 3:
            if (type != ColumnType::code)
                return out_.make(below(2) ? Op::greatest : Op::least, some(type, depth));
            break;
        default:
            break;
        }
        if (type == ColumnType::boolean)
            return truth(depth);
        return type == ColumnType::code ? leaf(type) : number(type, depth);
    }

  private:
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

    std::vector<NodeId> some(ColumnType type, int depth) {
        std::vector<NodeId> out;
        for (std::uint32_t i = 0; i < 2 + below(2); ++i)
            out.push_back(make(type, depth - 1));
        out.push_back(make(type, depth - 1));
        return out;
    }
    NodeId leaf(ColumnType type) {
        const std::uint32_t choice = below(8);
        if (choice == 0)
            return out_.constant(below(4) == 0 ? Value::null(type) : random_value(type, random_, wildness_));
        if (choice == 1 && type == ColumnType::i64)
            return below(2) ? out_.entity() : out_.parameter(Parameter::tick);
        if (choice == 1 && type == ColumnType::f64)
            return out_.parameter(Parameter::dt);
        if (choice == 1 && type == ColumnType::f32)
            return out_.parameter(Parameter::dt_real);
        return out_.column(world_.column(has_second_ ? below(2) : 0, type), type);
    }
    NodeId conditional(ColumnType type, int depth) {
        std::vector<NodeId> arguments;
        for (std::uint32_t i = 0; i <= below(2); ++i) {
            arguments.push_back(make(ColumnType::boolean, depth - 1));
            arguments.push_back(make(type, depth - 1));
        }
        arguments.push_back(make(type, depth - 1));
        return out_.make(Op::choose, arguments);
    }
    NodeId truth(int depth) {
        const ColumnType type = kernel_types[below(7)];
        switch (below(7)) {
        case 0:
            return out_.make(below(2) ? Op::logical_and : Op::logical_or, some(ColumnType::boolean, depth));
        case 1:
            return out_.make(Op::logical_not, {make(ColumnType::boolean, depth - 1)});
        case 2:
            return out_.make(below(2) ? Op::is_null : Op::is_not_null, {make(type, depth - 1)});
        case 3:
            return out_.make(below(2) ? Op::is_distinct : Op::is_not_distinct,
                             {make(type, depth - 1), make(type, depth - 1)});
        case 4:
            return out_.cast(make(ColumnType::i32, depth - 1), ColumnType::boolean);
        default: {
            const std::uint32_t tests = type == ColumnType::code ? 2 : 6;
            return out_.make(static_cast<Op>(static_cast<std::uint32_t>(Op::equal) + below(tests)),
                             {make(type, depth - 1), make(type, depth - 1)});
        }
        }
    }
    NodeId number(ColumnType type, int depth) {
        switch (below(6)) {
        case 0:
            return cast(type, depth);
        case 1:
            return out_.make(below(2) ? Op::negate : Op::absolute, {make(type, depth - 1)});
        case 2:
            return is_integer(type) ? bits(type, depth) : special(type, depth);
        case 3:
            return special(type, depth);
        default: {
            const std::uint32_t kinds = is_integer(type) ? 5 : 4;
            return out_.make(static_cast<Op>(static_cast<std::uint32_t>(Op::add) + below(kinds)),
                             {make(type, depth - 1), make(type, depth - 1)});
        }
        }
    }
    NodeId cast(ColumnType type, int depth) {
        const ColumnType from = kernel_types[1 + below(5)];
        if (type == ColumnType::i32 && below(4) == 0)
            return out_.cast(make(ColumnType::boolean, depth - 1), type);
        return out_.cast(make(from, depth - 1), type);
    }
    NodeId bits(ColumnType type, int depth) {
        const std::uint32_t choice = below(6);
        const NodeId a = make(type, depth - 1);
        if (choice < 3)
            return out_.make(static_cast<Op>(static_cast<std::uint32_t>(Op::bit_and) + choice),
                             {a, make(type, depth - 1)});
        if (choice == 3)
            return out_.make(Op::bit_not, {a});
        return out_.make(choice == 4 ? Op::shift_left : Op::shift_right,
                         {a, make(ColumnType::i32, depth - 1)});
    }
    // What only one type has; for others, a product added to something.
    NodeId special(ColumnType type, int depth) {
        const NodeId a = make(type, depth - 1);
        if (type == ColumnType::f64) {
            const auto op = static_cast<Op>(static_cast<std::uint32_t>(Op::sign) + below(12));
            if (op >= Op::power)
                return out_.make(op, {a, make(type, depth - 1)});
            return below(8) == 0 ? out_.make(Op::random, {make(ColumnType::i64, depth - 1)})
                                 : out_.make(op, {a});
        }
        if (type == ColumnType::i32 && below(2) == 0)
            return out_.make(static_cast<Op>(static_cast<std::uint32_t>(Op::date_add) + below(3)),
                             {a, make(type, depth - 1)});
        return out_.make(below(2) ? Op::add : Op::subtract,
                         {a, out_.make(Op::multiply, {make(type, depth - 1), make(type, depth - 1)})});
    }

    std::mt19937_64& random_;
    const KernelWorld& world_;
    Expressions& out_;
    bool has_second_;
    std::uint32_t wildness_;
};

void assign_at_random(Statement& out, std::size_t target, std::mt19937_64& random, const KernelWorld& world,
                      ProgramMaker& maker) {
    const std::size_t first = random() % std::size(kernel_types);
    for (std::size_t i = 0; i < 1 + random() % 3; ++i) {
        const ColumnType type = kernel_types[(first + i) % std::size(kernel_types)];
        out.assignments.push_back({world.column(target, type), maker.make(type, 4), random() % 16 == 0,
                                   "column " + std::to_string(i)});
    }
}

Statement random_update(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    Statement out;
    const std::size_t target = random() % 2;
    out.target = world.component(target);
    out.target_name = "target";
    const bool has_both = target == 1 || random() % 2 == 0;
    out.components = {world.component(0)};
    if (has_both)
        out.components.push_back(world.component(1));
    ProgramMaker maker(random, world, out.expressions, has_both, wildness);
    if (random() % 2 == 0)
        out.where = maker.make(ColumnType::boolean, 3);
    assign_at_random(out, target, random, world, maker);
    if (random() % 8 == 0)
        out.checks.push_back({maker.make(ColumnType::boolean, 2), "checked"});
    return out;
}

Statement random_insert(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    Statement out;
    out.kind = StatementKind::insert;
    out.target = world.component(1);
    out.target_name = "second";
    out.components = {world.component(0)};
    out.does_nothing_on_conflict = random() % 4 != 0;
    ProgramMaker maker(random, world, out.expressions, false, wildness);
    if (random() % 2 == 0)
        out.where = maker.make(ColumnType::boolean, 3);
    assign_at_random(out, 1, random, world, maker);
    ProgramMaker of_new_rows(random, world, out.expressions, true, wildness);
    if (random() % 4 == 0)
        out.checks.push_back({of_new_rows.make(ColumnType::boolean, 2), "checked"});
    return out;
}

Statement random_remove(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    Statement out;
    out.kind = StatementKind::remove;
    const std::size_t target = random() % 4 == 0 ? 0 : 1;
    out.target = world.component(target);
    out.target_name = "target";
    const bool has_both = target == 1 || random() % 2 == 0;
    out.components = {world.component(0)};
    if (has_both)
        out.components.push_back(world.component(1));
    ProgramMaker maker(random, world, out.expressions, has_both, wildness);
    if (random() % 4 != 0)
        out.where = maker.make(ColumnType::boolean, 3);
    return out;
}

Statement random_emit(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    Statement out;
    out.kind = StatementKind::emit;
    out.target = {store::none};
    out.target_name = "happened";
    out.components = {world.component(0)};
    ProgramMaker maker(random, world, out.expressions, false, wildness);
    if (random() % 4 != 0)
        out.where = maker.make(ColumnType::boolean, 3);
    if (random() % 4 != 0)
        out.event_entity = random() % 2 ? out.expressions.entity() : maker.make(ColumnType::i64, 2);
    constexpr std::size_t labels = 1; // of which kernels know nothing
    for (std::size_t i = 0; i < random() % 4; ++i)
        out.fields.push_back({std::string(1 + random() % 3, static_cast<char>('a' + random() % 3)),
                              maker.make(kernel_types[random() % (std::size(kernel_types) - labels)], 2)});
    return out;
}

Statement random_statement(std::mt19937_64& random, const KernelWorld& world, std::uint32_t wildness) {
    switch (random() % 8) {
    case 0:
        return random_insert(random, world, wildness);
    case 1:
        return random_remove(random, world, wildness);
    case 2:
        return random_emit(random, world, wildness);
    default:
        return random_update(random, world, wildness);
    }
}

} // namespace

Value random_value(ColumnType type, std::mt19937_64& random, std::uint32_t wildness) {
    const auto small = static_cast<std::int64_t>(random() % 21) - 10;
    if (type == ColumnType::boolean)
        return Value::of(type, static_cast<std::uint8_t>(random() & 1));
    if (wildness != 0 && random() % wildness == 0)
        return extreme_value(type, random);
    switch (type) {
    case ColumnType::i16:
        return Value::of(type, static_cast<std::int16_t>(small));
    case ColumnType::i64:
        return Value::of(type, small);
    case ColumnType::f32:
        return Value::of(type, static_cast<float>(small) / 4);
    case ColumnType::f64:
        return Value::of(type, static_cast<double>(small) / 4);
    default:
        return Value::of(type, static_cast<std::int32_t>(small));
    }
}

KernelWorld::KernelWorld(std::uint64_t seed, std::uint32_t slots, std::uint32_t block_slots,
                         std::uint32_t wildness) {
    store::Layout layout;
    layout.add_space(store::entity_space, slots, block_slots);
    const std::string space(store::entity_space);
    store::ComponentDefinition entity{std::string(store::entity_component), space, 0, {}};
    entity.columns.push_back({"created", ColumnType::i64, store::IndexKind::none, 0, std::nullopt});
    entity.columns.push_back({"template", ColumnType::value, store::IndexKind::none, 0, std::nullopt});
    layout.add_component(entity, false);
    store::ComponentDefinition slot{std::string(store::entity_slot_component), space, 0, {}};
    slot.columns.push_back({"generation", ColumnType::i32, store::IndexKind::none, 0, std::nullopt});
    layout.add_component(slot, true);
    for (const char* name : {"first", "second"}) {
        store::ComponentDefinition component{name, space, 0, {}};
        for (const ColumnType type : kernel_types)
            component.columns.push_back(
                {std::string(name_of(type)), type, store::IndexKind::none, 0, std::nullopt});
        components_.push_back(layout.add_component(component, false));
    }
    store_.emplace(store::WorldStore::create(*region_, region_->claim_slot(1), layout, region_.limit()));
    store_->begin_tick();
    std::mt19937_64 random(seed);
    rows_.resize(slots);
    for (std::uint32_t i = 0; i < slots; ++i)
        fill(i, random, wildness);
    store_->seal(1);
    store_->publish();
    store_->begin_tick();
}

void KernelWorld::fill(std::uint32_t slot, std::mt19937_64& random, std::uint32_t wildness) {
    const store::EntityPlanes planes = *store::entity_planes(store_->working());
    reference::Row& row = rows_[slot];
    const auto generation = static_cast<std::uint32_t>(random() % 3);
    store_->set(planes.generation, slot, generation);
    row.entity = store::Entity::of(slot, generation).handle;
    // Whole stretches of slots have all rows, or none.
    const std::uint32_t density = slot / 64 % 3;
    for (const ComponentId component : components_) {
        const bool has = density == 0 || (density == 1 && random() % 3 != 0);
        row.has[component.value] = has;
        row.is_touched[component.value] = false;
        if (has)
            store_->insert_row(component, slot);
        const store::ComponentSpec spec = store_->working().component(component);
        for (std::uint32_t i = 0; i < spec.column_count; ++i) {
            const ColumnId column{spec.first_column + 2 * i};
            const ColumnType type = store_->working().column(column).type;
            const bool is_null = !has || (slot / 64 % 2 == 1 && random() % 5 == 0);
            row.values[column.value] = is_null ? Value::null(type) : random_value(type, random, wildness);
            if (has && is_null)
                store_->set_null(column, slot, true);
            else if (has)
                store_->set_bytes(column, slot, &row.values[column.value].bits, width_of(type));
        }
    }
}

reference::World KernelWorld::model() const {
    reference::World out;
    out.rows = rows_;
    for (const ComponentId component : components_) {
        const store::ComponentSpec& spec = store_->working().component(component);
        for (std::uint32_t i = 0; i < spec.column_count; ++i)
            out.columns[component.value].push_back({spec.first_column + 2 * i});
    }
    return out;
}

ColumnId KernelWorld::column(std::size_t component, ColumnType type) const {
    return *store_->working().find_column(components_[component], name_of(type));
}

std::vector<reference::Row> KernelWorld::read() const {
    const store::Snapshot& view = store_->working();
    std::vector<reference::Row> out(rows_.size());
    for (std::uint32_t slot = 0; slot < out.size(); ++slot) {
        out[slot].entity = rows_[slot].entity;
        for (const ComponentId component : components_) {
            const bool has = view.has_row(component, slot);
            out[slot].has[component.value] = has;
            const std::uint64_t version = view.row_version(component, slot);
            out[slot].is_touched[component.value] = has ? version == store_->working_tick() : version != 0;
            const store::ComponentSpec& spec = view.component(component);
            for (std::uint32_t i = 0; i < spec.column_count; ++i) {
                const ColumnId column{spec.first_column + 2 * i};
                Value value{view.column(column).type, !has || view.is_null(column, slot), 0};
                const auto block = view.block(column, slot / view.block_slots(column));
                const std::uint32_t width = width_of(value.type);
                if (block)
                    std::memcpy(&value.bits, block + std::size_t{slot % view.block_slots(column)} * width,
                                width);
                // Where there is no row, not even a NULL may be left.
                if (!has && view.bit({view.column(column).nulls}, slot))
                    value.bits = ~std::uint64_t{0};
                out[slot].values[column.value] = value;
            }
        }
    }
    return out;
}

std::vector<System> random_systems(std::uint64_t seed, const KernelWorld& world, std::uint32_t wildness) {
    std::mt19937_64 random(seed);
    std::vector<System> out(1 + random() % 3);
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i].name = "system " + std::to_string(i);
        for (std::size_t j = 0; j < 1 + random() % 3; ++j)
            out[i].statements.push_back(random_statement(random, world, wildness));
    }
    return out;
}

// A NULL, and a slot without a row, hold zeros.
std::string difference(const std::vector<reference::Row>& expected,
                       const std::vector<reference::Row>& found) {
    for (std::size_t slot = 0; slot < expected.size(); ++slot) {
        const std::string place = "slot " + std::to_string(slot);
        if (expected[slot].has != found[slot].has)
            return place + " has other rows";
        if (expected[slot].is_touched != found[slot].is_touched)
            return place + " has another version";
        for (const auto& [column, value] : expected[slot].values) {
            const Value& other = found[slot].values.at(column);
            if (value.is_null != other.is_null || (value.is_null ? 0 : value.bits) != other.bits)
                return place + ", column " + std::to_string(column) + ": expected " +
                       (value.is_null ? "NULL" : std::to_string(value.bits)) + ", found " +
                       (other.is_null ? "NULL " : "") + std::to_string(other.bits);
        }
    }
    return {};
}

} // namespace gamelan::kernel
