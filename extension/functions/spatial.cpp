// Queries by place. Contracts: the COMMENTs in extension/sql/45-spatial.sql.
#include "core/grid/geometry.hpp"
#include "core/grid/planet.hpp"
#include "extension/functions/rows.hpp"
#include "extension/functions/spatial_index.hpp"
#include "extension/pg/definition.hpp"

#include <cmath>
#include <limits>

#include "extension/pg/bridge.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/tick_scope.hpp"

extern "C" {
#include "catalog/pg_attribute.h"
#include "funcapi.h"
}

namespace {

using namespace gamelan;
using namespace gamelan::pg;
using spatial_index::IndexRequest;
using spatial_index::Kind;

constexpr const char* coordinate_names[spatial::max_dimensions] = {"x", "y", "z"};

class RetainedView {
  public:
    explicit RetainedView(fdw::View* view) : view_(view) { fdw::retain(view, scan_); }
    ~RetainedView() { fdw::release(view_, scan_); }
    RetainedView(const RetainedView&) = delete;
    RetainedView& operator=(const RetainedView&) = delete;
    fdw::View& operator*() const { return *view_; }

  private:
    fdw::View* view_;
    fdw::OpenScan scan_;
};

// Postgres zone from here to the queries.

// Who may read the columns may ask where entities are.
void check_privileges(Oid relation, const AttrNumber* columns, std::uint32_t count) {
    if (pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
        return;
    const AttrNumber entity = get_attnum(relation, "entity");
    bool is_allowed = entity != InvalidAttrNumber &&
                      pg_attribute_aclcheck(relation, entity, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
    for (std::uint32_t i = 0; i < count; ++i)
        is_allowed =
            is_allowed && pg_attribute_aclcheck(relation, columns[i], GetUserId(), ACL_SELECT) == ACLCHECK_OK;
    if (!is_allowed)
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_TABLE, get_rel_name(relation));
}

AttrNumber find_column(Relation table, const char* name, Kind kind) {
    const AttrNumber number = get_attnum(RelationGetRelid(table), name);
    if (number <= 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("column \"%s\" of component \"%s\" does not exist", name,
                               RelationGetRelationName(table)),
                        errhint("Name the columns of the coordinates: columns => '{…}'.")));
    const Oid type = getBaseType(TupleDescAttr(RelationGetDescr(table), number - 1)->atttypid);
    const bool is_key = std::strcmp(name, "world") == 0 || std::strcmp(name, "entity") == 0;
    if (kind == Kind::cells ? type == INT8OID && !is_key : type == FLOAT4OID || type == FLOAT8OID)
        return number;
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    kind == Kind::cells ? errmsg("column \"%s\" of component \"%s\" does not name cells",
                                                 name, RelationGetRelationName(table))
                                        : errmsg("column \"%s\" of component \"%s\" is no coordinate", name,
                                                 RelationGetRelationName(table)),
                    errdetail("It is of type %s.", format_type_be(type)),
                    errhint(kind == Kind::cells ? "Cells are named by bigint columns."
                                                : "Coordinates are real or double precision.")));
}

// Names of columns, by an argument of type name[] that is not NULL.
void take_names(Relation table, ArrayType* names, IndexRequest& request) {
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(names, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &values, &nulls, &count);
    if (count < 1 || count > static_cast<int>(spatial::max_dimensions))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("a position has one to three columns, not %d", count)));
    for (int i = 0; i < count; ++i) {
        if (nulls[i])
            ereport(ERROR,
                    (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a column's name must not be null")));
        request.columns[i] = find_column(table, NameStr(*DatumGetName(values[i])), request.kind);
    }
    request.column_count = static_cast<std::uint32_t>(count);
}

void take_world(NullableDatum world, IndexRequest& request) {
    if (world.isnull)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a world must be named"),
                        errhint("Only in systems and actions is it known: elsewhere add world => ….")));
    request.world_id = DatumGetInt64(world.value);
    const TickScope* scope = TickScope::of(request.world_id);
    request.slot = scope != nullptr ? scope->slot() : requests::require_world(request.world_id);
}

// Locks the component, and checks it, its columns and the caller's rights. `columns`: null for the first
// `dimensions` of x, y, z.
IndexRequest request_for(Oid relation, Kind kind, NullableDatum world, NullableDatum columns,
                         std::uint32_t dimensions) {
    IndexRequest request{};
    request.kind = kind;
    request.pair_radius = -1;
    request.relation = relation;
    const Relation table = table_open(relation, AccessShareLock);
    if (space_of(relation) != ComponentSpace::entity)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" is no component of entities", RelationGetRelationName(table))));
    if (!columns.isnull) {
        take_names(table, DatumGetArrayTypeP(columns.value), request);
    } else {
        request.column_count = dimensions;
        for (std::uint32_t i = 0; i < dimensions; ++i)
            request.columns[i] = find_column(table, coordinate_names[i], kind);
    }
    check_privileges(relation, request.columns, request.column_count);
    table_close(table, NoLock);
    take_world(world, request);
    return request;
}

