// One statement: from a prepared query tree to core/kernel/program.hpp. C++ zone.
//
// Every query has a scope: the entries of its FROM. Each entry must be one row for each row that the
// statement is at (its own, or one named by a reference), so that the order of rows cannot matter; in
// sub-selects it may also be one of many rows, of which aggregates say something.
#pragma once

#include "core/kernel/decimal.hpp"
#include "core/kernel/unbound.hpp"

#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "extension/compiler/catalog.hpp"

namespace gamelan::compiler {

using kernel::NodeId;
using kernel::Op;
using kernel::SourceId;

// Why a statement is not compiled: one clause, for people.
class NotCompiled final : public std::exception {
  public:
    explicit NotCompiled(std::string reason) : reason_(std::move(reason)) {}
    const char* what() const noexcept override { return reason_.c_str(); }

  private:
    std::string reason_;
};

[[noreturn]] inline void refuse(std::string reason) {
    throw NotCompiled(std::move(reason));
}

// An entry of FROM.
struct Item {
    enum class Kind : std::uint8_t { component, observed, neighbours, place } kind = Kind::component;
    int number = 0; // in the query's range table
    std::shared_ptr<const TableFacts> table;
    kernel::ComponentId component{store::none};
    const FuncExpr* function = nullptr; // of all but components
    std::vector<NodeId> outputs;        // of pairs: a and b
    AttrNumber handle_column = 1;       // of a function: which is the handle of the rows it finds; 0: none
    bool is_nullable = false;           // the right side of a LEFT JOIN
    std::vector<Node*> on;              // its conditions
    // Where its row is: a source; or, for a row that need not be there, a key of which a source is made when
    // a column of it is asked for.
    bool is_placed = false;
    std::optional<SourceId> source;
    std::optional<NodeId> key;
    std::optional<NodeId> guard; // a condition without which the row does not count
};

struct Scope {
    const Query* query = nullptr;
    Scope* outer = nullptr;
    std::deque<Item> items;
    std::vector<Node*> conditions; // of WHERE and ON, joined by AND
    // Aggregates are over this source; or over a single row, which may be there or not.
    std::optional<SourceId> set;
    std::optional<NodeId> counted; // the rows that count
    std::optional<NodeId> paired;  // of a statement over pairs: whether the own row has one that counts
    // A table's constraint: its columns are the own row's, and CoerceToDomainValue is this.
    std::optional<NodeId> domain_value;
    // A constraint of a table of events: what each column, by its number - 1, is given.
    const std::vector<std::optional<NodeId>>* given = nullptr;

    Item* find(int number);
};

class StatementCompiler {
  public:
    StatementCompiler(kernel::Symbols& symbols, std::string_view game) : symbols_(symbols), game_(game) {}

    // Throws NotCompiled, and kernel::Error where the form has a limit.
    kernel::Statement compile(const Query* query);

  private:
    // --- statements.cpp
    void compile_update(const Query* query);
    void compile_delete(const Query* query);
    void compile_insert(const Query* query);
    void compile_append(const Query* query, const EventTable& target);
    void append_column(Scope& scope, const EventTable& target, AttrNumber number, Node* value,
                       std::vector<std::optional<NodeId>>& given);
    const Query* source_of_insert(const Query* query, int& number);
    void compile_select(const Query* query);
    void compile_emit(Scope& scope, const FuncExpr* call);
    void compile_call(Scope& scope, const FuncExpr* call);
    Node* with_parameters(Scope& scope, Node* node);
    void add_fields(Scope& scope, const Node* payload);
    void set_where(Scope& scope);
    NodeId row_condition(Scope& scope, Node* node);
    bool names_rows(Scope& scope, Node* node);
    Item& open_target(Scope& scope, const Query* query);
    kernel::ComponentId insert_target(const Query* query);
    void place_any_own(Scope& scope);
    Item& row_of(Scope& scope, Node* handle);

    // --- constraints.cpp
    // Assigns a column of the target, with the checks of its domain.
    void assign(Scope& scope, const TableFacts& table, AttrNumber number, Node* value);
    // NULL to a column that an INSERT leaves out.
    void assign_nothing(const TableFacts& table, AttrNumber number);
    void add_domain_checks(const TableFacts& table, AttrNumber number, Oid domain);
    // Those that an assigned column may violate.
    void add_table_checks(const TableFacts& table);
    NodeId constraint(const TableFacts& table, Node* condition, std::optional<NodeId> domain_value);
    std::optional<kernel::ColumnId> column_of(const TableFacts& table, AttrNumber number);

    // --- from.cpp
    void read_from(Scope& scope);
    void read_join(Scope& scope, Node* node);
    Item& add_item(Scope& scope, int number);
    void add_component(Item& item, const RangeTblEntry* entry);
    void add_function(Item& item, const RangeTblEntry* entry);
    void drop_world_conditions(Scope& scope, std::vector<Node*>& conditions);
    bool is_world(Scope& scope, Node* node);
    // The other side of `handle of the item = …`.
    Node* key_in(Scope& scope, const Item& item, Node* condition);
    bool is_handle(Scope& scope, const Item& item, Node* node);
    bool is_known_key(Scope& scope, Node* key);
    void place_own(Scope& scope, Item& own);
    void place_others(Scope& scope);
    bool place_next(Scope& scope, bool is_optional);
    bool place_by(Scope& scope, Item& item, std::vector<Node*>& conditions, bool is_optional);
    NodeId key_of(Scope& scope, Node* key);
    void place(Scope& scope, Item& item, NodeId key, bool is_optional);
    void place_required(Item& item, NodeId key);
    void place_optional(Item& item, NodeId key);
    void guard(Scope& scope, Item& item);
    [[noreturn]] void refuse_unplaced(Scope& scope);
    bool is_of_cells(SourceId source) const;
    SourceId source_of(Item& item);
    NodeId presence_of(Item& item);

