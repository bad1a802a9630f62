// Hooks into the server's utility commands.
#pragma once

namespace gamelan::pg {

// DROP DATABASE, ALTER DATABASE … RENAME / SET TABLESPACE and CREATE DATABASE … TEMPLATE need a database
// without other connections: the workers leave it first and come back afterwards. Installed by _PG_init.
void install_hooks();

} // namespace gamelan::pg
