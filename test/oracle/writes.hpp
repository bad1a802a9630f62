// Random changes of rows, in transactions of one statement or of several, and of entities.
#pragma once

#include "test/oracle/expression.hpp"

#include <map>
#include <set>

namespace gamelan::oracle {

class Writes {
  public:
    Writes(Random& random, Schema& schema, Pair& pair)
        : random_(random), schema_(schema), pair_(pair), make_(random, schema) {}

    // One statement in a transaction of its own.
    void statement();
    // Several, with savepoints, that do not need to see each other's rows.
    void transaction();
    void put();
    void guarded_update();
    void spawn(World& world, std::size_t count);
    void despawn();
    // What entities that are gone answer.
    void stale_handle();
    // A row for most entities; only values that everybody accepts.
    void fill_table(const Table& table);

    // Until all worlds have applied what was committed; and the tables are the same.
    void settle();
    void catch_up();
    void compare(const Table& table);
    void compare_all();

  private:
    struct Key {
        std::int64_t world;
        std::int64_t handle;
        auto operator<=>(const Key&) const = default;
    };
    enum class Touch { inserted, updated, deleted };
    using Touched = std::map<std::pair<std::string, Key>, Touch>;

    Statement insert_values();
    Statement insert_select();
    Statement update();
    Statement remove();
    Statement copy();
    Table& writable(bool takes_inserts);
    Value new_value(const Column& column);
    Key random_key(const Table& table);
    std::string key_literal(const Key& key) const;
    std::string assignments(const Table& table, const std::vector<Source>& sources, const std::string& alias);
    std::string returning(const Source& source);
    std::vector<const Column*> some_columns(const Table& table);
    void step_in_transaction(const std::vector<Key>& keys, Touched& touched, bool& has_failed);
    std::string json_values(const Table& table, std::vector<std::pair<const Column*, Value>>& chosen);

    Random& random_;
    Schema& schema_;
    Pair& pair_;
    Expressions make_;
    Errors errors_ = Errors::equal; // of the statement being made
    std::vector<Key> gone_;
};

} // namespace gamelan::oracle
