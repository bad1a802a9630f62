#include "extension/fdw/point_update.hpp"

#include "core/grid/planet.hpp"
#include "core/store/held_bytes.hpp"
#include "extension/fdw/owned.hpp"
#include "extension/fdw/row_writer.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/definition.hpp"
#include "extension/pg/tick_scope.hpp"

#include <cstring>
#include <new>

extern "C" {
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

namespace gamelan::fdw {

namespace {

// A value of the row, where the store has it.
struct Held {
    bool is_null;
    std::string_view bytes;
};

// What needs destructors.
struct Places {
    std::shared_ptr<const TableInfo> table;
    std::unique_ptr<RowWriter> writer;
    // Of the world and layout that were seen last.
    std::int64_t world_id = 0;
    std::uint64_t layout_version = 0;
    std::optional<store::ComponentId> component;
    std::optional<store::EntityPlanes> entities;
    std::vector<std::uint32_t> planes; // of the needed columns; none = the world lacks it
};

} // namespace

struct PointUpdate {
    Places* places;
    int needed_count; // columns that expressions look at
    AttrNumber* needed;
    Held* held;
    ExprState* handle;
    ExprState* condition; // null: no other
    int target_count;
    AttrNumber* targets;
    ExprState** expressions;
    bool* must_have_value;
    WriterValue* values;
    int check_count;
    ExprState** checks;
    ExprState* returned; // null: nothing is
    bool is_returned_by_value;
    std::int16_t returned_width;
    TupleTableSlot* before;
    TupleTableSlot* after;
    ExprContext* context;
};

namespace {

bool is_plain(const Query* query) {
    return query->commandType == CMD_UPDATE && !query->hasSubLinks && !query->hasModifyingCTE &&
           !query->hasRowSecurity && query->cteList == NIL && list_length(query->returningList) <= 1 &&
           query->withCheckOptions == NIL && query->resultRelation == 1 && list_length(query->rtable) == 1 &&
           list_length(query->jointree->fromlist) == 1 &&
           !contain_volatile_functions(reinterpret_cast<Node*>(const_cast<Query*>(query)));
}

bool is_plain(const RangeTblEntry* entry, Relation relation) {
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    return entry->securityQuals == NIL && relation->trigdesc == nullptr &&
           !relation->rd_rel->relrowsecurity && !relation->rd_rel->relhassubclass &&
           (constraints == nullptr || !constraints->has_generated_stored);
}

ColumnRole role_of(const TableInfo& table, AttrNumber number) {
    return table.columns[static_cast<std::size_t>(number - 1)].role;
}

bool is_handle(const Node* node, const TableInfo& table) {
    if (!IsA(node, Var))
        return false;
    const auto* var = reinterpret_cast<const Var*>(node);
    return var->varno == 1 && var->varlevelsup == 0 && var->varattno == table.handle_number;
}

bool has_columns(Node* node) {
    Bitmapset* named = nullptr;
    pull_varattnos(node, 1, &named);
    return named != nullptr;
}

// What the handle is compared with; takes the clause out of the list. Null when there is none.
Expr* take_handle(List*& clauses, const TableInfo& table) {
    ListCell* cell;
    foreach (cell, clauses) {
        auto* clause = static_cast<Node*>(lfirst(cell));
        if (!IsA(clause, OpExpr) || get_opcode(reinterpret_cast<OpExpr*>(clause)->opno) != F_INT8EQ)
            continue;
        List* sides = reinterpret_cast<OpExpr*>(clause)->args;
        auto* left = static_cast<Node*>(linitial(sides));
        auto* right = static_cast<Node*>(lsecond(sides));
        Node* other = is_handle(left, table) ? right : is_handle(right, table) ? left : nullptr;
        if (other == nullptr || has_columns(other))
            continue;
        clauses = foreach_delete_current(clauses, cell);
        return reinterpret_cast<Expr*>(other);
    }
    return nullptr;
}

ExprState* prepared(Node* expression) {
    return ExecInitExpr(expression_planner(reinterpret_cast<Expr*>(expression)), nullptr);
}

// The columns in `named`; false for the whole row and for system columns.
bool list_columns(const Bitmapset* named, PointUpdate& update) {
    update.needed =
        static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * static_cast<Size>(bms_num_members(named) + 1)));
    int member = -1;
    while ((member = bms_next_member(named, member)) >= 0) {
        const int number = member + FirstLowInvalidHeapAttributeNumber;
        if (number <= 0)
            return false;
        update.needed[update.needed_count++] = static_cast<AttrNumber>(number);
    }
    update.held = static_cast<Held*>(palloc(sizeof(Held) * static_cast<Size>(update.needed_count + 1)));
    return true;
}

// False when it assigns to something else than stored columns.
bool take_targets(const Query* query, Relation relation, PointUpdate& update) {
    const auto room = static_cast<Size>(list_length(query->targetList) + 1);
    update.targets = static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * room));
    update.expressions = static_cast<ExprState**>(palloc(sizeof(ExprState*) * room));
    update.must_have_value = static_cast<bool*>(palloc(sizeof(bool) * room));
    update.values = static_cast<WriterValue*>(palloc(sizeof(WriterValue) * room));
    ListCell* cell;
    foreach (cell, query->targetList) {
        auto* entry = lfirst_node(TargetEntry, cell);
        if (entry->resjunk)
            return false;
        const AttrNumber number = entry->resno;
        if (role_of(*update.places->table, number) != ColumnRole::stored)
            return false;
        const int i = update.target_count++;
        update.targets[i] = number;
        update.expressions[i] = prepared(reinterpret_cast<Node*>(entry->expr));
        update.must_have_value[i] = TupleDescAttr(RelationGetDescr(relation), number - 1)->attnotnull;
        new (&update.values[i]) WriterValue{};
    }
    return update.target_count > 0;
}

