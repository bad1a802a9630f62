// An operator is known by its strategy in the default btree operator family of the column's type, so that
// whatever a user calls "<" elsewhere is never taken for ours.
#include "extension/fdw/pushdown.hpp"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_operator_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/typcache.h"
}

namespace gamelan::fdw {

namespace {

using query::Condition;

struct Context {
    PlannerInfo* root;
    Index relid;
    const TableInfo& table;
};

// What a pushed column is to the comparison.
struct Compared {
    AttrNumber number;
    Oid type; // behind domains
    ColumnType stored;
};

Node* strip_relabel(Node* node) {
    while (node != nullptr && IsA(node, RelabelType))
        node = reinterpret_cast<Node*>(castNode(RelabelType, node)->arg);
    return node;
}

const ColumnInfo* column_of(const Context& context, Node* node, AttrNumber& number) {
    node = strip_relabel(node);
    if (node == nullptr || !IsA(node, Var))
        return nullptr;
    const Var* var = castNode(Var, node);
    if (static_cast<Index>(var->varno) != context.relid || var->varlevelsup != 0 || var->varattno <= 0 ||
        var->varattno > static_cast<int>(context.table.columns.size()))
        return nullptr;
    number = var->varattno;
    return &context.table.columns[static_cast<std::size_t>(number - 1)];
}

bool find_compared(const Context& context, Node* node, Compared& out) {
    const ColumnInfo* column = column_of(context, node, out.number);
    if (column == nullptr || column->role == ColumnRole::dropped)
        return false;
    const bool is_stored = column->role == ColumnRole::stored;
    out.type = is_stored ? column->codec.base : INT8OID;
    out.stored = is_stored ? column->codec.stored : ColumnType::i64;
    return query::supports(out.stored, Condition::equal);
}

// Known when the scan starts, the same for every row of this relation, and free of effects.
bool is_operand(const Context& context, Node* node) {
    return !bms_is_member(static_cast<int>(context.relid), pull_varnos(context.root, node)) &&
           !contain_volatile_functions(node) && !contain_subplans(node);
}

bool is_integer(Oid type) {
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

// Whether the column can be compared with an operand of `right`, and how; `left` is the operator's own input.
OperandForm form_of(Oid column, Oid left, Oid right) {
    if (left == ANYENUMOID)
        return right == ANYENUMOID ? OperandForm::same : OperandForm::none;
    if (left != column)
        return OperandForm::none;
    if (is_integer(column) && is_integer(right))
        return right == INT2OID   ? OperandForm::integer2
               : right == INT4OID ? OperandForm::integer4
                                  : OperandForm::integer8;
    if (column == FLOAT4OID && right == FLOAT8OID)
        return OperandForm::real8;
    if (column == FLOAT8OID && right == FLOAT4OID)
        return OperandForm::real4;
    return left == right ? OperandForm::same : OperandForm::none;
}

bool condition_of_strategy(int strategy, Condition& out) {
    switch (strategy) {
    case BTLessStrategyNumber:
        out = Condition::less;
        return true;
    case BTLessEqualStrategyNumber:
        out = Condition::less_equal;
        return true;
    case BTEqualStrategyNumber:
        out = Condition::equal;
        return true;
    case BTGreaterEqualStrategyNumber:
        out = Condition::greater_equal;
        return true;
    case BTGreaterStrategyNumber:
        out = Condition::greater;
        return true;
    default:
        return false;
    }
}

// Postgres orders "char" by unsigned bytes, the store by signed ones; enums and uuids have no order there.
bool has_order(const Compared& column) {
    return gamelan::has_order(column.stored) && column.type != CHAROID;
}

bool understand_operator(const Compared& column, Oid op, Condition& condition, OperandForm& form) {
    const TypeCacheEntry* type = lookup_type_cache(column.type, TYPECACHE_BTREE_OPFAMILY);
    if (!OidIsValid(type->btree_opf))
        return false;
    bool is_negated = false;
    if (!op_in_opfamily(op, type->btree_opf)) {
        op = get_negator(op);
        is_negated = true;
        if (!OidIsValid(op) || !op_in_opfamily(op, type->btree_opf))
            return false;
    }
    int strategy = 0;
    Oid left = InvalidOid;
    Oid right = InvalidOid;
    get_op_opfamily_properties(op, type->btree_opf, false, &strategy, &left, &right);
    if (!condition_of_strategy(strategy, condition))
        return false;
    if (is_negated) {
        if (condition != Condition::equal)
            return false;
        condition = Condition::not_equal;
    }
    form = form_of(column.type, left, right);
    const bool is_equality = condition == Condition::equal || condition == Condition::not_equal;
    return form != OperandForm::none && (is_equality || has_order(column));
}

bool match_operator(const Context& context, const OpExpr* clause, PushedQual& qual, Expr** operand) {
    if (list_length(clause->args) != 2)
        return false;
    auto* left = static_cast<Node*>(linitial(clause->args));
    auto* right = static_cast<Node*>(lsecond(clause->args));
    Oid op = clause->opno;
    Compared column;
    if (!find_compared(context, left, column) || !is_operand(context, right)) {
        std::swap(left, right);
        op = get_commutator(op);
        if (!OidIsValid(op) || !find_compared(context, left, column) || !is_operand(context, right))
            return false;
    }
    qual = {column.number, Condition::always, OperandForm::none, false, -1};
    *operand = reinterpret_cast<Expr*>(right);
    return understand_operator(column, op, qual.condition, qual.form);
}

bool match_any(const Context& context, const ScalarArrayOpExpr* clause, PushedQual& qual, Expr** operand) {
    auto* left = static_cast<Node*>(linitial(clause->args));
    auto* right = static_cast<Node*>(lsecond(clause->args));
    Compared column;
    if (!clause->useOr || !find_compared(context, left, column) || !is_operand(context, right))
        return false;
    qual = {column.number, Condition::in_list, OperandForm::none, true, -1};
    *operand = reinterpret_cast<Expr*>(right);
    Condition condition = Condition::never;
    return understand_operator(column, clause->opno, condition, qual.form) && condition == Condition::equal;
}

bool match_null_test(const Context& context, const NullTest* clause, PushedQual& qual) {
    AttrNumber number = 0;
    const ColumnInfo* column = column_of(context, reinterpret_cast<Node*>(clause->arg), number);
    if (column == nullptr || column->role != ColumnRole::stored || clause->argisrow)
        return false;
    qual = {number, clause->nulltesttype == IS_NULL ? Condition::is_null : Condition::is_not_null,
            OperandForm::none, false, -1};
    return true;
}

bool compares_contents(Oid type) {
    return type == TEXTOID || type == VARCHAROID || type == BYTEAOID;
}

bool find_contents(const Context& context, Node* node, AttrNumber& number) {
    const ColumnInfo* column = column_of(context, node, number);
    return column != nullptr && column->role == ColumnRole::stored &&
           column->index != store::IndexKind::none && compares_contents(column->codec.base);
}

// A boolean column that must be true, or false.
bool match_boolean(const Context& context, Node* node, bool wanted, PushedQual& qual) {
    AttrNumber number = 0;
    const ColumnInfo* column = column_of(context, node, number);
    if (column == nullptr || column->role != ColumnRole::stored ||
        column->codec.stored != ColumnType::boolean)
        return false;
    qual = {number, wanted ? Condition::not_equal : Condition::equal, OperandForm::none, false, -1};
    return true;
}

bool match_boolean_test(const Context& context, const BooleanTest* clause, PushedQual& qual) {
    const bool is_simple = clause->booltesttype == IS_TRUE || clause->booltesttype == IS_FALSE;
    return is_simple && match_boolean(context, reinterpret_cast<Node*>(clause->arg),
                                      clause->booltesttype == IS_TRUE, qual);
}

} // namespace

bool match_clause(PlannerInfo* root, Index relid, const TableInfo& table, Expr* clause, PushedQual& qual,
                  Expr** operand) {
    const Context context{root, relid, table};
    *operand = nullptr;
    switch (nodeTag(clause)) {
    case T_OpExpr:
        return match_operator(context, castNode(OpExpr, clause), qual, operand);
    case T_ScalarArrayOpExpr:
        return match_any(context, castNode(ScalarArrayOpExpr, clause), qual, operand);
    case T_NullTest:
        return match_null_test(context, castNode(NullTest, clause), qual);
    case T_BooleanTest:
        return match_boolean_test(context, castNode(BooleanTest, clause), qual);
    case T_BoolExpr: {
        const BoolExpr* expression = castNode(BoolExpr, clause);
        return expression->boolop == NOT_EXPR &&
               match_boolean(context, static_cast<Node*>(linitial(expression->args)), false, qual);
    }
    case T_Var:
    case T_RelabelType:
        return match_boolean(context, reinterpret_cast<Node*>(clause), true, qual);
    default:
        return false;
    }
}

bool match_restriction(PlannerInfo* root, RelOptInfo* rel, const TableInfo& table, RestrictInfo* restriction,
                       PushedQual& qual, Expr** operand) {
    return !restriction->pseudoconstant && restriction_is_securely_promotable(restriction, rel) &&
           match_clause(root, rel->relid, table, restriction->clause, qual, operand);
}

bool match_contents(PlannerInfo* root, RelOptInfo* rel, const TableInfo& table, RestrictInfo* restriction,
                    PushedQual& qual, Expr** operand) {
    if (restriction->pseudoconstant || !IsA(restriction->clause, OpExpr) ||
        !restriction_is_securely_promotable(restriction, rel))
        return false;
    const OpExpr* clause = castNode(OpExpr, restriction->clause);
    // Equality of these types is its own commutator.
    if (list_length(clause->args) != 2 ||
        (clause->opno != TextEqualOperator && clause->opno != ByteaEqualOperator) ||
        (OidIsValid(clause->inputcollid) && !get_collation_isdeterministic(clause->inputcollid)))
        return false;
    const Context context{root, rel->relid, table};
    auto* left = static_cast<Node*>(linitial(clause->args));
    auto* right = static_cast<Node*>(lsecond(clause->args));
    AttrNumber number = 0;
    if (!find_contents(context, left, number) || !is_operand(context, right)) {
        std::swap(left, right);
        if (!find_contents(context, left, number) || !is_operand(context, right))
            return false;
    }
    qual = {number, Condition::equal, OperandForm::contents, false, -1};
    *operand = reinterpret_cast<Expr*>(right);
    return true;
}

bool names_rows(const PushedQual& qual) {
    return qual.condition == Condition::equal || qual.condition == Condition::in_list;
}

Node* encode_qual(const PushedQual& qual) {
    return reinterpret_cast<Node*>(list_make5_int(qual.column, static_cast<int>(qual.condition),
                                                  static_cast<int>(qual.form), qual.is_list ? 1 : 0,
                                                  qual.operand));
}

PushedQual decode_qual(Node* encoded) {
    const List* list = reinterpret_cast<List*>(encoded);
    return {static_cast<AttrNumber>(list_nth_int(list, 0)), static_cast<Condition>(list_nth_int(list, 1)),
            static_cast<OperandForm>(list_nth_int(list, 2)), list_nth_int(list, 3) != 0,
            list_nth_int(list, 4)};
}

} // namespace gamelan::fdw
