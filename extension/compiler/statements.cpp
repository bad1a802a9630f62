// What a statement does with the rows it goes over.
#include "core/kernel/event_text.hpp"
#include "extension/compiler/statement_compiler.hpp"

#include <algorithm>
#include <limits>

#include "extension/compiler/procedure_trees.hpp"
#include "extension/pg/bridge.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "nodes/nodes.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
}

namespace gamelan::compiler {

namespace {

void refuse_clauses(const Query* query) {
    if (query->hasAggs)
        refuse("an aggregate over the rows of FROM has no kernel, but for one in a sub-select");
    if (query->groupClause != nullptr || query->groupingSets != nullptr)
        refuse("GROUP BY has no kernel");
    if (query->hasWindowFuncs)
        refuse("window functions have no kernel");
    if (query->distinctClause != nullptr)
        refuse("DISTINCT has no kernel");
    if (query->setOperations != nullptr)
        refuse("UNION, INTERSECT and EXCEPT have no kernel");
    if (query->limitCount != nullptr || query->limitOffset != nullptr)
        refuse("LIMIT has no kernel");
    if (query->cteList != nullptr)
        refuse("WITH has no kernel");
    if (query->returningList != nullptr)
        refuse("RETURNING has no kernel");
    if (query->withCheckOptions != nullptr)
        refuse("a view with CHECK OPTION has no kernel");
    if (query->hasTargetSRFs)
        refuse("a function that returns several rows has no kernel in a select list");
}

std::vector<TargetEntry*> targets(List* list) {
    std::vector<TargetEntry*> out;
    for (int i = 0; i < list_length(list); ++i)
        if (!list_nth_node(TargetEntry, list, i)->resjunk)
            out.push_back(list_nth_node(TargetEntry, list, i));
    return out;
}

bool is_null(Node* node) {
    return IsA(node, Const) && castNode(Const, node)->constisnull;
}

bool is_world_function(const Node* node) {
    return IsA(node, FuncExpr) &&
           game_function(reinterpret_cast<const FuncExpr*>(node)->funcid) == "world_id";
}

Node* expression_of(TargetEntry* target) {
    return reinterpret_cast<Node*>(target->expr);
}

} // namespace

kernel::Statement StatementCompiler::compile(const Query* query) {
    out_ = {};
    refuse_clauses(query);
    switch (query->commandType) {
    case CMD_UPDATE:
        compile_update(query);
        break;
    case CMD_DELETE:
        compile_delete(query);
        break;
    case CMD_INSERT:
        compile_insert(query);
        break;
    case CMD_SELECT:
        compile_select(query);
        break;
    default:
        refuse("such a command has no kernel");
    }
    return std::move(out_);
}

// The target is the statement's own row.
Item& StatementCompiler::open_target(Scope& scope, const Query* query) {
    scope.query = query;
    read_from(scope);
    Item* target = scope.find(query->resultRelation);
    if (target == nullptr || target->table == nullptr)
        refuse("the target has no kernel");
    out_.target = target->component;
    out_.target_name = target->table->name;
    open_pairs(scope, *target);
    if (!scope.paired)
        place_own(scope, *target);
    set_where(scope);
    return *target;
}

void StatementCompiler::set_where(Scope& scope) {
    struct Cost {
        Node* node;
        bool is_of_join; // asked when rows have been put together
        double cost;
    };
    std::vector<Cost> costs;
    for (Node* node : scope.conditions)
        costs.push_back({node, rows_read(node, 0).size() > 1, names_rows(scope, node) ? -1 : cost_of(node)});
    // As Postgres orders what it filters with: a cheap condition may keep a dear one from failing.
    std::stable_sort(costs.begin(), costs.end(), [](const Cost& a, const Cost& b) {
        return a.is_of_join != b.is_of_join ? b.is_of_join : a.cost < b.cost;
    });
    std::vector<NodeId> conditions;
    for (Item& item : scope.items)
        if (item.kind == Item::Kind::observed)
            conditions.push_back(*item.guard);
    for (const Cost& cost : costs)
        if (const auto joined = semi_join(scope, cost.node))
            conditions.push_back(*joined);
        else
            conditions.push_back(row_condition(scope, cost.node));
    if (scope.paired)
        conditions.push_back(*scope.paired);
    const NodeId always = truth(true);
    conditions.erase(std::remove(conditions.begin(), conditions.end(), always), conditions.end());
    if (!conditions.empty())
        out_.where = all_of(conditions);
}

// handle = …, handle IN (…): what an index would find, before anything else is asked.
bool StatementCompiler::names_rows(Scope& scope, Node* node) {
    return std::any_of(scope.items.begin(), scope.items.end(), [&](const Item& item) {
        if (IsA(node, ScalarArrayOpExpr))
            return castNode(ScalarArrayOpExpr, node)->useOr &&
                   is_handle(scope, item,
                             static_cast<Node*>(linitial(castNode(ScalarArrayOpExpr, node)->args)));
        return key_in(scope, item, node) != nullptr;
    });
}

// Postgres asks a condition that reads no row once, also when there are no rows: its error would be missed.
NodeId StatementCompiler::row_condition(Scope& scope, Node* node) {
    const NodeId value = condition(scope, node);
    if (expressions()[value].can_fail && rows_read(node, 0).empty())
        refuse("a condition that reads no row may fail");
    return value;
}

void StatementCompiler::compile_update(const Query* query) {
    out_.kind = kernel::StatementKind::update;
    Scope scope;
    const TableFacts& table = *open_target(scope, query).table;
    if (table.has_update_triggers)
        refuse("the component " + table.name + " has triggers");
    for (TargetEntry* target : targets(query->targetList)) {
        if (target->resno == table.world || target->resno == table.handle)
            refuse("the columns of a key cannot be updated");
        assign(scope, table, target->resno, expression_of(target));
    }
    for (const kernel::Assignment& assignment : out_.assignments)
        for (std::uint32_t i = 1; i < out_.sources.size(); ++i)
            if (kernel::is_by_place(out_.sources[i].kind) && reads_source(assignment.value, {i}))
                refuse("several pairs may belong to one row, and the result would depend on their order");
    add_table_checks(table);
}

void StatementCompiler::compile_delete(const Query* query) {
    out_.kind = kernel::StatementKind::remove;
    Scope scope;
    const TableFacts& table = *open_target(scope, query).table;
    if (table.has_delete_triggers)
        refuse("the component " + table.name + " has triggers");
    if (table.is_of_cells)
        refuse("cells cannot be deleted");
}

kernel::ComponentId StatementCompiler::insert_target(const Query* query) {
    const RangeTblEntry* entry = rt_fetch(query->resultRelation, query->rtable);
    if (entry->rtekind != RTE_RELATION)
        refuse("the target has no kernel");
    const TableFacts& table = table_of(entry->relid);
    if (table.has_insert_triggers)
        refuse("the component " + table.name + " has triggers");
    if (table.is_of_cells)
        refuse("cells cannot be inserted");
    out_.target_name = table.name;
    if (query->onConflict != nullptr) {
        if (query->onConflict->action != ONCONFLICT_NOTHING || query->onConflict->arbiterElems != nullptr)
            refuse("ON CONFLICT has a kernel as ON CONFLICT DO NOTHING only");
        out_.does_nothing_on_conflict = true;
    }
    return symbols_.component(table.name, false);
}

// The entry of FROM whose handle it is.
Item& StatementCompiler::row_of(Scope& scope, Node* handle) {
    for (Item& item : scope.items)
        if (item.kind == Item::Kind::component && !item.is_nullable && is_handle(scope, item, handle))
            return item;
    refuse("the entity of the new row is not the handle of a row in FROM");
}

// INSERT … SELECT: the SELECT, and its number in the range table.
const Query* StatementCompiler::source_of_insert(const Query* query, int& number) {
    List* from = query->jointree->fromlist;
    if (list_length(from) != 1 || !IsA(linitial(from), RangeTblRef))
        refuse("it inserts a row, not one for each row of a component");
    number = linitial_node(RangeTblRef, from)->rtindex;
    const RangeTblEntry* select = rt_fetch(number, query->rtable);
    if (select->rtekind != RTE_SUBQUERY)
        refuse("it inserts rows of VALUES, not one for each row of a component");
    refuse_clauses(select->subquery);
    return select->subquery;
}

void StatementCompiler::compile_insert(const Query* query) {
    const Oid relation = rt_fetch(query->resultRelation, query->rtable)->relid;
    if (const auto events = read_event_table(relation))
        return compile_append(query, *events);
    out_.kind = kernel::StatementKind::insert;
    out_.target = insert_target(query);
    const TableFacts& table = table_of(relation);
    int number = 0;
    Scope scope;
    scope.query = source_of_insert(query, number);
    List* values = pg::pg_call([&] { return values_of_select(const_cast<Query*>(query), number); });
    read_from(scope);
    std::vector<Node*> assigned(table.columns.size(), nullptr);
    for (TargetEntry* target : targets(values))
        assigned[static_cast<std::size_t>(target->resno - 1)] = expression_of(target);
    Node* handle = assigned[static_cast<std::size_t>(table.handle - 1)];
    if (handle == nullptr)
        refuse("it inserts a row without an entity");
    place_own(scope, row_of(scope, handle));
    set_where(scope);
    if (std::find(out_.components.begin(), out_.components.end(), out_.target) != out_.components.end())
        refuse("each row that it would insert is there already");
    for (std::size_t i = 0; i < assigned.size(); ++i) {
        const auto column = static_cast<AttrNumber>(i + 1);
        if (column == table.handle || table.columns[i].is_dropped)
            continue;
        if (column == table.world) {
            if (assigned[i] != nullptr && !is_world(scope, assigned[i]))
                refuse("the world of the new row is not that of the statement");
        } else if (assigned[i] != nullptr && !is_null(assigned[i])) {
            assign(scope, table, column, assigned[i]);
        } else {
            assign_nothing(table, column);
        }
    }
    add_table_checks(table);
}

// --- events ---

// The table's constraints are asked by the kernel; when the rows are written, they hold.
void StatementCompiler::compile_append(const Query* query, const EventTable& target) {
    const TableFacts& table = target.table;
    if (table.schema != game_)
        refuse(table.schema + "." + table.name + " belongs to another game");
    if (!target.refusal.empty())
        refuse("the table " + table.name + " " + target.refusal);
    if (query->onConflict != nullptr)
        refuse("ON CONFLICT has a kernel for components only");
    out_.kind = kernel::StatementKind::append;
    out_.target = kernel::ComponentId{store::none};
    out_.target_name = table.name;
    int number = 0;
    Scope scope;
    scope.query = source_of_insert(query, number);
    if (scope.query->sortClause != nullptr)
        refuse("events come in the order of rows: ORDER BY has no kernel");
    List* values = pg::pg_call([&] { return values_of_select(const_cast<Query*>(query), number); });
    read_from(scope);
    if (scope.items.empty())
        refuse("it inserts a row, not one for each row of a component");
    place_any_own(scope);
    set_where(scope);
    std::vector<Node*> assigned(table.columns.size(), nullptr);
    for (TargetEntry* column : targets(values))
        assigned[static_cast<std::size_t>(column->resno - 1)] = expression_of(column);
    std::vector<std::optional<NodeId>> given(table.columns.size());
    for (std::size_t i = 0; i < assigned.size(); ++i)
        if (!table.columns[i].is_dropped)
            append_column(scope, target, static_cast<AttrNumber>(i + 1), assigned[i], given);
    Scope row;
    row.given = &given;
    for (const CheckFacts& check : table.checks)
        out_.checks.push_back({translate(row, check.condition), check.name, ""});
}

void StatementCompiler::append_column(Scope& scope, const EventTable& target, AttrNumber number, Node* value,
                                      std::vector<std::optional<NodeId>>& given) {
    const ColumnFacts& column = target.table.columns[static_cast<std::size_t>(number - 1)];
    const auto is_call_of = [&](const char* name) {
        return value != nullptr && IsA(value, FuncExpr) &&
               game_function(castNode(FuncExpr, value)->funcid) == name;
    };
    if (number == target.table.world) {
        if (value == nullptr || !is_world(scope, value))
            refuse("the world of the new row is not that of the statement");
        return;
    }
    if (number == target.tick) {
        if (!is_call_of("tick"))
            refuse("the tick of the new row is not that of the statement");
        given[static_cast<std::size_t>(number - 1)] = expressions().parameter(kernel::Parameter::tick);
        return;
    }
    if (number == target.cause) {
        if (!is_call_of("cause"))
            refuse("the cause of the new row is not that of the statement");
        return;
    }
    if (number == target.created_at) {
        if (value == nullptr || !IsA(value, FuncExpr) || castNode(FuncExpr, value)->funcid != F_NOW)
            refuse("the new row's created_at is not now()");
        return;
    }
    const bool is_domain = pg::pg_call([&] { return get_typtype(column.type) == TYPTYPE_DOMAIN; });
    const auto type = kernel_type_of(column.type);
    if (!type || is_domain) {
        // Nothing but NULL can be said of it.
        if ((value != nullptr && !is_null(value)) || column.is_not_null || is_domain)
            refuse("the column " + target.table.name + "." + column.name + " is of type " +
                   type_name(column.type) + ", which kernels do not write to tables of events");
        return;
    }
    const NodeId node =
        value == nullptr ? expressions().constant(kernel::Value::null(*type)) : translate(scope, value);
    given[static_cast<std::size_t>(number - 1)] = node;
    out_.fields.push_back({column.name, node, column.is_not_null});
}

void StatementCompiler::compile_select(const Query* query) {
    const std::vector<TargetEntry*> selected = targets(query->targetList);
    const std::string called = selected.size() == 1 && IsA(selected[0]->expr, FuncExpr)
                                   ? game_function(castNode(FuncExpr, expression_of(selected[0]))->funcid)
                                   : "";
    const bool is_of_entities = called == "spawn" || called == "despawn";
    if (called != "emit" && !is_of_entities)
        refuse("a SELECT has a kernel when game.emit(…), game.spawn(…) or game.despawn(…) is all that it "
               "selects");
    if (query->sortClause != nullptr)
        refuse("events and entities come in the order of rows: ORDER BY has no kernel");
    Scope scope;
    scope.query = query;
    read_from(scope);
    if (scope.items.empty())
        refuse("it calls game." + called + " once, not for each row of a component");
    if (is_of_entities)
        return compile_call(scope, castNode(FuncExpr, expression_of(selected[0])));
    compile_emit(scope, castNode(FuncExpr, expression_of(selected[0])));
}

void StatementCompiler::compile_emit(Scope& scope, const FuncExpr* call) {
    out_.kind = kernel::StatementKind::emit;
    out_.target = kernel::ComponentId{store::none};
    place_any_own(scope);
    set_where(scope);
    const auto argument = [&](int place) {
        return list_length(call->args) > place ? static_cast<Node*>(list_nth(call->args, place)) : nullptr;
    };
    const auto type = text_of(argument(0));
    if (!type)
        refuse("the type of the event is not a constant");
    out_.target_name = *type;
    Node* entity = argument(1);
    if (entity != nullptr)
        out_.event_entity = expressions().cast(translate(scope, entity), ColumnType::i64);
    add_fields(scope, argument(2));
}

// --- calls that make and end entities ---

// The kernel computes what it can of the arguments; what is around it is called for each row.
void StatementCompiler::compile_call(Scope& scope, const FuncExpr* call) {
    out_.kind = kernel::StatementKind::call;
    out_.target = kernel::ComponentId{store::none};
    out_.target_name = game_function(call->funcid);
    place_any_own(scope);
    set_where(scope);
    Node* copy = pg::pg_call([&] { return static_cast<Node*>(copyObjectImpl(call)); });
    List* arguments = castNode(FuncExpr, copy)->args;
    for (int i = 0; i < list_length(arguments); ++i) {
        ListCell* cell = list_nth_cell(arguments, i);
        lfirst(cell) = with_parameters(scope, static_cast<Node*>(lfirst(cell)));
    }
    out_.sql = text_of_call(copy);
    if (out_.sql.size() > kernel::max_call_bytes)
        refuse("the call is too long");
}

Node* StatementCompiler::with_parameters(Scope& scope, Node* node) {
    if (IsA(node, Const) || is_world_function(node))
        return node;
    const Oid type = type_of(node);
    const kernel::Statement before = out_;
    std::string reason = "a value of type " + type_name(type) + " in a call has no kernel";
    if (kernel_type_of(type))
        try {
            kernel::Field field{sql_type_name(type), translate(scope, node)};
            if (expressions()[field.value].type != *kernel_type_of(type))
                refuse(reason);
            out_.fields.push_back(field);
            return pg::pg_call([&] { return make_parameter(static_cast<int>(out_.fields.size()), type); });
        } catch (const NotCompiled& refused) {
            out_ = before;
            reason = refused.what();
        }
    if (!IsA(node, FuncExpr) ||
        pg::pg_call([&] { return func_volatile(castNode(FuncExpr, node)->funcid) == PROVOLATILE_VOLATILE; }))
        refuse(reason);
    List* arguments = castNode(FuncExpr, node)->args;
    for (int i = 0; i < list_length(arguments); ++i) {
        ListCell* cell = list_nth_cell(arguments, i);
        lfirst(cell) = with_parameters(scope, static_cast<Node*>(lfirst(cell)));
    }
    return node;
}

// The own row is the entry of FROM from which all others are found.
void StatementCompiler::place_any_own(Scope& scope) {
    if (open_each(scope))
        return;
    const kernel::Statement statement = out_;
    std::string reason = "FROM has no component";
    for (const Item& candidate : scope.items) {
        if (candidate.kind != Item::Kind::component || candidate.is_nullable)
            continue;
        Scope trial = scope;
        out_ = statement;
        try {
            place_own(trial, *trial.find(candidate.number));
        } catch (const NotCompiled& refused) {
            reason = refused.what();
            continue;
        }
        scope = std::move(trial);
        return;
    }
    refuse(reason);
}

void StatementCompiler::add_fields(Scope& scope, const Node* payload) {
    if (payload == nullptr)
        return;
    if (IsA(payload, Const)) {
        const Const* constant = reinterpret_cast<const Const*>(payload);
        const bool is_empty = !constant->constisnull && pg::pg_call([&] {
            const Jsonb* value = DatumGetJsonbP(constant->constvalue);
            return JB_ROOT_IS_OBJECT(value) && JB_ROOT_COUNT(value) == 0;
        });
        if (is_empty)
            return;
    }
    if (!IsA(payload, FuncExpr) ||
        reinterpret_cast<const FuncExpr*>(payload)->funcid != F_JSONB_BUILD_OBJECT_ANY ||
        reinterpret_cast<const FuncExpr*>(payload)->funcvariadic) {
        if (IsA(payload, FuncExpr) &&
            reinterpret_cast<const FuncExpr*>(payload)->funcid == F_JSONB_BUILD_OBJECT_)
            return;
        refuse("the payload of an event is not a jsonb_build_object(…) of keys and values");
    }
    List* arguments = reinterpret_cast<const FuncExpr*>(payload)->args;
    for (int i = 0; i + 1 < list_length(arguments); i += 2) {
        const auto name = text_of(static_cast<Node*>(list_nth(arguments, i)));
        if (!name)
            refuse("a key of the event's payload is not a constant");
        Node* value = static_cast<Node*>(list_nth(arguments, i + 1));
        const Oid type = type_of(value);
        const Oid base = pg::pg_call([&] { return getBaseType(type); });
        const auto known = kernel_type_of(type);
        if (base == DATEOID || base == TIMESTAMPOID || base == TIMESTAMPTZOID ||
            (known && !kernel::has_json(*known)))
            refuse("a value of type " + type_name(type) + " in an event's payload has no kernel");
        const bool is_known = std::any_of(out_.fields.begin(), out_.fields.end(),
                                          [&](const kernel::Field& field) { return field.name == *name; });
        if (is_known)
            refuse("the event's payload has the key " + *name + " twice");
        out_.fields.push_back({*name, translate(scope, value)});
    }
    if (list_length(arguments) % 2 != 0)
        refuse("the event's payload has a key without a value");
}

} // namespace gamelan::compiler
