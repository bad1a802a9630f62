#include "core/store/snapshot.hpp"

#include "core/base/hash.hpp"

#include <algorithm>
#include <string>

namespace gamelan::store {

namespace {

// The state hash is a sum over groups of 64 slots, so that it does not depend on the size of blocks.
constexpr std::uint32_t hash_group_slots = 64;

bool is_all_zero(const std::byte* data, std::size_t bytes) {
    return data[0] == std::byte{0} && std::memcmp(data, data + 1, bytes - 1) == 0;
}

} // namespace

RootParts root_parts(const RootHeader& root) {
    RootParts out{};
    out.states = sizeof(RootHeader);
    out.tables = out.states + root.space_count * sizeof(SpaceState);
    const std::size_t tables_bytes = root.column_count * sizeof(Ref);
    out.indexes = out.tables + (tables_bytes + 7) / 8 * 8;
    out.bytes = out.indexes + root.index_count * sizeof(IndexState);
    return out;
}

LayoutParts layout_parts(const RootHeader& root) {
    LayoutParts out{};
    out.components = root.space_count * sizeof(SpaceSpec);
    out.columns = out.components + root.component_count * sizeof(ComponentSpec);
    out.bytes = out.columns + root.column_count * sizeof(ColumnSpec);
    return out;
}

std::uint32_t Snapshot::checked(std::uint32_t index, std::uint32_t count) {
    if (index >= count)
        throw Error(sqlstate::internal, "there is no such space, component or column in this world");
    return index;
}

std::optional<Snapshot> Snapshot::current(const Region& region, WorldSlot world) {
    const Ref root{region.control(world).root.load()};
    if (!root)
        return std::nullopt;
    return Snapshot(region, root);
}

Snapshot Snapshot::at(const Region& region, Ref root) {
    return Snapshot(region, root);
}

Snapshot::Snapshot(const Region& region, Ref root) : region_(region), root_ref_(root) {
    const std::byte* data =
        region_.resolve(root, sizeof(BlockHeader) + sizeof(RootHeader)) + sizeof(BlockHeader);
    root_ = reinterpret_cast<const RootHeader*>(data);
    if (root_->space_count > max_spaces || root_->component_count > max_components ||
        root_->column_count > max_columns || root_->index_count > max_columns)
        throw Error(sqlstate::snapshot_too_old, "snapshot too old");
    const RootParts parts = root_parts(*root_);
    (void)region_.resolve(root, sizeof(BlockHeader) + parts.bytes);
    states_ = reinterpret_cast<const SpaceState*>(data + parts.states);
    tables_ = reinterpret_cast<const Ref*>(data + parts.tables);
    indexes_ = reinterpret_cast<const IndexState*>(data + parts.indexes);
    const LayoutParts layout_parts = store::layout_parts(*root_);
    const std::byte* layout =
        region_.resolve(root_->layout, sizeof(BlockHeader) + layout_parts.bytes) + sizeof(BlockHeader);
    spaces_ = reinterpret_cast<const SpaceSpec*>(layout);
    components_ = reinterpret_cast<const ComponentSpec*>(layout + layout_parts.components);
    columns_ = reinterpret_cast<const ColumnSpec*>(layout + layout_parts.columns);
}

std::optional<SpaceId> Snapshot::find_space(std::string_view name) const {
    for (std::uint32_t i = 0; i < root_->space_count; ++i)
        if (name == text_of(spaces_[i].name))
            return SpaceId{i};
    return std::nullopt;
}

std::optional<ComponentId> Snapshot::find_component(std::string_view name) const {
    for (std::uint32_t i = 0; i < root_->component_count; ++i)
        if (name == text_of(components_[i].name))
            return ComponentId{i};
    return std::nullopt;
}

std::optional<ColumnId> Snapshot::find_column(std::string_view name) const {
    for (std::uint32_t i = 0; i < root_->column_count; ++i)
        if (name == text_of(columns_[i].name))
            return ColumnId{i};
    return std::nullopt;
}

std::optional<ColumnId> Snapshot::find_column(ComponentId component, std::string_view name) const {
    const ComponentSpec& spec = this->component(component);
    const std::size_t prefix = text_of(spec.name).size() + 1;
    for (std::uint32_t i = 0; i < spec.column_count; ++i) {
        const ColumnId id{spec.first_column + 2 * i};
        const std::string_view full = text_of(column(id).name);
        if (full.size() == prefix + name.size() && full.substr(prefix) == name)
            return id;
    }
    return std::nullopt;
}

std::optional<ColumnId> Snapshot::find_column(ComponentId component, std::int32_t key) const {
    const ComponentSpec& spec = this->component(component);
    for (std::uint32_t i = 0; i < spec.column_count; ++i) {
        const ColumnId id{spec.first_column + 2 * i};
        if (column(id).key == key)
            return id;
    }
    return std::nullopt;
}

Ref Snapshot::block_ref(ColumnId id, std::uint32_t index) const {
    checked(index, block_count(id));
    const Ref table_ref = tables_[id.value];
    if (!table_ref)
        return {};
    if (block_header(table_ref).data_bytes < (index + 1) * sizeof(Ref))
        return {}; // the space grew, and nothing was written there
    const std::byte* table =
        region_.resolve(table_ref, sizeof(BlockHeader) + (index + 1) * sizeof(Ref)) + sizeof(BlockHeader);
    Ref ref;
    std::memcpy(&ref, table + index * sizeof(Ref), sizeof ref);
    return ref;
}

std::span<const Ref> Snapshot::block_table(ColumnId id) const {
    const std::uint32_t blocks = block_count(id);
    const Ref ref = tables_[id.value];
    if (!ref)
        return {};
    const std::size_t entries = std::min<std::size_t>(blocks, block_header(ref).data_bytes / sizeof(Ref));
    const std::byte* table =
        region_.resolve(ref, sizeof(BlockHeader) + entries * sizeof(Ref)) + sizeof(BlockHeader);
    return {reinterpret_cast<const Ref*>(table), entries};
}

std::uint64_t Snapshot::table_sequence(ColumnId id) const {
    const Ref ref = tables_[checked(id.value, root_->column_count)];
    return ref ? block_header(ref).sequence : 0;
}

const std::byte* Snapshot::block(ColumnId id, std::uint32_t index) const {
    const Ref ref = block_ref(id, index);
    if (!ref)
        return nullptr;
    const std::size_t bytes = block_bytes(column(id).type, block_slots(id));
    return region_.resolve(ref, sizeof(BlockHeader) + bytes) + sizeof(BlockHeader);
}

const std::byte* Snapshot::block(ColumnId id, std::uint32_t index, std::byte* room) const {
    const Ref ref = column(id).type == ColumnType::version ? block_ref(id, index) : Ref{};
    if (!ref)
        return block(id, index);
    const std::uint32_t slots = block_slots(id);
    const BlockHeader& header = block_header(ref);
    if (header.data_bytes == shared_version_bytes) {
        write_out_shared(id, index, ref, room);
        return room;
    }
    if (header.data_bytes != age_bytes(slots))
        return block(id, index);
    const std::byte* ages =
        region_.resolve(ref, sizeof(BlockHeader) + age_bytes(slots)) + sizeof(BlockHeader);
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        VersionAge age;
        std::memcpy(&age, ages + slot * sizeof age, sizeof age);
        const std::uint64_t version = version_of(header.zone_least, age);
        std::memcpy(room + slot * sizeof version, &version, sizeof version);
    }
    return room;
}

