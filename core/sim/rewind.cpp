#include "core/sim/rewind.hpp"

#include "core/store/held_bytes.hpp"

#include <algorithm>
#include <map>

namespace gamelan::sim {

namespace {

using codec::RowGroup;
using codec::RowOperation;
using codec::RowValue;
using codec::WriteSetWriter;
using store::ColumnId;
using store::ComponentId;
using store::Snapshot;

std::shared_ptr<const RowGroup> make_group(RowOperation operation, std::string component = {}) {
    RowGroup group;
    group.operation = operation;
    group.component = std::move(component);
    return std::make_shared<const RowGroup>(std::move(group));
}

// A component in both states, and the groups that write it.
struct Matched {
    ComponentId now;
    ComponentId then;
    std::vector<ColumnId> columns; // of `then`, those that `now` has as well
    std::vector<RowValue> fills;   // of columns that came since
    std::shared_ptr<const RowGroup> put;
    std::shared_ptr<const RowGroup> remove;
};

class Rewinder {
  public:
    Rewinder(const Snapshot& now, const Snapshot& then, const store::Definition& definition,
             const RewindScope& scope, const RowSink& sink)
        : now_(now), then_(then), definition_(definition), scope_(scope), sink_(sink),
          planes_now_(store::entity_planes(now)), planes_then_(store::entity_planes(then)) {}

    std::uint64_t run() {
        if (scope_.extent == RewindExtent::world)
            give(make_group(RowOperation::expect), now_.tick());
        if (scope_.has_entities && planes_now_ && planes_then_)
            entities();
        for (std::uint32_t c = 0; c < now_.component_count(); ++c)
            component({c});
        if (scope_.has_cells && scope_.components.empty())
            columns_without_component();
        return rows_;
    }

  private:
    void give(const std::shared_ptr<const RowGroup>& group, std::uint64_t handle) {
        row_.clear();
        WriteSetWriter::put_handle(row_, handle);
        give_row(group);
    }
    void give_row(const std::shared_ptr<const RowGroup>& group) {
        sink_(group, row_.view());
        rows_ += group->operation != RowOperation::expect;
    }

    bool is_chosen(std::uint64_t handle) const {
        return scope_.handles.empty() || scope_.handles.contains(handle);
    }

    static std::optional<store::Entity> entity_in(const Snapshot& state, const store::EntityPlanes& planes,
                                                  std::uint32_t slot) {
        if (slot >= state.slot_count(planes.space) || !state.has_row(planes.component, slot))
            return std::nullopt;
        return store::Entity::of(slot, state.get<std::uint32_t>(planes.generation, slot));
    }
    std::optional<store::Entity> entity_then(std::uint32_t slot) const {
        return entity_in(then_, *planes_then_, slot);
    }
    std::optional<store::Entity> entity_now(std::uint32_t slot) const {
        return entity_in(now_, *planes_now_, slot);
    }
    static bool is_same(const std::optional<store::Entity>& a, const std::optional<store::Entity>& b) {
        return a && b && a->handle == b->handle;
    }

    void entities() {
        if (scope_.extent == RewindExtent::rows)
            return;
        if (scope_.extent == RewindExtent::entities) {
            bring_back_chosen();
            return;
        }
        const auto despawn = make_group(RowOperation::despawn);
        const std::uint32_t slots =
            std::max(now_.slot_count(planes_now_->space), then_.slot_count(planes_then_->space));
        for (std::uint32_t slot = 1; slot < slots; ++slot)
            if (const auto is = entity_now(slot); is && !entity_then(slot))
                give(despawn, is->handle);
        for (std::uint32_t slot = 1; slot < slots; ++slot)
            if (const auto was = entity_then(slot); was && !is_same(was, entity_now(slot)))
                bring_back(*was);
    }

    void bring_back_chosen() {
        std::vector<std::uint64_t> handles(scope_.handles.begin(), scope_.handles.end());
        std::sort(handles.begin(), handles.end());
        for (const std::uint64_t handle : handles) {
            const store::Entity wanted{handle};
            const auto was = entity_then(wanted.slot());
            const auto is = entity_now(wanted.slot());
            const std::string name = "entity " + std::to_string(static_cast<std::int64_t>(handle));
            if (!is_same(was, wanted))
                throw Error(sqlstate::undefined_entity,
                            name + " did not exist after tick " + std::to_string(then_.tick()));
            if (is && is->handle != handle)
                throw Error(sqlstate::unique_violation, name + " cannot come back",
                            "Entity " + std::to_string(static_cast<std::int64_t>(is->handle)) +
                                " has its place by now.",
                            "Despawn that one first, or spawn a new entity and copy the rows.");
            if (!is)
                bring_back(wanted);
        }
    }

