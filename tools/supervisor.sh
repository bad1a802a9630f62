# The process behind ./gamelan run: starts Postgres and the gateway as its children, brings back what dies, and
# stops both, the gateway first.
#
#   starting ──► serving ──► stopping
#      ▲            │
#      └── waiting ◄┘   a child ended: wait (1 s, doubled each time up to 30 s, 1 s again after a quiet minute)
#
# It holds a lock on $STATE/run/lock as long as it lives; the lock file's content is its process id. INT and TERM
# end it; USR1 makes it stop both and start again (./gamelan load).
# shellcheck shell=bash

readonly RESTART_DELAY_MAX_S=30 QUIET_S=60 LOG_LIMIT_BYTES=$((16 << 20))
PG_PORT=${GAMELAN_PG_PORT:-54320}
HTTP_PORT=${GAMELAN_HTTP_PORT:-8080}

pg_pid=0 gateway_pid=0 stop_wanted=0 restart_wanted=0 delay_s=1 last_start=0

supervise() {
    "${AS_SERVER[@]}" touch "$STATE/run/lock"
    exec 9>>"$STATE/run/lock"
    flock -n 9 || die "this clone is running already, see ./gamelan status"
    printf '%s\n' $$ | server_writes "$STATE/run/lock"
    trap 'stop_wanted=1' INT TERM HUP
    trap 'restart_wanted=1' USR1
    end_stale_postgres
    require_port "$PG_PORT" GAMELAN_PG_PORT
    require_port "$HTTP_PORT" GAMELAN_HTTP_PORT
    local failed=0
    serve_once || failed=1
    if ((failed == 0 && stop_wanted == 0)); then
        say "$(page_address)"
        say "  the planet is at this address; Ctrl-C or ./gamelan stop ends it, ./gamelan help lists the rest"
        printf 'ready\n' | server_writes "$STATE/run/ready"
        watch_children
    fi
    stop_children
    rm -f "$STATE/run/ready"
    ((failed == 0 || stop_wanted == 1)) || exit 1
}

page_address() { printf 'http://127.0.0.1:%s/\n' "$HTTP_PORT"; }

# serve_once: both children up and the page answering, or failure with its reason printed.
serve_once() {
    start_postgres && ((stop_wanted == 0)) && prepare_database && ((stop_wanted == 0)) && start_gateway
}

watch_children() {
    local timer
    while ((stop_wanted == 0)); do
        # Wakes at a child's end, at a signal, and every few seconds to look at the logs' sizes.
        sleep 5 9>&- &
        timer=$!
        { wait -n || true; } 2>/dev/null # the shell would print a killed child's whole command
        kill "$timer" 2>/dev/null || true
        wait "$timer" 2>/dev/null || true
        trim_logs
        if ((restart_wanted == 1)); then
            restart_wanted=0
            say "restarting on request"
            stop_children
        fi
        ((stop_wanted == 1)) || revive_children
    done
}

# The gateway is left alone when Postgres dies: it tells its players, and connects again by itself.
revive_children() {
    if child_gone "$pg_pid"; then
        ((pg_pid == 0)) || back_off "Postgres ended unexpectedly (log: $STATE/log/postgres.log)"
        pg_pid=0
        ((stop_wanted == 0)) && start_postgres && update_database || return 0
        ((gateway_pid == 0)) || say "Postgres is back"
    fi
    if child_gone "$gateway_pid"; then
        ((gateway_pid == 0)) || back_off "the gateway ended unexpectedly (log: $STATE/log/gateway.log)"
        gateway_pid=0
        ((stop_wanted == 0)) && start_gateway || return 0
        say "the page is back at $(page_address)"
    fi
}

child_gone() { (($1 == 0)) || process_gone "$1"; }

# back_off REASON
back_off() {
    if ((SECONDS - last_start > QUIET_S)); then
        delay_s=1
    fi
    say "$1; starting it again in $delay_s s"
    local until=$((SECONDS + delay_s))
    while ((SECONDS < until && stop_wanted == 0)); do
        sleep 0.2
    done
    delay_s=$((delay_s * 2 > RESTART_DELAY_MAX_S ? RESTART_DELAY_MAX_S : delay_s * 2))
    last_start=$SECONDS
}

# A server left behind by a supervisor that was killed: it is ours, and ends before a new one starts.
end_stale_postgres() {
    local pid_file=$STATE/data/postmaster.pid
    [[ -f $pid_file ]] || return 0
    if "${AS_SERVER[@]}" "$PG_BIN/pg_ctl" -D "$STATE/data" status >/dev/null 2>&1; then
        note "ending a Postgres that an earlier run left behind"
        "${AS_SERVER[@]}" "$PG_BIN/pg_ctl" -D "$STATE/data" -m fast -s -w stop || die "it does not end"
    fi
    if [[ -f $STATE/run/gateway.pid ]]; then
        local pid
        pid=$(<"$STATE/run/gateway.pid")
        if [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == "$STATE/stage/"* ]]; then
            end_process "$pid" TERM 10 KILL
        fi
    fi
}

