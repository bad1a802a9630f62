// Which conditions of a query the store tests itself, and how they travel from the planner to the executor.
//
// Pushed down are, for values that a scan knows when it starts (constants, parameters, columns of other
// tables, anything without volatile functions and subqueries):
//   world, and the entity or cell: comparisons and = ANY
//   columns of fixed width that Postgres compares by their bytes: comparisons, = ANY, IS [NOT] NULL, and a
//   boolean by itself; enums, "char" and uuids: equality only
//   columns of other types: IS [NOT] NULL
// Everything else is tested by the executor, row by row. A condition that must not be looked at before a
// security barrier's own is never pushed.
#pragma once

#include "core/query/predicate.hpp"

#include "extension/fdw/table_info.hpp"

extern "C" {
#include "nodes/pathnodes.h"
}

namespace gamelan::fdw {

// How the operand's Datum becomes what the column is compared with.
enum class OperandForm : std::uint8_t {
    none,     // the condition has no operand
    same,     // of the column's type
    integer2, // smallint, integer, bigint beside a column of integers
    integer4,
    integer8,
    real4, // real, double precision beside a column of the other
    real8,
    contents, // beside a value: leads through its index, and the executor compares
};

// Plain data. `operand` is its number among the scan's expressions, or -1.
struct PushedQual {
    AttrNumber column;
    query::Condition condition;
    OperandForm form;
    bool is_list; // the operand is an array: any of its elements
    int operand;
};

// Postgres zone. True when the store can test `clause` for the table with range table index `relid`; then
// `qual` says how, and `operand` is the expression to compare with, or null.
bool match_clause(PlannerInfo* root, Index relid, const TableInfo& table, Expr* clause, PushedQual& qual,
                  Expr** operand);
// The same for a condition of a base relation, minding security barriers.
bool match_restriction(PlannerInfo* root, RelOptInfo* rel, const TableInfo& table, RestrictInfo* restriction,
                       PushedQual& qual, Expr** operand);

// A comparison that the store cannot make, but whose index leads to all rows that can pass: text, varchar or
// bytea = something, under a collation in which equal texts have equal bytes. It stays a condition of the
// executor's as well.
bool match_contents(PlannerInfo* root, RelOptInfo* rel, const TableInfo& table, RestrictInfo* restriction,
                    PushedQual& qual, Expr** operand);

// A condition that names rows: = or = ANY on the world, or on the entity or cell.
bool names_rows(const PushedQual& qual);

// As a node that plans can be copied and stored with.
Node* encode_qual(const PushedQual& qual);
PushedQual decode_qual(Node* encoded);

} // namespace gamelan::fdw
