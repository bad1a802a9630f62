#include "core/sim/apply_writes.hpp"

#include "core/codec/write_set.hpp"

#include <cstring>

namespace gamelan::sim {

namespace {

using codec::RowOperation;
using store::ColumnId;
using store::ComponentId;

// How often a long group asks whether memory is short.
constexpr std::uint64_t rows_between_looks = 1024;

class Applier {
  public:
    Applier(store::WorldStore& store, std::string_view bytes, std::vector<store::Entity>& freed,
            bool is_first)
        : store_(store), reader_(bytes), freed_(freed), is_first_(is_first) {}

    // Whether entities came back.
    bool run() {
        for (; reader_.next_group(); is_first_ = false) {
            resolve();
            for (std::uint64_t row = 0; reader_.rows_left() > 0; ++row) {
                if (row % rows_between_looks == 0)
                    store_.require_headroom();
                reader_.next_row();
                apply_row();
            }
        }
        return has_revived_;
    }

  private:
    struct Target {
        ColumnId column;
        ColumnType type;
    };

    const store::Snapshot& state() const { return store_.working(); }

    void resolve() {
        const codec::RowGroup& group = reader_.group();
        planes_ = store::entity_planes(state());
        targets_.clear();
        guards_.clear();
        if (is_of_whole_entities(group.operation)) {
            if (!planes_)
                throw Error(sqlstate::feature_not_supported, "the game of this world has no entities");
            return;
        }
        if (group.operation == RowOperation::expect)
            return;
        if (group.operation == RowOperation::set) {
            for (const codec::RowColumn& column : group.columns)
                targets_.push_back(resolve_plane(column));
            return;
        }
        const auto component = state().find_component(group.component);
        if (!component)
            throw Error(sqlstate::undefined_table,
                        "the component \"" + group.component + "\" does not exist any more");
        component_ = *component;
        targets_ = resolve_columns(group.columns);
        guards_ = resolve_columns(group.guards);
        others_.clear();
        const store::ComponentSpec& spec = state().component(component_);
        is_of_entities_ = spec.presence != store::none;
        for (std::uint32_t i = 0; i < spec.column_count; ++i) {
            const ColumnId id{spec.first_column + 2 * i};
            if (!is_target(id))
                others_.push_back(id);
        }
    }

    static bool is_of_whole_entities(RowOperation operation) {
        return operation == RowOperation::spawn || operation == RowOperation::despawn ||
               operation == RowOperation::revive;
    }

    Target resolve_plane(const codec::RowColumn& column) const {
        const auto id = state().find_column(column.name);
        if (!id || state().column(*id).component != store::none)
            throw Error(sqlstate::undefined_column, "column \"" + column.name + "\" does not exist any more");
        if (state().column(*id).type != column.type)
            throw Error(sqlstate::datatype_mismatch,
                        "column \"" + column.name + "\" has another type by now");
        if (column.type == ColumnType::value)
            throw Error(sqlstate::feature_not_supported,
                        "column \"" + column.name + "\" cannot be set by slot");
        return {*id, column.type};
    }

    std::vector<Target> resolve_columns(const std::vector<codec::RowColumn>& columns) const {
        std::vector<Target> out;
        for (const codec::RowColumn& column : columns) {
            const auto id = state().find_column(component_, column.name);
            const std::string name =
                "column \"" + column.name + "\" of component \"" + reader_.group().component + "\"";
            if (!id)
                throw Error(sqlstate::undefined_column, name + " does not exist any more");
            if (state().column(*id).type != column.type)
                throw Error(sqlstate::datatype_mismatch, name + " has another type by now");
            out.push_back({*id, column.type});
        }
        return out;
    }

    bool is_target(ColumnId id) const {
        for (const Target& target : targets_)
            if (target.column == id)
                return true;
        return false;
    }

    void apply_row() {
        switch (reader_.group().operation) {
        case RowOperation::spawn:
            spawn({reader_.handle()});
            return;
        case RowOperation::despawn:
            despawn({reader_.handle()});
            return;
        case RowOperation::revive:
            revive({reader_.handle()}, reader_.version());
            return;
        case RowOperation::expect:
            expect(reader_.handle());
            return;
        case RowOperation::set:
            set(reader_.handle());
            return;
        default:
            write_row(slot_of_row());
        }
    }

