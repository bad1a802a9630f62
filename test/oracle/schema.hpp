// What the oracle knows of the tables it made: enough to write statements that mean something.
#pragma once

#include "test/oracle/types.hpp"

#include <memory>
#include <string>
#include <vector>

namespace gamelan::oracle {

struct Column {
    std::string name;
    const Type* type;
    bool not_null = false;
};

enum class Kind {
    entities, // a component of entities: world, entity
    cells,    // of cells: world, cell
    cold,     // an ordinary table that both sides share: id
};

struct Table {
    std::string name;
    Kind kind = Kind::entities;
    std::vector<Column> columns; // without the key
    Table* parent = nullptr;
    int children = 0;

    const char* handle() const { return kind == Kind::cells ? "cell" : "entity"; }
};

struct World {
    std::int64_t id;
    std::vector<std::int64_t> entities; // alive
    std::vector<std::int64_t> cells;    // once a component of cells has told which
};

struct Schema {
    std::vector<World> worlds;
    std::vector<std::unique_ptr<Table>> tables; // components
    std::unique_ptr<Table> place;               // the cold one
    int names_used = 0;
    bool is_behind = false;  // worlds may not have heard of the last declaration
    bool is_ticking = false; // else worlds only tick when told to, which is quicker

    Table& any(Random& random) const { return *tables[random.below(tables.size())]; }
    // Null when there is none.
    Table* any_of(Random& random, Kind kind) const;
};

} // namespace gamelan::oracle
