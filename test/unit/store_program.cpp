#include "store_program.hpp"

#include "core/base/hash.hpp"

#include <algorithm>
#include <bit>

namespace gamelan::store {

namespace {

constexpr WorldSlot world{0};

void require(bool condition, const std::string& what) {
    if (!condition)
        throw std::runtime_error(what);
}

std::string stored_bytes(const Snapshot& snapshot, ColumnId column, std::uint32_t slot) {
    if (snapshot.column(column).type == ColumnType::value)
        return snapshot.get_value(column, slot);
    const std::uint32_t width = snapshot.column(column).width_bytes;
    const std::uint32_t slots = snapshot.block_slots(column);
    std::string out(width, '\0');
    if (const std::byte* data = snapshot.block(column, slot / slots))
        std::memcpy(out.data(), data + std::size_t{slot % slots} * width, width);
    return out;
}

void write_bytes(WorldStore& store, ColumnId column, std::uint32_t slot, const std::string& value) {
    if (store.working().column(column).type == ColumnType::value)
        store.set_value(column, slot, value);
    else
        store.set_bytes(column, slot, value.data(), static_cast<std::uint32_t>(value.size()));
}

std::uint64_t key_of(ColumnType type, const std::string& value) {
    if (type == ColumnType::value)
        return hash64(value);
    return order_key(type, reinterpret_cast<const std::byte*>(value.data()));
}

void require_indexed(const Snapshot& snapshot, ColumnId id, const std::set<IndexEntry>& expected) {
    const ColumnSpec& spec = snapshot.column(id);
    const OrderedIndex index(snapshot.region(), snapshot.index(spec.index));
    if (!index.is_built())
        return; // there was no memory
    require(index.count() == expected.size(), std::string("index count of ") + spec.name);
    OrderedIndex::Cursor cursor = index.range(0, ~std::uint64_t{0});
    for (const IndexEntry& entry : expected) {
        IndexEntry found{};
        require(cursor.next(found) && found == entry, std::string("index entry of ") + spec.name);
    }
}

void require_column(const Snapshot& snapshot, const ModelComponent& component, const ColumnDefinition& column,
                    ComponentId id, std::uint32_t slots) {
    const std::optional<ColumnId> found = snapshot.find_column(id, column.key);
    require(found && snapshot.find_column(id, column.name) == found,
            "the column " + column.name + " is gone");
    const std::uint32_t width = width_of(column.type);
    std::set<IndexEntry> entries;
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        const std::string where = column.name + " of slot " + std::to_string(slot);
        const auto row = component.rows.find(slot);
        const bool has_row = row != component.rows.end();
        const std::optional<std::string> expected =
            has_row ? row->second.values.at(column.key) : std::optional<std::string>();
        require(snapshot.is_null(*found, slot) == (has_row && !expected), "NULL in " + where);
        const std::string nothing(column.type == ColumnType::value ? 0 : width, '\0');
        require(stored_bytes(snapshot, *found, slot) == expected.value_or(nothing), "value in " + where);
        if (!expected)
            continue;
        const std::uint64_t key = key_of(column.type, *expected);
        entries.insert({key, slot});
        if (const auto zone = snapshot.zone(*found, slot / snapshot.block_slots(*found)))
            require(zone->least <= key && key <= zone->greatest, "zone of " + where);
    }
    require((snapshot.column(*found).index != none) == (column.index != IndexKind::none), "index is there");
    if (column.index != IndexKind::none)
        require_indexed(snapshot, *found, entries);
}

} // namespace

Layout bare_layout(std::uint32_t block_slots) {
    Layout layout;
    layout.add_space(entity_space, 0, block_slots);
    layout.add_space(cell_space, StoreProgram::cells, block_slots);
    return layout;
}

Definition Model::definition() const {
    Definition out;
    out.incarnation = incarnation;
    for (const auto& [key, component] : components)
        out.components.push_back(component.definition);
    return out;
}