// Slots without a row have no version.
void Snapshot::write_out_shared(ColumnId id, std::uint32_t index, Ref ref, std::byte* room) const {
    std::uint64_t shared;
    std::memcpy(&shared, region_.resolve(ref, sizeof(BlockHeader) + sizeof shared) + sizeof(BlockHeader),
                sizeof shared);
    const std::uint32_t presence = component({column(id).component}).presence;
    const std::uint32_t slots = block_slots(id);
    const std::uint64_t* present = presence == none ? nullptr : bits({presence}, index);
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        const bool has = presence == none ? index * slots + slot < slot_count(id)
                                          : present && (present[slot / 64] >> slot % 64 & 1) != 0;
        const std::uint64_t version = has ? shared : 0;
        std::memcpy(room + slot * sizeof version, &version, sizeof version);
    }
}

const BlockHeader& Snapshot::block_header(Ref ref) const {
    return *reinterpret_cast<const BlockHeader*>(region_.resolve(ref, sizeof(BlockHeader)));
}

std::optional<Zone> Snapshot::zone(ColumnId id, std::uint32_t index) const {
    if (!has_order(column(id).type))
        return std::nullopt;
    const Ref ref = block_ref(id, index);
    if (!ref) {
        static constexpr std::byte zero[64] = {};
        const std::uint64_t key = order_key(column(id).type, zero);
        return Zone{key, key};
    }
    const BlockHeader& header = block_header(ref);
    if (header.zone_is_known == 0)
        return std::nullopt;
    return Zone{header.zone_least, header.zone_greatest};
}