void take_checks(Relation relation, PointUpdate& update, Bitmapset*& named) {
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    const int count = constraints == nullptr ? 0 : constraints->num_check;
    update.checks = static_cast<ExprState**>(palloc(sizeof(ExprState*) * static_cast<Size>(count + 1)));
    for (int i = 0; i < count; ++i) {
        auto* expression = static_cast<Node*>(stringToNode(constraints->check[i].ccbin));
        pull_varattnos(expression, 1, &named);
        update.checks[update.check_count++] = prepared(expression);
    }
}

PointUpdate* prepare(const Query* query, Relation relation) {
    auto* update = static_cast<PointUpdate*>(palloc0(sizeof(PointUpdate)));
    update->places = make_in<Places>(CurrentMemoryContext);
    get_table_info(RelationGetRelid(relation), update->places->table);
    const TableInfo& table = *update->places->table;
    if (table.is_read_only)
        return nullptr;
    auto* copy = static_cast<Query*>(copyObjectImpl(query));
    List* clauses = make_ands_implicit(reinterpret_cast<Expr*>(copy->jointree->quals));
    Expr* handle = take_handle(clauses, table);
    if (handle == nullptr)
        return nullptr;
    Bitmapset* named = nullptr;
    pull_varattnos(reinterpret_cast<Node*>(clauses), 1, &named);
    pull_varattnos(reinterpret_cast<Node*>(copy->targetList), 1, &named);
    pull_varattnos(reinterpret_cast<Node*>(copy->returningList), 1, &named);
    if (!take_targets(copy, relation, *update))
        return nullptr;
    take_checks(relation, *update, named);
    if (!list_columns(named, *update))
        return nullptr;
    update->handle = prepared(reinterpret_cast<Node*>(handle));
    if (copy->returningList != NIL) {
        auto* returned = reinterpret_cast<Node*>(linitial_node(TargetEntry, copy->returningList)->expr);
        get_typlenbyval(exprType(returned), &update->returned_width, &update->is_returned_by_value);
        update->returned = prepared(returned);
    }
    if (clauses != NIL)
        update->condition = ExecInitQual(
            castNode(List, reinterpret_cast<Node*>(expression_planner(reinterpret_cast<Expr*>(clauses)))),
            nullptr);
    TupleDesc descriptor = CreateTupleDescCopy(RelationGetDescr(relation));
    update->before = MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual);
    update->after = MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual);
    update->context = CreateStandaloneExprContext();
    pg::sql_boundary([&] {
        update->places->writer = std::make_unique<RowWriter>(
            update->places->table, codec::RowOperation::update,
            std::span<const AttrNumber>(update->targets, static_cast<std::size_t>(update->target_count)),
            std::span<const AttrNumber>(), false);
    });
    return update;
}