void require_equal(const Snapshot& snapshot, const Model& model) {
    require(snapshot.tick() == model.tick, "tick");
    require(snapshot.component_count() == model.components.size(), "number of components");
    for (const auto& [key, component] : model.components) {
        const auto id = snapshot.find_component(component.definition.name);
        require(id.has_value(), "the component is gone");
        const SpaceId space{snapshot.component(*id).space};
        const std::uint32_t slots = component.is_dense() ? StoreProgram::cells : model.entity_slots;
        require(snapshot.slot_count(space) == slots, "slots");
        for (std::uint32_t slot = 0; slot < slots; ++slot) {
            const auto row = component.rows.find(slot);
            const bool has_row = row != component.rows.end();
            require(snapshot.has_row(*id, slot) == has_row, "row " + std::to_string(slot));
            require(snapshot.row_version(*id, slot) == (has_row ? row->second.version : 0),
                    "version of row " + std::to_string(slot));
        }
        for (const ColumnDefinition& column : component.definition.columns)
            require_column(snapshot, component, column, *id, slots);
    }
}

std::uint64_t straight_hash(const Model& model, std::uint32_t block_slots) {
    const TestRegion region(32u << 20);
    WorldStore store =
        WorldStore::create(*region, region->claim_slot(1), bare_layout(block_slots), region.limit());
    store.begin_tick();
    if (const auto change = plan_layout_change(store.working(), model.definition()))
        store.change_layout(*change);
    store.extend_space(*store.working().find_space(entity_space), model.entity_slots);
    for (const auto& [key, component] : model.components) {
        const ComponentId id = *store.working().find_component(component.definition.name);
        for (const auto& [slot, row] : component.rows) {
            if (!component.is_dense())
                store.insert_row(id, slot);
            for (const auto& [column_key, value] : row.values) {
                const ColumnId column = *store.working().find_column(id, column_key);
                store.set_null(column, slot, !value);
                if (value)
                    write_bytes(store, column, slot, *value);
            }
            store.set(ColumnId{store.working().component(id).version}, slot, row.version);
        }
    }
    const Snapshot sealed = store.seal(model.tick);
    require_equal(sealed, model);
    return sealed.state_hash();
}

StoreProgram::StoreProgram(std::span<const std::uint8_t> bytes, Memory memory)
    : bytes_(bytes), region_(memory == Memory::plenty ? 16u << 20 : 2u << 20, {2, 2}) {}

std::uint32_t StoreProgram::below(std::uint32_t limit) {
    std::uint32_t value = 0;
    for (std::uint32_t reach = 1; reach < limit; reach *= 256)
        value = value * 256 + (is_done() ? 0 : bytes_[next_++]);
    return limit == 0 ? 0 : value % limit;
}

std::string StoreProgram::random_value(ColumnType type) {
    if (type == ColumnType::value) {
        constexpr std::uint32_t lengths[] = {0, 1, 12, 13, 64, 65, 300, 5000, 16320, 16384, 16385, 40000};
        return std::string(lengths[below(std::size(lengths))], static_cast<char>('a' + below(26)));
    }
    std::string out(width_of(type), '\0');
    if (type == ColumnType::boolean) {
        out[0] = static_cast<char>(below(2));
    } else if (type == ColumnType::f32 || type == ColumnType::f64) {
        constexpr double numbers[] = {0.0, -0.0, 1.5, -1.5, 1e300, -1e300, 1e-300, 3e38};
        const std::uint32_t choice = below(10);
        const double number = choice < 8    ? numbers[choice]
                              : choice == 8 ? __builtin_nan("")
                                            : __builtin_inf();
        const float single = static_cast<float>(number);
        std::memcpy(out.data(), type == ColumnType::f32 ? static_cast<const void*>(&single) : &number,
                    out.size());
    } else {
        const std::uint32_t choice = below(64);
        std::fill(out.begin(), out.end(), choice == 63 ? '\xff' : '\0');
        out[0] = static_cast<char>(choice == 63 ? 0xff : choice);
        if (choice == 62)
            out.back() = '\x80';
    }
    return out;
}

