// Sub-selects: of one row that a key names; of the cells around the own one; of all rows.
#include "extension/compiler/statement_compiler.hpp"

#include <algorithm>

#include "extension/compiler/procedure_trees.hpp"
#include "extension/pg/bridge.hpp"

extern "C" {
#include "catalog/pg_aggregate.h"
#include "utils/fmgroids.h"
}

namespace gamelan::compiler {

using kernel::AggregateFunction;
using kernel::SourceKind;
using kernel::Value;

namespace {

const Query* inner_query(const SubLink* link) {
    return castNode(Query, link->subselect);
}

const TargetEntry* only_target(const Query* query) {
    const TargetEntry* out = nullptr;
    ListCell* cell = nullptr;
    foreach (cell, query->targetList) {
        const TargetEntry* entry = lfirst_node(TargetEntry, cell);
        if (entry->resjunk)
            continue;
        if (out != nullptr)
            return nullptr;
        out = entry;
    }
    return out;
}

// SELECT game.NAME(…), and nothing else: the call; else nullptr.
const FuncExpr* only_call(const Query* query, const char* name) {
    const TargetEntry* target = only_target(query);
    if (target == nullptr || query->jointree->fromlist != nullptr || query->jointree->quals != nullptr ||
        !IsA(target->expr, FuncExpr))
        return nullptr;
    const FuncExpr* call = reinterpret_cast<const FuncExpr*>(target->expr);
    return game_function(call->funcid) == name ? call : nullptr;
}

// SELECT x FROM game.observed() AS o(x)
bool is_observed(const Query* query) {
    if (only_call(query, "observed") != nullptr)
        return true;
    if (list_length(query->rtable) != 1 || query->jointree->quals != nullptr)
        return false;
    const RangeTblEntry* entry = linitial_node(RangeTblEntry, query->rtable);
    if (entry->rtekind != RTE_FUNCTION || list_length(entry->functions) != 1)
        return false;
    const Node* called = linitial_node(RangeTblFunction, entry->functions)->funcexpr;
    const TargetEntry* target = only_target(query);
    return IsA(called, FuncExpr) &&
           game_function(reinterpret_cast<const FuncExpr*>(called)->funcid) == "observed" &&
           target != nullptr && IsA(target->expr, Var);
}

// x IN (SELECT y …), with one of each.
bool is_single_test(const SubLink* link) {
    return link->testexpr != nullptr && IsA(link->testexpr, OpExpr) &&
           list_length(castNode(OpExpr, link->testexpr)->args) == 2;
}

std::optional<AggregateFunction> function_of(Oid aggregate) {
    switch (aggregate) {
    case F_COUNT_:
    case F_COUNT_ANY:
        return AggregateFunction::count;
    case F_SUM_INT2:
    case F_SUM_INT4:
    case F_SUM_INT8:
    case F_SUM_FLOAT4:
    case F_SUM_FLOAT8:
        return AggregateFunction::sum;
    case F_AVG_INT2:
    case F_AVG_INT4:
    case F_AVG_INT8:
    case F_AVG_FLOAT4:
    case F_AVG_FLOAT8:
        return AggregateFunction::average;
    case F_MIN_INT2:
    case F_MIN_INT4:
    case F_MIN_INT8:
    case F_MIN_FLOAT4:
    case F_MIN_FLOAT8:
    case F_MIN_DATE:
    case F_MIN_TIMESTAMP:
    case F_MIN_TIMESTAMPTZ:
        return AggregateFunction::least;
    case F_MAX_INT2:
    case F_MAX_INT4:
    case F_MAX_INT8:
    case F_MAX_FLOAT4:
    case F_MAX_FLOAT8:
    case F_MAX_DATE:
    case F_MAX_TIMESTAMP:
    case F_MAX_TIMESTAMPTZ:
        return AggregateFunction::greatest;
    case F_BOOL_AND:
    case F_EVERY:
        return AggregateFunction::every;
    case F_BOOL_OR:
        return AggregateFunction::any;
    default:
        return std::nullopt;
    }
}

void refuse_clauses(const Query* query) {
    if (query->groupClause != nullptr || query->groupingSets != nullptr)
        refuse("GROUP BY has no kernel");
    if (query->havingQual != nullptr)
        refuse("HAVING has no kernel");
    if (query->hasWindowFuncs)
        refuse("window functions have no kernel");
    if (query->distinctClause != nullptr)
        refuse("DISTINCT has no kernel");
    if (query->setOperations != nullptr)
        refuse("UNION, INTERSECT and EXCEPT have no kernel");
    if (query->limitOffset != nullptr)
        refuse("OFFSET has no kernel");
    if (query->hasTargetSRFs)
        refuse(
            "a function that returns several rows has no kernel, but for game.neighbors in sub-selects that "
            "aggregate and game.observed");
}

} // namespace

void StatementCompiler::open_sub_select(Scope& scope, const SubLink* link, Scope& inner) {
    inner.query = inner_query(link);
    inner.outer = &scope;
    refuse_clauses(inner.query);
    // One row is enough for EXISTS, and an aggregate or a key gives no more.
    if (inner.query->limitCount != nullptr) {
        const Node* count = inner.query->limitCount;
        if (!IsA(count, Const) || reinterpret_cast<const Const*>(count)->constisnull ||
            DatumGetInt64(reinterpret_cast<const Const*>(count)->constvalue) < 1)
            refuse("LIMIT has no kernel");
    }
    if (link->subLinkType != EXPR_SUBLINK && inner.query->hasAggs)
        refuse("EXISTS or IN over an aggregate has no kernel");
    read_from(inner);
}

NodeId StatementCompiler::sub_select(Scope& scope, const SubLink* link, bool is_condition) {
    if (link->subLinkType == ANY_SUBLINK)
        return in_sub_select(scope, link, is_condition);
    if (link->subLinkType != EXISTS_SUBLINK && link->subLinkType != EXPR_SUBLINK)
        refuse("a sub-select that makes an array or compares with ALL has no kernel");
    Scope inner;
    open_sub_select(scope, link, inner);
    place_sub_select(inner);
    return link->subLinkType == EXISTS_SUBLINK ? exists(inner, is_condition) : scalar(inner);
}

bool StatementCompiler::is_joined_to_own_row(Scope& inner) {
    return !inner.set && !inner.items.empty() &&
           std::all_of(inner.items.begin(), inner.items.end(), [&](const Item& item) {
               return item.kind == Item::Kind::component && !item.is_nullable && !item.source &&
                      item.key == expressions().entity() &&
                      item.table->is_of_cells == is_of_cells(kernel::own_row);
           });
}

std::optional<NodeId> StatementCompiler::semi_join(Scope& scope, Node* node) {
    if (!IsA(node, SubLink))
        return std::nullopt;
    const SubLink* link = castNode(SubLink, node);
    const bool is_in = link->subLinkType == ANY_SUBLINK;
    if (!is_in && link->subLinkType != EXISTS_SUBLINK)
        return std::nullopt;
    if (is_in &&
        (is_observed(inner_query(link)) || inner_query(link)->hasTargetSRFs || !is_single_test(link)))
        return std::nullopt;
    Scope inner;
    open_sub_select(scope, link, inner);
    if (is_in)
        inner.conditions.push_back(pg::pg_call([&] { return condition_of_in(link); }));
    place_sub_select(inner);
    if (is_joined_to_own_row(inner))
        for (const Item& item : inner.items)
            if (std::find(out_.components.begin(), out_.components.end(), item.component) ==
                out_.components.end())
                out_.components.push_back(item.component);
    return exists(inner, true);
}

// The rows of the sub-select's FROM.
void StatementCompiler::place_sub_select(Scope& inner) {
    if (inner.items.empty() || place_neighbours(inner) || place_places(inner))
        return;
    while (place_next(inner, true)) {
    }
    const auto placed = std::count_if(inner.items.begin(), inner.items.end(),
                                      [](const Item& item) { return item.is_placed; });
    if (placed == 0)
        return place_all(inner);
    if (placed != static_cast<std::ptrdiff_t>(inner.items.size()))
        refuse_unplaced(inner);
    for (Item& item : inner.items)
        guard(inner, item);
}

// game.neighbors(cell), or game.neighbors(world, cell)
void StatementCompiler::require_own_cell(Scope& scope, const FuncExpr* call) {
    const int count = list_length(call->args);
    if (count == 2 && !is_world(scope, static_cast<Node*>(linitial(call->args))))
        refuse("the neighbours are those of another world");
    Node* cell = static_cast<Node*>(list_nth(call->args, count - 1));
    if (translate(scope, cell) != expressions().entity() || !is_of_cells(kernel::own_row))
        refuse("the neighbours are not those of the statement's own cell");
}

// n.cell IN (SELECT game.neighbors(c.cell)), or game.neighbors(c.cell) AS a(cell) joined with n.cell =
// a.cell.
bool StatementCompiler::place_neighbours(Scope& inner) {
    for (auto at = inner.conditions.begin(); at != inner.conditions.end(); ++at) {
        if (!IsA(*at, SubLink) || castNode(SubLink, *at)->subLinkType != ANY_SUBLINK)
            continue;
        const SubLink* link = castNode(SubLink, *at);
        const FuncExpr* call = only_call(inner_query(link), "neighbors");
        if (call == nullptr || !IsA(link->testexpr, OpExpr))
            continue;
        Node* tested = static_cast<Node*>(linitial(castNode(OpExpr, link->testexpr)->args));
        for (Item& item : inner.items) {
            if (item.kind != Item::Kind::component || !is_handle(inner, item, tested))
                continue;
            Scope innermost;
            innermost.query = inner_query(link);
            innermost.outer = &inner;
            require_own_cell(innermost, call);
            inner.conditions.erase(at);
            place_set(inner, item, SourceKind::neighbours);
            return true;
        }
    }
    for (Item& around : inner.items) {
        if (around.kind != Item::Kind::neighbours)
            continue;
        require_own_cell(inner, around.function);
        for (Item& item : inner.items)
            for (auto at = inner.conditions.begin(); at != inner.conditions.end(); ++at) {
                Node* key = item.kind == Item::Kind::component ? key_in(inner, item, *at) : nullptr;
                if (key == nullptr || !is_handle(inner, around, key))
                    continue;
                inner.conditions.erase(at);
                around.is_placed = true;
                place_set(inner, item, SourceKind::neighbours);
                // Its column is the handle of the rows.
                around.key = expressions().entity(*inner.set);
                return true;
            }
        refuse("game.neighbors is not joined with a component by its cell");
    }
    return false;
}

void StatementCompiler::place_all(Scope& inner) {
    const auto is_component = [](const Item& item) {
        return item.kind == Item::Kind::component && !item.is_nullable;
    };
    const auto root = std::find_if(inner.items.begin(), inner.items.end(), is_component);
    if (root == inner.items.end())
        refuse("a sub-select reads no component");
    const auto reads_outside = [](Node* node) { return !rows_read(node, 1).empty(); };
    if (!root->table->is_of_cells &&
        std::any_of(inner.conditions.begin(), inner.conditions.end(), reads_outside))
        return place_within(inner, *root);
    place_set(inner, *root, SourceKind::all);
}

// The root and what is joined with it by the handle: rows of one source.
void StatementCompiler::place_set(Scope& inner, Item& root, SourceKind kind) {
    kernel::RowSource source;
    source.kind = kind;
    source.components = {root.component};
    root.is_placed = true;
    fill_set(inner, std::move(source));
}

// With what is joined by the handle with an item that is placed.
void StatementCompiler::fill_set(Scope& inner, kernel::RowSource source) {
    const bool are_cells = symbols_.components[source.components[0].value].is_of_cells;
    const auto is_of_set = [&](Node* key) {
        return std::any_of(inner.items.begin(), inner.items.end(),
                           [&](const Item& item) { return item.is_placed && is_handle(inner, item, key); });
    };
    const auto attach = [&](Item& item) {
        for (auto at = inner.conditions.begin(); at != inner.conditions.end(); ++at) {
            Node* key = key_in(inner, item, *at);
            if (key == nullptr || !is_of_set(key) || item.table->is_of_cells != are_cells)
                continue;
            inner.conditions.erase(at);
            item.is_placed = true;
            if (std::find(source.components.begin(), source.components.end(), item.component) ==
                source.components.end())
                source.components.push_back(item.component);
            return true;
        }
        return false;
    };
    for (bool is_growing = true; is_growing;) {
        is_growing = false;
        for (Item& item : inner.items)
            is_growing = (!item.is_placed && item.kind == Item::Kind::component && !item.is_nullable &&
                          attach(item)) ||
                         is_growing;
    }
    for (const Item& item : inner.items)
        if (!item.is_placed)
            refuse_unplaced(inner);
    const auto same = std::find(out_.sources.begin(), out_.sources.end(), source);
    inner.set = SourceId{static_cast<std::uint32_t>(same - out_.sources.begin())};
    if (same == out_.sources.end())
        out_.sources.push_back(source);
    for (Item& item : inner.items)
        if (item.kind == Item::Kind::component || item.kind == Item::Kind::place)
            item.source = inner.set;
}

// Whether the single row is there, and the WHERE holds. Never NULL, unless NULL and false are the same.
NodeId StatementCompiler::single_row_condition(Scope& inner, bool is_condition) {
    std::vector<NodeId> conditions;
    for (Item& item : inner.items)
        if (!item.is_nullable)
            conditions.push_back(presence_of(item));
    for (Node* node : inner.conditions)
        conditions.push_back(is_condition ? condition(inner, node) : is_true(condition(inner, node)));
    const NodeId always = truth(true);
    conditions.erase(std::remove(conditions.begin(), conditions.end(), always), conditions.end());
    return all_of(conditions);
}

std::optional<NodeId> StatementCompiler::set_condition(Scope& inner, std::optional<NodeId> filter) {
    std::vector<NodeId> conditions;
    if (inner.paired)
        conditions.push_back(*inner.paired);
    for (Node* node : inner.conditions)
        conditions.push_back(condition(inner, node));
    if (filter)
        conditions.push_back(*filter);
    if (conditions.empty())
        return std::nullopt;
    return all_of(conditions);
}

NodeId StatementCompiler::add_aggregate(const kernel::Aggregate& aggregate) {
    const bool is_of_all = out_.sources[aggregate.source.value].kind == SourceKind::all;
    for (const std::optional<NodeId>& part : {aggregate.where, aggregate.argument})
        if (part && is_of_all && !reads_only(*part, aggregate.source))
            refuse("a sub-select over all rows of " +
                   symbols_.components[out_.sources[aggregate.source.value].components[0].value].name +
                   " depends on the statement's own row");
    ColumnType type = ColumnType::i64;
    if (aggregate.argument)
        type = expressions()[*aggregate.argument].type;
    const auto same = std::find(out_.aggregates.begin(), out_.aggregates.end(), aggregate);
    const auto place = static_cast<std::uint32_t>(same - out_.aggregates.begin());
    if (same == out_.aggregates.end())
        out_.aggregates.push_back(aggregate);
    return expressions().aggregate(place, *kernel::result_type(aggregate.function, type));
}

NodeId StatementCompiler::exists(Scope& inner, bool is_condition) {
    if (!inner.set)
        return single_row_condition(inner, is_condition);
    return add_aggregate({AggregateFunction::exists, *inner.set, set_condition(inner, std::nullopt), {}});
}

NodeId StatementCompiler::scalar(Scope& inner) {
    const TargetEntry* target = only_target(inner.query);
    if (target == nullptr)
        refuse("a sub-select has no column, or several");
    Node* value = reinterpret_cast<Node*>(target->expr);
    if (inner.query->hasAggs) {
        if (!inner.set)
            inner.counted = single_row_condition(inner, true);
        return translate(inner, value);
    }
    if (inner.set && inner.items.front().kind == Item::Kind::place)
        return value_of_place(inner, value);
    if (inner.set)
        refuse("a sub-select may find several rows of " + inner.items.front().table->name +
               ": it needs an aggregate, or an equality with the handle");
    const NodeId is_there = single_row_condition(inner, true);
    const NodeId found = translate(inner, value);
    if (is_there == truth(true))
        return found;
    return expressions().make(Op::choose, {is_there, found, null_like(found)});
}

NodeId StatementCompiler::in_sub_select(Scope& scope, const SubLink* link, bool is_condition) {
    if (!is_single_test(link))
        refuse("IN with several columns has no kernel");
    const Query* query = inner_query(link);
    Node* tested = static_cast<Node*>(linitial(castNode(OpExpr, link->testexpr)->args));
    if (is_observed(query)) {
        if (translate(scope, tested) != expressions().entity())
            refuse("game.observed() is compared with another row than the statement's own");
        return expressions().observed();
    }
    Scope inner;
    open_sub_select(scope, link, inner);
    // NULL IN (…) and x IN (…, NULL) may be NULL, which EXISTS never is.
    const TargetEntry* target = only_target(query);
    const bool is_exact = target != nullptr && is_never_null(scope, tested) &&
                          is_never_null(inner, reinterpret_cast<Node*>(target->expr));
    if (!is_condition && !is_exact)
        refuse("NULLs decide what x [NOT] IN (SELECT …) says here: write [NOT] EXISTS");
    inner.conditions.push_back(pg::pg_call([&] { return condition_of_in(link); }));
    place_sub_select(inner);
    return exists(inner, is_condition);
}

// --- aggregates ---

NodeId StatementCompiler::aggregate(Scope& scope, const Aggref* node) {
    Scope* home = &scope;
    for (Index level = 0; level < node->agglevelsup && home != nullptr; ++level)
        home = home->outer;
    if (home == nullptr || (!home->set && !home->counted))
        refuse("an aggregate stands outside of a sub-select");
    if (node->aggdistinct != nullptr)
        refuse("an aggregate of DISTINCT values has no kernel");
    const std::string name = pg::pg_call([&]() -> const char* { return get_func_name(node->aggfnoid); });
    const auto function = function_of(node->aggfnoid);
    if (!function)
        refuse("the aggregate " + name + " of " +
               (node->aggargtypes != nullptr ? type_name(linitial_oid(node->aggargtypes)) : "rows") +
               " has no kernel");
    if (!home->set)
        return aggregate_of_row(*home, node, *function);
    kernel::Aggregate aggregate;
    aggregate.function = *function;
    aggregate.source = *home->set;
    std::optional<NodeId> filter;
    if (node->aggfilter != nullptr)
        filter = condition(*home, reinterpret_cast<Node*>(node->aggfilter));
    aggregate.where = set_condition(*home, filter);
    if (node->args != nullptr)
        aggregate.argument =
            translate(*home, reinterpret_cast<Node*>(linitial_node(TargetEntry, node->args)->expr));
    if (aggregate.function == AggregateFunction::average &&
        out_.sources[aggregate.source.value].kind != SourceKind::all)
        return average_around(aggregate);
    return add_aggregate(aggregate);
}

NodeId StatementCompiler::average_around(kernel::Aggregate aggregate) {
    if (!kernel::is_integer(expressions()[*aggregate.argument].type))
        refuse("avg of reals over neighbours has no kernel: write sum(x) / count(x)");
    aggregate.function = AggregateFunction::sum;
    const NodeId sum = expressions().cast(add_aggregate(aggregate), ColumnType::decimal);
    aggregate.function = AggregateFunction::count;
    return expressions().make(Op::average, {sum, add_aggregate(aggregate)});
}

NodeId StatementCompiler::count_of(std::int64_t rows) {
    return expressions().constant(Value::of(ColumnType::i64, rows));
}

// Of at most one row.
NodeId StatementCompiler::aggregate_of_row(Scope& scope, const Aggref* node, AggregateFunction function) {
    std::vector<NodeId> conditions{*scope.counted};
    if (node->aggfilter != nullptr)
        conditions.push_back(is_true(condition(scope, reinterpret_cast<Node*>(node->aggfilter))));
    std::optional<NodeId> value;
    if (node->args != nullptr)
        value = translate(scope, reinterpret_cast<Node*>(linitial_node(TargetEntry, node->args)->expr));
    if (function == AggregateFunction::count) {
        if (value)
            conditions.push_back(expressions().make(Op::is_not_null, {*value}));
        return expressions().make(Op::choose, {all_of(conditions), count_of(1), count_of(0)});
    }
    if (function == AggregateFunction::average && kernel::is_integer(expressions()[*value].type))
        value =
            expressions().make(Op::average, {expressions().cast(*value, ColumnType::decimal), count_of(1)});
    else if (function == AggregateFunction::sum || function == AggregateFunction::average)
        value = expressions().cast(*value, *kernel::result_type(function, expressions()[*value].type));
    return expressions().make(Op::choose, {all_of(conditions), *value, null_like(*value)});
}

} // namespace gamelan::compiler
