# run, stop, status, psql, logs: the commands around the supervisor.
# shellcheck shell=bash

supervisor_pid() {
    local lock=$STATE/run/lock
    [[ -s $lock ]] && ! flock -n "$lock" true && printf '%s\n' "$(<"$lock")"
}

command_run() {
    local detach=0
    case ${1:-} in
    --detach | -d) detach=1 ;;
    "") ;;
    *) die "run knows only --detach, not '$1'" ;;
    esac
    local pid
    ensure_packages "${PACKAGES_RUN[@]}"
    state_open
    if pid=$(supervisor_pid); then
        say "already running (process $pid): ./gamelan status shows it, ./gamelan stop ends it"
        return 0
    fi
    pg_directories
    [[ -f $STATE/data/postmaster.pid ]] || require_port "$PG_PORT" GAMELAN_PG_PORT
    require_port "$HTTP_PORT" GAMELAN_HTTP_PORT
    build_all
    stage_all
    heading "Starting (files in $STATE)"
    if ((detach == 0)); then
        supervise
    else
        run_detached
    fi
}

run_detached() {
    local pid
    rm -f "$STATE/run/ready"
    "${AS_SERVER[@]}" truncate -s 0 "$STATE/log/run.log"
    GAMELAN_HOME=$STATE setsid "$ROOT/gamelan" _supervise >>"$STATE/log/run.log" 2>&1 </dev/null &
    pid=$!
    if ! wait_for 900 "$pid" test -f "$STATE/run/ready"; then
        cat "$STATE/log/run.log" >&2
        die "it did not start"
    fi
    cat "$STATE/log/run.log"
}

command_supervise() {
    state_open
    pg_directories
    supervise
}

command_stop() {
    state_open
    pg_directories
    local pid
    if pid=$(supervisor_pid); then
        kill -s TERM "$pid"
        wait_for 150 0 process_gone "$pid" || die "process $pid does not end; its log: $STATE/log/run.log"
        say "stopped"
    elif [[ -f $STATE/data/postmaster.pid ]]; then
        end_stale_postgres
        say "stopped a Postgres without a supervisor"
    else
        say "not running"
    fi
}

# live_port: the port of the running server, which may differ from today's GAMELAN_PG_PORT.
live_port() { sed -n 4p "$STATE/data/postmaster.pid" 2>/dev/null; }

# client PROGRAM ARGUMENT…: a client program of Postgres, told where the private cluster is. It runs as the user
# who typed the command, so that it reads and writes that user's files.
client() {
    local port
    port=$(live_port)
    [[ -n $port && -f $STATE/run/socket-directory ]] || die "not running; ./gamelan run starts it"
    PGHOST=$(<"$STATE/run/socket-directory") PGPORT=$port PGUSER=${PGUSER:-gamelan} \
        PGDATABASE=${PGDATABASE:-gamelan} "$PG_BIN/$1" "${@:2}"
}

command_psql() {
    state_open
    pg_directories
    client psql "$@"
}

command_status() {
    local pid
    state_open
    pg_directories
    if pid=$(supervisor_pid); then
        say "running      process $pid, files in $STATE"
    else
        say "not running  files in $STATE"
    fi
    say "PostgreSQL   $("$PG_BIN/postgres" --version | sed 's/^postgres (PostgreSQL) //')"
    [[ -f $STATE/data/postmaster.pid ]] || return 0
    say "             process $(head -n 1 "$STATE/data/postmaster.pid"), port $(live_port)," \
        "socket in $(<"$STATE/run/socket-directory")"
    say "extension    $(client psql -XAtqc "SELECT extversion FROM pg_extension WHERE extname = 'gamelan'")"
    if [[ -f $STATE/run/gateway.pid ]]; then
        local gateway address
        gateway=$(<"$STATE/run/gateway.pid")
        address=$(tr '\0' '\n' <"/proc/$gateway/cmdline" 2>/dev/null | sed -n '/^--listen$/{n;p}')
        say "gateway      process $gateway, page at http://$address/ (readyz: $(http_status "${address##*:}" /readyz))"
    fi
    client psql -Xqc "SELECT id, name, game, state, tick, tick_rate FROM game.world ORDER BY id" -P footer=off
}

command_logs() {
    state_open
    local log logs=()
    for log in run postgres gateway; do
        [[ ! -f $STATE/log/$log.log ]] || logs+=("$STATE/log/$log.log")
    done
    ((${#logs[@]} > 0)) || die "there are no logs yet in $STATE/log"
    exec tail -n 50 -F "$@" "${logs[@]}"
}