bool Snapshot::bit(ColumnId plane, std::uint32_t slot) const {
    const std::uint32_t slots = block_slots(plane);
    const std::uint64_t* words = bits(plane, slot / slots);
    return words && (words[slot % slots / 64] >> slot % 64 & 1) != 0;
}

bool Snapshot::has_row(ComponentId id, std::uint32_t slot) const {
    const ComponentSpec& spec = component(id);
    return slot < slot_count(SpaceId{spec.space}) && (spec.presence == none || bit({spec.presence}, slot));
}

bool Snapshot::is_null(ColumnId id, std::uint32_t slot) const {
    const std::uint32_t nulls = column(id).nulls;
    return nulls != none && bit({nulls}, slot);
}

std::uint64_t Snapshot::row_version(ComponentId id, std::uint32_t slot) const {
    const ComponentSpec& spec = component(id);
    if (spec.version == none)
        return 0;
    const ColumnId plane{spec.version};
    const std::uint32_t slots = block_slots(plane);
    const Ref ref = block_ref(plane, slot / slots);
    if (!ref || !has_row(id, slot))
        return 0;
    const BlockHeader& header = block_header(ref);
    if (header.data_bytes == age_bytes(slots)) {
        const std::size_t place = sizeof(BlockHeader) + slot % slots * sizeof(VersionAge);
        VersionAge age;
        std::memcpy(&age, region_.resolve(ref, place + sizeof age) + place, sizeof age);
        return version_of(header.zone_least, age);
    }
    const bool is_shared = header.data_bytes == shared_version_bytes;
    const std::size_t place = sizeof(BlockHeader) + (is_shared ? 0 : slot % slots) * sizeof(std::uint64_t);
    std::uint64_t version;
    std::memcpy(&version, region_.resolve(ref, place + sizeof version) + place, sizeof version);
    return version;
}

std::string_view Snapshot::contents(const ValueSlot& slot) const {
    if (slot.is_inline())
        return {reinterpret_cast<const char*>(slot.body), slot.bytes};
    const std::byte* data = region_.resolve(slot.block(), sizeof(BlockHeader) + slot.bytes);
    return {reinterpret_cast<const char*>(data + sizeof(BlockHeader)), slot.bytes};
}

std::string Snapshot::get_value(ColumnId id, std::uint32_t slot) const {
    const auto value = get<ValueSlot>(id, slot);
    return std::string(contents(value));
}

