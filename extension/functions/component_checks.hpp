// What a foreign table must be to be a component, and whether the rows that are there satisfy what it now
// asks for. For the event triggers: Postgres zone, with SPI connected, as the extension's owner.
#pragma once

#include "core/base/no_postgres.hpp"

#include "extension/pg/pg.hpp"

namespace gamelan::pg::component_checks {

// Each raises what docs/errors.md lists under "declaring a game".

// Kind, space, parents, schema, columns, options, defaults, limits.
void check_component(Relation component);
// Labels of an enum that columns use.
void check_enum(Oid enum_type);
// What cells hold before anybody writes to them; nothing for components of entities.
void check_default_row(Relation component);
// The rows of all worlds, against NOT NULL, CHECK and domains. Expressions run as the table's owner.
void check_existing_rows(Relation component);
// That a column just added has a default which rows that exist can get.
void check_added_column(Relation component, const char* column);

} // namespace gamelan::pg::component_checks
