// The version of this library, and of the extension in a database's catalogs. They differ between the
// installation of a new library and ALTER EXTENSION gamelan UPDATE.
#pragma once

#include "core/base/no_postgres.hpp"

// The control file's default_version says the same; ./gamelan lint compares them.
#define GAMELAN_VERSION "0.2.0"

namespace gamelan::pg {

// Postgres zone, in a transaction: the version of the extension in this database, palloc'd; null when there
// is none.
const char* version_in_catalog();

// Postgres zone, in a transaction. Raises 55000 when the extension in this database is of another version, so
// that no function meets arguments, tables or results that it does not know; but not inside a script of the
// extension, nor where the database has no extension. Remembers that they agree: without a restart they go on
// agreeing.
void require_version_of_catalog();

// The same as a warning, for processes that wait until they agree. False when they do, or there is no
// extension.
bool warn_of_other_version();

} // namespace gamelan::pg
