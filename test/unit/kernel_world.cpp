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
T extreme_integer_of(std::mt19937_64& random) {
    using Limits = std::numeric_limits<T>;
    const T values[] = {Limits::min(), Limits::max(), static_cast<T>(Limits::min() + 1), T(0),
                        T(-1),         T(1),          static_cast<T>(Limits::max() / 2), T(46)};
    return values[random() % std::size(values)];
}

template <class T>
Value extreme_integer(ColumnType type, std::mt19937_64& random) {
    return Value::of(type, extreme_integer_of<T>(random));
}

// Few, so that some are equal; and of equal length, and next to each other.
Value some_span(std::mt19937_64& random, bool is_extreme) {
    struct {
        std::int64_t microseconds;
        std::int32_t days;
        std::int32_t months;
    } span{};
    const auto small = [&] { return static_cast<std::int32_t>(random() % 3) - 1; };
    span = {small() * 86400000000 + small(), 30 * small() + small(), small()};
    if (is_extreme && random() % 3 == 0)
        span.months = extreme_integer_of<std::int32_t>(random);
    if (is_extreme && random() % 3 == 0)
        span.days = extreme_integer_of<std::int32_t>(random);
    if (is_extreme && random() % 3 == 0)
        span.microseconds = extreme_integer_of<std::int64_t>(random);
    return Value::of_bytes(ColumnType::span, &span, sizeof span);
}

Value some_bytes(std::mt19937_64& random) {
    unsigned char bytes[16] = {};
    for (const std::size_t place : {0U, 7U, 8U, 15U})
        bytes[place] = static_cast<unsigned char>(random() % 3 == 0 ? 0xff : random() % 2);
    return Value::of_bytes(ColumnType::bytes16, bytes, sizeof bytes);
}

