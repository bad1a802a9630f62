#!/bin/bash
# ./gamelan run, branch, save, load and copy, with a home of their own. Prints TAP; needs what ./gamelan run builds.
set -euo pipefail

: "${GAMELAN:=$(dirname "${BASH_SOURCE[0]}")/../../gamelan}"
home=$(mktemp -d /tmp/gamelan-test-XXXXXX)
chmod 0755 "$home" # the servers' user must be able to enter it
export GAMELAN_HOME=$home/state
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    printf '%d\n' "$port"
}
GAMELAN_HTTP_PORT=$(free_port) GAMELAN_PG_PORT=$(free_port)
export GAMELAN_HTTP_PORT GAMELAN_PG_PORT
number=0 failed=0 session_pid=

# shellcheck disable=SC2317 # called by the trap
end() {
    [[ -z $session_pid ]] || kill "$session_pid" 2>/dev/null || true
    "$GAMELAN" stop >"$home/stop.log" 2>&1 || { cat "$home/stop.log" && failed=1; }
    rm -rf "$home"
}
trap 'end || true' EXIT
trap 'exit 130' INT TERM HUP

# is GOT WANTED WHAT
is() {
    number=$((number + 1))
    if [[ $1 == "$2" ]]; then
        printf 'ok %d - %s\n' "$number" "$3"
    else
        failed=1
        printf 'not ok %d - %s\n#      got: %s\n# expected: %s\n' "$number" "$3" "${1//$'\n'/$'\n#           '}" "$2"
    fi
}

# refused MESSAGE COMMAND…: it fails, and says so.
refused() {
    local said status=0
    said=$("$GAMELAN" "${@:2}" 2>&1) || status=$?
    is "$status $said" "1 gamelan: $1" "refused: ${*:2}"
}

sql() { "$GAMELAN" psql -XAtq -v ON_ERROR_STOP=1 "$@"; }
quietly() { "$GAMELAN" "$@" >"$home/said.log" 2>&1 || { sed 's/^/# /' "$home/said.log" && exit 1; }; }

# until_true STATEMENT: nothing here is judged by how long it takes.
until_true() {
    local attempt
    for ((attempt = 0; attempt < 600; attempt++)); do
        [[ $(sql -c "$1" 2>/dev/null) != t ]] || return 0
        sleep 0.1
    done
    printf '# never true: %s\n' "$1"
    exit 1
}

still() { sql -c "SELECT tick || ' ' || hash FROM game.state_hash($world)"; }
ready() { until_true "SELECT bool_and(memory > 0) FROM game.world"; }
branches() { "$GAMELAN" branch | sed 's/ ([0-9]* .B)$//'; }

quietly run --detach
world=$(sql -c "SELECT game.create_world('still', 'hexfactory', seed => 7, config => '{\"frequency\": 4}')")
sql -c "SELECT game.step_world($world, 25)" >/dev/null
sql -c "SELECT game.call($world, 'join', '{\"name\": \"Ada\"}')" >/dev/null 2>&1 || true
here=$(still)
is "$(branches)" "* main" "there is one branch"

# A branch is a copy; what happens on it stays there. Its name is no pattern, no quote, no part of a statement.
odd="it's \"50%\" _ü; --\\1 "
quietly branch "$odd"
ready
is "$(branches)" "* $odd"$'\n'"  main" "a branch of an odd name is made, and is what plays"
is "$(still)" "$here" "it begins with the state of what it was made from"
tick=$(sql -c "SELECT tick FROM game.world WHERE name = 'first light'")
until_true "SELECT tick > $tick FROM game.world WHERE name = 'first light'"
is running "$(sql -c "SELECT state FROM game.world WHERE name = 'first light'")" "worlds that ticked tick on"
sql -c "SELECT game.step_world($world, 5)" >/dev/null
there=$(still)
sql -c "SELECT game.drop_world(id) FROM game.world WHERE name = 'first light'" >/dev/null

refused "that is the branch that plays; switch to another one first" branch --drop "$odd"
refused "that is the branch that plays" branch "$odd"
refused "there is no branch it; ./gamelan branch lists them" branch --drop it
refused "'-x' is no name for a branch" branch -x
refused "'' is no name for a branch" branch --drop
refused "the name of a branch has at most 48 bytes" branch "$(printf '%049d' 0)"

quietly branch main
ready
is "$(still)" "$here" "the original is as it was left"
is "$(sql -c 'SELECT count(*) FROM game.world')" 2 "with all its worlds"

# Copies play no world. A branch that somebody looks at stays.
quietly copy "a copy's"
is "$(sql -d "dbname='a copy\\'s'" -c "SELECT h.tick FROM game.world_head AS h WHERE h.world = $world")" "${here%% *}" "a copy has what the original has"
full="gamelan_branch_$odd"
escaped=${full//\\/\\\\}
sql -d "dbname='${escaped//\'/\\\'}'" -c "SELECT pg_sleep(600)" >/dev/null 2>&1 &
session_pid=$!
until_true "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '${full//\'/\'\'}')"
refused "branch $odd is in use by 1 session(s); end them first" branch --drop "$odd"
sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${full//\'/\'\'}'" >/dev/null
wait "$session_pid" || true
session_pid=
until_true "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '${full//\'/\'\'}')"

# A save is taken while worlds play, and brings back what was.
quietly save "$home/world save"
sql -c "SELECT game.step_world($world, 5)" >/dev/null
is "$(still)" "$there" "the branch had played as the original does"
quietly branch --drop "$odd"
is "$(branches)" "* main" "a branch that nobody looks at is dropped"
head -c 1000 /dev/urandom >"$home/noise"
refused "$home/noise is not a file made by ./gamelan save" load "$home/noise"
quietly load "$home/world save"
ready
is "$(still)" "$here" "a save that is loaded is where it was saved"
is "$(sql -c "SELECT state FROM game.world WHERE name = 'first light'")" running "and its worlds play"
is "$(sql -d postgres -c "SELECT count(*) FROM pg_database WHERE datname LIKE 'gamelan\\_before\\_load\\_%'")" 1 "what was before is kept"
is "$(branches)" "* main" "the branch is the same"

printf '1..%d\n' "$number"
exit "$failed"
