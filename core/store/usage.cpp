#include "core/store/usage.hpp"

#include <bit>

namespace gamelan::store {

namespace {

// An index node of 1 KiB holds 64 entries of 16 bytes, and is three quarters full on average.
constexpr std::uint64_t index_bytes_per_entry = 22;

std::uint64_t bytes_of(const Snapshot& snapshot, Ref block) {
    return sizeof(BlockHeader) + snapshot.block_header(block).data_bytes;
}

std::uint64_t value_bytes(const Snapshot& snapshot, ColumnId column, std::uint32_t index) {
    const std::byte* data = snapshot.block(column, index);
    std::uint64_t bytes = 0;
    for (std::uint32_t slot = 0; slot < snapshot.block_slots(column); ++slot) {
        ValueSlot value;
        std::memcpy(&value, data + slot * sizeof value, sizeof value);
        if (!value.is_inline())
            bytes += sizeof(BlockHeader) + value.bytes;
    }
    return bytes;
}

void add_plane(const Snapshot& snapshot, ColumnId column, ComponentUsage& out) {
    const ColumnSpec& spec = snapshot.column(column);
    std::uint64_t blocks = 0;
    for (std::uint32_t b = 0; b < snapshot.block_count(column); ++b) {
        const Ref block = snapshot.block_ref(column, b);
        if (!block)
            continue;
        ++blocks;
        out.block_bytes += bytes_of(snapshot, block);
        if (spec.type == ColumnType::value)
            out.value_bytes += value_bytes(snapshot, column, b);
    }
    if (blocks > 0)
        out.block_bytes += sizeof(BlockHeader) + snapshot.block_count(column) * sizeof(Ref);
    if (spec.index != none)
        out.index_bytes += snapshot.index(spec.index).entries * index_bytes_per_entry;
}

std::uint64_t count_rows(const Snapshot& snapshot, const ComponentSpec& component) {
    if (component.presence == none)
        return snapshot.slot_count(SpaceId{component.space});
    const ColumnId presence{component.presence};
    std::uint64_t rows = 0;
    for (std::uint32_t b = 0; b < snapshot.block_count(presence); ++b) {
        const std::uint64_t* words = snapshot.bits(presence, b);
        for (std::uint32_t w = 0; words != nullptr && w < snapshot.block_slots(presence) / 64; ++w)
            rows += static_cast<std::uint64_t>(std::popcount(words[w]));
    }
    return rows;
}

} // namespace

std::vector<ComponentUsage> usage_of(const Snapshot& snapshot) {
    std::vector<ComponentUsage> out(snapshot.component_count() + 1);
    for (std::uint32_t c = 0; c < snapshot.component_count(); ++c) {
        const ComponentSpec& spec = snapshot.component({c});
        out[c].name = text_of(spec.name);
        out[c].rows = count_rows(snapshot, spec);
    }
    for (std::uint32_t c = 0; c < snapshot.column_count(); ++c) {
        const std::uint32_t component = snapshot.column({c}).component;
        add_plane(snapshot, {c}, out[component == none ? out.size() - 1 : component]);
    }
    if (out.back().block_bytes == 0)
        out.pop_back();
    return out;
}

} // namespace gamelan::store