void StoreProgram::run() {
    region_->claim_slot(1);
    store_.emplace(WorldStore::create(*region_, world, bare_layout(64), region_.limit()));
    store_->begin_tick();
    store_->seal(0);
    store_->publish();
    working_ = published_;
    while (!is_done())
        step();
    if (store_->in_tick())
        seal_tick();
    const Model& newest = sealed_.empty() ? published_ : sealed_.back();
    require_equal(store_->newest(), newest);
    const std::uint64_t hash = store_->newest().state_hash();
    require(hash == store_->newest().state_hash_kept(), "kept shares of the state hash");
    require(hash == straight_hash(newest, 1024) && hash == straight_hash(newest, 64), "state hash");
    while (!sealed_.empty())
        publish();
    require(store_->release(), "nobody reads, and yet the world could not go");
    require(region_->units_used() == 0, "units were lost");
}

// Running out of memory costs the tick, and nothing else.
void StoreProgram::step() {
    try {
        play(below(21));
    } catch (const Error& error) {
        if (error.code() != sqlstate::out_of_memory)
            throw;
        abandon_tick();
    }
}

void StoreProgram::play(std::uint32_t choice) {
    switch (choice) {
    case 0:
    case 1:
    case 2:
    case 3:
        return insert_or_delete_row();
    case 4:
    case 5:
    case 6:
    case 7:
        return change_row();
    case 8:
        return extend();
    case 9:
    case 10:
        return savepoint();
    case 11:
        return write_block();
    case 12:
        return change_layout();
    case 13:
        return abandon_tick();
    case 14:
    case 15:
        return seal_tick();
    case 16:
        return publish();
    case 17:
        return crash();
    default:
        return rewrite_blocks();
    }
}

void StoreProgram::ensure_tick() {
    if (store_->in_tick())
        return;
    store_->begin_tick();
    working_ = sealed_.empty() ? published_ : sealed_.back();
    working_.tick = store_->working_tick();
}

void StoreProgram::abandon_tick() {
    store_->abandon();
    at_savepoint_.reset();
    require_equal(store_->newest(), sealed_.empty() ? published_ : sealed_.back());
    require(store_->lost_blocks() == 0, "blocks were lost by abandoning a tick");
}

void StoreProgram::seal_tick() {
    if (sealed_.size() == 4)
        publish();
    ensure_tick();
    store_->seal(working_.tick);
    at_savepoint_.reset();
    sealed_.push_back(working_);
    require_equal(store_->newest(), working_);
    require(store_->newest().state_hash_kept() == store_->newest().state_hash(), "kept shares of the hash");
    require(store_->lost_blocks() == 0, "blocks were lost by sealing a tick");
}

void StoreProgram::publish() {
    require(store_->publish() == !sealed_.empty(), "publish() did not do as there was to do");
    if (sealed_.empty())
        return;
    published_ = sealed_.front();
    sealed_.pop_front();
    require_equal(*Snapshot::current(*region_, world), published_);
    if (reader_)
        reader_(*Snapshot::current(*region_, world), published_);
}

// The worker dies, or what it had sealed could not be made durable.
void StoreProgram::crash() {
    if (below(2) == 0) {
        store_.emplace(WorldStore::take_over(*region_, world, region_.limit()));
    } else {
        store_->abandon();
        while (!sealed_.empty() && below(2) == 0) {
            require(store_->abandon_newest(), "a sealed version was there");
            sealed_.pop_back();
            require_equal(store_->newest(), sealed_.empty() ? published_ : sealed_.back());
        }
        store_->abandon_sealed();
    }
    sealed_.clear();
    at_savepoint_.reset();
    require_equal(store_->newest(), published_);
    require(store_->lost_blocks() == 0, "blocks were lost with an owner");
}

