# PostgreSQL clusters: the private one of ./gamelan run and the throw-away ones of the tests.
#
# The extension is not installed into the system: Debian's setting extension_destdir and dynamic_library_path
# point a cluster at the staged installation tree.
# shellcheck shell=bash

# cluster_init DATA: a new cluster with page checksums. Its superuser is `gamelan`.
cluster_init() {
    "${AS_SERVER[@]}" env -C / "$PG_BIN/initdb" -D "$1" --username=gamelan --encoding=UTF8 --locale=C.UTF-8 \
        --data-checksums --auth-local=trust --auth-host=scram-sha-256 "${@:2}"
}

# cluster_settings PORT SOCKET_DIRECTORY DATABASE: the settings every cluster of ours has.
cluster_settings() {
    cat <<END
listen_addresses = '127.0.0.1'
port = $1
unix_socket_directories = $(sql_quote "$2")
unix_socket_permissions = 0700
extension_destdir = $(sql_quote "$STATE/stage/extension")
dynamic_library_path = $(sql_quote "$STATE/stage/extension$PG_LIBRARIES:\$libdir")
shared_preload_libraries = 'gamelan'
gamelan.database = $(sql_quote "$3")
log_line_prefix = '%m [%p] %b %q%u@%d '
END
}

# socket_directory PREFERRED PORT: PREFERRED, or a short one when the socket's path would not fit the 107 bytes
# an address may have.
socket_directory() {
    local path="$1/.s.PGSQL.$2"
    if ((${#path} <= 100)); then
        printf '%s\n' "$1"
    else
        "${AS_SERVER[@]}" mktemp -d /tmp/gamelan-XXXXXX
    fi
}

cluster_accepts() { "$PG_BIN/pg_isready" -q -h "$1" -p "$2" -U gamelan -d postgres; }

# create_extension_database SOCKET PORT DATABASE: the database, the extension and the gateway's login role,
# each only when missing; the extension in the version of the library.
create_extension_database() {
    local admin=("$PG_BIN/psql" -XAtq -v ON_ERROR_STOP=1 -h "$1" -p "$2" -U gamelan)
    if [[ -z $("${admin[@]}" -d postgres -c "SELECT 1 FROM pg_database WHERE datname = $(sql_quote "$3")") ]]; then
        "${admin[@]}" -d postgres -c "CREATE DATABASE \"$3\"" || return 1
    fi
    "${admin[@]}" -d "$3" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS gamelan;
ALTER EXTENSION gamelan UPDATE;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gateway') THEN
        CREATE ROLE gateway LOGIN;
    END IF;
    GRANT gamelan_gateway TO gateway;
END
$$;
SQL
}

# create_first_world SOCKET PORT DATABASE
create_first_world() {
    "$PG_BIN/psql" -XAtq -v ON_ERROR_STOP=1 -h "$1" -p "$2" -U gamelan -d "$3" >/dev/null <<'END'
SELECT game.create_world(name => 'first light', game => 'hexfactory', seed => 2026, tick_rate => 20,
                         config => '{"frequency": 64, "layers": 1}') AS world \gset
SELECT game.start_world(:world);
END
}