    // --- expression.cpp
    NodeId translate(Scope& scope, Node* node);
    NodeId translate_any(Scope& scope, Node* node);
    NodeId condition(Scope& scope, Node* node); // where false and NULL are the same
    NodeId variable(Scope& scope, const Var* var);
    NodeId constant(const Const* node);
    NodeId call(Scope& scope, Oid function, List* arguments, const Node* node);
    std::optional<NodeId> call_of_ours(Scope& scope, const std::string& name, List* arguments);
    NodeId gauss(NodeId key);
    NodeId cast_of_decimal(NodeId value, ColumnType type);
    NodeId operation(Op op, ColumnType type, std::vector<NodeId> arguments);
    NodeId boolean_expression(Scope& scope, const BoolExpr* node, bool is_condition);
    NodeId in_array(Scope& scope, const ScalarArrayOpExpr* node);
    NodeId choose(Scope& scope, const CaseExpr* node);
    NodeId coalesce(Scope& scope, List* arguments);
    NodeId extreme(Scope& scope, const MinMaxExpr* node);
    NodeId nullif(Scope& scope, const NullIfExpr* node);
    NodeId distinct(Scope& scope, const DistinctExpr* node);
    NodeId null_test(Scope& scope, const NullTest* node);
    NodeId truth_test(Scope& scope, const BooleanTest* node);
    NodeId all_of(const std::vector<NodeId>& conditions);
    NodeId is_true(NodeId condition);
    NodeId truth(bool value);
    NodeId null_like(NodeId node);
    bool is_never_null(Scope& scope, Node* node);
    bool reads_only(NodeId node, SourceId source);

    // --- sub_select.cpp
    NodeId sub_select(Scope& scope, const SubLink* link, bool is_condition);
    // A condition of the statement that components of the own row are there: they become components of the
    // rows that the statement goes over. Nothing when the condition says something else.
    std::optional<NodeId> semi_join(Scope& scope, Node* node);
    bool is_joined_to_own_row(Scope& inner);
    NodeId in_sub_select(Scope& scope, const SubLink* link, bool is_condition);
    void open_sub_select(Scope& scope, const SubLink* link, Scope& inner);
    NodeId exists(Scope& inner, bool is_condition);
    NodeId scalar(Scope& inner);
    void place_sub_select(Scope& inner);
    bool place_neighbours(Scope& inner);
    void place_all(Scope& inner);
    void place_set(Scope& inner, Item& root, kernel::SourceKind kind);
    void fill_set(Scope& inner, kernel::RowSource source);
    void require_own_cell(Scope& scope, const FuncExpr* call);
    NodeId single_row_condition(Scope& inner, bool is_condition);
    std::optional<NodeId> set_condition(Scope& inner, std::optional<NodeId> filter);
    NodeId aggregate(Scope& scope, const Aggref* node);
    NodeId aggregate_of_row(Scope& scope, const Aggref* node, kernel::AggregateFunction function);
    NodeId count_of(std::int64_t rows);
    NodeId average_around(kernel::Aggregate aggregate);

    // --- places.cpp
    // game.near, game.nearest and game.in_box: rows that are found by their place.
    bool place_places(Scope& inner);
    kernel::RowSource source_by_place(Scope& inner, const Item& item);
    std::vector<kernel::ColumnId> coordinates_of(const TableFacts& table, const Node* names,
                                                 std::size_t dimensions);
    // Rows of which a condition says that they are within a distance.
    void place_within(Scope& inner, Item& root);
    bool find_within(Scope& inner, Node* condition, kernel::RowSource& source);
    bool add_squares(NodeId sum, SourceId set, kernel::RowSource& source);
    bool add_square(NodeId square, SourceId set, kernel::RowSource& source);
    std::optional<NodeId> radius_of(NodeId square, SourceId set);
    bool reads_source(NodeId node, SourceId source);
    NodeId value_of_place(Scope& inner, Node* value);
    bool is_first_of_order(Scope& inner);
    const TableFacts& table_of_place(const FuncExpr* call);

    // --- pairs.cpp: game.pairs, as the rows near the own row that come before it, or after it.
    bool place_pairs(Scope& inner, Item& pairs);
    // Of an UPDATE or DELETE: pairs of the own row decide whether it is selected, and nothing else.
    void open_pairs(Scope& scope, Item& target);
    kernel::RowSource partners(Scope& scope, const FuncExpr* call);
    NodeId name_pairs(Item& pairs, SourceId set, bool is_first, bool is_second);
    struct PairSides;
    PairSides sides_of(Scope& scope, Item& pairs);
    // What the other side has to satisfy.
    NodeId place_partners(Scope& scope, Item& pairs, const PairSides& sides, int own, SourceId& set);
    void place_own_side(PairSides& sides, int own, const Item* target);
    Item* find_pairs(Scope& scope);
    // Of events: one for each pair, whose a is the own row. False when there are no pairs.
    bool open_each(Scope& scope);
    NodeId add_aggregate(const kernel::Aggregate& aggregate);

    kernel::Expressions& expressions() { return out_.expressions; }
    const TableFacts& table_of(Oid relation);

    kernel::Symbols& symbols_;
    std::string game_;
    kernel::Statement out_{};
    std::vector<std::shared_ptr<const TableFacts>> tables_;
    std::vector<NodeId> tested_; // what CaseTestExpr stands for
    int depth_ = 0;
};

} // namespace gamelan::compiler