    // One group for each template.
    void bring_back(store::Entity entity) {
        const std::uint32_t slot = entity.slot();
        const std::string source =
            then_.is_null(planes_then_->source, slot) ? "" : then_.get_value(planes_then_->source, slot);
        auto& group = revivals_[source];
        if (!group) {
            RowGroup made;
            made.operation = RowOperation::revive;
            made.component = source;
            made.has_version = true;
            group = std::make_shared<const RowGroup>(std::move(made));
        }
        row_.clear();
        WriteSetWriter::put_handle(row_, entity.handle);
        WriteSetWriter::put_version(row_, then_.get<std::uint64_t>(planes_then_->created, slot));
        give_row(group);
    }

    void component(ComponentId id) {
        const store::ComponentSpec& spec = now_.component(id);
        const std::string name(store::text_of(spec.name));
        if (name.starts_with('.') || spec.version == store::none ||
            (!scope_.components.empty() && !scope_.components.contains(name)))
            return;
        const bool is_of_entities = spec.presence != store::none;
        if (!(is_of_entities ? scope_.has_entities && planes_now_ && planes_then_ : scope_.has_cells))
            return;
        const auto matched = match(id, name);
        if (!matched)
            return;
        if (is_of_entities)
            rows_of_entities(*matched);
        else
            rows_of_cells(*matched);
    }

    std::optional<ComponentId> find_then(const store::ComponentSpec& spec, std::string_view name) const {
        if (now_.incarnation() != then_.incarnation() || spec.key == 0)
            return then_.find_component(name);
        for (std::uint32_t c = 0; c < then_.component_count(); ++c)
            if (then_.component({c}).key == spec.key)
                return ComponentId{c};
        return std::nullopt;
    }

    const store::ColumnDefinition* definition_of(std::string_view component, std::string_view column) const {
        for (const store::ComponentDefinition& candidate : definition_.components)
            if (candidate.name == component)
                for (const store::ColumnDefinition& found : candidate.columns)
                    if (found.name == column)
                        return &found;
        return nullptr;
    }

    // Nothing when the component came since.
    std::optional<Matched> match(ComponentId id, const std::string& name) const {
        const store::ComponentSpec& spec = now_.component(id);
        const auto then = find_then(spec, name);
        if (!then || (then_.component(*then).presence == store::none) != (spec.presence == store::none))
            return std::nullopt;
        const bool has_keys = now_.incarnation() == then_.incarnation();
        Matched out{id, *then, {}, {}, {}, make_group(RowOperation::remove, name)};
        RowGroup put;
        put.operation = RowOperation::put;
        put.component = name;
        put.incarnation = now_.incarnation();
        put.key = spec.key;
        std::vector<codec::RowColumn> added;
        for (std::uint32_t i = 0; i < spec.column_count; ++i) {
            const ColumnId column{spec.first_column + 2 * i};
            const store::ColumnSpec& is = now_.column(column);
            // Planes have the name of their component in front.
            const std::string own(store::text_of(is.name).substr(name.size() + 1));
            const auto was =
                has_keys && is.key != 0 ? then_.find_column(*then, is.key) : then_.find_column(*then, own);
            if (was && then_.column(*was).type == is.type) {
                out.columns.push_back(*was);
                put.columns.push_back({own, is.type, is.key});
            } else {
                const store::ColumnDefinition* made = definition_of(name, own);
                const bool is_null = made == nullptr || !made->fill;
                out.fills.push_back({is_null, is_null ? std::string_view() : std::string_view(*made->fill)});
                added.push_back({own, is.type, is.key});
            }
        }
        put.leading_columns = static_cast<std::uint32_t>(put.columns.size());
        put.columns.insert(put.columns.end(), added.begin(), added.end());
        out.put = std::make_shared<const RowGroup>(std::move(put));
        return out;
    }

    void put(const Matched& matched, std::uint64_t handle, std::uint32_t slot) {
        row_.clear();
        WriteSetWriter::put_handle(row_, handle);
        std::size_t i = 0;
        for (const ColumnId column : matched.columns) {
            const bool is_null = then_.is_null(column, slot);
            WriteSetWriter::put_value(
                row_, matched.put->columns[i++].type,
                {is_null, is_null ? std::string_view() : store::held_bytes(then_, column, slot)});
        }
        for (const RowValue& fill : matched.fills)
            WriteSetWriter::put_value(row_, matched.put->columns[i++].type, fill);
        give_row(matched.put);
    }