ModelComponent* StoreProgram::any_component() {
    if (working_.components.empty())
        return nullptr;
    auto at = working_.components.begin();
    std::advance(at, below(static_cast<std::uint32_t>(working_.components.size())));
    return &at->second;
}

ComponentId StoreProgram::id_of(const ModelComponent& component) const {
    return *store_->working().find_component(component.definition.name);
}

void StoreProgram::write_column(ComponentId id, const ColumnDefinition& column, std::uint32_t slot,
                                ModelRow& row) {
    const ColumnId column_id = *store_->working().find_column(id, column.key);
    const std::uint32_t choice = below(5);
    if (choice == 0) {
        store_->set_null(column_id, slot, true);
        row.values[column.key] = std::nullopt;
        return;
    }
    store_->set_null(column_id, slot, false);
    const std::string value = random_value(column.type);
    write_bytes(*store_, column_id, slot, value);
    row.values[column.key] = value;
}

void StoreProgram::insert_or_delete_row() {
    ensure_tick();
    ModelComponent* component = any_component();
    if (component == nullptr || component->is_dense() || working_.entity_slots == 0)
        return;
    const std::uint32_t slot = below(working_.entity_slots);
    const ComponentId id = id_of(*component);
    if (component->rows.contains(slot)) {
        store_->delete_row(id, slot);
        component->rows.erase(slot);
        return;
    }
    store_->insert_row(id, slot);
    ModelRow& row = component->rows[slot];
    row.version = working_.tick;
    const bool is_bare = below(4) == 0;
    for (const ColumnDefinition& column : component->definition.columns) {
        row.values[column.key] =
            std::string(column.type == ColumnType::value ? 0 : width_of(column.type), '\0');
        if (!is_bare)
            write_column(id, column, slot, row);
    }
}

void StoreProgram::change_row() {
    ensure_tick();
    ModelComponent* component = any_component();
    if (component == nullptr || component->rows.empty() || component->definition.columns.empty())
        return;
    const std::uint32_t wanted = below(component->is_dense() ? cells : working_.entity_slots);
    auto row = component->rows.lower_bound(wanted);
    if (row == component->rows.end())
        row = component->rows.begin();
    const auto& columns = component->definition.columns;
    const ComponentId id = id_of(*component);
    write_column(id, columns[below(static_cast<std::uint32_t>(columns.size()))], row->first, row->second);
    store_->touch_row(id, row->first);
    row->second.version = working_.tick;
}

void StoreProgram::extend() {
    ensure_tick();
    constexpr std::uint32_t steps[] = {1, 1, 3, 64, 200, 700};
    const std::uint32_t slots =
        std::min<std::uint32_t>(2500, working_.entity_slots + steps[below(std::size(steps))]);
    const SpaceId space = *store_->working().find_space(entity_space);
    if (slots == working_.entity_slots + 1)
        require(store_->append_slot(space) == working_.entity_slots, "append_slot");
    else
        store_->extend_space(space, slots);
    working_.entity_slots = slots;
}

void StoreProgram::savepoint() {
    ensure_tick();
    if (!at_savepoint_) {
        store_->begin_savepoint();
        at_savepoint_ = working_;
    } else if (below(3) == 0) {
        store_->release_savepoint();
        at_savepoint_.reset();
    } else {
        store_->rollback_savepoint();
        working_ = *at_savepoint_;
        at_savepoint_.reset();
    }
}

