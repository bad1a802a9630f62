// What the catalogs say about games: which foreign tables are components, of which space, with which columns,
// and what their rows hold before anybody wrote to them.
#pragma once

#include "core/codec/definition.hpp"
#include "core/store/definition.hpp"

#include <optional>
#include <string_view>

#include "extension/pg/component_types.hpp"

namespace gamelan::pg {

using codec::definition_hash;

// C++ zone. All components of a schema, by name (bytewise), columns in the order of their numbers; as they
// are for the current transaction, without a lock on any of them: whoever reads waits for no DDL. A schema
// that does not exist has none. Defaults are evaluated as the owner of the table; one that fails is NULL here
// and logged. Needs a transaction. Throws PgError, and Error(invalid_config) beyond the limits in
// core/codec/definition.hpp.
store::Definition read_definition(std::string_view game);

// Whose Oids the keys are: hash of the cluster's system identifier and the database.
std::uint64_t definition_incarnation();

// Postgres zone from here on.

// What a component's slots are.
enum class ComponentSpace : std::uint8_t { none, entity, cell, both };

// The columns that name a row: "world" and "entity", or "world" and "cell".
bool is_handle_column(const char* name);

// The server "gamelan", game.component and game.cell; InvalidOid where there is none.
Oid component_server();
Oid component_parent();
Oid cell_parent();

// Whether it is a foreign table of our server.
bool is_component(Oid relation);

// Follows its ancestors up to game.component and game.cell.
ComponentSpace space_of(Oid relation);

// The kind of index in a column's options. Raises for a value that is none.
store::IndexKind index_option(Datum options, bool is_null);

// A column's default as rows get it that exist when the column is added.
struct DefaultValue {
    bool is_declared; // by the column or its domain
    bool is_mutable;  // changes from one evaluation to the next: not evaluated
    bool is_null;     // also when there is none, or when it is mutable
    Datum value;      // in the current memory context
};

// `owner` of the table: evaluates as that role. Raises what the expression raises.
DefaultValue default_of(Oid relation, AttrNumber column, Oid type, std::int32_t typmod, Oid owner);

// Runs as another role, restricted as for maintenance of its tables, from construction to end(). When an
// error jumps out in between, the abort of the (sub)transaction ends it.
class AsOwner {
  public:
    explicit AsOwner(Oid owner);
    void end();

  private:
    Oid role_;
    int context_;
    int settings_;
};

} // namespace gamelan::pg
