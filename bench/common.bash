# What the server benchmarks share. They get a running throw-away server through PGHOST, PGPORT, PGUSER and PGDATABASE,
# and print one figure a line.
# shellcheck shell=bash

sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }

# figure NAME VALUE UNIT
figure() { printf '%-62s %12s  %s\n' "$1" "$2" "$3"; }

# make_world NAME FREQUENCY RATE: creates and starts a world with a player of the benchmark's role; prints its id.
make_world() {
    local id
    id=$(sql "SELECT game.create_world('$1', 'hexfactory', 42, $3, '{\"frequency\": $2}')")
    sql "SELECT game.start_world($id)" >/dev/null
    sql "SELECT game.call($id, 'join', '{\"name\": \"bench\"}')" >/dev/null
    printf '%s' "$id"
}

# first_cell WORLD: an id; claimed for the benchmark's player.
first_cell() {
    local cell
    cell=$(sql "SELECT cell FROM game.cells($1) LIMIT 1")
    sql "SELECT game.call($1, 'claim', jsonb_build_object('cell', $cell))" >/dev/null
    printf '%s' "$cell"
}

# percentile FILE P: of one number a line.
percentile() { sort -n "$1" | awk -v p="$2" '{ v[NR] = $1 } END { i = int(NR * p); if (i < 1) i = 1; print v[i] }'; }

as_owner() {
    local owner
    owner=$(stat -c %U "$GAMELAN_TEST_PGDATA")
    if [[ $(id -u) == 0 ]]; then (cd / && runuser -u "$owner" -- "$@"); else "$@"; fi
}

# Both sides in memory, no compilation of queries, nothing in the background that is not measured: what the functions
# `settings` have in common.
quiet_settings() {
    cat <<END_OF_SETTINGS
gamelan.memory = 2GB
shared_buffers = 1GB
max_wal_size = 8GB
checkpoint_timeout = 1h
gamelan.checkpoint_interval = 0
jit = off
END_OF_SETTINGS
}

# Starts the server again with what the function `settings` prints.
restart_with_settings() {
    settings | as_owner tee -a "$GAMELAN_TEST_PGDATA/postgresql.conf" >/dev/null
    as_owner "$GAMELAN_PG_BIN/pg_ctl" -D "$GAMELAN_TEST_PGDATA" -l "$GAMELAN_TEST_PGDATA/bench.log" -m fast -s -w restart
}
