// What the compiler asks the catalogs. C++ zone: each function guards itself, and throws PgError.
#pragma once

#include "core/kernel/program.hpp"

#include <optional>
#include <string>
#include <vector>

#include "extension/pg/pg.hpp"

namespace gamelan::compiler {

struct ColumnFacts {
    std::string name;
    Oid type = InvalidOid; // as declared
    bool is_dropped = false;
    bool is_not_null = false;
};

struct CheckFacts {
    std::string name;
    Node* condition; // over variable number 1, simplified
    // It may fail for rows that no statement changes: rows that were there before it are not checked, or it
    // asks something that changes.
    bool is_always_asked;
};

// A foreign table of ours, and what a statement does by changing it.
struct TableFacts {
    Oid oid = InvalidOid;
    std::string schema;
    std::string name;
    bool is_of_cells = false;
    bool has_heirs = false;
    bool has_insert_triggers = false;
    bool has_update_triggers = false;
    bool has_delete_triggers = false;
    AttrNumber world = InvalidAttrNumber;
    AttrNumber handle = InvalidAttrNumber;
    std::vector<ColumnFacts> columns; // by attribute number - 1
    std::vector<CheckFacts> checks;   // in the order in which Postgres asks them
};

// Nothing when it is no component. The caller holds a lock on it.
std::optional<TableFacts> read_table(Oid relation);

// A table of events in the schema. `refusal`: why a kernel's rows could not go there as the executor's do.
struct EventTable {
    TableFacts table;
    std::string refusal;
    AttrNumber tick = InvalidAttrNumber;
    AttrNumber created_at = InvalidAttrNumber;
    AttrNumber cause = InvalidAttrNumber;
};
// Nothing when it is no table of events. The caller holds a lock on it.
std::optional<EventTable> read_event_table(Oid relation);

// "schema.table"
std::string relation_name(Oid relation);

// As kernels know it, behind domains; nothing when they do not.
std::optional<ColumnType> kernel_type_of(Oid type);
std::string type_name(Oid type);
// With its schema.
std::string sql_type_name(Oid type);
// As SQL that means the same whatever the search_path; parameters as $1.
std::string text_of_call(Node* call);
// Postgres zone.
Node* make_parameter(int number, Oid type);
Oid type_of(const Node* node);

// The operation's constant. `type` has a kernel type.
kernel::Value value_of(const Const* constant);
// A constant of type numeric; nothing when kernels have not room for it.
std::optional<kernel::Value> decimal_of(const Const* constant);
// Elements of an array; NULL ones are Consts that are NULL.
std::vector<const Const*> elements_of(const Const* array);

// The text of a constant of type text or unknown.
std::optional<std::string> text_of(const Node* node);

// A function of schema game; empty when it is another's.
std::string game_function(Oid function);

// What the constraints of a domain, and of those it is made of, ask: conditions in which CoerceToDomainValue
// stands for the value, simplified; a NULL condition is NOT NULL. In the order in which Postgres asks them.
struct DomainConstraint {
    std::string name;
    Node* condition;
};
struct DomainFacts {
    std::string name;
    std::vector<DomainConstraint> constraints;
};
DomainFacts read_domain(Oid domain);

// How Postgres would put conditions of one WHERE in order: cheap ones first. Infinite for one with
// sub-selects.
double cost_of(Node* condition);

bool has_sub_select(Node* node);
// Which entries of its query's range table it reads, or of the query `levels_up`.
std::vector<int> rows_read(Node* node, int levels_up);
// Attribute numbers that an expression over variable number 1 reads.
std::vector<AttrNumber> columns_read(Node* node);

} // namespace gamelan::compiler
