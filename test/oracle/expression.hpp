// Random expressions over the columns of some tables.
#pragma once

#include "test/oracle/schema.hpp"
#include "test/oracle/session.hpp"

namespace gamelan::oracle {

// A table under a name in a statement.
struct Source {
    std::string alias; // empty = its columns stand for themselves
    const Table* table;

    std::string column(const std::string& name) const { return alias.empty() ? name : alias + "." + name; }
    std::string key() const; // all columns of its key, with commas
};

class Expressions {
  public:
    Expressions(Random& random, const Schema& schema) : random_(random), schema_(schema) {}

    // From now on some literals become parameters of the statement; null = none.
    void use_parameters(std::vector<Value>* parameters) { parameters_ = parameters; }

    // A condition that cannot fail.
    std::string condition(const std::vector<Source>& sources, int depth = 2);
    // Of the given type; may fail for some rows.
    std::string value(const Type& type, const std::vector<Source>& sources);
    // For a list of results; cannot fail.
    std::string result(const std::vector<Source>& sources);
    std::string constant(const Value& value, const Type& type);
    std::string world();
    std::string entity(Kind kind = Kind::entities);
    // One that has the world and the handle of some row, most likely.
    std::string key_condition(const Source& source);

  private:
    struct Operand {
        std::string text;
        const Type* type;
    };
    std::optional<Operand> column(const std::vector<Source>& sources);
    std::optional<Operand> column_like(const std::vector<Source>& sources, const Type& type);
    std::string comparison(const std::vector<Source>& sources);
    std::string of_operand(const Operand& operand, const std::vector<Source>& sources);
    std::string list(const Type& type);
    std::string own_test(const Operand& operand);

    Random& random_;
    const Schema& schema_;
    std::vector<Value>* parameters_ = nullptr;
};

} // namespace gamelan::oracle
