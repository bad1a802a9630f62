// Expressions of the types that kernels know, over columns of rows that are at hand. Nothing here is looked
// up: what is written has the type it was asked for, to the letter.
#pragma once

#include "test/oracle/random.hpp"

#include <string>
#include <vector>

namespace gamelan::oracle {

enum class Fixed {
    boolean,
    i16,
    i32,
    i64,
    f32,
    f64,
    date,
    timestamp,
    timestamptz,
    mood,
    character,
    uuid,
    interval,
    numeric // between columns only
};

const char* sql_name(Fixed type);

struct HotColumn {
    std::string name;
    Fixed type;
    bool not_null = false;
    bool is_percent = false;   // of the domain
    bool is_reference = false; // a handle, mostly of an entity or cell that is there
    bool is_cell = false;      // of a cell
    bool is_place = false;     // a coordinate: its squares neither overflow nor vanish
};

struct HotTable {
    std::string name;
    bool is_of_cells = false;
    std::vector<HotColumn> columns;
    std::string check; // over its columns; empty = none
    const char* handle() const { return is_of_cells ? "cell" : "entity"; }
};

// A row that an expression may read. Expressions have no cells in them: their ids differ between worlds.
struct Row {
    std::string alias;
    const HotTable* table;
    bool is_own = false; // game.random() is asked for its handle only
};

class Formulas {
  public:
    explicit Formulas(Random& random) : random_(random) {}

    // Whose columns leaves are.
    std::vector<Row> rows;
    // Sub-selects to choose from, which yield a value of a type.
    struct SubSelect {
        std::string text;
        Fixed type;
    };
    std::vector<SubSelect> sub_selects;

    // `may_fail`: whether operations are among it that may raise an error for some values.
    std::string make(Fixed type, int depth, bool may_fail);
    std::string literal(Fixed type);
    Fixed any_type();

  private:
    std::string leaf(Fixed type);
    std::string common(Fixed type, int depth, bool may_fail);
    std::string boolean(int depth, bool may_fail);
    std::string comparison(int depth, bool may_fail);
    std::string integer(Fixed type, int depth, bool may_fail);
    std::string real(Fixed type, int depth, bool may_fail);
    std::string date(int depth, bool may_fail);
    std::string interval(int depth, bool may_fail);
    std::string numeric(int depth, bool may_fail);
    std::string number_like(Fixed type, int depth, bool may_fail);

    Random& random_;
};

// A value as it is written to a row: NULL now and then, mostly small, sometimes extreme.
std::string stored_value(Random& random, const HotColumn& column);

} // namespace gamelan::oracle