Value extreme_value(ColumnType type, std::mt19937_64& random) {
    switch (type) {
    case ColumnType::i8:
        return extreme_integer<std::int8_t>(type, random);
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

} // namespace

Value random_value(ColumnType type, std::mt19937_64& random, std::uint32_t wildness) {
    const auto small = static_cast<std::int64_t>(random() % 21) - 10;
    if (type == ColumnType::boolean)
        return Value::of(type, static_cast<std::uint8_t>(random() & 1));
    const bool is_extreme = wildness != 0 && random() % wildness == 0;
    if (type == ColumnType::span)
        return some_span(random, is_extreme);
    if (type == ColumnType::bytes16)
        return some_bytes(random);
    if (is_extreme)
        return extreme_value(type, random);
    switch (type) {
    case ColumnType::i8:
        return Value::of(type, static_cast<std::int8_t>(small));
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

store::ComponentDefinition definition_of(const char* name, std::string_view space) {
    store::ComponentDefinition out{name, std::string(space), 0, {}};
    for (const ColumnType type : kernel_types)
        out.columns.push_back({std::string(name_of(type)), type, store::IndexKind::none, 0, std::nullopt});
    out.columns.push_back({"key", ColumnType::i64, store::IndexKind::none, 0, std::nullopt});
    return out;
}

KernelWorld::KernelWorld(std::uint64_t seed, std::uint32_t slots, std::uint32_t block_slots,
                         std::uint32_t wildness, std::uint32_t frequency)
    : planet_(7, frequency, 2) {
    store::Layout layout;
    layout.add_space(store::entity_space, slots, block_slots);
    layout.add_space(store::cell_space, planet_.slot_count(), planet_.block_slots());
    store::add_entity_components(layout);
    for (const char* name : {"first", "second"})
        components_.push_back(layout.add_component(definition_of(name, store::entity_space), false));
    components_.push_back(layout.add_component(definition_of("soil", store::cell_space), true));
    store_.emplace(store::WorldStore::create(*region_, region_->claim_slot(1), layout, region_.limit()));
    store_->begin_tick();
    std::mt19937_64 random(seed);
    rows_.resize(slots);
    is_alive_.resize(slots);
    // Handles first, so that keys can name them.
    for (std::uint32_t i = 0; i < slots; ++i)
        rows_[i].entity = store::Entity::of(i, static_cast<std::uint32_t>(random() % 3)).handle;
    for (std::uint32_t i = 0; i < slots; ++i)
        fill_entity(i, random, wildness);
    cells_.resize(planet_.slot_count());
    for (std::uint32_t i = 0; i < cells_.size(); ++i) {
        const bool is_cell = planet_.is_cell(i);
        cells_[i].has[components_[2].value] = is_cell;
        cells_[i].entity = is_cell ? static_cast<std::uint64_t>(planet_.cell_id_of(i)) : 0;
        fill_row(cells_[i], components_[2], i, random, wildness);
    }
    store_->seal(1);
    store_->publish();
    store_->begin_tick();
}

Value KernelWorld::random_key(std::mt19937_64& random) const {
    const std::uint32_t choice = random() % 8;
    if (choice == 0)
        return Value::null(ColumnType::i64);
    if (choice == 1)
        return random_value(ColumnType::i64, random, 2);
    if (choice < 4) {
        const auto cell = static_cast<std::uint32_t>(random() % planet_.sphere().cell_count());
        return Value::of(ColumnType::i64, planet_.cell_id_of(random() % 2 * planet_.layer_stride() + cell));
    }
    return Value::of(ColumnType::i64,
                     rows_[random() % rows_.size()].entity + (random() % 8 == 0 ? 1ULL << 32 : 0));
}

std::vector<ColumnId> KernelWorld::columns_of(ComponentId component) const {
    const store::ComponentSpec& spec = store_->working().component(component);
    std::vector<ColumnId> out;
    for (std::uint32_t i = 0; i < spec.column_count; ++i)
        out.push_back({spec.first_column + 2 * i});
    return out;
}

// Every second stretch of slots has NULLs.
void KernelWorld::fill_row(reference::Row& row, ComponentId component, std::uint32_t slot,
                           std::mt19937_64& random, std::uint32_t wildness) {
    const bool has = row.has[component.value];
    row.is_touched[component.value] = false;
    for (const ColumnId column : columns_of(component)) {
        const ColumnType type = store_->working().column(column).type;
        const bool is_null = !has || (slot / 64 % 2 == 1 && random() % 5 == 0);
        const bool is_key = store::text_of(store_->working().column(column).name).ends_with(".key");
        const Value value = is_null  ? Value::null(type)
                            : is_key ? random_key(random)
                                     : random_value(type, random, wildness);
        row.values[column.value] = value;
        if (has && value.is_null)
            store_->set_null(column, slot, true);
        else if (has) {
            std::byte bytes[16];
            value.copy_to(bytes);
            store_->set_bytes(column, slot, bytes, width_of(type));
        }
    }
}

void KernelWorld::fill_entity(std::uint32_t slot, std::mt19937_64& random, std::uint32_t wildness) {
    const store::EntityPlanes planes = *store::entity_planes(store_->working());
    reference::Row& row = rows_[slot];
    store_->set(planes.generation, slot, store::Entity{row.entity}.generation());
    is_alive_[slot] = slot != 0 && random() % 8 != 0;
    if (is_alive_[slot])
        store_->insert_row(planes.component, slot);
    // Whole stretches of slots have all rows, or none.
    const std::uint32_t density = slot / 64 % 3;
    for (const ComponentId component : {components_[0], components_[1]}) {
        const bool has = density == 0 || (density == 1 && random() % 3 != 0);
        row.has[component.value] = has;
        if (has)
            store_->insert_row(component, slot);
        fill_row(row, component, slot, random, wildness);
    }
}

reference::World KernelWorld::model() const {
    reference::World out;
    out.rows = rows_;
    out.cells = cells_;
    out.is_alive = is_alive_;
    for (const ComponentId component : components_) {
        out.columns[component.value] = columns_of(component);
        out.is_of_cells[component.value] = component == components_[2];
    }
    return out;
}

ColumnId KernelWorld::column(std::size_t component, ColumnType type) const {
    return *store_->working().find_column(components_[component], name_of(type));
}

ColumnId KernelWorld::key(std::size_t component) const {
    return *store_->working().find_column(components_[component], "key");
}

std::vector<reference::Row> KernelWorld::read(bool cells) const {
    const store::Snapshot& view = store_->working();
    const std::vector<reference::Row>& before = cells ? cells_ : rows_;
    std::vector<reference::Row> out(before.size());
    for (std::uint32_t slot = 0; slot < out.size(); ++slot) {
        out[slot].entity = before[slot].entity;
        for (std::size_t i = cells ? 2 : 0; i < (cells ? 3U : 2U); ++i) {
            const ComponentId component = components_[i];
            const bool has = cells ? planet_.is_cell(slot) : view.has_row(component, slot);
            out[slot].has[component.value] = has;
            const std::uint64_t version = view.row_version(component, slot);
            out[slot].is_touched[component.value] = has ? version == store_->working_tick() : version != 0;
            for (const ColumnId column : columns_of(component)) {
                const ColumnType type = view.column(column).type;
                const auto block = view.block(column, slot / view.block_slots(column));
                const std::size_t width = width_of(type);
                Value value{type, false, 0, 0};
                if (block)
                    value = Value::of_bytes(type, block + slot % view.block_slots(column) * width, width);
                value.is_null = !has || view.is_null(column, slot);
                // Where there is no row, not even a NULL may be left.
                if (!has && view.bit({view.column(column).nulls}, slot))
                    value.bits = ~std::uint64_t{0};
                out[slot].values[column.value] = value;
            }
        }
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
            if (value.is_null != other.is_null || (value.is_null ? 0 : value.bits) != other.bits ||
                (value.is_null ? 0 : value.high) != other.high)
                return place + ", column " + std::to_string(column) + ": expected " +
                       (value.is_null ? "NULL" : std::to_string(value.bits)) + ", found " +
                       (other.is_null ? "NULL " : "") + std::to_string(other.bits);
        }
    }
    return {};
}

} // namespace gamelan::kernel
