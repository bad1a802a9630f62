#!/bin/bash
# How late ticks begin, how long a command takes there and back, and how many a second are durable.
set -euo pipefail
# shellcheck source=bench/common.bash
source "$(dirname "$0")/common.bash"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
seconds=${GAMELAN_BENCH_SECONDS:-5}

# round_trips WORLD CELL CALLERS: durable commands one at a time from each caller.
round_trips() {
    local label=$4
    rm -f "$scratch"/log*
    printf "SELECT game.call(%s, 'plant', '{\"cell\": %s, \"resource\": 1}');\n" "$1" "$2" >"$scratch/call.sql"
    "$GAMELAN_PG_BIN/pgbench" -n -M prepared -c "$3" -j 1 -T "$seconds" -f "$scratch/call.sql" -l \
        --log-prefix="$scratch/log" >"$scratch/out" 2>&1
    awk '{ print $3 / 1000 }' "$scratch"/log* >"$scratch/latencies"
    figure "game.call round trip p50, $label" "$(percentile "$scratch/latencies" 0.5)" ms
    figure "game.call round trip p99, $label" "$(percentile "$scratch/latencies" 0.99)" ms
}

for rate in 60 240; do
    world=$(make_world "latency $rate" 64 "$rate")
    cell=$(first_cell "$world")
    if [[ $rate == 60 ]]; then
        sleep "$seconds"
        figure "tick lateness p50, n = 64 at 60 Hz, otherwise idle" "$(sql "SELECT game.tick_lateness($world, 0.5)")" ms
        figure "tick lateness p99, n = 64 at 60 Hz, otherwise idle" "$(sql "SELECT game.tick_lateness($world, 0.99)")" ms
    fi
    for callers in 1 32; do
        round_trips "$world" "$cell" "$callers" "$rate Hz, $callers caller$([[ $callers == 1 ]] || echo s)"
    done
    sql "SELECT game.drop_world($world)" >/dev/null
done

# Batches as a gateway sends them: 96 acts in flight on each connection. What is in flight is answered once a tick, so
# 96 × rate × connections is the most there can be.
for rate in 60 240; do
    world=$(make_world "throughput $rate" 64 "$rate")
    cell=$(first_cell "$world")
    cat >"$scratch/batch.sql" <<END
SELECT count(*) FROM game.calls($world, array_fill(current_user::text, ARRAY[96]), array_fill('plant'::text, ARRAY[96]),
    array_fill('{"cell": $cell, "resource": 1}'::jsonb, ARRAY[96]), array_fill(NULL::bigint, ARRAY[96]));
END
    for connections in 1 8; do
        before=$(sql "SELECT commands_applied FROM game.world WHERE id = $world")
        begun=$(date +%s.%N)
        "$GAMELAN_PG_BIN/pgbench" -n -M prepared -c "$connections" -j 1 -T "$seconds" -f "$scratch/batch.sql" >"$scratch/out" 2>&1
        after=$(sql "SELECT commands_applied FROM game.world WHERE id = $world")
        figure "durable commands at $rate Hz, 96 in flight on $connections connection$([[ $connections == 1 ]] || echo s)" \
            "$(awk -v a="$before" -v b="$after" -v t="$begun" -v n="$(date +%s.%N)" 'BEGIN { printf "%.0f", (b - a) / (n - t) }')" per_second
    done
    figure "log bytes per command, $rate Hz" \
        "$(sql "SELECT round(sum(length(commands))::numeric / (SELECT commands_applied FROM game.world WHERE id = $world), 1) FROM game.tick_log WHERE world = $world")" bytes
    sql "SELECT game.drop_world($world)" >/dev/null
done
