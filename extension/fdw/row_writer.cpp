#include "extension/fdw/row_writer.hpp"

#include "core/grid/planet.hpp"
#include "extension/pg/definition.hpp"
#include "extension/pg/reading.hpp"
#include "extension/pg/transaction.hpp"

#include <algorithm>
#include <cstring>

namespace gamelan::fdw {

namespace {

using codec::RowOperation;

} // namespace

RowWriter::RowWriter(std::shared_ptr<const TableInfo> table, RowOperation operation,
                     std::span<const AttrNumber> columns, std::span<const AttrNumber> guards,
                     bool has_version, std::size_t leading)
    : table_(std::move(table)),
      columns_(columns.begin(), columns.end()), guarding_{nullptr, {guards.begin(), guards.end()}} {
    codec::RowGroup group;
    group.operation = operation;
    group.component = table_->component;
    group.incarnation = table_->incarnation;
    group.key = table_->relation;
    group.has_version = has_version;
    group.guards = describe(guarding_.guards);
    group.columns = describe(columns_);
    group.leading_columns = static_cast<std::uint32_t>(leading);
    guarding_.group = std::make_shared<const codec::RowGroup>(std::move(group));
}

std::vector<codec::RowColumn> RowWriter::describe(std::span<const AttrNumber> numbers) const {
    std::vector<codec::RowColumn> out;
    for (const AttrNumber number : numbers) {
        const ColumnInfo& column = table_->columns[static_cast<std::size_t>(number - 1)];
        out.push_back({column.name, column.codec.stored, number});
    }
    return out;
}

RowWriter::Place RowWriter::place_of(std::int64_t world, std::int64_t handle) const {
    if (known_.world != world ||
        pg::region().control(known_.slot).world_id.load(std::memory_order_relaxed) != world) {
        const std::optional<store::WorldSlot> slot = find_world(world, table_->game);
        if (!slot)
            throw Error(sqlstate::undefined_world,
                        "world " + std::to_string(world) + " does not exist, or plays another game",
                        "Component \"" + table_->component + "\" belongs to the game of its schema.",
                        "SELECT id, name, game FROM game.world lists the worlds; one that this transaction "
                        "created is there after COMMIT.");
        known_ = {};
        known_.world = world;
        known_.slot = *slot;
    }
    if (!table_->is_cells)
        return {known_.slot, static_cast<std::uint64_t>(handle)};
    const grid::Planet* planet = pg::rules_of(known_.slot, world).planet();
    if (planet == nullptr)
        throw Error(sqlstate::undefined_cell, "world " + std::to_string(world) + " has no cells", {},
                    "Create worlds with \"n\" in their config for a planet of 10n² + 2 cells.");
    return {known_.slot, planet->slot_of(handle)};
}

// The newest version; what is known of its layout is brought up to date.
std::optional<store::Snapshot> RowWriter::published(const Place& place, std::int64_t world) const {
    if (pg::region().control(place.slot).world_id.load() != world)
        return std::nullopt;
    store::Snapshot snapshot = pg::past::readable(place.slot, world);
    if (known_.layout_version != snapshot.layout_version() || pg::past::wanted()) {
        known_.planes = store::entity_planes(snapshot);
        known_.component = find_component(*table_, snapshot);
        known_.layout_version = snapshot.layout_version();
    }
    return snapshot;
}

std::string RowWriter::row_name(std::int64_t handle) const {
    return (table_->is_cells ? "cell " : "entity ") + std::to_string(handle);
}

RowWriter::Life RowWriter::life_of(const store::Snapshot& snapshot, const Place& place,
                                   std::int64_t world) const {
    if (const std::optional<bool> own = pg::transaction::own_row({world, 0, place.handle}))
        return *own ? Life::alive : Life::dead;
    if (!known_.planes)
        return Life::dead;
    const store::Entity entity{place.handle};
    if (store::find_entity(snapshot, *known_.planes, entity))
        return Life::alive;
    // An entity whose spawn has been committed, and waits for a tick.
    const std::uint32_t slot = entity.slot();
    const bool was_given_out = slot != 0 && slot < pg::runtime(place.slot).entities.next_slot;
    const bool is_new = slot >= snapshot.slot_count(known_.planes->space);
    const std::uint32_t generation =
        is_new ? 0 : snapshot.get<std::uint32_t>(known_.planes->generation, slot);
    return was_given_out && generation == entity.generation() ? Life::pending : Life::dead;
}

bool RowWriter::is_there(const store::Snapshot& snapshot, const Place& place, std::int64_t world) const {
    if (const std::optional<bool> own = pg::transaction::own_row({world, table_->relation, place.handle}))
        return *own;
    return known_.component && snapshot.has_row(*known_.component, static_cast<std::uint32_t>(place.handle));
}

bool RowWriter::has_row(std::int64_t world, std::int64_t handle) {
    const Place place = place_of(world, handle);
    const pg::ReadPin pin;
    const auto snapshot = published(place, world);
    const bool found =
        snapshot && life_of(*snapshot, place, world) == Life::alive && is_there(*snapshot, place, world);
    pin.check();
    return found;
}

std::int64_t RowWriter::row_version(std::int64_t world, std::int64_t handle) const {
    const Place place = place_of(world, handle);
    const pg::ReadPin pin;
    const auto snapshot = published(place, world);
    std::int64_t version = -1;
    if (snapshot) {
        const bool exists = table_->is_cells ||
                            (known_.planes && store::find_entity(*snapshot, *known_.planes, {place.handle}));
        const auto slot = static_cast<std::uint32_t>(place.handle);
        if (known_.component && exists && snapshot->has_row(*known_.component, slot))
            version = static_cast<std::int64_t>(snapshot->row_version(*known_.component, slot));
        else if (!known_.component && table_->is_cells)
            version = 0; // the world has not taken the component in yet: all cells have their defaults
    }
    pin.check();
    return version;
}

// As far as it can be told now; what has changed by the tick that applies the row is that tick's to tell.
void RowWriter::check(const Place& place, const WriterRow& row) const {
    if (table_->is_cells)
        return;
    const pg::ReadPin pin;
    const auto snapshot = published(place, row.world);
    const Life life = snapshot ? life_of(*snapshot, place, row.world) : Life::dead;
    const bool there = life == Life::alive && is_there(*snapshot, place, row.world);
    pin.check();
    if (life == Life::dead)
        throw Error(
            sqlstate::undefined_entity,
            "entity " + std::to_string(row.handle) + " does not exist in world " + std::to_string(row.world),
            "It never did, or it was despawned.", "game.spawn() makes entities; game.entity lists them.");
    if (guarding_.group->operation == RowOperation::insert && there)
        throw Error(sqlstate::unique_violation,
                    row_name(row.handle) + " already has a row in component \"" + table_->component + "\"",
                    {}, "UPDATE it, or use game.put(), which does either.");
    if (!there && (guarding_.group->operation == RowOperation::update ||
                   guarding_.group->operation == RowOperation::remove))
        throw Error(sqlstate::serialization_failure,
                    "the row of " + row_name(row.handle) + " in component \"" + table_->component +
                        "\" is gone",
                    {}, "Read again and repeat the change.");
}

// A world that has not taken in a column yet holds its default in every row: there is nothing to guard.
const RowWriter::Guarding& RowWriter::guarding_in(const TablePlace* place) {
    const auto is_missing = [place](AttrNumber number) {
        return place->columns[static_cast<std::size_t>(number - 1)].values == store::none;
    };
    const auto& all = guarding_.guards;
    if (place == nullptr || std::none_of(all.begin(), all.end(), is_missing))
        return guarding_;
    if (lagging_.group == nullptr || lagging_layout_ != place->layout_version) {
        lagging_.guards = all;
        std::erase_if(lagging_.guards, is_missing);
        codec::RowGroup group = *guarding_.group;
        group.guards = describe(lagging_.guards);
        lagging_.group = std::make_shared<const codec::RowGroup>(std::move(group));
        lagging_layout_ = place->layout_version;
    }
    return lagging_;
}

void RowWriter::put_guard(ByteWriter& out, const store::Snapshot& snapshot, const TablePlace& place,
                          AttrNumber number, std::uint32_t slot) const {
    const store::ColumnId id{place.columns[static_cast<std::size_t>(number - 1)].values};
    const ColumnType type = table_->columns[static_cast<std::size_t>(number - 1)].codec.stored;
    codec::RowValue value;
    value.is_null = snapshot.is_null(id, slot);
    std::byte fixed[16] = {};
    if (type == ColumnType::value) {
        const auto held = snapshot.get<store::ValueSlot>(id, slot);
        std::memcpy(fixed, &held, sizeof held);
        // Contents in place lie in the copy.
        value.bytes = held.is_inline()
                          ? std::string_view(reinterpret_cast<const char*>(fixed) + 4, held.bytes)
                          : snapshot.contents(held);
    } else {
        const std::uint32_t slots = snapshot.block_slots(id);
        const std::uint32_t width = width_of(type);
        if (const std::byte* data = snapshot.block(id, slot / slots))
            std::memcpy(fixed, data + std::size_t{slot % slots} * width, width);
        value.bytes = {reinterpret_cast<const char*>(fixed), width};
    }
    codec::WriteSetWriter::put_value(out, type, value);
}

// What the row must still be like. Returns the group that says so.
std::shared_ptr<const codec::RowGroup> RowWriter::put_guards(ByteWriter& out, const Place& place,
                                                             const WriterRow& row) {
    const bool has_version = guarding_.group->has_version;
    if (guarding_.guards.empty() && !has_version)
        return guarding_.group;
    const auto snapshot = const_cast<View*>(row.view)->version(place.slot, row.world);
    if (!snapshot)
        throw Error(sqlstate::undefined_world, "world " + std::to_string(row.world) + " went away");
    const auto slot = static_cast<std::uint32_t>(place.handle);
    const auto table_place = table_->place_in(place.slot, row.world, *snapshot, *row.view);
    if (has_version) {
        const auto component = find_component(*table_, *snapshot);
        codec::WriteSetWriter::put_version(out, component ? snapshot->row_version(*component, slot) : 0);
    }
    const Guarding& guarding = guarding_in(table_place.get());
    for (const AttrNumber number : guarding.guards)
        put_guard(out, *snapshot, *table_place, number, slot);
    row.view->check();
    return guarding.group;
}

void RowWriter::put_values(ByteWriter& out, const WriterRow& row) const {
    for (std::size_t i = 0; i < columns_.size(); ++i)
        codec::WriteSetWriter::put_value(out, guarding_.group->columns[i].type,
                                         {row.values[i].is_null, row.values[i].encoded.view()});
}

void RowWriter::queue(const WriterRow& row) {
    const Place place = place_of(row.world, row.handle);
    check(place, row);
    ByteWriter packed;
    codec::WriteSetWriter::put_handle(packed, place.handle);
    const auto group = put_guards(packed, place, row);
    put_values(packed, row);
    pg::transaction::queue_row(row.world, group, packed.view());
    if (!table_->is_cells && guarding_.group->operation != RowOperation::update)
        pg::transaction::note_row({row.world, table_->relation, place.handle},
                                  guarding_.group->operation != RowOperation::remove);
}

std::string RowWriter::pack(const WriterRow& row, std::uint64_t version) {
    const Place place = place_of(row.world, row.handle);
    ByteWriter packed;
    codec::WriteSetWriter::put_handle(packed, place.handle);
    if (guarding_.group->has_version)
        codec::WriteSetWriter::put_version(packed, version);
    put_values(packed, row);
    ByteWriter out;
    codec::WriteSetWriter::put_group(out, *guarding_.group, 1, packed.view());
    return out.take();
}

} // namespace gamelan::fdw