    // A change of a row gives it the tick as its version: equal versions mean equal rows.
    bool is_equal(const Matched& matched, std::uint32_t slot) const {
        return now_.row_version(matched.now, slot) == then_.row_version(matched.then, slot);
    }

    void rows_of_entities(const Matched& matched) {
        const std::uint32_t slots =
            std::max(now_.slot_count(planes_now_->space), then_.slot_count(planes_then_->space));
        for (std::uint32_t slot = 1; slot < slots; ++slot) {
            const auto is = entity_now(slot);
            const auto entity = scope_.extent == RewindExtent::rows ? is : entity_then(slot);
            if (!entity || !is_chosen(entity->handle))
                continue;
            const bool has_been_there = is_same(is, entity);
            const bool was = is_same(entity_then(slot), entity) && then_.has_row(matched.then, slot);
            const bool has = has_been_there && now_.has_row(matched.now, slot);
            if (has && !was)
                give(matched.remove, entity->handle);
            else if (was && !(has && is_equal(matched, slot)))
                put(matched, entity->handle, slot);
        }
    }

    void rows_of_cells(const Matched& matched) {
        const store::SpaceId space_then{then_.component(matched.then).space};
        const std::uint32_t slots = std::min(
            now_.slot_count(store::SpaceId{now_.component(matched.now).space}), then_.slot_count(space_then));
        for (std::uint32_t slot = 0; slot < slots; ++slot)
            if (is_chosen(slot) && !is_equal(matched, slot))
                put(matched, slot, slot);
    }

    // A native game's. Who a player is, and the last command he sent, stay as they are: to take them back
    // would let commands be applied twice. Players who joined since begin anew under their names.
    void columns_without_component() {
        for (std::uint32_t c = 0; c < now_.column_count(); ++c) {
            const store::ColumnSpec& spec = now_.column({c});
            const auto then = then_.find_column(store::text_of(spec.name));
            const auto space = store::text_of(now_.space(store::SpaceId{spec.space}).name);
            const bool is_of_cells = space == store::cell_space;
            if (spec.component == store::none && spec.visibility == store::Visibility::streamed && then &&
                then_.column(*then).type == spec.type && width_of(spec.type) > 0 &&
                spec.type != ColumnType::value && spec.type != ColumnType::version &&
                space != store::engine_space && (is_of_cells || scope_.extent == RewindExtent::world))
                set_column({c}, *then, is_of_cells);
        }
    }

    void set_column(ColumnId column, ColumnId then, bool is_of_cells) {
        const store::ColumnSpec& spec = now_.column(column);
        RowGroup made;
        made.operation = RowOperation::set;
        made.columns.push_back({std::string(store::text_of(spec.name)), spec.type, 0});
        const auto group = std::make_shared<const RowGroup>(std::move(made));
        const std::uint32_t slots_then = then_.slot_count(then);
        const std::string zeros(width_of(spec.type), '\0');
        const bool is_text = spec.type == ColumnType::text32 || spec.type == ColumnType::text64;
        for (std::uint32_t slot = 0; slot < now_.slot_count(column); ++slot) {
            const std::string_view was =
                slot < slots_then ? store::held_bytes(then_, then, slot) : std::string_view(zeros);
            const bool is_name = slot >= slots_then && is_text;
            if (is_name || (is_of_cells && !is_chosen(slot)) || was == store::held_bytes(now_, column, slot))
                continue;
            row_.clear();
            WriteSetWriter::put_handle(row_, slot);
            WriteSetWriter::put_value(row_, spec.type, {false, was});
            give_row(group);
        }
    }

    const Snapshot& now_;
    const Snapshot& then_;
    const store::Definition& definition_;
    const RewindScope& scope_;
    const RowSink& sink_;
    std::optional<store::EntityPlanes> planes_now_;
    std::optional<store::EntityPlanes> planes_then_;
    std::map<std::string, std::shared_ptr<const RowGroup>> revivals_;
    ByteWriter row_;
    std::uint64_t rows_ = 0;
};

} // namespace

std::uint64_t rewind(const Snapshot& now, const Snapshot& then, const store::Definition& definition,
                     const RewindScope& scope, const RowSink& sink) {
    return Rewinder(now, then, definition, scope, sink).run();
}

} // namespace gamelan::sim
