// game.pairs: the pairs of a row are the rows near it that come after it, as b, or before it, as a.
#include "extension/compiler/statement_compiler.hpp"

#include <algorithm>
#include <cmath>

#include "extension/pg/bridge.hpp"

extern "C" {
#include "utils/fmgroids.h"
}

namespace gamelan::compiler {

using kernel::AggregateFunction;
using kernel::RowSource;
using kernel::SourceKind;

namespace {

// Arguments of game.pairs.
enum { radius_place = 1, world_place = 2, columns_place = 3, limit_place = 4 };

Node* nth(const FuncExpr* call, int place) {
    return static_cast<Node*>(list_nth(call->args, place));
}

// 1 and 2 when it is a or b of these pairs, else 0.
int side_of(const Item& pairs, const Node* node) {
    if (!IsA(node, Var))
        return 0;
    const Var* var = reinterpret_cast<const Var*>(node);
    return var->varlevelsup == 0 && var->varno == pairs.number && var->varattno <= 2 ? var->varattno : 0;
}

const OpExpr* handle_equality(const Node* node) {
    return IsA(node, OpExpr) && reinterpret_cast<const OpExpr*>(node)->opfuncid == F_INT8EQ
               ? reinterpret_cast<const OpExpr*>(node)
               : nullptr;
}

// The other side of `a = …` or `b = …`, and which of them it is.
struct Side {
    int number = 0;
    Node* other = nullptr;
};
Side side_in(const Item& pairs, const Node* condition) {
    const OpExpr* equality = handle_equality(condition);
    for (int i = 0; equality != nullptr && i < 2; ++i)
        if (const int number = side_of(pairs, static_cast<Node*>(list_nth(equality->args, i))))
            return {number, static_cast<Node*>(list_nth(equality->args, 1 - i))};
    return {};
}

} // namespace

// Rows as near to the own row as its partners are.
RowSource StatementCompiler::partners(Scope& scope, const FuncExpr* call) {
    const TableFacts& table = table_of_place(call);
    if (is_of_cells(kernel::own_row))
        refuse("pairs are not those of the statement's own row");
    if (!is_world(scope, nth(call, world_place)))
        refuse("the pairs lie in another world");
    if (!IsA(nth(call, radius_place), Const) || !IsA(nth(call, limit_place), Const))
        refuse("the radius of game.pairs, or the number of pairs, is not constant");
    const auto* radius = castNode(Const, nth(call, radius_place));
    const auto* limit = castNode(Const, nth(call, limit_place));
    if (radius->constisnull || !(DatumGetFloat8(radius->constvalue) >= 0) ||
        std::isinf(DatumGetFloat8(radius->constvalue)) || limit->constisnull ||
        DatumGetInt32(limit->constvalue) < 0)
        refuse("game.pairs will fail");
    RowSource out;
    out.kind = SourceKind::near;
    out.coordinates = coordinates_of(table, nth(call, columns_place), 2);
    out.components = {symbols_.component(table.name, false)};
    // The own row need not have a place.
    Item own;
    own.component = out.components[0];
    own.key = expressions().entity();
    const SourceId source = source_of(own);
    for (const kernel::ColumnId column : out.coordinates)
        out.arguments.push_back(expressions().cast(
            expressions().column(column, symbols_.columns[column.value].type, source), ColumnType::f64));
    out.arguments.push_back(constant(radius));
    return out;
}

// The own row is a, or b, or either of them. What makes a row of the set its partner.
NodeId StatementCompiler::name_pairs(Item& pairs, SourceId set, bool is_first, bool is_second) {
    const NodeId own = expressions().entity();
    const NodeId other = expressions().entity(set);
    const bool is_either = is_first && is_second;
    const NodeId first = is_either ? expressions().make(Op::least, {own, other}) : is_first ? own : other;
    const NodeId second = is_either ? expressions().make(Op::greatest, {own, other}) : is_first ? other : own;
    pairs.outputs = {first, second};
    pairs.source = set;
    return expressions().make(is_either ? Op::not_equal : is_first ? Op::greater : Op::less, {other, own});
}

// … WHERE p.a = own.entity, p.b = own.entity, or one OR the other.
bool StatementCompiler::place_pairs(Scope& inner, Item& pairs) {
    const auto is_own = [&](const Side& side) {
        return side.number != 0 && !rows_read(side.other, 1).empty() &&
               translate(inner, side.other) == expressions().entity();
    };
    for (auto at = inner.conditions.begin(); at != inner.conditions.end(); ++at) {
        Side one = side_in(pairs, *at);
        Side other = one;
        if (IsA(*at, BoolExpr) && castNode(BoolExpr, *at)->boolop == OR_EXPR &&
            list_length(castNode(BoolExpr, *at)->args) == 2) {
            List* either = castNode(BoolExpr, *at)->args;
            one = side_in(pairs, static_cast<Node*>(linitial(either)));
            other = side_in(pairs, static_cast<Node*>(lsecond(either)));
        }
        if (!is_own(one) || !is_own(other))
            continue;
        inner.conditions.erase(at);
        const bool is_first = one.number == 1 || other.number == 1;
        const bool is_second = one.number == 2 || other.number == 2;
        pairs.is_placed = true;
        pairs.handle_column = is_first && is_second ? 0 : is_first ? 2 : 1;
        fill_set(inner, partners(inner, pairs.function));
        inner.paired = name_pairs(pairs, *inner.set, is_first, is_second);
        return true;
    }
    refuse("the pairs are not joined with the statement's own row by a or b");
}

// Components of a and of b.
struct StatementCompiler::PairSides {
    std::vector<Item*> items[2];
    bool has(int side, const Item& item) const {
        return std::find(items[side].begin(), items[side].end(), &item) != items[side].end();
    }
};

// Takes the equalities that say so from the conditions.
StatementCompiler::PairSides StatementCompiler::sides_of(Scope& scope, Item& pairs) {
    PairSides out;
    const auto find_handle = [&](Node* node) -> Item* {
        for (Item& item : scope.items)
            if (item.kind == Item::Kind::component && !item.is_nullable && is_handle(scope, item, node))
                return &item;
        return nullptr;
    };
    const auto take = [&](Node* node) {
        Side side = side_in(pairs, node);
        for (int i = 0; side.number == 0 && i < 2; ++i)
            for (const Item* known : out.items[i])
                if (Node* key = key_in(scope, *known, node); key != nullptr && find_handle(key) != nullptr)
                    side = {i + 1, key};
        Item* item = side.number == 0 ? nullptr : find_handle(side.other);
        if (item == nullptr || item->table->is_of_cells)
            return false;
        if (!out.has(side.number - 1, *item))
            out.items[side.number - 1].push_back(item);
        return true;
    };
    for (bool is_growing = true; is_growing;) {
        const auto taken = std::find_if(scope.conditions.begin(), scope.conditions.end(), take);
        is_growing = taken != scope.conditions.end();
        if (is_growing)
            scope.conditions.erase(taken);
    }
    return out;
}

// The items of the other side, and the conditions that ask of them.
NodeId StatementCompiler::place_partners(Scope& scope, Item& pairs, const PairSides& sides, int own,
                                         SourceId& set) {
    RowSource source = partners(scope, pairs.function);
    for (const Item* item : sides.items[1 - own])
        if (std::find(source.components.begin(), source.components.end(), item->component) ==
            source.components.end())
            source.components.push_back(item->component);
    set = SourceId{static_cast<std::uint32_t>(out_.sources.size())};
    out_.sources.push_back(std::move(source));
    pairs.is_placed = true;
    for (Item* item : sides.items[1 - own]) {
        item->is_placed = true;
        item->source = set;
    }
    const NodeId order = name_pairs(pairs, set, own == 0, own == 1);
    place_others(scope);
    std::vector<NodeId> conditions{order};
    const auto is_of_pairs = [&](Node* node) {
        const std::vector<int> read = rows_read(node, 0);
        return std::any_of(read.begin(), read.end(), [&](int number) {
            const Item* item = scope.find(number);
            return item == &pairs || (item != nullptr && sides.has(1 - own, *item));
        });
    };
    for (Node* node : scope.conditions)
        if (is_of_pairs(node))
            conditions.push_back(condition(scope, node));
    scope.conditions.erase(std::remove_if(scope.conditions.begin(), scope.conditions.end(), is_of_pairs),
                           scope.conditions.end());
    return all_of(conditions);
}

Item* StatementCompiler::find_pairs(Scope& scope) {
    for (Item& item : scope.items)
        if (item.kind == Item::Kind::place && game_function(item.function->funcid) == "pairs")
            return &item;
    return nullptr;
}

void StatementCompiler::place_own_side(PairSides& sides, int own, const Item* target) {
    for (Item* item : sides.items[own]) {
        if (item == target)
            continue;
        item->is_placed = true;
        place_required(*item, expressions().entity());
    }
}

void StatementCompiler::open_pairs(Scope& scope, Item& target) {
    Item* pairs = find_pairs(scope);
    if (pairs == nullptr)
        return;
    target.is_placed = true;
    target.source = kernel::own_row;
    out_.components = {target.component, symbols_.component(table_of_place(pairs->function).name, false)};
    PairSides sides = sides_of(scope, *pairs);
    const int own = sides.has(0, target) ? 0 : 1;
    if (!sides.has(own, target) || sides.has(1 - own, target))
        refuse("the pairs are not joined with the target by a or b");
    place_own_side(sides, own, &target);
    SourceId set{};
    const NodeId where = place_partners(scope, *pairs, sides, own, set);
    scope.paired = add_aggregate({AggregateFunction::exists, set, where, std::nullopt});
}

bool StatementCompiler::open_each(Scope& scope) {
    Item* pairs = find_pairs(scope);
    if (pairs == nullptr)
        return false;
    out_.components = {symbols_.component(table_of_place(pairs->function).name, false)};
    PairSides sides = sides_of(scope, *pairs);
    place_own_side(sides, 0, nullptr);
    SourceId set{};
    out_.each_where = place_partners(scope, *pairs, sides, 0, set);
    out_.each = set;
    out_.each_limit = static_cast<std::uint32_t>(
        DatumGetInt32(castNode(Const, nth(pairs->function, limit_place))->constvalue));
    return true;
}

} // namespace gamelan::compiler
