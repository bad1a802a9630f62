# save, load and copy: a save is a pg_dump of the database; export and import: one world as a file.
# shellcheck shell=bash

command_save() {
    (($# == 1)) || die "save wants a file: ./gamelan save FILE"
    state_open
    pg_directories
    client pg_dump --format=custom --file="$1.part"
    mv -- "$1.part" "$1"
    say "saved $(stat -c %s -- "$1") bytes to $1"
}

# One world, by its number or name. The file travels as base64, which every client can write and read.
command_export() {
    (($# == 2)) || die "export wants a world and a file: ./gamelan export WORLD FILE"
    state_open
    pg_directories
    client psql -XAtq -v ON_ERROR_STOP=1 -v world="$1" <<<"SELECT encode(game.export_world(
            coalesce((SELECT id FROM game.world WHERE id::text = :'world' OR name = :'world' ORDER BY name = :'world' LIMIT 1), -1)), 'base64')" |
        base64 --decode >"$2.part" || { rm -f -- "$2.part" && die "world $1 could not be exported"; }
    mv -- "$2.part" "$2"
    say "exported $(stat -c %s -- "$2") bytes to $2"
}

command_import() {
    (($# == 1 || $# == 2)) || die "import wants a file, and perhaps a name: ./gamelan import FILE [NAME]"
    [[ -r $1 ]] || die "cannot read $1"
    state_open
    pg_directories
    local id
    id=$({ printf '\\set file '"'" && base64 -w0 -- "$1" && printf "'\n%s\n" \
        "SELECT game.import_world(decode(:'file', 'base64'), nullif(:'name', ''));"; } |
        client psql -XAtq -v ON_ERROR_STOP=1 -v name="${2:-}") || die "$1 could not be imported; nothing was changed"
    say "imported $1 as world $id, which stands still: SELECT game.start_world($id)"
}

# The file goes into a database of its own while the old one plays on. Only when that has worked do the two
# change names, in a moment when nothing is connected; the old one is kept.
command_load() {
    (($# == 1)) || die "load wants a file: ./gamelan load FILE"
    [[ -r $1 ]] || die "cannot read $1"
    local pid fresh
    state_open
    pg_directories
    "$PG_BIN/pg_restore" --list -- "$1" >/dev/null 2>&1 || die "$1 is not a file made by ./gamelan save"
    if ! pid=$(supervisor_pid); then
        say "not running: starting it in the background first"
        command_run --detach
        pid=$(supervisor_pid) || die "it did not start"
    fi
    fresh=gamelan_load_$(date -u +%Y%m%d_%H%M%S)
    client createdb "$fresh"
    if ! client pg_restore --dbname="$fresh" --no-owner --exit-on-error -- "$1"; then
        client dropdb "$fresh"
        die "the file could not be restored; nothing was changed"
    fi
    change_database "$pid" "$fresh" "gamelan_before_load_${fresh#gamelan_load_}" rename "branch $(current_branch)"
    say "loaded $1; the database of before is kept as gamelan_before_load_${fresh#gamelan_load_}"
}

# Beside the one that plays, which plays on. In a copy no world ticks until somebody makes it the one that plays.
command_copy() {
    (($# == 1)) || die "copy wants the name of a new database: ./gamelan copy DATABASE"
    state_open
    pg_directories
    client createdb -- "$1" || die "nothing was copied"
    if ! client pg_dump --format=custom | client pg_restore --dbname="$(connection_to "$1")" --no-owner --exit-on-error; then
        client dropdb -- "$1"
        die "the database could not be copied; nothing was changed"
    fi
    say "copied the database to $1: ./gamelan psql -d '$1'"
}

# As a connection string, since a bare name could be taken for one.
connection_to() {
    local name=${1//\\/\\\\}
    printf "dbname='%s'" "${name//\'/\\\'}"
}

# change_database SUPERVISOR FRESH OLD HOW [COMMENT]: FRESH plays from now on, and what played is called OLD. HOW: `rename`
# for a database that is there, `copy` for one that is to be made from what plays.
change_database() {
    local pid=$1
    printf '%s\n' "${@:2}" | server_writes "$STATE/run/swap"
    rm -f "$STATE/run/swapped"
    kill -s USR1 "$pid"
    wait_for 300 "$pid" test -f "$STATE/run/swapped" || die "the restart failed, see $STATE/log"
    [[ $(<"$STATE/run/swapped") != failed ]] || die "the databases could not change names, so the old one plays" \
        "on and the other one is $2; see $STATE/log/swap.log"
    wait_for 300 "$pid" loaded_and_serving || die "it does not answer after the restart, see $STATE/log"
}

loaded_and_serving() {
    local port
    port=$(live_port) && [[ -n $port ]] && cluster_accepts "$(<"$STATE/run/socket-directory")" "$port"
}

# swap_databases: called by the supervisor between stop and start. A server without the extension has no worker
# that would be connected to the databases whose names change.
swap_databases() {
    local fresh old how comment socket done=swapped log=$STATE/log/swap.log
    { IFS= read -r fresh && IFS= read -r old && read -r how && { IFS= read -r comment || true; }; } <"$STATE/run/swap"
    socket=$(<"$STATE/run/socket-directory")
    launch_postgres "$log" -c shared_preload_libraries= -c listen_addresses=
    if ! wait_for 300 "$pg_pid" cluster_accepts "$socket" "$PG_PORT" ||
        ! swap_statements "$how" "$comment" |
        "$PG_BIN/psql" -Xq -v ON_ERROR_STOP=1 -h "$socket" -p "$PG_PORT" -U gamelan -d postgres \
            -v fresh="$fresh" -v old="$old" -v comment="$comment" >>"$log" 2>&1; then
        say "could not change the databases' names, so the old one plays on; see $log"
        done=failed
    fi
    end_process "$pg_pid" INT 120 QUIT
    wait "$pg_pid" 2>/dev/null || true
    pg_pid=0
    rm -f "$STATE/run/swap"
    printf '%s\n' "$done" | server_writes "$STATE/run/swapped"
}

# A copy cannot be made within a transaction; if it fails, nothing has changed.
swap_statements() {
    [[ $1 != copy ]] || printf '%s\n' 'CREATE DATABASE :"fresh" TEMPLATE gamelan;'
    printf '%s\n' 'BEGIN;' 'ALTER DATABASE gamelan RENAME TO :"old";' 'ALTER DATABASE :"fresh" RENAME TO gamelan;'
    [[ -z $2 ]] || printf '%s\n' "COMMENT ON DATABASE gamelan IS :'comment';"
    printf '%s\n' 'COMMIT;'
}