start_postgres() {
    local socket
    if [[ ! -f $STATE/data/PG_VERSION ]]; then
        longstep "making the cluster" "$STATE/log/initdb.log" cluster_init "$STATE/data" || return 1
        printf '# Settings of your own; ./gamelan never changes this file.\n' | server_writes "$STATE/data/local.conf"
        printf "include 'gamelan.conf'\ninclude 'local.conf'\n" |
            "${AS_SERVER[@]}" tee -a "$STATE/data/postgresql.conf" >/dev/null
    fi
    socket=$(socket_directory "$STATE/run" "$PG_PORT")
    printf '%s\n' "$socket" | server_writes "$STATE/run/socket-directory"
    {
        printf '# Written by ./gamelan at every start; your own settings go into local.conf beside it.\n'
        cluster_settings "$PG_PORT" "$socket" gamelan
        printf "cluster_name = 'gamelan'\nwal_compression = lz4\ndefault_toast_compression = lz4\n"
    } | server_writes "$STATE/data/gamelan.conf"
    if [[ -f $STATE/run/swap ]]; then
        swap_databases
    fi
    note "starting Postgres"
    launch_postgres "$STATE/log/postgres.log"
    wait_for 300 "$pg_pid" postgres_ready "$socket" || {
        ((stop_wanted == 0)) || return 1
        say "Postgres does not start; the end of $STATE/log/postgres.log:"
        tail -n 20 "$STATE/log/postgres.log"
        return 1
    }
}

# launch_postgres LOG [OPTION…]: as a child in a session of its own, so that Ctrl-C in the terminal reaches only
# the supervisor. Sets pg_pid.
launch_postgres() {
    local log=$1
    shift
    setsid "${AS_SERVER[@]}" "$PG_BIN/postgres" -D "$STATE/data" "$@" >>"$log" 2>&1 </dev/null 9>&- &
    pg_pid=$!
    last_start=$SECONDS
}

# After a change of databases, what plays now may be of an older version.
update_database() { create_extension_database "$(<"$STATE/run/socket-directory")" "$PG_PORT" gamelan; }

prepare_database() {
    local socket marker=$STATE/data/first-world-made
    socket=$(<"$STATE/run/socket-directory")
    update_database || return 1
    if [[ ! -f $marker ]]; then
        longstep "making the world 'first light'" "$STATE/log/first-world.log" \
            create_first_world "$socket" "$PG_PORT" gamelan || return 1
        server_writes "$marker" </dev/null
    fi
}

start_gateway() {
    local socket
    socket=$(<"$STATE/run/socket-directory")
    setsid "${AS_SERVER[@]}" "$STATE/stage/gateway/gamelan-gateway" --listen "127.0.0.1:$HTTP_PORT" \
        --database "host=$socket port=$PG_PORT dbname=gamelan user=gateway application_name=gamelan-gateway" \
        --web-root "$STATE/stage/web" >>"$STATE/log/gateway.log" 2>&1 </dev/null 9>&- &
    gateway_pid=$!
    printf '%s\n' "$gateway_pid" | server_writes "$STATE/run/gateway.pid"
    last_start=$SECONDS
    wait_for 60 "$gateway_pid" gateway_ready || {
        ((stop_wanted == 0)) || return 1
        say "the gateway does not answer; the end of $STATE/log/gateway.log:"
        tail -n 20 "$STATE/log/gateway.log"
        return 1
    }
}

postgres_ready() { ((stop_wanted == 1)) || cluster_accepts "$1" "$PG_PORT"; }

gateway_ready() { ((stop_wanted == 1)) || [[ $(http_status "$HTTP_PORT" /readyz) == 200 ]]; }

stop_children() {
    if ((gateway_pid != 0)); then
        note "stopping the gateway"
        end_process "$gateway_pid" TERM 10 KILL
        wait "$gateway_pid" 2>/dev/null || true
        gateway_pid=0
        rm -f "$STATE/run/gateway.pid"
    fi
    if ((pg_pid != 0)); then
        note "stopping Postgres"
        end_process "$pg_pid" INT 120 QUIT # INT is a fast, QUIT an immediate shutdown
        wait "$pg_pid" 2>/dev/null || true
        pg_pid=0
    fi
}

# Both logs are appended to, so cutting the file is safe; one earlier part is kept.
trim_logs() {
    local log
    for log in "$STATE/log/postgres.log" "$STATE/log/gateway.log" "$STATE/log/run.log"; do
        if [[ -f $log ]] && (($(stat -c %s "$log") > LOG_LIMIT_BYTES)); then
            "${AS_SERVER[@]}" cp "$log" "$log.1"
            "${AS_SERVER[@]}" truncate -s 0 "$log"
        fi
    done
}
