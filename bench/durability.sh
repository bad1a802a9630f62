#!/bin/bash
# What durability costs. Sections, all unless some are named: GAMELAN_BENCH_SECTIONS.
# transfer: how many durable transfers between 100,000 accounts a second, beside the same transfer over heap tables.
# replay: how fast the log of a world of 10,000 entities is played again.
# checkpoints: full and incremental checkpoints of a world of entities that ticks at 60 Hz, which ticks they delay, and
#     how long the world takes to come back. GAMELAN_BENCH_ENTITIES is how many (1,000,000).
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
    restart fast "after a fast stop"
    restart immediate "after an immediate stop"
    sql "CREATE PROCEDURE bench_durability.movement() LANGUAGE sql BEGIN ATOMIC
         UPDATE bench_durability.place p SET x = p.x + s.dx * game.dt(), y = p.y + s.dy * game.dt() FROM bench_durability.speed s WHERE s.entity = p.entity; END"
    sql "SELECT game.create_system('bench_durability.movement')" >/dev/null
    sleep 2
    figure "a tick, all of them moving" "$(sql "SELECT round((duration_ns / greatest(calls, 1) / 1e6)::numeric, 2) FROM game._system_statistics() WHERE world = $world")" ms
    checkpoint_figures "full, all of them moving" full
    checkpoint_figures "incremental, all of them moving" incremental
    restart fast "all of them moving, after a fast stop"
    restart immediate "all of them moving, after an immediate stop"
}

# --- transfer ---

accounts=100000
seconds=${GAMELAN_BENCH_SECONDS:-5}

make_accounts() {
    sql "SELECT game.create_game('bench_bank')" >/dev/null
    sql "CREATE FOREIGN TABLE bench_bank.account (balance bigint NOT NULL DEFAULT 1000000000 CHECK (balance >= 0)) INHERITS (game.component) SERVER gamelan"
    sql "SELECT game.create_template('bench_bank.account', '{\"account\": {}}')" >/dev/null
    sql "CREATE FUNCTION bench_bank.transfer(sender bigint, receiver bigint, amount bigint) RETURNS void LANGUAGE sql BEGIN ATOMIC
             UPDATE bench_bank.account SET balance = balance - amount WHERE entity = sender;
             UPDATE bench_bank.account SET balance = balance + amount WHERE entity = receiver;
         END"
    sql "SELECT game.create_action('bench_bank.transfer')" >/dev/null
    world=$(sql "SELECT game.create_world('bank', 'bench_bank', tick_rate => 240)")
    sql "SELECT count(*) FROM game.spawn_many($world, $accounts, 'account')" >/dev/null
    sql "SELECT game.step_world($world)" >/dev/null
    [[ $(sql "SELECT min(entity), max(entity) FROM bench_bank.account") == "1|$accounts" ]]
    sql "SELECT game.start_world($world)" >/dev/null
    sql "CREATE SCHEMA bench_heap"
    sql "CREATE TABLE bench_heap.account (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0)) WITH (fillfactor = 50)"
    sql "INSERT INTO bench_heap.account SELECT i, 1000000000 FROM generate_series(1, $accounts) AS i"
    # Each transfer a transaction of its own, as each command is; and all of a call in one, in an order without deadlocks.
    sql "CREATE PROCEDURE bench_heap.transfers(senders bigint[], receivers bigint[], amount bigint) LANGUAGE plpgsql AS \$\$
         BEGIN
             FOR i IN 1 .. cardinality(senders) LOOP
                 UPDATE bench_heap.account SET balance = balance - amount WHERE id = senders[i];
                 UPDATE bench_heap.account SET balance = balance + amount WHERE id = receivers[i];
                 COMMIT;
             END LOOP;
         END \$\$"
    sql "CREATE PROCEDURE bench_heap.transfers_at_once(senders bigint[], receivers bigint[], amount bigint) LANGUAGE plpgsql AS \$\$
         BEGIN
             PERFORM FROM bench_heap.account WHERE id = ANY (senders || receivers) ORDER BY id FOR UPDATE;
             FOR i IN 1 .. cardinality(senders) LOOP
                 UPDATE bench_heap.account SET balance = balance - amount WHERE id = senders[i];
                 UPDATE bench_heap.account SET balance = balance + amount WHERE id = receivers[i];
             END LOOP;
         END \$\$"
    sql "VACUUM ANALYZE bench_heap.account"
}

# transfer_script HOW COUNT CHOICE: a pgbench script that makes COUNT transfers in flight.
transfer_script() {
    local i senders='' receivers='' calls='' choice="random(1, $accounts)"
    [[ $3 == uniform ]] || choice="random_zipfian(1, $accounts, 1.5)"
    for ((i = 1; i <= $2; ++i)); do
        printf '\\set s%d %s\n\\set r%d 1 + (:s%d + %s) %% %d\n' "$i" "$choice" "$i" "$i" "$choice" "$accounts"
        senders+=${senders:+, }:s$i
        receivers+=${receivers:+, }:r$i
        calls+=${calls:+, }"'{\"sender\": :s$i, \"receiver\": :r$i, \"amount\": 1}'"
    done
    if [[ $1 == game ]]; then
        printf '%s\n' "SELECT count(*) FROM game.calls($world, array_fill(current_user::text, ARRAY[$2]), array_fill('transfer'::text, ARRAY[$2]), ARRAY[$calls]::jsonb[], array_fill(NULL::bigint, ARRAY[$2]));"
    else
        printf '%s\n' "CALL bench_heap.$1(ARRAY[$senders], ARRAY[$receivers], 1);"
    fi
}