// C++ zone.

enum class Found : std::uint8_t { row, no_row, not_for_us };

void find_planes(PointUpdate& update, const store::Snapshot& state, std::int64_t world_id) {
    Places& places = *update.places;
    places.world_id = world_id;
    places.layout_version = state.layout_version();
    places.component = find_component(*places.table, state);
    places.entities = store::entity_planes(state);
    places.planes.assign(static_cast<std::size_t>(update.needed_count), store::none);
    if (!places.component)
        return;
    for (int i = 0; i < update.needed_count; ++i)
        if (role_of(*places.table, update.needed[i]) == ColumnRole::stored)
            places.planes[static_cast<std::size_t>(i)] =
                place_column(*places.table, state, *places.component, update.needed[i]).values;
}

std::optional<std::uint32_t> slot_of(const Places& places, const pg::TickScope& scope,
                                     const store::Snapshot& state, std::int64_t handle) {
    if (places.table->is_cells) {
        const grid::Planet* planet = pg::rules_of(scope.slot(), scope.world_id()).planet();
        return planet == nullptr ? std::nullopt : planet->find_slot(handle);
    }
    return places.entities ? store::find_entity(state, *places.entities, {static_cast<std::uint64_t>(handle)})
                           : std::nullopt;
}

// What is in the blocks stays until the statement has ended.
Held value_of(const store::Snapshot& state, store::ColumnId column, std::uint32_t slot) {
    if (state.is_null(column, slot))
        return {true, {}};
    return {false, store::held_bytes(state, column, slot)};
}

Found find_row(PointUpdate& update, const pg::TickScope& scope, std::int64_t handle) {
    const store::Snapshot state = scope.state();
    Places& places = *update.places;
    if (places.world_id != scope.world_id() || places.layout_version != state.layout_version())
        find_planes(update, state, scope.world_id());
    if (!places.component)
        return Found::not_for_us;
    const auto slot = slot_of(places, scope, state, handle);
    if (!slot || !state.has_row(*places.component, *slot))
        return Found::no_row;
    for (int i = 0; i < update.needed_count; ++i) {
        const ColumnRole role = role_of(*places.table, update.needed[i]);
        const std::uint32_t plane = places.planes[static_cast<std::size_t>(i)];
        if (role == ColumnRole::stored && plane == store::none)
            return Found::not_for_us; // a column that the world has not taken in yet
        if (role == ColumnRole::stored)
            update.held[i] = value_of(state, {plane}, *slot);
    }
    return Found::row;
}

// Postgres zone again.

void fill(PointUpdate& update, std::int64_t world_id, std::int64_t handle) {
    TupleTableSlot* slot = update.before;
    ExecClearTuple(slot);
    std::memset(slot->tts_isnull, 1, sizeof(bool) * static_cast<Size>(slot->tts_tupleDescriptor->natts));
    const TableInfo& table = *update.places->table;
    for (int i = 0; i < update.needed_count; ++i) {
        const int at = update.needed[i] - 1;
        const ColumnInfo& column = table.columns[static_cast<std::size_t>(at)];
        slot->tts_isnull[at] = column.role == ColumnRole::dropped ||
                               (column.role == ColumnRole::stored && update.held[i].is_null);
        if (column.role == ColumnRole::world)
            slot->tts_values[at] = Int64GetDatum(world_id);
        else if (column.role == ColumnRole::handle)
            slot->tts_values[at] = Int64GetDatum(handle);
        else if (!slot->tts_isnull[at])
            slot->tts_values[at] = column.codec.decode(update.held[i].bytes);
    }
    ExecStoreVirtualTuple(slot);
}