void interrupt_if_asked() {
    pg_call([] { CHECK_FOR_INTERRUPTS(); });
}

std::vector<spatial::Pair> pairs_in(const spatial::GridIndex& index, double, std::size_t limit) {
    return index.all_pairs(limit, interrupt_if_asked);
}
std::vector<spatial::Pair> pairs_in(const spatial::TickPoints& index, double radius, std::size_t limit) {
    return index.all_pairs(radius, limit, interrupt_if_asked);
}

// C++ zone: calls query(index) unless there is nothing to ask.
template <class F>
auto ask(const IndexRequest& request, fdw::View* view, F&& query) {
    std::shared_ptr<const fdw::TableInfo> table;
    pg_call([&] { fdw::get_table_info(request.relation, table); });
    if (const TickScope* scope = TickScope::current())
        scope->begin_reading();
    const RetainedView retained(view);
    using Result = decltype(query(std::declval<const spatial::GridIndex&>()));
    const auto answer = [&](const auto& index) {
        return palloc_rows(index != nullptr ? query(*index) : Result{});
    };
    return TickScope::current() != nullptr ? answer(spatial_index::tick_points(request, *table, *retained))
                                           : answer(spatial_index::points(request, *table, *retained));
}

struct Place {
    spatial::Position at;
    bool is_known; // no coordinate is NULL
};

// The arguments of the coordinates, as many as the request has columns.
Place place_of(const IndexRequest& request, const NullableDatum* coordinates[spatial::max_dimensions]) {
    Place out{{}, true};
    for (std::uint32_t i = 0; i < request.column_count; ++i) {
        out.is_known = out.is_known && !coordinates[i]->isnull;
        if (out.is_known)
            out.at[i] = DatumGetFloat8(coordinates[i]->value);
    }
    return out;
}

void check_radius(double radius) {
    if (!(radius >= 0) || std::isinf(radius))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("a radius must be a finite number that is not negative")));
}

Datum put_handles(FunctionCallInfo fcinfo, const Rows<std::uint64_t>& handles) {
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (std::size_t i = 0; i < handles.count; ++i) {
        Datum value = Int64GetDatum(static_cast<std::int64_t>(handles.rows[i]));
        bool is_null = false;
        tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
    }
    return static_cast<Datum>(0);
}

Oid component_of(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a component must be named")));
    return PG_GETARG_OID(0);
}

// C++ zone.
Rows<std::int64_t> cells_around(const IndexRequest& request, std::int64_t cell, std::int32_t steps) {
    if (steps < 0)
        throw Error(sqlstate::invalid_parameter, "a number of steps must not be negative");
    const grid::Planet* planet = rules_of(request.slot, request.world_id).planet();
    if (planet == nullptr)
        throw Error(sqlstate::undefined_cell, "world " + std::to_string(request.world_id) + " has no cells");
    const std::uint32_t slot = planet->slot_of(cell);
    const std::uint32_t in_layer = slot % planet->layer_stride();
    std::vector<std::int64_t> out;
    for (const std::uint32_t around : grid::disc(
             planet->sphere(), in_layer, static_cast<std::uint32_t>(steps), planet->sphere().cell_count()))
        out.push_back(planet->cell_id_of(slot - in_layer + around));
    return palloc_rows(out);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_near);
PG_FUNCTION_INFO_V1(gamelan_in_box);
PG_FUNCTION_INFO_V1(gamelan_nearest);
PG_FUNCTION_INFO_V1(gamelan_pairs);
PG_FUNCTION_INFO_V1(gamelan_cells_near);
PG_FUNCTION_INFO_V1(gamelan_near_cell);

// component, x, y, radius, world, z, columns
PGDLLEXPORT Datum gamelan_near(PG_FUNCTION_ARGS) {
    const NullableDatum* args = fcinfo->args;
    const IndexRequest request =
        request_for(component_of(fcinfo), Kind::points, args[4], args[6], args[5].isnull ? 2 : 3);
    const NullableDatum* coordinates[] = {&args[1], &args[2], &args[5]};
    const Place centre = place_of(request, coordinates);
    if (!centre.is_known || args[3].isnull)
        return put_handles(fcinfo, {});
    const double radius = DatumGetFloat8(args[3].value);
    check_radius(radius);
    fdw::View* view = fdw::view_of(GetActiveSnapshot());
    return put_handles(fcinfo, sql_boundary([&] {
                           return ask(request, view,
                                      [&](const auto& index) { return index.near(centre.at, radius); });
                       }));
}

// component, x1, y1, x2, y2, world, z1, z2, columns
PGDLLEXPORT Datum gamelan_in_box(PG_FUNCTION_ARGS) {
    const NullableDatum* args = fcinfo->args;
    const bool is_flat = args[6].isnull && args[7].isnull;
    const IndexRequest request =
        request_for(component_of(fcinfo), Kind::points, args[5], args[8], is_flat ? 2 : 3);
    const NullableDatum* one[] = {&args[1], &args[2], &args[6]};
    const NullableDatum* other[] = {&args[3], &args[4], &args[7]};
    const Place corner = place_of(request, one);
    const Place opposite = place_of(request, other);
    if (!corner.is_known || !opposite.is_known)
        return put_handles(fcinfo, {});
    fdw::View* view = fdw::view_of(GetActiveSnapshot());
    return put_handles(fcinfo, sql_boundary([&] {
                           return ask(request, view, [&](const auto& index) {
                               return index.in_box(corner.at, opposite.at);
                           });
                       }));
}

