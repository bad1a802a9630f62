#include "core/base/random.hpp"
#include "extension/compiler/functions.hpp"
#include "extension/compiler/statement_compiler.hpp"

#include <algorithm>

#include "extension/pg/bridge.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "utils/regproc.h"
}

namespace gamelan::compiler {

using kernel::Parameter;
using kernel::Value;

namespace {

constexpr int max_depth = 200; // of query trees, so that no stack runs out
constexpr std::size_t max_elements = 1000;
constexpr double radians_per_degree = 0.0174532925199432957692;

Node* nth(List* list, int place) {
    return static_cast<Node*>(list_nth(list, place));
}

class Deeper {
  public:
    explicit Deeper(int& depth) : depth_(depth) {
        if (++depth_ > max_depth)
            refuse("an expression is too deep");
    }
    ~Deeper() { --depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

  private:
    int& depth_;
};

std::string name_of_function(Oid function) {
    return pg::pg_call([&]() -> const char* { return format_procedure(function); });
}

std::string why_not_called(Oid function, const Node* node) {
    if (const char* twin = deterministic_twin(function))
        return name_of_function(function) + " is not the same in a replay: " + twin;
    if (type_of(node) == NUMERICOID)
        return "of numeric kernels have only sums, products and comparisons: write constants as 1.5::double "
               "precision";
    if (IsA(node, OpExpr) || IsA(node, ScalarArrayOpExpr) || IsA(node, DistinctExpr) ||
        IsA(node, NullIfExpr)) {
        const OpExpr* expression = reinterpret_cast<const OpExpr*>(node);
        if (kernel_type_of(type_of(static_cast<const Node*>(linitial(expression->args)))) == ColumnType::code)
            return "kernels know of an enum only whether two labels are equal, not which is greater";
        return "the operator " +
               std::string(pg::pg_call([&]() -> const char* { return format_operator(expression->opno); })) +
               " has no kernel";
    }
    struct Facts {
        const char* language;
        char volatility;
    };
    const Facts facts = pg::pg_call([&] {
        Oid language = InvalidOid;
        const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (HeapTupleIsValid(tuple)) {
            language = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang;
            ReleaseSysCache(tuple);
        }
        return Facts{get_language_name(language, true), func_volatile(function)};
    });
    const std::string language = facts.language == nullptr ? "" : facts.language;
    if (language == "sql")
        return "the function " + name_of_function(function) +
               " cannot be put in place of its call: it must be a single SELECT without FROM, and neither "
               "SECURITY "
               "DEFINER nor with SET";
    if (language != "internal" && language != "c")
        return "the function " + name_of_function(function) + " is written in " + language;
    if (facts.volatility == PROVOLATILE_VOLATILE)
        return "the function " + name_of_function(function) + " is volatile";
    return "the function " + name_of_function(function) + " has no kernel";
}

std::string why_no_type(const std::string& what, Oid type) {
    return what + " is of type " + type_name(type) + ", which kernels do not know";
}

} // namespace

NodeId StatementCompiler::truth(bool value) {
    return expressions().constant(Value::of(ColumnType::boolean, static_cast<std::uint8_t>(value)));
}

NodeId StatementCompiler::null_like(NodeId node) {
    return expressions().constant(Value::null(expressions()[node].type));
}

NodeId StatementCompiler::all_of(const std::vector<NodeId>& conditions) {
    if (conditions.empty())
        return truth(true);
    return conditions.size() == 1 ? conditions[0] : expressions().make(Op::logical_and, conditions);
}

NodeId StatementCompiler::is_true(NodeId condition) {
    const kernel::Node node = expressions()[condition];
    const Op op = node.op;
    if (op == Op::has_row || op == Op::observed || op == Op::is_null || op == Op::is_not_null ||
        op == Op::is_distinct || op == Op::is_not_distinct || (op == Op::constant && !node.constant.is_null))
        return condition;
    return expressions().make(Op::is_not_distinct, {condition, truth(true)});
}

bool StatementCompiler::reads_only(NodeId id, SourceId source) {
    const kernel::Node node = expressions()[id];
    const bool is_leaf_of_source =
        node.op == Op::column || node.op == Op::entity || node.op == Op::has_row || node.op == Op::distance;
    if (is_leaf_of_source ? node.source != source : node.op == Op::aggregate || node.op == Op::observed)
        return false;
    return std::all_of(node.arguments.begin(), node.arguments.end(),
                       [&](NodeId argument) { return reads_only(argument, source); });
}

NodeId StatementCompiler::operation(Op op, ColumnType type, std::vector<NodeId> arguments) {
    const bool is_shift = op == Op::shift_left || op == Op::shift_right;
    for (std::size_t i = 0; i < arguments.size(); ++i)
        arguments[i] = expressions().cast(arguments[i], is_shift && i == 1 ? ColumnType::i32 : type);
    const NodeId value = expressions().make(op, std::move(arguments));
    if (expressions()[value].type == ColumnType::decimal && !kernel::bound_of(out_, value).fits())
        refuse("a numeric may become longer than the 35 digits that kernels have");
    return value;
}

// What is chosen is cast, not the choice: an aggregate over all rows is then cast once.
NodeId StatementCompiler::cast_of_decimal(NodeId value, ColumnType type) {
    const kernel::Node node = expressions()[value];
    if (node.op == Op::constant)
        if (const kernel::CastResult cast = kernel::cast_decimal(node.constant, type);
            cast.fault == kernel::Fault::none)
            return expressions().constant(cast.value);
    if (node.op != Op::coalesce && node.op != Op::choose)
        return expressions().cast(value, type);
    std::vector<NodeId> arguments = node.arguments;
    for (NodeId& argument : arguments)
        if (expressions()[argument].type == ColumnType::decimal)
            argument = cast_of_decimal(argument, type);
    return expressions().make(node.op, std::move(arguments));
}

NodeId StatementCompiler::variable(Scope& scope, const Var* var) {
    if (scope.given != nullptr) {
        const bool is_column = var->varattno > 0 && var->varlevelsup == 0;
        if (!is_column || !(*scope.given)[static_cast<std::size_t>(var->varattno - 1)])
            refuse("a constraint of the table of events asks what the row is given when it is written");
        return *(*scope.given)[static_cast<std::size_t>(var->varattno - 1)];
    }
    Scope* home = &scope;
    for (Index level = 0; level < var->varlevelsup && home != nullptr; ++level)
        home = home->outer;
    Item* item = home == nullptr ? nullptr : home->find(var->varno);
    if (item == nullptr || !item->is_placed)
        refuse("a column of an entry of FROM that has no kernel is read");
    // Of nearest: entity, distance; of pairs: a, b, distance.
    if (item->kind == Item::Kind::place && var->varattno == (item->outputs.empty() ? 2 : 3))
        return expressions().distance(*item->source);
    if (!item->outputs.empty() && var->varattno > 0)
        return item->outputs.at(static_cast<std::size_t>(var->varattno - 1));
    if (item->kind != Item::Kind::component)
        return *item->key;
    const TableFacts& table = *item->table;
    if (var->varattno == table.world)
        refuse("the column world is known in equalities only, as with another row's world");
    if (var->varattno <= 0)
        refuse(var->varattno == 0 ? "a whole row is read as one value" : "a system column is read");
    const SourceId source = source_of(*item);
    NodeId value{};
    if (var->varattno == table.handle) {
        value = expressions().entity(source);
    } else {
        const ColumnFacts& column = table.columns[static_cast<std::size_t>(var->varattno - 1)];
        const auto type = kernel_type_of(column.type);
        if (!type)
            refuse(why_no_type("the column " + table.name + "." + column.name, column.type));
        value = expressions().column(symbols_.column(item->component, column.name, *type), *type, source);
    }
    if (!item->guard)
        return value;
    return expressions().make(Op::choose, {*item->guard, value, null_like(value)});
}

NodeId StatementCompiler::constant(const Const* node) {
    if (node->consttype == NUMERICOID) {
        const auto value = decimal_of(node);
        if (!value)
            refuse("a numeric constant has more digits than kernels have, or is no number");
        return expressions().constant(*value);
    }
    if (!kernel_type_of(node->consttype))
        refuse(why_no_type("a constant", node->consttype));
    return expressions().constant(value_of(node));
}

std::optional<NodeId> StatementCompiler::call_of_ours(Scope& scope, const std::string& name,
                                                      List* arguments) {
    if (name == "dt")
        return expressions().parameter(Parameter::dt);
    if (name == "tick")
        return expressions().parameter(Parameter::tick);
    if (name == "now")
        return expressions().parameter(Parameter::now);
    if (name == "random" && list_length(arguments) == 1)
        return expressions().make(Op::random, {translate(scope, nth(arguments, 0))});
    if (name == "gauss" && list_length(arguments) == 1)
        return gauss(translate(scope, nth(arguments, 0)));
    if (name == "random" || name == "gauss")
        refuse("game." + name + "() numbers its calls, which depends on the order of rows: write game." +
               name + "(key)");
    if (name == "world_id")
        refuse("game.world_id() is known in equalities with a column world only");
    if (name == "spawn" || name == "spawn_many" || name == "despawn")
        refuse("game." + name +
               " is compiled as the only thing that a SELECT over a component selects, as its last "
               "statement");
    if (name == "emit")
        refuse("game.emit is compiled as the only thing that a SELECT selects");
    return std::nullopt;
}

// As gauss_at() in core/base/random.hpp.
NodeId StatementCompiler::gauss(NodeId key) {
    kernel::Expressions& e = expressions();
    const auto number = [&](double value) { return e.constant(Value::of(ColumnType::f64, value)); };
    const auto random = [&](std::int64_t salt) {
        return e.make(Op::random, {e.make(Op::bit_xor, {key, e.constant(Value::of(ColumnType::i64, salt))})});
    };
    const NodeId logarithm = e.make(Op::ln, {e.make(Op::subtract, {number(1), random(gauss_radius_key)})});
    const NodeId angle = e.make(Op::multiply, {number(2.0 * std::numbers::pi), random(gauss_angle_key)});
    return e.make(Op::multiply, {e.make(Op::sqrt, {e.make(Op::multiply, {number(-2), logarithm})}),
                                 e.make(Op::cos, {angle})});
}

NodeId StatementCompiler::call(Scope& scope, Oid function, List* arguments, const Node* node) {
    const std::string ours = game_function(function);
    if (!ours.empty())
        if (const auto value = call_of_ours(scope, ours, arguments))
            return *value;
    const auto known = kernel_function(function);
    if (!known && deterministic_twin(function) != nullptr)
        refuse(why_not_called(function, node));
    // What an argument lacks says more than what its function lacks.
    std::vector<NodeId> values;
    for (int i = 0; i < list_length(arguments); ++i)
        values.push_back(translate(scope, nth(arguments, i)));
    if (!known)
        refuse(why_not_called(function, node));
    switch (known->kind) {
    case KernelFunction::Kind::cast:
        if (known->type == ColumnType::f32 && values[0] == expressions().parameter(Parameter::dt))
            return expressions().parameter(Parameter::dt_real);
        if (expressions()[values[0]].type == ColumnType::decimal)
            return cast_of_decimal(values[0], known->type);
        return expressions().cast(values[0], known->type);
    case KernelFunction::Kind::identity:
        return values[0];
    case KernelFunction::Kind::radians:
        values.push_back(expressions().constant(Value::of(ColumnType::f64, radians_per_degree)));
        break;
    case KernelFunction::Kind::operation:
        break;
    }
    return operation(known->op, known->type, values);
}

NodeId StatementCompiler::boolean_expression(Scope& scope, const BoolExpr* node, bool is_condition) {
    std::vector<NodeId> arguments;
    for (int i = 0; i < list_length(node->args); ++i) {
        Node* argument = nth(node->args, i);
        arguments.push_back(is_condition && node->boolop != NOT_EXPR ? condition(scope, argument)
                                                                     : translate(scope, argument));
    }
    if (node->boolop == NOT_EXPR)
        return expressions().make(Op::logical_not, arguments);
    if (arguments.size() == 1)
        return arguments[0];
    return expressions().make(node->boolop == AND_EXPR ? Op::logical_and : Op::logical_or, arguments);
}

NodeId StatementCompiler::condition(Scope& scope, Node* node) {
    if (IsA(node, BoolExpr))
        return boolean_expression(scope, castNode(BoolExpr, node), true);
    if (IsA(node, SubLink))
        return sub_select(scope, castNode(SubLink, node), true);
    return translate(scope, node);
}

// x op ANY (array), x op ALL (array): of an empty array the answer is known even when x is NULL.
NodeId StatementCompiler::in_array(Scope& scope, const ScalarArrayOpExpr* node) {
    const auto known = kernel_function(node->opfuncid);
    if (!known || known->kind != KernelFunction::Kind::operation)
        refuse(why_not_called(node->opfuncid, reinterpret_cast<const Node*>(node)));
    const NodeId value = translate(scope, nth(node->args, 0));
    Node* array = nth(node->args, 1);
    std::vector<NodeId> tests;
    const auto test = [&](NodeId element) {
        tests.push_back(operation(known->op, known->type, {value, element}));
    };
    if (IsA(array, Const)) {
        if (castNode(Const, array)->constisnull)
            return expressions().constant(Value::null(ColumnType::boolean));
        const std::vector<const Const*> elements = elements_of(castNode(Const, array));
        if (elements.size() > max_elements)
            refuse("a list has more than " + std::to_string(max_elements) + " elements");
        for (const Const* element : elements)
            test(constant(element));
    } else if (IsA(array, ArrayExpr) && !castNode(ArrayExpr, array)->multidims) {
        List* elements = castNode(ArrayExpr, array)->elements;
        for (int i = 0; i < list_length(elements); ++i)
            test(translate(scope, nth(elements, i)));
    } else {
        refuse("an array that is not written as a list has no kernel");
    }
    if (tests.empty())
        return truth(!node->useOr);
    return tests.size() == 1 ? tests[0]
                             : expressions().make(node->useOr ? Op::logical_or : Op::logical_and, tests);
}

NodeId StatementCompiler::choose(Scope& scope, const CaseExpr* node) {
    const bool is_simple = node->arg != nullptr;
    if (is_simple)
        tested_.push_back(translate(scope, reinterpret_cast<Node*>(node->arg)));
    std::vector<NodeId> arguments;
    for (int i = 0; i < list_length(node->args); ++i) {
        const CaseWhen* when = castNode(CaseWhen, list_nth(node->args, i));
        arguments.push_back(condition(scope, reinterpret_cast<Node*>(when->expr)));
        arguments.push_back(translate(scope, reinterpret_cast<Node*>(when->result)));
    }
    if (is_simple)
        tested_.pop_back();
    if (node->defresult != nullptr)
        arguments.push_back(translate(scope, reinterpret_cast<Node*>(node->defresult)));
    else
        arguments.push_back(null_like(arguments[1]));
    return expressions().make(Op::choose, arguments);
}

NodeId StatementCompiler::coalesce(Scope& scope, List* arguments) {
    std::vector<NodeId> values;
    for (int i = 0; i < list_length(arguments); ++i)
        values.push_back(translate(scope, nth(arguments, i)));
    return values.size() == 1 ? values[0] : expressions().make(Op::coalesce, values);
}

NodeId StatementCompiler::extreme(Scope& scope, const MinMaxExpr* node) {
    std::vector<NodeId> values;
    for (int i = 0; i < list_length(node->args); ++i)
        values.push_back(translate(scope, nth(node->args, i)));
    if (expressions()[values[0]].type == ColumnType::code)
        refuse("kernels know of an enum only whether two labels are equal, not which is greater");
    if (values.size() == 1)
        return values[0];
    return expressions().make(node->op == IS_GREATEST ? Op::greatest : Op::least, values);
}

NodeId StatementCompiler::nullif(Scope& scope, const NullIfExpr* node) {
    const auto known = kernel_function(node->opfuncid);
    if (!known || known->op != Op::equal)
        refuse(why_not_called(node->opfuncid, reinterpret_cast<const Node*>(node)));
    const NodeId value = translate(scope, nth(node->args, 0));
    const NodeId other = translate(scope, nth(node->args, 1));
    if (expressions()[value].type == expressions()[other].type)
        return expressions().make(Op::nullif, {value, other});
    return expressions().make(Op::choose,
                              {operation(Op::equal, known->type, {value, other}), null_like(value), value});
}

NodeId StatementCompiler::distinct(Scope& scope, const DistinctExpr* node) {
    const auto known = kernel_function(node->opfuncid);
    if (!known || known->op != Op::equal)
        refuse(why_not_called(node->opfuncid, reinterpret_cast<const Node*>(node)));
    return operation(Op::is_distinct, known->type,
                     {translate(scope, nth(node->args, 0)), translate(scope, nth(node->args, 1))});
}

NodeId StatementCompiler::null_test(Scope& scope, const NullTest* node) {
    if (node->argisrow)
        refuse("IS NULL of a whole row has no kernel");
    Node* tested = reinterpret_cast<Node*>(node->arg);
    const Op op = node->nulltesttype == IS_NULL ? Op::is_null : Op::is_not_null;
    // Whether an outer join found its row.
    if (IsA(tested, Var) && castNode(Var, tested)->varlevelsup == 0) {
        Item* item = scope.find(castNode(Var, tested)->varno);
        if (item != nullptr && item->is_nullable && item->is_placed &&
            castNode(Var, tested)->varattno == item->table->handle) {
            const NodeId is_there = presence_of(*item);
            return op == Op::is_not_null ? is_there : expressions().make(Op::logical_not, {is_there});
        }
    }
    return expressions().make(op, {translate(scope, tested)});
}

NodeId StatementCompiler::truth_test(Scope& scope, const BooleanTest* node) {
    const NodeId value = translate(scope, reinterpret_cast<Node*>(node->arg));
    switch (node->booltesttype) {
    case IS_TRUE:
        return expressions().make(Op::is_not_distinct, {value, truth(true)});
    case IS_NOT_TRUE:
        return expressions().make(Op::is_distinct, {value, truth(true)});
    case IS_FALSE:
        return expressions().make(Op::is_not_distinct, {value, truth(false)});
    case IS_NOT_FALSE:
        return expressions().make(Op::is_distinct, {value, truth(false)});
    case IS_UNKNOWN:
        return expressions().make(Op::is_null, {value});
    case IS_NOT_UNKNOWN:
        return expressions().make(Op::is_not_null, {value});
    }
    refuse("a test of a boolean has no kernel");
}

bool StatementCompiler::is_never_null(Scope& scope, Node* node) {
    if (IsA(node, Const))
        return !castNode(Const, node)->constisnull;
    if (!IsA(node, Var))
        return false;
    const Var* var = castNode(Var, node);
    Scope* home = &scope;
    for (Index level = 0; level < var->varlevelsup && home != nullptr; ++level)
        home = home->outer;
    const Item* item = home == nullptr ? nullptr : home->find(var->varno);
    return item != nullptr && item->table != nullptr && !item->is_nullable && var->varattno > 0 &&
           (var->varattno == item->table->handle ||
            item->table->columns[static_cast<std::size_t>(var->varattno - 1)].is_not_null);
}

NodeId StatementCompiler::translate(Scope& scope, Node* node) {
    const Deeper deeper(depth_);
    return translate_any(scope, node);
}

NodeId StatementCompiler::translate_any(Scope& scope, Node* node) {
    switch (nodeTag(node)) {
    case T_Var:
        return variable(scope, castNode(Var, node));
    case T_Const:
        return constant(castNode(Const, node));
    case T_FuncExpr:
        return call(scope, castNode(FuncExpr, node)->funcid, castNode(FuncExpr, node)->args, node);
    case T_OpExpr:
        return call(scope, castNode(OpExpr, node)->opfuncid, castNode(OpExpr, node)->args, node);
    case T_BoolExpr:
        return boolean_expression(scope, castNode(BoolExpr, node), false);
    case T_ScalarArrayOpExpr:
        return in_array(scope, castNode(ScalarArrayOpExpr, node));
    case T_CaseExpr:
        return choose(scope, castNode(CaseExpr, node));
    case T_CaseTestExpr:
        if (tested_.empty())
            refuse("a simple CASE within another has no kernel");
        return tested_.back();
    case T_CoalesceExpr:
        return coalesce(scope, castNode(CoalesceExpr, node)->args);
    case T_MinMaxExpr:
        return extreme(scope, castNode(MinMaxExpr, node));
    case T_NullIfExpr:
        return nullif(scope, reinterpret_cast<NullIfExpr*>(node));
    case T_DistinctExpr:
        return distinct(scope, reinterpret_cast<DistinctExpr*>(node));
    case T_NullTest:
        return null_test(scope, castNode(NullTest, node));
    case T_BooleanTest:
        return truth_test(scope, castNode(BooleanTest, node));
    case T_RelabelType: {
        const auto type = kernel_type_of(castNode(RelabelType, node)->resulttype);
        const NodeId value = translate(scope, reinterpret_cast<Node*>(castNode(RelabelType, node)->arg));
        if (!type || *type != expressions()[value].type)
            refuse(why_no_type("a value", castNode(RelabelType, node)->resulttype));
        return value;
    }
    case T_CoerceToDomainValue:
        if (!scope.domain_value)
            refuse("VALUE stands outside of a domain's constraint");
        return *scope.domain_value;
    case T_Aggref:
        return aggregate(scope, castNode(Aggref, node));
    case T_SubLink:
        return sub_select(scope, castNode(SubLink, node), false);
    case T_CoerceToDomain:
        refuse("a cast to the domain " + type_name(castNode(CoerceToDomain, node)->resulttype) +
               " within an expression has no kernel, as its constraints would be checked there");
    case T_CoerceViaIO:
        refuse("a cast to " + type_name(castNode(CoerceViaIO, node)->resulttype) +
               " through text has no kernel");
    case T_SQLValueFunction:
        refuse("CURRENT_TIMESTAMP and its like are not the same in a replay: write game.now(), the simulated "
               "time");
    case T_Param:
        refuse("assigning several columns from one sub-select has no kernel");
    case T_WindowFunc:
        refuse("window functions have no kernel");
    case T_NextValueExpr:
        refuse("a sequence is not rolled back with a tick");
    default:
        refuse("an expression of type " + type_name(type_of(node)) + " has no kernel");
    }
}

} // namespace gamelan::compiler