    [[noreturn]] static void unknown_entity(std::uint64_t handle) {
        throw Error(sqlstate::undefined_entity, "entity " + std::to_string(handle) + " does not exist",
                    "It never did, or it was despawned.");
    }

    std::uint32_t slot_of_row() const {
        const std::uint64_t handle = reader_.handle();
        if (!is_of_entities_) {
            const std::uint32_t cells =
                state().slot_count(store::SpaceId{state().component(component_).space});
            if (handle >= cells)
                throw Error(sqlstate::undefined_cell, "cell " + std::to_string(handle) + " does not exist",
                            "The world has cells 0 to " + std::to_string(cells - 1) + ".");
            return static_cast<std::uint32_t>(handle);
        }
        const auto slot = planes_ ? store::find_entity(state(), *planes_, {handle}) : std::nullopt;
        if (!slot)
            unknown_entity(handle);
        return *slot;
    }

    std::string row_name() const {
        return "the row of " + std::string(is_of_entities_ ? "entity " : "cell ") +
               std::to_string(reader_.handle()) + " in component \"" + reader_.group().component + "\"";
    }

    void write_row(std::uint32_t slot) {
        const RowOperation operation = reader_.group().operation;
        const bool is_there = state().has_row(component_, slot);
        if (operation == RowOperation::insert && is_there)
            throw Error(sqlstate::unique_violation, row_name() + " already exists");
        const bool must_exist = operation == RowOperation::update || operation == RowOperation::remove ||
                                reader_.group().has_version;
        if (must_exist && !is_there)
            throw Error(sqlstate::serialization_failure, row_name() + " does not exist any more");
        if (is_there)
            check_guards(slot);
        if (operation == RowOperation::remove) {
            if (!is_of_entities_)
                throw Error(sqlstate::feature_not_supported, "rows of cells cannot be deleted");
            store_.delete_row(component_, slot);
            return;
        }
        if (!is_there) {
            store_.insert_row(component_, slot);
            for (const ColumnId id : others_)
                store_.set_null(id, slot, true);
        }
        const bool is_merge = is_there && operation == RowOperation::put;
        const std::size_t columns = is_merge ? reader_.group().leading_columns : targets_.size();
        for (std::size_t i = 0; i < columns; ++i)
            write_value(targets_[i], slot, reader_.values()[i], is_there);
        store_.touch_row(component_, slot);
    }

    void check_guards(std::uint32_t slot) const {
        const std::string hint = "Read the row again and repeat the change.";
        if (reader_.group().has_version) {
            const std::uint64_t version = state().row_version(component_, slot);
            if (version != reader_.version())
                throw Error(sqlstate::serialization_failure, row_name() + " has changed",
                            "Version " + std::to_string(reader_.version()) + " was expected; it is " +
                                std::to_string(version) + ".",
                            hint);
        }
        for (std::size_t i = 0; i < guards_.size(); ++i)
            if (!holds(guards_[i], slot, reader_.guards()[i]))
                throw Error(sqlstate::serialization_failure, row_name() + " has changed",
                            "Column \"" + reader_.group().guards[i].name +
                                "\" was read by the statement and holds another value by now.",
                            hint);
    }

    bool holds(const Target& target, std::uint32_t slot, const codec::RowValue& expected) const {
        const bool is_null = state().is_null(target.column, slot);
        if (is_null || expected.is_null)
            return is_null == expected.is_null;
        if (target.type == ColumnType::value)
            return state().contents(state().get<store::ValueSlot>(target.column, slot)) == expected.bytes;
        const std::uint32_t slots = state().block_slots(target.column);
        const std::uint32_t width = width_of(target.type);
        const std::byte* data = state().block(target.column, slot / slots);
        if (data == nullptr)
            return expected.bytes.find_first_not_of('\0') == std::string_view::npos;
        return std::memcmp(data + static_cast<std::size_t>(slot % slots) * width, expected.bytes.data(),
                           width) == 0;
    }

