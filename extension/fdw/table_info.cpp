#include "extension/fdw/table_info.hpp"

#include "extension/pg/reading.hpp"

#include <unordered_map>

#include "extension/pg/bridge.hpp"
#include "extension/pg/catalog_definition.hpp"

extern "C" {
#include "catalog/pg_attribute.h"
}

namespace gamelan::fdw {

namespace {

using Cache = std::unordered_map<Oid, std::shared_ptr<const TableInfo>>;

// Leaked on purpose: the process ends without running destructors of this library.
Cache& cache() {
    static auto& kept = *new Cache;
    return kept;
}

void forget_relation(Datum, Oid relation) {
    if (OidIsValid(relation))
        cache().erase(relation);
    else
        cache().clear();
}

void forget_all(Datum, int, std::uint32_t) {
    cache().clear();
}

void register_callbacks() {
    static bool is_registered = false;
    if (is_registered)
        return;
    CacheRegisterRelcacheCallback(forget_relation, static_cast<Datum>(0));
    CacheRegisterSyscacheCallback(NAMESPACEOID, forget_all, static_cast<Datum>(0));
    is_registered = true;
}

// What the catalogs say, as plain data.
struct Found {
    const char* game;
    const char* component;
    pg::ComponentSpace space;
    std::uint64_t incarnation;
    bool is_entities; // game._entity
    int columns;
    struct Column {
        const char* name; // null = dropped
        pg::ColumnCodec codec;
        ColumnRole role;
        store::IndexKind index;
    } * column;
};

store::IndexKind index_of(Oid relation, AttrNumber number) {
    const HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(number));
    if (!HeapTupleIsValid(tuple))
        return store::IndexKind::none;
    bool is_null = false;
    const Datum options = SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attfdwoptions, &is_null);
    const store::IndexKind index = pg::index_option(options, is_null);
    ReleaseSysCache(tuple);
    return index;
}

ColumnRole role_of(const char* name, pg::ComponentSpace space) {
    if (std::strcmp(name, "world") == 0)
        return ColumnRole::world;
    return std::strcmp(name, space == pg::ComponentSpace::cell ? "cell" : "entity") == 0 ? ColumnRole::handle
                                                                                         : ColumnRole::stored;
}

// The table of the engine's own component: in every world, and found by its name there.
bool is_entity_table(Relation relation) {
    return std::strcmp(RelationGetRelationName(relation), "_entity") == 0 &&
           RelationGetNamespace(relation) == get_namespace_oid("game", true);
}

Found find(Oid relation_oid) {
    const Relation relation = table_open(relation_oid, NoLock);
    const TupleDesc descriptor = RelationGetDescr(relation);
    Found found{};
    found.game = get_namespace_name(RelationGetNamespace(relation));
    found.component = pstrdup(RelationGetRelationName(relation));
    found.space = pg::space_of(relation_oid);
    found.incarnation = pg::definition_incarnation();
    found.is_entities = is_entity_table(relation);
    if (found.is_entities)
        found.space = pg::ComponentSpace::entity;
    found.columns = descriptor->natts;
    found.column = static_cast<Found::Column*>(palloc0(sizeof(Found::Column) * Max(descriptor->natts, 1)));
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute* attribute = TupleDescAttr(descriptor, i);
        Found::Column& column = found.column[i];
        column.role = ColumnRole::dropped;
        column.index = store::IndexKind::none;
        if (attribute->attisdropped)
            continue;
        column.name = pstrdup(NameStr(attribute->attname));
        column.role = role_of(column.name, found.space);
        if (column.role == ColumnRole::stored) {
            column.codec = pg::column_codec_of(attribute->atttypid);
            column.index = index_of(relation_oid, attribute->attnum);
        }
    }
    table_close(relation, NoLock);
    if (found.space != pg::ComponentSpace::entity && found.space != pg::ComponentSpace::cell)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("foreign table \"%s\" is no component", found.component),
                        errdetail("It does not inherit from game.component or game.cell."),
                        errhint("Create it with INHERITS (game.component) or INHERITS (game.cell).")));
    return found;
}

