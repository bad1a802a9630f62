// Random declarations: components, and changes of them, on both sides.
#pragma once

#include "test/oracle/expression.hpp"

namespace gamelan::oracle {

class Changes {
  public:
    Changes(Random& random, Schema& schema, Pair& pair)
        : random_(random), schema_(schema), pair_(pair), make_(random, schema) {}

    // Empties the schemas and makes types, the cold tables and worlds.
    void begin();
    // A component without rows.
    Table& create_table();
    // Any ALTER; perhaps one that both refuse.
    void alter();

  private:
    std::string new_name(const char* prefix) { return prefix + std::to_string(++schema_.names_used); }
    std::string column_definition(const Column& column, bool is_hot, const std::string& index,
                                  const std::string& more) const;
    Column new_column(std::string& index, std::string& more, bool is_of_cells);
    void add_column(Table& table);
    void drop_column(Table& table);
    void rename_column(Table& table);
    bool holds_for_defaults(Table& table, const Column& column, const std::string& condition);
    void add_check(Table& table);
    void set_not_null(Table& table);
    void set_default(Table& table);
    void change_index(Table& table);
    void drop_table(Table& table);
    bool alter_both(const std::string& sql);
    // The table and all that inherit from it.
    std::vector<Table*> family(Table& table);

    Random& random_;
    Schema& schema_;
    Pair& pair_;
    Expressions make_;
};

} // namespace gamelan::oracle