// As a system does: a whole block of a column at once, no savepoint around it.
void StoreProgram::write_block() {
    ensure_tick();
    if (at_savepoint_)
        return;
    ModelComponent* component = any_component();
    if (component == nullptr || component->rows.empty() || component->definition.columns.empty())
        return;
    const auto& columns = component->definition.columns;
    const ColumnDefinition& column = columns[below(static_cast<std::uint32_t>(columns.size()))];
    if (column.type == ColumnType::value)
        return;
    const ComponentId id = id_of(*component);
    const ColumnId column_id = *store_->working().find_column(id, column.key);
    const std::uint32_t slots = store_->working().block_slots(column_id);
    const std::uint32_t block = below(store_->working().block_count(column_id));
    const std::uint32_t width = width_of(column.type);
    const std::uint32_t how = below(3);
    std::vector<std::byte> old(std::size_t{slots} * width);
    if (const std::byte* data = store_->working().block(column_id, block))
        std::memcpy(old.data(), data, old.size());
    std::byte* data =
        how == 0 ? store_->write_block(column_id, block) : store_->replace_block(column_id, block);
    std::memcpy(data, old.data(), old.size());
    if (how == 1)
        return store_->keep_block(column_id, block);
    const std::string value = random_value(column.type);
    const auto end = component->rows.lower_bound((block + 1) * slots);
    for (auto row = component->rows.lower_bound(block * slots); row != end; ++row) {
        row->second.version = working_.tick;
        if (!row->second.values[column.key])
            continue;
        std::memcpy(data + std::size_t{row->first % slots} * width, value.data(), width);
        row->second.values[column.key] = value;
    }
    store_->mark_block(id, block);
}

ColumnDefinition StoreProgram::new_column() {
    constexpr ColumnType types[] = {
        ColumnType::i32,  ColumnType::value, ColumnType::f64, ColumnType::boolean, ColumnType::i16,
        ColumnType::i64,  ColumnType::f32,   ColumnType::i8,  ColumnType::code,    ColumnType::bytes16,
        ColumnType::span, ColumnType::value, ColumnType::i32};
    ColumnDefinition out;
    out.type = types[below(std::size(types))];
    out.key = next_key_++;
    out.name = "column" + std::to_string(out.key);
    out.index = static_cast<IndexKind>(below(has_order(out.type) ? 3 : 2));
    if (below(2) == 0)
        out.fill = random_value(out.type);
    return out;
}

void StoreProgram::change_definition(ModelComponent& component) {
    auto& columns = component.definition.columns;
    const std::uint32_t choice = below(6);
    if (choice < 3 && columns.size() < 6) {
        const ColumnDefinition added = new_column();
        for (auto& [slot, row] : component.rows)
            row.values[added.key] = added.fill;
        columns.push_back(added);
        return;
    }
    if (columns.empty())
        return;
    const std::uint32_t at = below(static_cast<std::uint32_t>(columns.size()));
    if (choice == 3) {
        for (auto& [slot, row] : component.rows)
            row.values.erase(columns[at].key);
        columns.erase(columns.begin() + at);
    } else if (choice == 4) {
        columns[at].name += "x";
    } else {
        columns[at].index = static_cast<IndexKind>(below(has_order(columns[at].type) ? 3 : 2));
    }
}

void StoreProgram::change_layout() {
    ensure_tick();
    if (at_savepoint_)
        return;
    const std::uint32_t choice = below(8);
    if (working_.components.empty() || (choice < 2 && working_.components.size() < 4)) {
        ModelComponent component;
        component.definition.key = static_cast<std::uint64_t>(next_key_++);
        component.definition.name = "component" + std::to_string(component.definition.key);
        component.definition.space = below(4) == 0 ? cell_space : entity_space;
        if (component.is_dense())
            for (std::uint32_t slot = 0; slot < cells; ++slot)
                component.rows[slot] = {};
        for (std::uint32_t i = below(4); i-- > 0;) {
            const ColumnDefinition added = new_column();
            for (auto& [slot, row] : component.rows)
                row.values[added.key] = added.fill;
            component.definition.columns.push_back(added);
        }
        working_.components[component.definition.key] = component;
    } else if (choice == 2) {
        working_.components.erase(any_component()->definition.key);
    } else if (choice == 3) {
        ++working_.incarnation;
    } else {
        change_definition(*any_component());
    }
    if (const auto change = plan_layout_change(store_->working(), working_.definition()))
        store_->change_layout(*change);
}

} // namespace gamelan::store
