# Words, waiting and ports: what every other file of tools/ uses.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }
note() { printf '  %s\n' "$*"; }
heading() { printf '==> %s\n' "$*"; }
die() {
    printf 'gamelan: %s\n' "$*" >&2
    exit 1
}

# longstep LABEL LOG COMMAND…: runs the command with its output in LOG, shows that time passes, and on failure
# shows the end of the log and returns the command's status. The command is in the foreground, so that Ctrl-C
# reaches it; the clock is what runs beside it.
longstep() {
    local label=$1 log=$2 started=$SECONDS status=0 clock=
    shift 2
    mkdir -p "$(dirname "$log")"
    if [[ -t 1 ]]; then
        show_clock "$label" "$started" 9>&- &
        clock=$!
    else
        note "$label …"
    fi
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [[ -n $clock ]]; then
        kill "$clock" 2>/dev/null || true
        wait "$clock" 2>/dev/null || true
        printf '\r\033[K'
    fi
    if ((status != 0)); then
        note "$label FAILED after $((SECONDS - started)) s; the end of $log:"
        tail -n 40 "$log" >&2
        return "$status"
    fi
    note "$label: done in $((SECONDS - started)) s"
}

show_clock() {
    local parent=$$
    while kill -0 "$parent" 2>/dev/null; do
        printf '\r  %s … %d s' "$1" $((SECONDS - $2))
        sleep 0.5
    done
}

# port_answers PORT: true when something accepts connections on the loopback port.
port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: a port of the loopback interface nobody listens on, below the range the system hands out itself.
free_port() {
    local port try
    for ((try = 0; try < 200; try++)); do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! port_answers "$port"; then
            printf '%d\n' "$port"
            return
        fi
    done
    die "found no free port between 20000 and 32000"
}

# require_port PORT VARIABLE: ends with a clear message when the port is taken.
require_port() {
    if [[ ! $1 =~ ^[0-9]{1,5}$ ]] || ((10#$1 < 1 || 10#$1 > 65535)); then
        die "$2 is '$1', which is not a port number"
    fi
    if port_answers "$1"; then
        die "port $1 is in use by another program; choose another with $2=PORT ./gamelan …"
    fi
}

# http_status PORT PATH: the status code of a GET on the loopback interface, or nothing when there is no answer.
http_status() {
    local line
    # shellcheck disable=SC2016  # expanded by the inner shell
    line=$(timeout 3 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" "$2" | cat >&3
        IFS= read -r line <&3 && printf "%s" "$line"' _ "$1" "$2" 2>/dev/null) || return 0
    [[ $line =~ ^HTTP/[0-9.]+\ ([0-9]{3}) ]] && printf '%s\n' "${BASH_REMATCH[1]}"
    return 0
}

# wait_for SECONDS PID COMMAND…: polls the command until it succeeds (0), time is up (1), or process PID has
# gone (2). PID 0 watches no process.
wait_for() {
    local deadline=$((SECONDS + $1)) pid=$2
    shift 2
    until "$@"; do
        if ((pid != 0)) && ! kill -0 "$pid" 2>/dev/null; then
            return 2
        fi
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

process_gone() { ! kill -0 "$1" 2>/dev/null; }

# end_process PID SIGNAL SECONDS LAST_SIGNAL: asks a process to end, and insists when it has not within the time.
end_process() {
    kill -s "$2" "$1" 2>/dev/null || return 0
    if ! wait_for "$3" 0 process_gone "$1"; then
        kill -s "$4" "$1" 2>/dev/null || true
    fi
}

# sql_quote TEXT: TEXT as a quoted value of postgresql.conf or of a statement.
sql_quote() { printf "'%s'" "${1//\'/\'\'}"; }
