// Rows that are found by their place: game.near, game.nearest and game.in_box in sub-selects, and sub-selects
// over a component whose condition says how far away its rows may be.
#include "extension/compiler/statement_compiler.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "extension/pg/bridge.hpp"

extern "C" {
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace gamelan::compiler {

using kernel::AggregateFunction;
using kernel::RowSource;
using kernel::SourceKind;
using kernel::Value;

namespace {

constexpr const char* coordinate_names[kernel::max_coordinates] = {"x", "y", "z"};

Node* nth(const FuncExpr* call, int place) {
    return static_cast<Node*>(list_nth(call->args, place));
}

bool is_null_constant(const Node* node) {
    return IsA(node, Const) && reinterpret_cast<const Const*>(node)->constisnull;
}

// Where a function has its arguments. `third`: of the third coordinate; in_box has two of each.
struct Signature {
    SourceKind kind;
    int world;
    int third;
    int columns;
};

Signature signature_of(const std::string& name) {
    if (name == "near")
        return {SourceKind::near, 4, 5, 6};
    if (name == "nearest")
        return {SourceKind::nearest, 4, 5, 6};
    return {SourceKind::in_box, 5, 6, 8};
}

double real_of(const kernel::Node& node) {
    double out;
    std::memcpy(&out, &node.constant.bits, sizeof out);
    return out;
}

} // namespace

// Columns of type name[], or the first of x, y and z.
std::vector<kernel::ColumnId> StatementCompiler::coordinates_of(const TableFacts& table, const Node* names,
                                                                std::size_t dimensions) {
    std::vector<std::string> wanted(coordinate_names, coordinate_names + dimensions);
    if (!IsA(names, Const))
        refuse("the columns of a place are not constant");
    if (const auto* list = reinterpret_cast<const Const*>(names); !list->constisnull) {
        wanted.clear();
        for (const Const* name : elements_of(list))
            wanted.emplace_back(name->constisnull ? "" : NameStr(*DatumGetName(name->constvalue)));
    }
    if (wanted.empty() || wanted.size() > kernel::max_coordinates)
        refuse("a position has one to three columns");
    const kernel::ComponentId component = symbols_.component(table.name, false);
    std::vector<kernel::ColumnId> out;
    for (const std::string& name : wanted) {
        const auto found =
            std::find_if(table.columns.begin(), table.columns.end(), [&](const ColumnFacts& column) {
                return !column.is_dropped && column.name == name;
            });
        const auto type = found == table.columns.end() ? std::nullopt : kernel_type_of(found->type);
        if (!type || !kernel::is_float(*type))
            refuse("the component " + table.name + " has no coordinate " + name);
        out.push_back(symbols_.column(component, name, *type));
    }
    return out;
}

const TableFacts& StatementCompiler::table_of_place(const FuncExpr* call) {
    const Node* component = nth(call, 0);
    if (!IsA(component, Const) || is_null_constant(component))
        refuse("the component of game." + game_function(call->funcid) + " is not constant");
    const TableFacts& table =
        table_of(DatumGetObjectId(reinterpret_cast<const Const*>(component)->constvalue));
    if (table.is_of_cells)
        refuse(table.name + " is no component of entities");
    return table;
}

RowSource StatementCompiler::source_by_place(Scope& inner, const Item& item) {
    const FuncExpr* call = item.function;
    const std::string name = game_function(call->funcid);
    const Signature signature = signature_of(name);
    const TableFacts& table = table_of_place(call);
    if (!is_world(inner, nth(call, signature.world)))
        refuse("the place lies in another world");
    const bool is_box = signature.kind == SourceKind::in_box;
    const bool has_third = !is_null_constant(nth(call, signature.third)) ||
                           (is_box && !is_null_constant(nth(call, signature.third + 1)));
    RowSource out;
    out.kind = signature.kind;
    out.components = {symbols_.component(table.name, false)};
    out.coordinates = coordinates_of(table, nth(call, signature.columns), has_third ? 3 : 2);
    const auto add = [&](int place) {
        Node* argument = nth(call, place);
        // Without columns it decides how many there are.
        if (place >= signature.third && is_null_constant(nth(call, signature.columns)) &&
            !is_never_null(inner, argument))
            refuse("the third coordinate of a place may be NULL");
        out.arguments.push_back(is_null_constant(argument)
                                    ? expressions().constant(Value::null(ColumnType::f64))
                                    : expressions().cast(translate(inner, argument), ColumnType::f64));
    };
    for (int corner = 0; corner < (is_box ? 2 : 1); ++corner)
        for (int d = 0; d < static_cast<int>(out.coordinates.size()); ++d)
            add(d < 2 ? 1 + 2 * corner + d : signature.third + corner);
    if (signature.kind == SourceKind::near)
        add(3);
    else if (signature.kind == SourceKind::nearest)
        out.arguments.push_back(translate(inner, nth(call, 3)));
    return out;
}

bool StatementCompiler::place_places(Scope& inner) {
    const auto is_place = [](const Item& item) { return item.kind == Item::Kind::place; };
    const auto item = std::find_if(inner.items.begin(), inner.items.end(), is_place);
    if (item == inner.items.end())
        return false;
    if (std::count_if(inner.items.begin(), inner.items.end(), is_place) > 1)
        refuse("a sub-select looks for rows in several places");
    if (game_function(item->function->funcid) == "pairs")
        return place_pairs(inner, *item);
    RowSource source = source_by_place(inner, *item);
    item->is_placed = true;
    fill_set(inner, std::move(source));
    item->key = expressions().entity(*inner.set);
    return true;
}

// ORDER BY distance, or by distance and handle, of what is in this order; or the order in which a function
// gives its rows.
bool StatementCompiler::is_first_of_order(Scope& inner) {
    const Query* query = inner.query;
    const Item& place = inner.items.front();
    const int keys = list_length(query->sortClause);
    if (keys == 0)
        return inner.items.size() == 1;
    if (game_function(place.function->funcid) != "nearest" || keys > 2 ||
        (keys == 1 && inner.items.size() > 1))
        return false;
    for (int i = 0; i < keys; ++i) {
        const auto* key = list_nth_node(SortGroupClause, query->sortClause, i);
        const Node* value = pg::pg_call(
            [&] { return get_sortgroupclause_expr(const_cast<SortGroupClause*>(key), query->targetList); });
        const Oid function = pg::pg_call([&] { return get_opcode(key->sortop); });
        if (!IsA(value, Var) || reinterpret_cast<const Var*>(value)->varlevelsup != 0 ||
            reinterpret_cast<const Var*>(value)->varno != place.number ||
            reinterpret_cast<const Var*>(value)->varattno != (i == 0 ? 2 : 1) ||
            function != (i == 0 ? F_FLOAT8LT : F_INT8LT))
            return false;
    }
    return true;
}

// The value of the only row, or with LIMIT 1 of the first.
NodeId StatementCompiler::value_of_place(Scope& inner, Node* value) {
    const Node* limit = inner.query->limitCount;
    const bool is_first =
        limit != nullptr && DatumGetInt64(reinterpret_cast<const Const*>(limit)->constvalue) == 1;
    if (is_first && !is_first_of_order(inner))
        refuse(
            "which row is the first depends on a plan: it needs ORDER BY distance, entity of game.nearest");
    kernel::Aggregate aggregate;
    aggregate.function = is_first ? AggregateFunction::first : AggregateFunction::only;
    aggregate.source = *inner.set;
    aggregate.where = set_condition(inner, std::nullopt);
    aggregate.argument = translate(inner, value);
    return add_aggregate(aggregate);
}

// --- (ax - bx) * (ax - bx) + … <= radius * radius, which is what becomes of game.within ---

bool StatementCompiler::reads_source(NodeId id, SourceId source) {
    const kernel::Node node = expressions()[id];
    const bool is_leaf =
        node.op == Op::column || node.op == Op::entity || node.op == Op::has_row || node.op == Op::distance;
    return (is_leaf && node.source == source) ||
           std::any_of(node.arguments.begin(), node.arguments.end(),
                       [&](NodeId argument) { return reads_source(argument, source); });
}

bool StatementCompiler::add_square(NodeId square, SourceId set, RowSource& source) {
    const kernel::Node product = expressions()[square];
    if (product.op != Op::multiply || product.type != ColumnType::f64 ||
        product.arguments[0] != product.arguments[1])
        return false;
    const kernel::Node difference = expressions()[product.arguments[0]];
    if (difference.op != Op::subtract)
        return false;
    for (int side = 0; side < 2; ++side) {
        const NodeId place = difference.arguments[side];
        kernel::Node column = expressions()[difference.arguments[1 - side]];
        if (column.op == Op::cast)
            column = expressions()[column.arguments[0]];
        if (column.op != Op::column || column.source != set || !kernel::is_float(column.type) ||
            reads_source(place, set) || expressions()[place].can_fail)
            continue;
        source.coordinates.push_back(column.column);
        source.arguments.push_back(place);
        return true;
    }
    return false;
}

bool StatementCompiler::add_squares(NodeId sum, SourceId set, RowSource& source) {
    const kernel::Node node = expressions()[sum];
    if (node.op != Op::add)
        return add_square(sum, set, source);
    return add_squares(node.arguments[0], set, source) && add_squares(node.arguments[1], set, source);
}

std::optional<NodeId> StatementCompiler::radius_of(NodeId square, SourceId set) {
    const kernel::Node node = expressions()[square];
    if (node.op == Op::constant && !node.constant.is_null && std::isfinite(real_of(node)) &&
        real_of(node) >= 0)
        return expressions().constant(Value::of(ColumnType::f64, std::sqrt(real_of(node)) * (1 + 0x1p-50)));
    if (node.op != Op::multiply || node.arguments[0] != node.arguments[1] ||
        reads_source(node.arguments[0], set) || expressions()[node.arguments[0]].can_fail)
        return std::nullopt;
    return node.arguments[0];
}

bool StatementCompiler::find_within(Scope& inner, Node* condition, RowSource& source) {
    const kernel::Node node = expressions()[translate(inner, condition)];
    const bool is_less = node.op == Op::less_equal || node.op == Op::less;
    if (!is_less && node.op != Op::greater_equal && node.op != Op::greater)
        return false;
    const NodeId sum = node.arguments[is_less ? 0 : 1];
    if (expressions()[sum].type != ColumnType::f64)
        return false;
    RowSource found = source;
    const auto radius = radius_of(node.arguments[is_less ? 1 : 0], *inner.set);
    if (!radius || !add_squares(sum, *inner.set, found) || found.coordinates.size() > kernel::max_coordinates)
        return false;
    const auto component_of = [&](kernel::ColumnId column) {
        return symbols_.columns[column.value].component;
    };
    const kernel::ComponentId component = component_of(found.coordinates[0]);
    for (const kernel::ColumnId column : found.coordinates)
        if (component_of(column) != component)
            return false;
    found.arguments.push_back(*radius);
    std::iter_swap(found.components.begin(),
                   std::find(found.components.begin(), found.components.end(), component));
    source = std::move(found);
    return true;
}

// The distance is asked last, as the dearest condition; that the others cannot fail is what makes it right to
// ask no rows further away.
void StatementCompiler::place_within(Scope& inner, Item& root) {
    place_set(inner, root, SourceKind::within);
    RowSource source = out_.sources[inner.set->value];
    const auto found = std::find_if(inner.conditions.begin(), inner.conditions.end(),
                                    [&](Node* node) { return find_within(inner, node, source); });
    if (found == inner.conditions.end()) {
        // As if it did not depend on the own row: what is wrong with that is said later.
        out_.sources[inner.set->value].kind = SourceKind::all;
        return;
    }
    std::rotate(found, found + 1, inner.conditions.end());
    for (std::size_t i = 0; i + 1 < inner.conditions.size(); ++i)
        if (expressions()[condition(inner, inner.conditions[i])].can_fail)
            refuse("a condition beside game.within may fail");
    out_.sources[inner.set->value] = std::move(source);
}

} // namespace gamelan::compiler