std::string Snapshot::get_text(ColumnId id, std::uint32_t slot) const {
    char value[64] = {};
    const std::uint32_t width = std::min<std::uint32_t>(column(id).width_bytes, sizeof value);
    const std::uint32_t slots = block_slots(id);
    if (const std::byte* data = block(id, slot / slots))
        std::memcpy(value, data + slot % slots * width, width);
    return {value, strnlen(value, width)};
}

std::uint64_t Snapshot::block_hash(ColumnId id, std::uint32_t index) const {
    const ColumnSpec& spec = column(id);
    alignas(8) std::byte room[max_block_slots * sizeof(std::uint64_t)];
    const std::byte* data = block(id, index, room);
    const std::size_t group_bytes = block_bytes(spec.type, hash_group_slots);
    const std::uint32_t groups = block_slots(id) / hash_group_slots;
    std::uint64_t sum = 0;
    for (std::uint32_t g = 0; g < groups; ++g) {
        const std::byte* group = data + g * group_bytes;
        if (is_all_zero(group, group_bytes))
            continue;
        ValueSlot values[hash_group_slots];
        if (spec.type == ColumnType::value) {
            // Where a value lies is nobody's business; its hash is in the slot.
            std::memcpy(values, group, group_bytes);
            for (ValueSlot& value : values)
                if (!value.is_inline())
                    std::memset(value.body, 0, sizeof(Ref));
            group = reinterpret_cast<const std::byte*>(values);
        }
        const std::uint64_t place = static_cast<std::uint64_t>(index) * groups + g;
        sum += mix64(hash64({reinterpret_cast<const char*>(group), group_bytes}, spec.name_hash + place));
    }
    return sum;
}

// A reader must not write here: were its pin taken away, the block might be another's by now.
std::uint64_t Snapshot::kept_block_hash(ColumnId id, std::uint32_t index, Ref ref, Shares shares) const {
    auto& header = const_cast<BlockHeader&>(block_header(ref));
    const std::uint64_t name = column(id).name_hash;
    if (header.hash_is_known.load(std::memory_order_acquire) != 0) {
        const std::uint64_t kept = header.state_hash.load(std::memory_order_relaxed);
        if ((kept ^ header.hash_tag.load(std::memory_order_relaxed)) == name)
            return kept;
    }
    const std::uint64_t share = block_hash(id, index);
    if (shares == Shares::use)
        return share;
    header.state_hash.store(share, std::memory_order_relaxed);
    header.hash_tag.store(share ^ name, std::memory_order_relaxed);
    header.hash_is_known.store(1, std::memory_order_release);
    return share;
}

std::uint64_t Snapshot::hash(Shares shares) const {
    std::uint64_t sum = mix64(root_->tick + 1);
    const auto is_hidden = [&](std::uint32_t space) { return text_of(spaces_[space].name) == engine_space; };
    for (std::uint32_t s = 0; s < root_->space_count; ++s)
        if (!is_hidden(s))
            sum += mix64(hash64(spaces_[s].name) + states_[s].slot_count);
    for (std::uint32_t c = 0; c < root_->column_count; ++c)
        for (std::uint32_t b = 0; !is_hidden(columns_[c].space) && b < block_count(ColumnId{c}); ++b)
            if (const Ref ref = block_ref({c}, b))
                sum +=
                    shares == Shares::recompute ? block_hash({c}, b) : kept_block_hash({c}, b, ref, shares);
    return mix64(sum);
}

std::uint64_t Snapshot::state_hash() const {
    return hash(Shares::recompute);
}

std::uint64_t Snapshot::state_hash_kept() const {
    return hash(Shares::keep);
}

std::uint64_t Snapshot::state_hash_of_shares() const {
    return hash(Shares::use);
}

void add_entity_components(Layout& layout) {
    ComponentDefinition entity{std::string(entity_component), std::string(entity_space), 0, {}};
    entity.columns = {{"created", ColumnType::i64, {}, 0, {}}, {"template", ColumnType::value, {}, 0, {}}};
    layout.add_component(entity, false);
    ComponentDefinition slot{std::string(entity_slot_component), std::string(entity_space), 0, {}};
    slot.columns = {{"generation", ColumnType::i32, {}, 0, {}}};
    layout.add_component(slot, true);
}

