#!/bin/bash
# What a checkpoint costs, which ticks it delays, and how long a restart takes.
set -euo pipefail
# shellcheck source=bench/common.bash
source "$(dirname "$0")/common.bash"

for n in 64 256; do
    world=$(make_world "checkpoint $n" "$n" 60)
    sleep 2
    late=$(sql "SELECT late_ticks + skipped_ticks FROM game.world WHERE id = $world")
    for _ in 1 2 3 4 5; do
        sql "SELECT game.checkpoint($world)" >/dev/null
        sleep 0.1
    done
    figure "checkpoint, n = $n, full" "$(sql "SELECT round(avg(duration_ms)::numeric, 1) FROM game.checkpoint WHERE world = $world")" ms
    figure "checkpoint, n = $n, state" "$(sql "SELECT max(raw_bytes) FROM game.checkpoint WHERE world = $world")" bytes
    figure "checkpoint, n = $n, stored" "$(sql "SELECT max(stored_bytes) FROM game.checkpoint WHERE world = $world")" bytes
    figure "ticks late or skipped during 5 checkpoints, n = $n at 60 Hz" \
        "$(sql "SELECT late_ticks + skipped_ticks - $late FROM game.world WHERE id = $world")" ticks
    [[ $n == 256 ]] || sql "SELECT game.drop_world($world)" >/dev/null
done

# restart HOW: from the start of the server to the first tick after the one it had reached.
restart() {
    local reached begun
    sleep 3 # ticks since the checkpoint, to be run again
    reached=$(sql "SELECT tick FROM game.world WHERE id = $world")
    as_owner "$GAMELAN_PG_BIN/pg_ctl" -D "$GAMELAN_TEST_PGDATA" -m "$1" -s -w stop
    begun=$(date +%s.%N)
    as_owner "$GAMELAN_PG_BIN/pg_ctl" -D "$GAMELAN_TEST_PGDATA" -l "$GAMELAN_TEST_PGDATA/bench.log" -s -w start
    figure "server start until it takes connections, after $1 stop" \
        "$(awk -v b="$begun" -v n="$(date +%s.%N)" 'BEGIN { printf "%.0f", (n - b) * 1000 }')" ms
    until [[ $(sql "SELECT coalesce(max(tick), 0) > $reached AND bool_or(state = 'running') FROM game.world WHERE id = $world") == t ]]; do
        sleep 0.01
    done
    figure "server start until the first new tick, n = 256, after $1 stop" \
        "$(awk -v b="$begun" -v n="$(date +%s.%N)" 'BEGIN { printf "%.0f", (n - b) * 1000 }')" ms
}
restart fast
restart immediate