# transfers HOW CONNECTIONS COUNT CHOICE: sets `rate`, `p50` and `p99`.
transfers() {
    rm -f "$scratch"/log*
    transfer_script "$1" "$3" "$4" >"$scratch/transfer.sql"
    "$GAMELAN_PG_BIN/pgbench" -n -c "$2" -j 1 -T "$seconds" -f "$scratch/transfer.sql" -l --log-prefix="$scratch/log" >"$scratch/out" 2>&1
    grep -q 'number of failed transactions: 0 ' "$scratch/out" || { cat "$scratch/out" >&2 && return 1; }
    awk '{ print $3 / 1000 }' "$scratch"/log* >"$scratch/latencies"
    rate=$(awk -v n="$3" '/^tps/ { printf "%.0f", $3 * n }' "$scratch/out")
    p50=$(percentile "$scratch/latencies" 0.5)
    p99=$(percentile "$scratch/latencies" 0.99)
}

transfer() {
    local choice connections count how rate p50 p99 game lsn before
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    make_accounts
    for choice in uniform zipf; do
        for connections in 1 8; do
            for count in 1 40 96; do
                transfers game "$connections" "$count" "$choice"
                game=$rate
                figure "transfers, $choice, $connections × $count in flight" "$rate ($p50, $p99)" "per s (p50, p99 ms)"
                for how in transfers transfers_at_once; do
                    transfers "$how" "$connections" "$count" "$choice"
                    figure "· heap, $([[ $how == transfers ]] && echo one transaction each || echo one for all)" "$rate ($p50, $p99)" "per s (p50, p99 ms)"
                    figure "· game / heap" "$(awk -v g="$game" -v h="$rate" 'BEGIN { printf "%.1f", g / h }')" ×
                done
            done
        done
    done
    lsn=$(sql "SELECT pg_current_wal_insert_lsn()")
    before=$(sql "SELECT commands_applied FROM game.world WHERE id = $world")
    transfers game 8 96 uniform
    figure "WAL per transfer, 8 × 96 in flight" "$(sql "SELECT round(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$lsn') / (SELECT commands_applied - $before FROM game.world WHERE id = $world), 0)")" bytes
    [[ $(sql "SELECT sum(balance) FROM bench_bank.account WHERE world = $world") == $((accounts * 1000000000)) ]]
    sql "SELECT game.drop_world($world)" >/dev/null
}

# --- replay ---

replay() {
    local begun ticks=12000
    sql "SELECT game.create_game('bench_replay')" >/dev/null
    sql "CREATE FOREIGN TABLE bench_replay.place (x real NOT NULL DEFAULT 0, y real NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan"
    sql "CREATE FOREIGN TABLE bench_replay.speed (dx real NOT NULL DEFAULT 1, dy real NOT NULL DEFAULT 2) INHERITS (game.component) SERVER gamelan"
    sql "SELECT game.create_template('bench_replay.thing', '{\"place\": {}, \"speed\": {}}')" >/dev/null
    sql "CREATE PROCEDURE bench_replay.movement() LANGUAGE sql BEGIN ATOMIC
         UPDATE bench_replay.place p SET x = p.x + s.dx * game.dt(), y = p.y + s.dy * game.dt() FROM bench_replay.speed s WHERE s.entity = p.entity; END"
    sql "SELECT game.create_system('bench_replay.movement')" >/dev/null
    sql "CREATE FUNCTION bench_replay.turn(e bigint) RETURNS void LANGUAGE sql BEGIN ATOMIC UPDATE bench_replay.speed SET dx = -dx, dy = -dy WHERE entity = e; END"
    sql "SELECT game.create_action('bench_replay.turn')" >/dev/null
    world=$(sql "SELECT game.create_world('again', 'bench_replay', tick_rate => 20)")
    sql "SELECT count(*) FROM game.spawn_many($world, 10000, 'thing')" >/dev/null
    # Ten minutes at 20 Hz, in every tick of which ten entities turn round.
    printf 'SELECT count(game.enqueue(%s, '"'turn'"', jsonb_build_object('"'e'"', 1 + (random() * 9998)::int))) FROM generate_series(1, 10);\nSELECT game.step_world(%s);\n' \
        "$world" "$world" >"${scratch:=$(mktemp -d)}/play.sql"
    trap 'rm -rf "$scratch"' EXIT
    "$GAMELAN_PG_BIN/pgbench" -n -t "$ticks" -f "$scratch/play.sql" >"$scratch/out" 2>&1
    begun=$(date +%s.%N)
    sql "SET gamelan.as_of_tick = '$ticks'; SELECT hash FROM game.state_hash($world)" >"$scratch/hash"
    figure "replay of $ticks ticks at 20 Hz, 10,000 entities, from tick 0" "$(awk -v b="$begun" -v n="$(date +%s.%N)" -v t="$ticks" 'BEGIN { printf "%.2f s, %.0f", n - b, t / 20 / (n - b) }')" "× real time"
    [[ $(sql "SELECT hash FROM game.state_hash($world)") == $(<"$scratch/hash") ]]
    sql "SELECT game.drop_world($world)" >/dev/null
}

restart_with_settings
for section in ${GAMELAN_BENCH_SECTIONS:-transfer replay checkpoints}; do
    "$section"
done