std::optional<EntityPlanes> entity_planes(const Snapshot& snapshot) {
    const auto component = snapshot.find_component(entity_component);
    const auto slots = snapshot.find_component(entity_slot_component);
    if (!component || !slots)
        return std::nullopt;
    const auto generation = snapshot.find_column(*slots, "generation");
    const auto created = snapshot.find_column(*component, "created");
    const auto source = snapshot.find_column(*component, "template");
    if (!generation || !created || !source)
        return std::nullopt;
    return EntityPlanes{{snapshot.component(*component).space}, *component, *generation, *created, *source};
}

std::optional<std::uint32_t> find_entity(const Snapshot& snapshot, const EntityPlanes& planes,
                                         Entity entity) {
    const std::uint32_t slot = entity.slot();
    if (slot == 0 || !snapshot.has_row(planes.component, slot) ||
        snapshot.get<std::uint32_t>(planes.generation, slot) != entity.generation())
        return std::nullopt;
    return slot;
}

namespace {

template <class T>
std::uint64_t integer_key(const std::byte* value) {
    T number;
    std::memcpy(&number, value, sizeof number);
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(number)) ^ 1ULL << 63;
}

// IEEE bits of positive numbers sort as they are, those of negative ones backwards.
std::uint64_t float_key(double number) {
    if (number != number)
        return ~std::uint64_t{0};
    number = number == 0 ? 0.0 : number;
    std::uint64_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    return bits >> 63 != 0 ? ~bits : bits | 1ULL << 63;
}

template <class T>
std::uint64_t float_key(const std::byte* value) {
    T number;
    std::memcpy(&number, value, sizeof number);
    return float_key(static_cast<double>(number));
}

std::uint64_t value_key(const std::byte* value) {
    ValueSlot slot;
    std::memcpy(&slot, value, sizeof slot);
    return slot.is_inline() ? hash64({reinterpret_cast<const char*>(slot.body), slot.bytes}) : slot.hash();
}

// Intervals are equal when their lengths are, with months of 30 days and days of 24 hours.
std::uint64_t span_key(const std::byte* value) {
    constexpr std::int64_t microseconds_per_day = 86400000000;
    std::int64_t microseconds;
    std::int32_t days, months;
    std::memcpy(&microseconds, value, sizeof microseconds);
    std::memcpy(&days, value + 8, sizeof days);
    std::memcpy(&months, value + 12, sizeof months);
    const std::int64_t whole_days =
        std::int64_t{days} + std::int64_t{months} * 30 + microseconds / microseconds_per_day;
    std::int64_t length[2] = {whole_days, microseconds % microseconds_per_day};
    if (length[1] < 0) {
        --length[0];
        length[1] += microseconds_per_day;
    }
    return hash64({reinterpret_cast<const char*>(length), sizeof length});
}

} // namespace

std::uint64_t order_key(ColumnType type, const std::byte* value) {
    switch (type) {
    case ColumnType::boolean:
    case ColumnType::u8:
        return integer_key<std::uint8_t>(value);
    case ColumnType::i8:
        return integer_key<std::int8_t>(value);
    case ColumnType::i16:
        return integer_key<std::int16_t>(value);
    case ColumnType::i32:
        return integer_key<std::int32_t>(value);
    case ColumnType::i64:
        return integer_key<std::int64_t>(value);
    case ColumnType::f32:
        return float_key<float>(value);
    case ColumnType::f64:
        return float_key<double>(value);
    case ColumnType::code:
        return integer_key<std::uint32_t>(value);
    case ColumnType::value:
        return value_key(value);
    case ColumnType::span:
        return span_key(value);
    default:
        return hash64({reinterpret_cast<const char*>(value), width_of(type)});
    }
}

} // namespace gamelan::store