    void write_value(const Target& target, std::uint32_t slot, const codec::RowValue& value, bool was_there) {
        if (value.is_null) {
            store_.set_null(target.column, slot, true);
            return;
        }
        if (was_there)
            store_.set_null(target.column, slot, false);
        if (target.type == ColumnType::value)
            store_.set_value(target.column, slot, value.bytes);
        else
            store_.set_bytes(target.column, slot, value.bytes.data(), width_of(target.type));
    }

    void expect(std::uint64_t tick) const {
        if (!is_first_ || store_.newest().tick() != tick)
            throw Error(sqlstate::serialization_failure,
                        "the world has gone on since tick " + std::to_string(tick), {},
                        "Pause it with game.pause_world() before it is rewound.");
    }

    void set(std::uint64_t slot) {
        for (std::size_t i = 0; i < targets_.size(); ++i) {
            if (slot >= state().slot_count(targets_[i].column))
                throw Error(sqlstate::serialization_failure, "column \"" + reader_.group().columns[i].name +
                                                                 "\" has no slot " + std::to_string(slot));
            if (reader_.values()[i].is_null)
                throw Error(sqlstate::datatype_mismatch,
                            "column \"" + reader_.group().columns[i].name + "\" has no NULLs");
            store_.set_bytes(targets_[i].column, static_cast<std::uint32_t>(slot),
                             reader_.values()[i].bytes.data(), width_of(targets_[i].type));
        }
    }

    std::uint32_t room_for(store::Entity entity) {
        const std::uint32_t slot = entity.slot();
        if (slot == 0 || slot >= store::max_slots)
            unknown_entity(entity.handle);
        store_.extend_space(planes_->space, slot + 1);
        return slot;
    }

    void insert_entity(std::uint32_t slot, std::uint64_t created) {
        store_.insert_row(planes_->component, slot);
        store_.set<std::int64_t>(planes_->created, slot, static_cast<std::int64_t>(created));
        if (reader_.group().component.empty())
            store_.set_null(planes_->source, slot, true);
        else
            store_.set_value(planes_->source, slot, reader_.group().component);
    }

    // The generation goes back, too: handles that came after it in this slot never were.
    void revive(store::Entity entity, std::uint64_t created) {
        const std::uint32_t slot = room_for(entity);
        if (entity.generation() >= store::last_generation)
            unknown_entity(entity.handle);
        delete_rows(slot);
        store_.set<std::uint32_t>(planes_->generation, slot, entity.generation());
        insert_entity(slot, created);
        has_revived_ = true;
    }

    void spawn(store::Entity entity) {
        const std::uint32_t slot = room_for(entity);
        if (state().has_row(planes_->component, slot) ||
            state().get<std::uint32_t>(planes_->generation, slot) != entity.generation())
            throw Error(sqlstate::unique_violation,
                        "the handle " + std::to_string(entity.handle) + " was given to another entity", {},
                        "Spawn again: game.spawn() reserves a new one.");
        insert_entity(slot, store_.working_tick());
    }

    void delete_rows(std::uint32_t slot) {
        for (std::uint32_t c = 0; c < state().component_count(); ++c)
            if (state().component({c}).space == planes_->space.value &&
                state().component({c}).presence != store::none && state().has_row({c}, slot))
                store_.delete_row({c}, slot);
    }

    void despawn(store::Entity entity) {
        const auto slot = store::find_entity(state(), *planes_, entity);
        if (!slot)
            unknown_entity(entity.handle);
        delete_rows(*slot);
        const std::uint32_t next = entity.generation() + 1;
        store_.set<std::uint32_t>(planes_->generation, *slot, next);
        if (next < store::last_generation)
            freed_.push_back(store::Entity::of(*slot, next));
    }

    store::WorldStore& store_;
    codec::WriteSetReader reader_;
    std::vector<store::Entity>& freed_;
    bool is_first_;
    bool has_revived_ = false;
    std::optional<store::EntityPlanes> planes_;
    ComponentId component_{store::none};
    bool is_of_entities_ = false;
    std::vector<Target> targets_;
    std::vector<Target> guards_;
    std::vector<ColumnId> others_; // columns an insert does not name
};

} // namespace

bool apply_writes(store::WorldStore& store, std::string_view write_set, std::vector<store::Entity>& freed,
                  bool is_first) {
    return Applier(store, write_set, freed, is_first).run();
}

} // namespace gamelan::sim