std::shared_ptr<TableInfo> make_info(Oid relation, const Found& found) {
    auto info = std::make_shared<TableInfo>();
    info->relation = relation;
    info->component = found.component;
    info->game = game_number(found.game);
    info->incarnation = found.incarnation;
    if (found.is_entities) {
        info->component = store::entity_component;
        info->game = any_game;
        info->incarnation = ~found.incarnation;
        info->is_read_only = true;
    }
    info->is_cells = found.space == pg::ComponentSpace::cell;
    info->columns.resize(static_cast<std::size_t>(found.columns));
    for (int i = 0; i < found.columns; ++i) {
        ColumnInfo& column = info->columns[static_cast<std::size_t>(i)];
        column.role = found.column[i].role;
        column.codec = found.column[i].codec;
        column.index = found.column[i].index;
        if (found.column[i].name != nullptr)
            column.name = found.column[i].name;
        if (column.role == ColumnRole::world)
            info->world_number = static_cast<AttrNumber>(i + 1);
        if (column.role == ColumnRole::handle)
            info->handle_number = static_cast<AttrNumber>(i + 1);
    }
    return info;
}

std::shared_ptr<const TablePlace> make_place(const TableInfo& table, std::int64_t world_id,
                                             const store::Snapshot& snapshot) {
    auto place = std::make_shared<TablePlace>();
    place->world_id = world_id;
    place->layout_version = snapshot.layout_version();
    place->columns.resize(table.columns.size());
    const auto space = snapshot.find_space(table.is_cells ? store::cell_space : store::entity_space);
    if (!space)
        return place;
    place->has_space = true;
    place->space = space->value;
    place->block_slots = snapshot.space(*space).block_slots;
    if (place->block_slots < store::min_block_slots || place->block_slots > store::max_block_slots)
        pg::throw_snapshot_too_old();
    if (!table.is_cells) {
        const auto planes = store::entity_planes(snapshot);
        if (!planes)
            throw Error(sqlstate::internal,
                        "world " + std::to_string(world_id) + " has entities without handles");
        place->generation = planes->generation.value;
    }
    const auto component = find_component(table, snapshot);
    if (!component)
        return place;
    place->has_component = true;
    place->presence = snapshot.component(*component).presence;
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        if (table.columns[i].role == ColumnRole::stored)
            place->columns[i] = place_column(table, snapshot, *component, static_cast<AttrNumber>(i + 1));
    return place;
}

} // namespace

ColumnPlace place_column(const TableInfo& table, const store::Snapshot& snapshot,
                         store::ComponentId component, AttrNumber number) {
    const ColumnInfo& column = table.columns[static_cast<std::size_t>(number - 1)];
    const auto found = snapshot.incarnation() == table.incarnation
                           ? snapshot.find_column(component, std::int32_t{number})
                           : snapshot.find_column(component, std::string_view(column.name));
    if (!found)
        return {};
    const store::ColumnSpec& spec = snapshot.column(*found);
    if (spec.type != column.codec.stored)
        return {};
    return {found->value, spec.nulls, spec.index};
}

// By number where both sides count alike, else by name: a dump restored elsewhere, a renamed column.
std::optional<store::ComponentId> find_component(const TableInfo& table, const store::Snapshot& snapshot) {
    if (snapshot.incarnation() != table.incarnation)
        return snapshot.find_component(table.component);
    for (std::uint32_t i = 0; i < snapshot.component_count(); ++i)
        if (snapshot.component({i}).key == table.relation)
            return store::ComponentId{i};
    return std::nullopt;
}

std::shared_ptr<const TablePlace> TableInfo::place_in(store::WorldSlot slot, std::int64_t world_id,
                                                      const store::Snapshot& snapshot,
                                                      const View& view) const {
    std::shared_ptr<const TablePlace>& kept = places_[slot.value % kept_places];
    // The past counts the versions of its layouts anew.
    if (view.moment())
        return make_place(*this, world_id, snapshot);
    if (!kept || kept->world_id != world_id || kept->layout_version != snapshot.layout_version()) {
        auto place = make_place(*this, world_id, snapshot);
        view.check();
        kept = std::move(place);
    }
    return kept;
}

void require_readable(Oid relation) {
    if (const AclResult allowed = pg_class_aclcheck(relation, GetUserId(), ACL_SELECT);
        allowed != ACLCHECK_OK)
        aclcheck_error(allowed, OBJECT_FOREIGN_TABLE, get_rel_name(relation));
}

void get_table_info(Oid relation, std::shared_ptr<const TableInfo>& out) {
    if (const auto kept = cache().find(relation); kept != cache().end()) {
        out = kept->second;
        return;
    }
    register_callbacks();
    const Found found = find(relation);
    pg::sql_boundary([&] {
        out = make_info(relation, found);
        cache()[relation] = out;
    });
}

} // namespace gamelan::fdw
