// FROM: which row each of its entries is. An entry is joined by an equality of its handle: with the handle of
// another entry (components of one entity or cell), or with any other value known by then (a reference).
#include "extension/compiler/statement_compiler.hpp"

#include <algorithm>

#include "extension/pg/bridge.hpp"

extern "C" {
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
}

namespace gamelan::compiler {

namespace {

void flatten_and(Node* node, std::vector<Node*>& out) {
    if (node == nullptr)
        return;
    if (IsA(node, List)) {
        ListCell* cell = nullptr;
        foreach (cell, castNode(List, node))
            flatten_and(static_cast<Node*>(lfirst(cell)), out);
    } else if (IsA(node, BoolExpr) && castNode(BoolExpr, node)->boolop == AND_EXPR) {
        flatten_and(reinterpret_cast<Node*>(castNode(BoolExpr, node)->args), out);
    } else {
        out.push_back(node);
    }
}

// Equality of a bigint with an integer.
bool is_integer_equality(const Node* node) {
    if (!IsA(node, OpExpr))
        return false;
    switch (reinterpret_cast<const OpExpr*>(node)->opfuncid) {
    case F_INT8EQ:
    case F_INT84EQ:
    case F_INT48EQ:
    case F_INT82EQ:
    case F_INT28EQ:
        return true;
    default:
        return false;
    }
}

Node* argument(const OpExpr* node, int place) {
    return static_cast<Node*>(list_nth(node->args, place));
}

} // namespace

Item* Scope::find(int number) {
    for (Item& item : items)
        if (item.number == number)
            return &item;
    return nullptr;
}

const TableFacts& StatementCompiler::table_of(Oid relation) {
    for (const auto& table : tables_)
        if (table->oid == relation)
            return *table;
    std::optional<TableFacts> found = read_table(relation);
    if (!found)
        refuse(relation_name(relation) + " is no component: only the rows of the world are known to kernels");
    if (found->schema != game_)
        refuse(relation_name(relation) + " is a component of another game");
    if (found->has_heirs)
        refuse("other components inherit from " + relation_name(relation));
    tables_.push_back(std::make_shared<const TableFacts>(std::move(*found)));
    return *tables_.back();
}

void StatementCompiler::add_component(Item& item, const RangeTblEntry* entry) {
    if (entry->securityQuals != nullptr)
        refuse("a security barrier lies over " + relation_name(entry->relid));
    if (entry->tablesample != nullptr)
        refuse("TABLESAMPLE has no kernel");
    const TableFacts& table = table_of(entry->relid);
    for (const auto& known : tables_)
        if (known->oid == table.oid)
            item.table = known;
    item.component = symbols_.component(table.name, table.is_of_cells);
}

void StatementCompiler::add_function(Item& item, const RangeTblEntry* entry) {
    Node* called = nullptr;
    if (list_length(entry->functions) == 1 && !entry->funcordinality)
        called = linitial_node(RangeTblFunction, entry->functions)->funcexpr;
    const std::string name =
        called != nullptr && IsA(called, FuncExpr) ? game_function(castNode(FuncExpr, called)->funcid) : "";
    if (name == "observed")
        item.kind = Item::Kind::observed;
    else if (name == "neighbors")
        item.kind = Item::Kind::neighbours;
    else if (name == "near" || name == "nearest" || name == "in_box" || name == "pairs")
        item.kind = Item::Kind::place;
    else
        refuse("a function in FROM has no kernel, but for game.observed, and game.neighbors, game.near, "
               "game.nearest, game.in_box and game.pairs in sub-selects");
    item.function = castNode(FuncExpr, called);
}

Item& StatementCompiler::add_item(Scope& scope, int number) {
    const RangeTblEntry* entry = rt_fetch(number, scope.query->rtable);
    Item& item = scope.items.emplace_back();
    item.number = number;
    switch (entry->rtekind) {
    case RTE_RELATION:
        add_component(item, entry);
        break;
    case RTE_FUNCTION:
        add_function(item, entry);
        break;
    case RTE_SUBQUERY:
        refuse("a view or a sub-select in FROM has no kernel");
    case RTE_VALUES:
        refuse("VALUES has no kernel");
    case RTE_CTE:
        refuse("WITH has no kernel");
    default:
        refuse("an entry of FROM has no kernel");
    }
    return item;
}

void StatementCompiler::read_join(Scope& scope, Node* node) {
    if (IsA(node, RangeTblRef)) {
        add_item(scope, castNode(RangeTblRef, node)->rtindex);
    } else if (IsA(node, FromExpr)) {
        ListCell* cell = nullptr;
        foreach (cell, castNode(FromExpr, node)->fromlist)
            read_join(scope, static_cast<Node*>(lfirst(cell)));
        flatten_and(castNode(FromExpr, node)->quals, scope.conditions);
    } else {
        const JoinExpr* join = castNode(JoinExpr, node);
        if (join->jointype == JOIN_INNER) {
            read_join(scope, join->larg);
            read_join(scope, join->rarg);
            return flatten_and(join->quals, scope.conditions);
        }
        if (join->jointype != JOIN_LEFT && join->jointype != JOIN_RIGHT)
            refuse("FULL JOIN has no kernel");
        Node* kept = join->jointype == JOIN_LEFT ? join->larg : join->rarg;
        Node* optional = join->jointype == JOIN_LEFT ? join->rarg : join->larg;
        if (!IsA(optional, RangeTblRef))
            refuse("the optional side of an outer join is more than one component");
        read_join(scope, kept);
        Item& item = add_item(scope, castNode(RangeTblRef, optional)->rtindex);
        if (item.kind != Item::Kind::component)
            refuse("an outer join with a function has no kernel");
        item.is_nullable = true;
        flatten_and(join->quals, item.on);
    }
}

void StatementCompiler::read_from(Scope& scope) {
    const Query* query = scope.query;
    if (query->cteList != nullptr)
        refuse("WITH has no kernel");
    if (query->rowMarks != nullptr)
        refuse("FOR UPDATE has no kernel");
    read_join(scope, reinterpret_cast<Node*>(query->jointree));
    drop_world_conditions(scope, scope.conditions);
    // What remains of conditions that contradict each other, equalities of handles included.
    for (Node* node : scope.conditions)
        if (IsA(node, Const) &&
            (castNode(Const, node)->constisnull || !DatumGetBool(castNode(Const, node)->constvalue)))
            refuse("a WHERE is never true");
    for (Item& item : scope.items)
        drop_world_conditions(scope, item.on);
}

bool StatementCompiler::is_world(Scope& scope, Node* node) {
    if (IsA(node, FuncExpr))
        return game_function(castNode(FuncExpr, node)->funcid) == "world_id";
    if (!IsA(node, Var))
        return false;
    const Var* var = castNode(Var, node);
    Scope* home = &scope;
    for (Index level = 0; level < var->varlevelsup && home != nullptr; ++level)
        home = home->outer;
    const Item* item = home == nullptr ? nullptr : home->find(var->varno);
    return item != nullptr && item->table != nullptr && var->varattno == item->table->world;
}

// A statement sees one world only.
void StatementCompiler::drop_world_conditions(Scope& scope, std::vector<Node*>& conditions) {
    const auto is_dropped = [&](Node* node) {
        if (!is_integer_equality(node))
            return false;
        const OpExpr* equality = castNode(OpExpr, node);
        return is_world(scope, argument(equality, 0)) && is_world(scope, argument(equality, 1));
    };
    conditions.erase(std::remove_if(conditions.begin(), conditions.end(), is_dropped), conditions.end());
}

bool StatementCompiler::is_handle(Scope&, const Item& item, Node* node) {
    if (!IsA(node, Var))
        return false;
    const Var* var = castNode(Var, node);
    if (var->varlevelsup != 0 || var->varno != item.number)
        return false;
    return item.kind == Item::Kind::component ? var->varattno == item.table->handle
                                              : var->varattno == item.handle_column;
}

Node* StatementCompiler::key_in(Scope& scope, const Item& item, Node* condition) {
    if (!is_integer_equality(condition))
        return nullptr;
    const OpExpr* equality = castNode(OpExpr, condition);
    for (int side = 0; side < 2; ++side)
        if (is_handle(scope, item, argument(equality, side)))
            return argument(equality, 1 - side);
    return nullptr;
}

// Whether all rows that it reads are placed.
bool StatementCompiler::is_known_key(Scope& scope, Node* key) {
    if (has_sub_select(key))
        return false;
    const std::vector<int> read = rows_read(key, 0);
    return std::all_of(read.begin(), read.end(), [&](int number) {
        const Item* item = scope.find(number);
        return item != nullptr && item->is_placed;
    });
}

bool StatementCompiler::is_of_cells(SourceId source) const {
    const auto& components =
        source == kernel::own_row ? out_.components : out_.sources[source.value].components;
    return !components.empty() && symbols_.components[components[0].value].is_of_cells;
}

void StatementCompiler::place_own(Scope& scope, Item& own) {
    own.is_placed = true;
    own.source = kernel::own_row;
    out_.components = {own.component};
    place_others(scope);
}

void StatementCompiler::place_others(Scope& scope) {
    while (place_next(scope, false)) {
    }
    const bool is_complete =
        std::all_of(scope.items.begin(), scope.items.end(), [](const Item& item) { return item.is_placed; });
    if (!is_complete)
        refuse_unplaced(scope);
    for (Item& item : scope.items)
        guard(scope, item);
}

// Places one more item; first those of rows that are known already.
bool StatementCompiler::place_next(Scope& scope, bool is_optional) {
    for (Item& item : scope.items) {
        if (item.is_placed)
            continue;
        std::vector<Node*>& conditions = item.is_nullable ? item.on : scope.conditions;
        if (place_by(scope, item, conditions, is_optional || item.is_nullable))
            return true;
    }
    return false;
}

bool StatementCompiler::place_by(Scope& scope, Item& item, std::vector<Node*>& conditions, bool is_optional) {
    auto chosen = conditions.end();
    for (auto at = conditions.begin(); at != conditions.end(); ++at) {
        Node* key = key_in(scope, item, *at);
        if (key == nullptr || !is_known_key(scope, key))
            continue;
        const bool is_of_handle = std::any_of(scope.items.begin(), scope.items.end(), [&](const Item& other) {
            return is_handle(scope, other, key);
        });
        if (chosen == conditions.end() || is_of_handle)
            chosen = at;
        if (is_of_handle)
            break;
    }
    if (chosen == conditions.end())
        return false;
    Node* key = key_in(scope, item, *chosen);
    conditions.erase(chosen);
    place(scope, item, key_of(scope, key), is_optional);
    return true;
}

// The handle of a row that a key names, and that must be there, is that key: no need to look at the row.
NodeId StatementCompiler::key_of(Scope& scope, Node* key) {
    for (Item& other : scope.items)
        if (other.is_placed && other.key && !other.source && !other.is_nullable && !other.guard &&
            is_handle(scope, other, key))
            return *other.key;
    return expressions().cast(translate(scope, key), ColumnType::i64);
}

void StatementCompiler::place(Scope&, Item& item, NodeId key, bool is_optional) {
    item.is_placed = true;
    if (item.kind == Item::Kind::neighbours)
        refuse("game.neighbors is known to kernels in sub-selects that aggregate only");
    if (item.kind == Item::Kind::place)
        refuse("game." + game_function(item.function->funcid) + " is known to kernels in sub-selects only");
    if (item.kind == Item::Kind::observed) {
        if (key != expressions().entity())
            refuse("game.observed() is joined with another row than the statement's own");
        item.guard = expressions().observed();
        item.key = key;
        return;
    }
    if (is_optional)
        place_optional(item, key);
    else
        place_required(item, key);
}

void StatementCompiler::place_required(Item& item, NodeId key) {
    const kernel::Node node = expressions()[key];
    const bool is_handle = node.op == Op::entity &&
                           is_of_cells(node.source) == symbols_.components[item.component.value].is_of_cells;
    std::optional<SourceId> same;
    if (is_handle && (node.source == kernel::own_row || !out_.sources[node.source.value].is_optional))
        same = node.source;
    for (std::uint32_t i = 1; i < out_.sources.size() && !same; ++i)
        if (!out_.sources[i].is_optional && out_.sources[i].key == key &&
            is_of_cells({i}) == symbols_.components[item.component.value].is_of_cells)
            same = SourceId{i};
    if (!same) {
        kernel::RowSource source;
        source.kind = kernel::SourceKind::reference;
        source.key = key;
        out_.sources.push_back(source);
        same = SourceId{static_cast<std::uint32_t>(out_.sources.size() - 1)};
    }
    auto& components = *same == kernel::own_row ? out_.components : out_.sources[same->value].components;
    if (std::find(components.begin(), components.end(), item.component) == components.end())
        components.push_back(item.component);
    item.source = same;
}

void StatementCompiler::place_optional(Item& item, NodeId key) {
    // The handle of a row that a key has found is that key; of one that need not be there it may be NULL.
    const kernel::Node node = expressions()[key];
    if (node.op == Op::entity && node.source != kernel::own_row && out_.sources[node.source.value].key &&
        !out_.sources[node.source.value].is_optional)
        key = *out_.sources[node.source.value].key;
    item.key = key;
}

SourceId StatementCompiler::source_of(Item& item) {
    if (item.source)
        return *item.source;
    if (expressions()[*item.key].op == Op::entity && expressions()[*item.key].source == kernel::own_row &&
        std::find(out_.components.begin(), out_.components.end(), item.component) != out_.components.end()) {
        item.source = kernel::own_row;
        return *item.source;
    }
    kernel::RowSource wanted;
    wanted.kind = kernel::SourceKind::reference;
    wanted.components = {item.component};
    wanted.key = item.key;
    wanted.is_optional = true;
    for (std::uint32_t i = 1; i < out_.sources.size(); ++i) {
        const kernel::RowSource& known = out_.sources[i];
        if (known.is_optional && known.key == wanted.key && known.components == wanted.components)
            item.source = SourceId{i};
    }
    if (!item.source) {
        out_.sources.push_back(wanted);
        item.source = SourceId{static_cast<std::uint32_t>(out_.sources.size() - 1)};
    }
    return *item.source;
}

// Whether the row is there, and counts.
NodeId StatementCompiler::presence_of(Item& item) {
    if (item.kind != Item::Kind::component)
        return *item.guard;
    std::vector<NodeId> conditions;
    if (item.key) {
        const kernel::Node key = expressions()[*item.key];
        const bool is_own = key.op == Op::entity && key.source == kernel::own_row &&
                            is_of_cells(kernel::own_row) == item.table->is_of_cells;
        if (!is_own)
            conditions.push_back(expressions().has_row(item.component, source_of(item)));
        else if (std::find(out_.components.begin(), out_.components.end(), item.component) ==
                 out_.components.end())
            conditions.push_back(expressions().has_row(item.component));
    }
    if (item.guard)
        conditions.push_back(*item.guard);
    return all_of(conditions);
}

// What else the ON of an outer join asks.
void StatementCompiler::guard(Scope& scope, Item& item) {
    if (!item.is_nullable || item.on.empty())
        return;
    std::vector<NodeId> conditions;
    for (Node* node : item.on)
        conditions.push_back(condition(scope, node));
    item.guard = is_true(all_of(conditions));
}

void StatementCompiler::refuse_unplaced(Scope& scope) {
    for (const Item& item : scope.items) {
        if (item.is_placed)
            continue;
        if (item.kind != Item::Kind::component)
            refuse(item.kind == Item::Kind::observed
                       ? "game.observed() is not joined with the statement's own row by its handle"
                   : item.kind == Item::Kind::place
                       ? "game." + game_function(item.function->funcid) +
                             " in FROM makes several rows of one; kernels know it in sub-selects"
                       : "game.neighbors in FROM makes several rows of one; kernels know it in sub-selects "
                         "that aggregate");
        const std::string name = item.table->name;
        for (Node* node : item.is_nullable ? item.on : scope.conditions) {
            if (!is_integer_equality(node))
                continue;
            const std::vector<int> read = rows_read(node, 0);
            if (read.size() == 2 && std::find(read.begin(), read.end(), item.number) != read.end() &&
                key_in(scope, item, node) == nullptr)
                refuse("several rows of " + name +
                       " may belong to one row, and the result would depend on their order: it needs an "
                       "aggregate, or a statement that goes over " +
                       name);
        }
        refuse(name + " is not joined by its handle, so each row meets all of its rows");
    }
    refuse("a component is not joined by its handle");
}

} // namespace gamelan::compiler
