#!/bin/bash
# What durability costs. Section `checkpoints`: full and incremental checkpoints of a world of entities that ticks at 60 Hz,
# which ticks they delay, and how long the world takes to come back. GAMELAN_BENCH_ENTITIES is how many (1,000,000).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=bench/common.bash
source "$here/common.bash"

settings() {
    quiet_settings
    printf '%s\n' 'gamelan.checkpoint_log_volume = 0'
}

entities=${GAMELAN_BENCH_ENTITIES:-1000000}

late() { sql "SELECT late_ticks + skipped_ticks FROM game.world WHERE id = $world"; }

# checkpoint_figures NAME KIND: writes one while the world ticks.
checkpoint_figures() {
    local before tick
    sleep 1
    before=$(late)
    tick=$(sql "SELECT game.checkpoint($world, '$2')")
    sleep 0.5
    figure "$1: seconds" "$(sql "SELECT round(duration_ms::numeric / 1000, 2) FROM game.checkpoint WHERE world = $world AND tick = $tick")" s
    figure "$1: state, stored" "$(sql "SELECT round(raw_bytes / 1e6, 1) || ' ' || round(stored_bytes / 1e6, 1) FROM game.checkpoint WHERE world = $world AND tick = $tick")" MB
    figure "$1: ticks late or skipped at 60 Hz" "$(($(late) - before))" ticks
    [[ $(sql "SELECT kind FROM game.checkpoint WHERE world = $world AND tick = $tick") == "$2" ]] || printf '%s\n' "  (it became a full one)"
}

# restart HOW: from the start of the server to the first tick after the one it had reached.
restart() {
    local reached begun
    sleep 1
    reached=$(sql "SELECT tick FROM game.world WHERE id = $world")
    as_owner "$GAMELAN_PG_BIN/pg_ctl" -D "$GAMELAN_TEST_PGDATA" -m "$1" -s -w stop
    begun=$(date +%s.%N)
    as_owner "$GAMELAN_PG_BIN/pg_ctl" -D "$GAMELAN_TEST_PGDATA" -l "$GAMELAN_TEST_PGDATA/bench.log" -s -w start
    until [[ $(sql "SELECT coalesce(max(tick), 0) > $reached AND bool_or(state = 'running') FROM game.world WHERE id = $world") == t ]]; do sleep 0.01; done
    figure "$2: server start until its first new tick" "$(awk -v b="$begun" -v n="$(date +%s.%N)" 'BEGIN { printf "%.2f", n - b }')" s
    figure "$2: of that, the world's recovery" "$(sql "SELECT round(extract(epoch FROM ended_at - started_at), 2) FROM game.recovery WHERE world = $world")" s
    sql "SELECT '  from ' || chain || coalesce(', passing over ' || damage, '') FROM game.recovery WHERE world = $world"
}

checkpoints() {
    sql "SELECT game.create_game('bench_durability')" >/dev/null
    sql "CREATE FOREIGN TABLE bench_durability.place (x real NOT NULL DEFAULT 0, y real NOT NULL DEFAULT 0, hp int NOT NULL DEFAULT 100)
         INHERITS (game.component) SERVER gamelan"
    sql "CREATE FOREIGN TABLE bench_durability.speed (dx real NOT NULL DEFAULT 1, dy real NOT NULL DEFAULT 2) INHERITS (game.component) SERVER gamelan"
    sql "SELECT game.create_template('bench_durability.thing', '{\"place\": {}, \"speed\": {}}')" >/dev/null
    world=$(sql "SELECT game.create_world('many', 'bench_durability', tick_rate => 60)")
    for ((i = 0; i < 10; ++i)); do
        sql "SELECT count(*) FROM game.spawn_many($world, $((entities / 10)), 'thing')" >/dev/null
        sql "SELECT game.step_world($world)" >/dev/null
    done
    # Values that do not repeat.
    sql "UPDATE bench_durability.place SET x = (entity % 4294967296) * 7919 % 100003 / 7.0, y = (entity % 4294967296) * 104729 % 100019 / 11.0 WHERE world = $world" >/dev/null
    sql "SELECT game.step_world($world)" >/dev/null
    sql "SELECT game.start_world($world)" >/dev/null
    figure "entities, memory" "$entities $(sql "SELECT round(memory / 1e6) FROM game.world WHERE id = $world")" MB
    checkpoint_figures "full, nothing moves" full
    sql "UPDATE bench_durability.place SET hp = hp - 1 WHERE world = $world AND entity % 4294967296 BETWEEN 5000 AND 5000 + $entities / 100" >/dev/null
    sql "SELECT game.sync($world)" >/dev/null
    checkpoint_figures "incremental, 1 % changed side by side" incremental
    sql "UPDATE bench_durability.place SET hp = hp - 1 WHERE world = $world AND entity % 100 = 7" >/dev/null
    sql "SELECT game.sync($world)" >/dev/null
    checkpoint_figures "incremental, every 100th changed" incremental
    restart immediate "after three checkpoints"
    sql "CREATE PROCEDURE bench_durability.movement() LANGUAGE sql BEGIN ATOMIC
         UPDATE bench_durability.place p SET x = p.x + s.dx * game.dt(), y = p.y + s.dy * game.dt() FROM bench_durability.speed s WHERE s.entity = p.entity; END"
    sql "SELECT game.create_system('bench_durability.movement')" >/dev/null
    sleep 2
    figure "a tick, all of them moving" "$(sql "SELECT round((duration_ns / greatest(calls, 1) / 1e6)::numeric, 2) FROM game._system_statistics() WHERE world = $world")" ms
    checkpoint_figures "full, all of them moving" full
    checkpoint_figures "incremental, all of them moving" incremental
    restart immediate "all of them moving"
}

restart_with_settings
for section in "${@:-checkpoints}"; do
    "$section"
done
