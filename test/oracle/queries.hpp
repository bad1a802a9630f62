// Random queries whose answers are the same whatever plan and storage they are answered from.
#pragma once

#include "test/oracle/expression.hpp"

namespace gamelan::oracle {

struct Query {
    Statement statement;
    Order order = Order::any;
};

class Queries {
  public:
    Queries(Random& random, const Schema& schema) : random_(random), schema_(schema), make_(random, schema) {}

    Query next();
    // Without parameters, for a cursor.
    Query for_cursor();

  private:
    std::string from(const Table& table, const std::string& alias, bool may_be_only = true);
    std::string results(const std::vector<Source>& sources);
    std::string grouped(const Source& source);
    std::string aggregate(const Source& source);
    std::string ordered_tail(const std::vector<Source>& sources);
    std::string where(const std::vector<Source>& sources, int percent = 85);
    std::string key_equality(const Source& left, const Source& right);

    Query simple();
    Query join();
    Query wide_join();
    Query lateral();
    Query semi_join();
    Query aggregates();
    Query set_operation();
    Query window();
    Query parents();
    Query scalar();

    Random& random_;
    const Schema& schema_;
    Expressions make_;
};

} // namespace gamelan::oracle
