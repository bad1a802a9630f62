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

std::uint32_t Snapshot::checked(std::uint32_t index, std::uint32_t count) {
    if (index >= count)
        throw Error(sqlstate::internal, "there is no such space or column in this world");
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
    if (root_->space_count > max_spaces || root_->column_count > max_columns)
        throw Error(sqlstate::snapshot_too_old, "snapshot too old");
    const std::size_t states_bytes = root_->space_count * sizeof(SpaceState);
    const std::size_t spaces_bytes = root_->space_count * sizeof(SpaceSpec);
    (void)region_.resolve(root, sizeof(BlockHeader) + sizeof(RootHeader) + states_bytes +
                                    root_->column_count * sizeof(Ref));
    data += sizeof(RootHeader);
    states_ = reinterpret_cast<const SpaceState*>(data);
    tables_ = reinterpret_cast<const Ref*>(data + states_bytes);
    const std::byte* layout = region_.resolve(root_->layout, sizeof(BlockHeader) + spaces_bytes +
                                                                 root_->column_count * sizeof(ColumnSpec)) +
                              sizeof(BlockHeader);
    spaces_ = reinterpret_cast<const SpaceSpec*>(layout);
    columns_ = reinterpret_cast<const ColumnSpec*>(layout + spaces_bytes);
}

std::optional<ColumnId> Snapshot::find_column(std::string_view name) const {
    for (std::uint32_t i = 0; i < root_->column_count; ++i)
        if (name == std::string_view(columns_[i].name, strnlen(columns_[i].name, sizeof columns_[i].name)))
            return ColumnId{i};
    return std::nullopt;
}

Ref Snapshot::block_ref(ColumnId id, std::uint32_t index) const {
    checked(index, block_count(id));
    const std::byte* table =
        region_.resolve(tables_[id.value], sizeof(BlockHeader) + (index + 1) * sizeof(Ref)) +
        sizeof(BlockHeader);
    Ref ref;
    std::memcpy(&ref, table + index * sizeof(Ref), sizeof ref);
    return ref;
}

const std::byte* Snapshot::block(ColumnId id, std::uint32_t index) const {
    const Ref ref = block_ref(id, index);
    if (!ref)
        return nullptr;
    const std::size_t bytes = static_cast<std::size_t>(block_slots(id)) * column(id).width_bytes;
    return region_.resolve(ref, sizeof(BlockHeader) + bytes) + sizeof(BlockHeader);
}

const BlockHeader& Snapshot::block_header(Ref ref) const {
    return *reinterpret_cast<const BlockHeader*>(region_.resolve(ref, sizeof(BlockHeader)));
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
    const std::byte* data = block(id, index);
    const std::size_t group_bytes = static_cast<std::size_t>(hash_group_slots) * spec.width_bytes;
    const std::uint32_t groups = block_slots(id) / hash_group_slots;
    std::uint64_t sum = 0;
    for (std::uint32_t g = 0; g < groups; ++g) {
        const std::byte* group = data + g * group_bytes;
        if (is_all_zero(group, group_bytes))
            continue;
        const std::uint64_t place = static_cast<std::uint64_t>(index) * groups + g;
        sum += mix64(hash64({reinterpret_cast<const char*>(group), group_bytes}, spec.name_hash + place));
    }
    return sum;
}

// A reader must not write here: were its pin taken away, the block might be another's by now.
std::uint64_t Snapshot::kept_block_hash(ColumnId id, std::uint32_t index, Ref ref) const {
    auto& header = const_cast<BlockHeader&>(block_header(ref));
    if (header.hash_is_known.load(std::memory_order_acquire) != 0)
        return header.state_hash.load(std::memory_order_relaxed);
    const std::uint64_t share = block_hash(id, index);
    header.state_hash.store(share, std::memory_order_relaxed);
    header.hash_is_known.store(1, std::memory_order_release);
    return share;
}

std::uint64_t Snapshot::hash(Shares shares) const {
    std::uint64_t sum = mix64(root_->tick + 1);
    for (std::uint32_t s = 0; s < root_->space_count; ++s)
        sum += mix64(hash64(spaces_[s].name) + states_[s].slot_count);
    for (std::uint32_t c = 0; c < root_->column_count; ++c)
        for (std::uint32_t b = 0; b < block_count({c}); ++b)
            if (const Ref ref = block_ref({c}, b))
                sum += shares == Shares::keep ? kept_block_hash({c}, b, ref) : block_hash({c}, b);
    return mix64(sum);
}

std::uint64_t Snapshot::state_hash() const {
    return hash(Shares::recompute);
}

std::uint64_t Snapshot::state_hash_kept() const {
    return hash(Shares::keep);
}

} // namespace gamelan::store
