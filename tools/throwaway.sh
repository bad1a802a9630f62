# Throw-away clusters: one for each kind of test, in a temporary directory, on a free port, gone afterwards.
# shellcheck shell=bash disable=SC2034 # variables that other files use

THROWAWAY_DIRECTORIES=()

# throwaway_start DATABASE LOG: a running cluster whose worlds live in DATABASE (not made yet). Sets TEST_DATA,
# TEST_SOCKET, TEST_PORT.
throwaway_start() {
    local directory
    # Short, because a socket's path may have 107 bytes only.
    directory=$("${AS_SERVER[@]}" mktemp -d /tmp/gamelan-test-XXXXXX) || return 1
    THROWAWAY_DIRECTORIES+=("$directory")
    TEST_DATA=$directory/data TEST_SOCKET=$directory TEST_LOG=$2
    TEST_PORT=$(free_port) || return 1
    cluster_init "$TEST_DATA" --no-sync || return 1
    {
        cluster_settings "$TEST_PORT" "$TEST_SOCKET" "$1"
        # Nothing here outlives the machine; a killed server keeps what it wrote, with or without fsync.
        printf 'fsync = off\nmax_prepared_transactions = 4\nlog_statement_sample_rate = 0\n'
    } | "${AS_SERVER[@]}" tee -a "$TEST_DATA/postgresql.conf" >/dev/null || return 1
    throwaway_launch
}

throwaway_launch() {
    "${AS_SERVER[@]}" env -C / "$PG_BIN/pg_ctl" -D "$TEST_DATA" -l "$TEST_LOG" -t 60 -w start
}

# As a URL, which libpq and the JavaScript client both understand; the socket keeps other users of the machine out.
throwaway_dsn() { printf 'postgresql://gamelan@/gamelan?host=%s&port=%s' "$TEST_SOCKET" "$TEST_PORT"; }

# throwaway_world LOG: a cluster with the database `gamelan` and the first world in it.
throwaway_world() {
    throwaway_start gamelan "$1" && create_extension_database "$TEST_SOCKET" "$TEST_PORT" gamelan &&
        create_first_world "$TEST_SOCKET" "$TEST_PORT" gamelan
}

# throwaway_gateway LOG: a gateway of its own for that cluster. Sets TEST_GATEWAY_PID and TEST_URL.
throwaway_gateway() {
    local port_file=$TEST_SOCKET/gateway.port
    "${AS_SERVER[@]}" "$STATE/stage/gateway/gamelan-gateway" --listen 127.0.0.1:0 --port-file "$port_file" \
        --database "host=$TEST_SOCKET port=$TEST_PORT dbname=gamelan user=gateway" --web-root "$STATE/stage/web" \
        >"$1" 2>&1 </dev/null &
    TEST_GATEWAY_PID=$!
    wait_for 30 "$TEST_GATEWAY_PID" test -s "$port_file" || return 1
    TEST_URL=http://127.0.0.1:$(<"$port_file")/
    wait_for 30 "$TEST_GATEWAY_PID" throwaway_ready "$(<"$port_file")"
}

throwaway_ready() { [[ $(http_status "$1" /readyz) == 200 ]]; }

# throwaway_restart_script FILE: writes a program that kills the cluster as a power cut would, and starts it again.
throwaway_restart_script() {
    "${AS_SERVER[@]}" tee "$1" >/dev/null <<END
#!/bin/bash
set -eu
postmaster=\$(head -n 1 '$TEST_DATA/postmaster.pid')
kill -KILL "\$postmaster"
while kill -0 "\$postmaster" 2>/dev/null; do sleep 0.05; done
# Its children see the death of their parent and end; until then the shared memory is in use.
for ((attempt = 0; attempt < 100; attempt++)); do
    if '$PG_BIN/pg_ctl' -D '$TEST_DATA' -l '$TEST_LOG' -t 60 -w start; then exit 0; fi
    sleep 0.2
done
exit 1
END
    "${AS_SERVER[@]}" chmod 0755 "$1"
}

# throwaway_end: stops and removes every throw-away cluster and gateway that is still there.
throwaway_end() {
    local directory status=0
    if [[ -n ${TEST_GATEWAY_PID:-} ]]; then
        end_process "$TEST_GATEWAY_PID" TERM 10 KILL
        wait "$TEST_GATEWAY_PID" 2>/dev/null || true
        TEST_GATEWAY_PID=
    fi
    for directory in "${THROWAWAY_DIRECTORIES[@]}"; do
        if [[ -f $directory/data/postmaster.pid ]]; then
            "${AS_SERVER[@]}" env -C / "$PG_BIN/pg_ctl" -D "$directory/data" -m fast -t 60 -w -s stop ||
                "${AS_SERVER[@]}" env -C / "$PG_BIN/pg_ctl" -D "$directory/data" -m immediate -w -s stop ||
                status=1
        fi
        "${AS_SERVER[@]}" rm -rf "$directory"
    done
    THROWAWAY_DIRECTORIES=()
    return "$status"
}
