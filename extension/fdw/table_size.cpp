#include "extension/fdw/table_size.hpp"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "extension/pg/bridge.hpp"

namespace gamelan::fdw {

namespace {

constexpr std::uint32_t sampled_worlds = 32;
constexpr std::uint32_t sampled_blocks = 256;
constexpr TimestampTz kept_us = 1000 * 1000;
constexpr TableSize assumed{1, 1000, 1024};

struct Kept {
    TimestampTz measured_at;
    TableSize size;
};

double count_rows(const store::Snapshot& snapshot, const TablePlace& place, std::uint32_t slots) {
    if (place.presence == store::none)
        return slots;
    const store::ColumnId presence{place.presence};
    const std::uint32_t blocks = snapshot.block_count(presence);
    const std::uint32_t sampled = std::min(blocks, sampled_blocks);
    double rows = 0;
    for (std::uint32_t i = 0; i < sampled; ++i) {
        const auto block = static_cast<std::uint32_t>(std::uint64_t{i} * blocks / sampled);
        if (const std::uint64_t* bits = snapshot.bits(presence, block))
            for (std::uint32_t w = 0; w < place.block_slots / 64; ++w)
                rows += std::popcount(bits[w]);
    }
    return sampled == 0 ? 0 : rows * blocks / sampled;
}

TableSize measure(const TableInfo& table) {
    std::vector<WorldPlace> worlds;
    list_worlds(table.game, worlds);
    const auto count = static_cast<std::uint32_t>(worlds.size());
    const std::uint32_t sampled = std::min(count, sampled_worlds);
    View view(pg::past::wanted());
    TableSize size{0, 0, 0};
    for (std::uint32_t i = 0; i < sampled; ++i) {
        const WorldPlace& world = worlds[std::uint64_t{i} * count / sampled];
        const auto snapshot = view.version(world.slot, world.id);
        if (!snapshot)
            continue;
        const auto place = table.place_in(world.slot, world.id, *snapshot, view);
        if (!place->has_space || (!place->has_component && !table.is_cells))
            continue;
        const std::uint32_t slots = snapshot->slot_count(store::SpaceId{place->space});
        size.slots += slots;
        size.rows += count_rows(*snapshot, *place, slots);
    }
    view.check();
    if (sampled > 0) {
        size.slots *= static_cast<double>(count) / sampled;
        size.rows *= static_cast<double>(count) / sampled;
    }
    size.worlds = std::max<double>(count, 1);
    return size;
}

} // namespace

TableSize size_of(const TableInfo& table) {
    static auto& kept = *new std::unordered_map<Oid, Kept>;
    if (pg::shared == nullptr || pg::shared->database_oid.load() != MyDatabaseId)
        return assumed;
    const TimestampTz now = GetCurrentTimestamp();
    return pg::sql_boundary([&] {
        const auto found = kept.find(table.relation);
        if (found != kept.end() && now >= found->second.measured_at &&
            now - found->second.measured_at < kept_us)
            return found->second.size;
        TableSize size = assumed;
        try {
            size = measure(table);
        } catch (const Error&) {
            // A guess is good enough for a plan; the scan will tell what is wrong.
        }
        kept[table.relation] = {now, size};
        return size;
    });
}

} // namespace gamelan::fdw