// component, x, y, count, world, z, columns
PGDLLEXPORT Datum gamelan_nearest(PG_FUNCTION_ARGS) {
    const NullableDatum* args = fcinfo->args;
    const IndexRequest request =
        request_for(component_of(fcinfo), Kind::points, args[4], args[6], args[5].isnull ? 2 : 3);
    const NullableDatum* coordinates[] = {&args[1], &args[2], &args[5]};
    const Place centre = place_of(request, coordinates);
    Rows<spatial::Neighbor> found{};
    if (centre.is_known && !args[3].isnull) {
        const std::int32_t count = DatumGetInt32(args[3].value);
        if (count < 0)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a count must not be negative")));
        fdw::View* view = fdw::view_of(GetActiveSnapshot());
        found = sql_boundary([&] {
            return ask(request, view, [&](const auto& index) {
                return index.nearest(centre.at, static_cast<std::size_t>(count));
            });
        });
    }
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (std::size_t i = 0; i < found.count; ++i) {
        Datum values[] = {Int64GetDatum(static_cast<std::int64_t>(found.rows[i].handle)),
                          Float8GetDatum(found.rows[i].distance)};
        bool nulls[] = {false, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}

// component, radius, world, columns, max_pairs
PGDLLEXPORT Datum gamelan_pairs(PG_FUNCTION_ARGS) {
    const NullableDatum* args = fcinfo->args;
    IndexRequest request = request_for(component_of(fcinfo), Kind::pairs, args[2], args[3], 2);
    if (args[1].isnull || args[4].isnull)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("a radius and a number of pairs must not be null")));
    request.pair_radius = DatumGetFloat8(args[1].value);
    const std::int32_t limit = DatumGetInt32(args[4].value);
    check_radius(request.pair_radius);
    if (limit < 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a number of pairs must not be negative")));
    fdw::View* view = fdw::view_of(GetActiveSnapshot());
    const Rows<spatial::Pair> found = sql_boundary([&] {
        return ask(request, view, [&](const auto& index) {
            return pairs_in(index, request.pair_radius, static_cast<std::size_t>(limit));
        });
    });
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (std::size_t i = 0; i < found.count; ++i) {
        const spatial::Pair& pair = found.rows[i];
        Datum values[] = {Int64GetDatum(static_cast<std::int64_t>(pair.a)),
                          Int64GetDatum(static_cast<std::int64_t>(pair.b)), Float8GetDatum(pair.distance)};
        bool nulls[] = {false, false, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}

// cell, steps, world
PGDLLEXPORT Datum gamelan_cells_near(PG_FUNCTION_ARGS) {
    const NullableDatum* args = fcinfo->args;
    IndexRequest request{};
    take_world(args[2], request);
    if (args[0].isnull || args[1].isnull)
        return put_handles(fcinfo, {});
    const std::int64_t cell = DatumGetInt64(args[0].value);
    const std::int32_t steps = DatumGetInt32(args[1].value);
    const Rows<std::int64_t> cells = sql_boundary([&] { return cells_around(request, cell, steps); });
    return put_handles(fcinfo, {reinterpret_cast<std::uint64_t*>(cells.rows), cells.count});
}

// component, cell_column, cell, steps, world
PGDLLEXPORT Datum gamelan_near_cell(PG_FUNCTION_ARGS) {
    const NullableDatum* args = fcinfo->args;
    if (args[1].isnull)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a column's name must not be null")));
    Datum name = args[1].value;
    const NullableDatum columns = {
        PointerGetDatum(construct_array(&name, 1, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR)), false};
    const IndexRequest request = request_for(component_of(fcinfo), Kind::cells, args[4], columns, 1);
    if (args[2].isnull || args[3].isnull)
        return put_handles(fcinfo, {});
    const std::int64_t cell = DatumGetInt64(args[2].value);
    const std::int32_t steps = DatumGetInt32(args[3].value);
    fdw::View* view = fdw::view_of(GetActiveSnapshot());
    return put_handles(fcinfo, sql_boundary([&] {
                           const Rows<std::int64_t> around = cells_around(request, cell, steps);
                           std::shared_ptr<const fdw::TableInfo> table;
                           pg_call([&] { fdw::get_table_info(request.relation, table); });
                           if (const TickScope* scope = TickScope::current())
                               scope->begin_reading();
                           const RetainedView retained(view);
                           const auto index = spatial_index::cells(request, *table, *retained);
                           return palloc_rows(index != nullptr ? index->in_cells({around.rows, around.count})
                                                               : std::vector<std::uint64_t>{});
                       }));
}

} // extern "C"
