#include "extension/functions/spatial_index.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace gamelan::pg::spatial_index {

namespace {

// Which state of a world it was: the same stamp means the same state; another one nothing.
struct Stamp {
    bool is_in_tick;
    std::uint64_t number; // of the version, or of the state in the tick
    std::uint64_t tick;
    std::uint32_t root;
    bool operator==(const Stamp&) const = default;
};

struct Kept {
    IndexRequest request;
    std::uint64_t layout_version;
    Stamp stamp;
    std::optional<std::uint64_t> fingerprint; // none of a past state, whose blocks are counted anew
    std::shared_ptr<const spatial::GridIndex> points;
    std::shared_ptr<const spatial::CellIndex> cells;
    std::size_t bytes;
};

// The one used last comes first. Leaked on purpose: the process ends without running destructors of this
// library.
std::vector<Kept>& kept() {
    static auto& all = *new std::vector<Kept>;
    return all;
}

bool is_same(const IndexRequest& a, const IndexRequest& b) {
    return a.world_id == b.world_id && a.relation == b.relation && a.kind == b.kind &&
           a.pair_radius == b.pair_radius && a.column_count == b.column_count &&
           std::equal(a.columns, a.columns + a.column_count, b.columns);
}

Stamp stamp_of(const store::Snapshot& version) {
    if (TickScope::current() != nullptr)
        return {true, TickScope::state_number(), 0, 0};
    return {false, version.sequence(), version.tick(), version.root_ref().value};
}

Kept* find(const IndexRequest& request) {
    std::vector<Kept>& all = kept();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Kept& one) { return is_same(one.request, request); });
    if (found == all.end())
        return nullptr;
    std::rotate(all.begin(), found, found + 1);
    return &all.front();
}

void keep(Kept made) {
    std::vector<Kept>& all = kept();
    std::erase_if(all, [&](const Kept& one) { return is_same(one.request, made.request); });
    std::size_t bytes = made.bytes;
    std::size_t count = 0;
    while (count < all.size() && count + 1 < max_kept && bytes + all[count].bytes <= max_kept_bytes)
        bytes += all[count++].bytes;
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(count), all.end());
    all.insert(all.begin(), std::move(made));
}

// The planes of the request's columns; fewer when the world lacks one.
std::vector<store::ColumnId> planes_of(const IndexRequest& request, const fdw::TablePlace& place) {
    std::vector<store::ColumnId> out;
    for (std::uint32_t i = 0; i < request.column_count; ++i) {
        const std::uint32_t plane = place.columns[static_cast<std::size_t>(request.columns[i] - 1)].values;
        if (plane != store::none)
            out.push_back({plane});
    }
    return out;
}

void build(Kept& out, const store::Snapshot& version, const spatial::ComponentPlanes& planes,
           const std::vector<store::ColumnId>& columns, const fdw::View& view) {
    const IndexRequest& request = out.request;
    if (request.kind == Kind::cells) {
        const spatial::CellReader reader(version, planes, columns.front());
        view.check();
        auto members = reader.read();
        view.check();
        out.cells = std::make_shared<const spatial::CellIndex>(std::move(members));
        out.bytes = out.cells->memory_bytes();
        return;
    }
    const spatial::PointReader reader(version, planes, columns);
    view.check();
    spatial::Points points = reader.read();
    view.check();
    out.points = request.kind == Kind::pairs
                     ? std::make_shared<const spatial::GridIndex>(std::move(points), request.pair_radius)
                     : std::make_shared<const spatial::GridIndex>(std::move(points));
    out.bytes = out.points->memory_bytes();
}

store::Snapshot version_of(const IndexRequest& request, fdw::View& view) {
    const auto version = view.version(request.slot, request.world_id);
    if (!version)
        throw Error(sqlstate::world_not_running,
                    "world " + std::to_string(request.world_id) + " cannot be read here",
                    TickScope::current() != nullptr ? "A tick sees its own world only."
                                                    : "It has not published a tick yet.",
                    "Look at game.world and at the server log.");
    return *version;
}

// Null when there is nothing to index.
const Kept* look_up(const IndexRequest& request, const fdw::TableInfo& table, fdw::View& view) {
    const store::Snapshot version = version_of(request, view);
    const Stamp stamp = stamp_of(version);
    Kept* known = find(request);
    if (known != nullptr && known->stamp == stamp)
        return known;
    const auto place = table.place_in(request.slot, request.world_id, version, view);
    const std::vector<store::ColumnId> columns = planes_of(request, *place);
    if (!place->has_component || columns.size() < request.column_count)
        return nullptr;
    const spatial::ComponentPlanes planes{place->presence, {place->generation}};
    const auto fingerprint =
        view.moment() ? std::nullopt : std::optional(spatial::fingerprint(version, planes, columns));
    view.check();
    if (known != nullptr && fingerprint && known->fingerprint == fingerprint &&
        known->layout_version == place->layout_version) {
        known->stamp = stamp;
        return known;
    }
    Kept made{request, place->layout_version, stamp, fingerprint, {}, {}, 0};
    build(made, version, planes, columns, view);
    keep(std::move(made));
    return &kept().front();
}

} // namespace

std::shared_ptr<const spatial::GridIndex> points(const IndexRequest& request, const fdw::TableInfo& table,
                                                 fdw::View& view) {
    const Kept* found = look_up(request, table, view);
    return found != nullptr ? found->points : nullptr;
}

std::shared_ptr<const spatial::TickPoints> tick_points(const IndexRequest& request,
                                                       const fdw::TableInfo& table, fdw::View& view) {
    // A statement asks for each of its rows.
    struct Last {
        IndexRequest request{};
        std::uint64_t state = 0;
        std::shared_ptr<const spatial::TickPoints> points;
    };
    static auto& last = *new Last;
    IndexRequest wanted = request;
    wanted.kind = Kind::points;
    wanted.pair_radius = -1;
    if (last.state == TickScope::state_number() && is_same(last.request, wanted))
        return last.points;
    last = {};
    const store::Snapshot version = version_of(request, view);
    const auto place = table.place_in(request.slot, request.world_id, version, view);
    const std::vector<store::ColumnId> columns = planes_of(request, *place);
    std::shared_ptr<const spatial::TickPoints> points;
    if (place->has_component && columns.size() == request.column_count)
        points = std::make_shared<const spatial::TickPoints>(
            spatial::KeptGrids::of(TickScope::current()->context().store)
                .get(version, {place->presence, columns}),
            version, store::ColumnId{place->generation});
    last = {wanted, TickScope::state_number(), points};
    return points;
}

std::shared_ptr<const spatial::CellIndex> cells(const IndexRequest& request, const fdw::TableInfo& table,
                                                fdw::View& view) {
    const Kept* found = look_up(request, table, view);
    return found != nullptr ? found->cells : nullptr;
}

} // namespace gamelan::pg::spatial_index
