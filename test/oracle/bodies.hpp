// Bodies of systems: one or several statements of every shape that docs/systems.md names, and now and then of
// one that is not compiled.
#pragma once

#include "test/oracle/formula.hpp"

#include <memory>
#include <string>
#include <vector>

namespace gamelan::oracle {

struct HotSchema {
    std::vector<std::unique_ptr<HotTable>> tables;
    std::vector<std::int64_t> entities;
    std::vector<std::int64_t> cells;
    HotTable told; // of events
};

struct Body {
    std::string sql; // statements, each with its semicolon
    // Several conditions may fail, in an order that only a plan decides, or the rows do.
    bool has_join = false;
};

class Bodies {
  public:
    Bodies(Random& random, const HotSchema& schema) : random_(random), schema_(schema) {}
    Body next();

  private:
    // What a statement is being made of.
    struct Draft {
        std::vector<Row> rows;
        std::vector<std::string> from; // entries
        std::vector<std::string> conditions;
        bool has_join = false;
    };

    std::string statement(Body& body);
    Draft some_rows_of(const HotTable& source);
    std::string update(Body& body);
    std::string erase(Body& body);
    std::string insert(Body& body);
    std::string emit(Body& body);
    std::string append(Body& body);

    const HotTable& table(bool is_of_cells);
    const HotTable* table_with_reference(bool to_cells);
    void add_joins(Draft& draft);
    void join(Draft& draft, const Row& to);
    void add_conditions(Draft& draft);
    std::string semi_join(const Draft& draft);
    void add_sub_selects(const Draft& draft, Formulas& formulas);
    std::string neighbours(const Row& own, std::string_view what, const std::string& alias,
                           const std::string& condition);
    std::string few_rows(const Row& own);
    // --- places.cpp: rows by their place
    bool has_places() const;
    // FROM … WHERE … of rows somewhere around `own`, which are `found`; `handle` names them.
    struct Around {
        std::string from;
        Row found;
        std::string handle;
        std::string order; // ORDER BY of what is nearest; empty for the rest
    };
    Around around(const Row& own);
    std::string place_of(const Row& own, const std::string& axis);
    std::string by_place(const Row& own, const Around& around, std::string_view what);
    std::string exists_by_place(const Row& own);
    std::string emit_of_pairs();
    void add_by_place(const Row& own, Formulas& formulas);
    std::string assigned_place(const Row& row, const HotColumn& column);
    // What an aggregate says of rows, and its type.
    std::string aggregate_of(const std::vector<Row>& inner, Formulas& formulas, Fixed& result);
    std::string where(const Draft& draft) const;
    std::string new_alias() { return "r" + std::to_string(++aliases_); }
    // A column of the row that holds handles; empty when there is none.
    std::string reference(const Row& row, bool to_cells);
    std::string assigned_cell(const std::vector<Row>& rows);
    std::string safe(const std::vector<Row>& rows, Fixed type, int depth);

    Random& random_;
    const HotSchema& schema_;
    int aliases_ = 0;
};

} // namespace gamelan::oracle