// The row as it is to be. False when something in it is not allowed.
bool compute(PointUpdate& update) {
    TupleTableSlot* before = update.before;
    TupleTableSlot* after = update.after;
    const auto columns = static_cast<Size>(before->tts_tupleDescriptor->natts);
    ExecClearTuple(after);
    std::memcpy(after->tts_values, before->tts_values, sizeof(Datum) * columns);
    std::memcpy(after->tts_isnull, before->tts_isnull, sizeof(bool) * columns);
    for (int i = 0; i < update.target_count; ++i) {
        const int at = update.targets[i] - 1;
        after->tts_values[at] = ExecEvalExpr(update.expressions[i], update.context, &after->tts_isnull[at]);
        if (after->tts_isnull[at] && update.must_have_value[i])
            return false;
    }
    ExecStoreVirtualTuple(after);
    update.context->ecxt_scantuple = after;
    for (int i = 0; i < update.check_count; ++i)
        if (!ExecCheck(update.checks[i], update.context))
            return false;
    return true;
}

void encode(PointUpdate& update) {
    for (int i = 0; i < update.target_count; ++i) {
        const int at = update.targets[i] - 1;
        WriterValue& value = update.values[i];
        value.is_null = update.after->tts_isnull[at];
        if (!value.is_null)
            update.places->table->columns[static_cast<std::size_t>(at)].codec.encode(
                update.after->tts_values[at], value.encoded);
    }
}

// In the memory of one row.
bool change_row(PointUpdate& update, pg::TickScope& scope, PointResult& result) {
    bool is_null = false;
    const std::int64_t handle = DatumGetInt64(ExecEvalExpr(update.handle, update.context, &is_null));
    if (is_null)
        return true;
    const Found found = pg::sql_boundary([&] { return find_row(update, scope, handle); });
    if (found != Found::row)
        return found == Found::no_row;
    fill(update, scope.world_id(), handle);
    update.context->ecxt_scantuple = update.before;
    if (update.condition != nullptr && !ExecQual(update.condition, update.context))
        return true;
    if (!compute(update))
        return false;
    encode(update);
    pg::sql_boundary([&] {
        update.places->writer->queue(
            {scope.world_id(), handle, {update.values, static_cast<std::size_t>(update.target_count)}});
    });
    result.rows = 1;
    result.is_by_value = update.is_returned_by_value;
    result.width_bytes = update.returned_width;
    if (update.returned != nullptr)
        result.value = ExecEvalExpr(update.returned, update.context, &result.is_null);
    return true;
}

} // namespace

PointUpdate* prepare_point_update(const Query* query) {
    if (!is_plain(query))
        return nullptr;
    const auto* entry = linitial_node(RangeTblEntry, query->rtable);
    if (entry->rtekind != RTE_RELATION || !pg::is_component(entry->relid) ||
        !IsA(linitial(query->jointree->fromlist), RangeTblRef))
        return nullptr;
    const Relation relation = table_open(entry->relid, NoLock);
    PointUpdate* update = is_plain(entry, relation) ? prepare(query, relation) : nullptr;
    table_close(relation, NoLock);
    return update;
}

bool run_point_update(PointUpdate& update, ParamListInfo parameters, PointResult& result) {
    pg::TickScope* scope = pg::TickScope::current();
    if (scope == nullptr)
        return false;
    pg::sql_boundary([scope] { scope->begin_reading(); });
    ResetExprContext(update.context);
    update.context->ecxt_param_list_info = parameters;
    const MemoryContext outer = MemoryContextSwitchTo(update.context->ecxt_per_tuple_memory);
    const bool is_done = change_row(update, *scope, result);
    MemoryContextSwitchTo(outer);
    if (is_done)
        pg::sql_boundary([scope] { scope->end_statement(!is_any_scan_open()); });
    return is_done;
}

} // namespace gamelan::fdw
