# Bytes that rows take, and many small worlds side by side.
# shellcheck shell=bash disable=SC2154

measure_memory() {
    row_bytes ints "two int columns" "a int, b int" "1, 2"
    row_bytes floats "three real columns" "x real, y real, z real" "1, 2, 3"
    row_bytes short "a text of 8 bytes" "t text" "lpad(entity::text, 8, '0')"
    row_bytes long "a text of 100 bytes" "t text" "lpad(entity::text, 100, '0')"
    small_worlds
}

# row_bytes GAME LABEL COLUMNS VALUES: growth of a world by a row for each entity, and of a heap table with its key.
row_bytes() {
    local count=$((rows / 4)) world before
    sql "SELECT game.create_game('$1'); CREATE FOREIGN TABLE $1.part ($3) INHERITS (game.component) SERVER gamelan" >/dev/null
    world=$(entity_world "$1" "$1" 20 "$count")
    before=$(world_bytes "$world")
    sql "INSERT INTO $1.part SELECT $world, entity, $4 FROM generate_series(1, $count) AS entity"
    settle "$world"
    echo $((($(world_bytes "$world") - before) * 100 / count)) | awk '{ print $1 / 100 }' >"$scratch/bytes.$1"
    sql "CREATE TABLE $1.heap (world bigint NOT NULL, entity bigint NOT NULL, $3);
         INSERT INTO $1.heap SELECT $world, entity, $4 FROM generate_series(1, $count) AS entity;
         ALTER TABLE $1.heap ADD PRIMARY KEY (world, entity)"
    sql "SELECT pg_total_relation_size('$1.heap')::numeric / $count" >"$scratch/bytes.heap"
    compare "bytes an entity and component: $2" "$scratch/bytes.$1" "heap with primary key" "$scratch/bytes.heap" less
    sql "SELECT game.drop_world($world)" >/dev/null
}

world_bytes() { sql "SELECT memory FROM game.world WHERE id = $1"; }

# settle WORLD: until versions from before have gone.
settle() {
    sql "SELECT game.sync($1)" >/dev/null
    sleep 1
}

small_worlds() {
    local count=${GAMELAN_BENCH_WORLDS:-10000} begun before cpu
    sql "SELECT game.create_game('small');
         CREATE FOREIGN TABLE small.c1 (a int DEFAULT 1, b int DEFAULT 2, c int DEFAULT 3, d int DEFAULT 4, e int DEFAULT 5)
             INHERITS (game.component) SERVER gamelan;
         CREATE FOREIGN TABLE small.c2 (a int DEFAULT 1, b int DEFAULT 2, c int DEFAULT 3, d int DEFAULT 4, e int DEFAULT 5)
             INHERITS (game.component) SERVER gamelan;
         CREATE FOREIGN TABLE small.c3 (a int DEFAULT 1, b int DEFAULT 2, c int DEFAULT 3, d int DEFAULT 4, e int DEFAULT 5)
             INHERITS (game.component) SERVER gamelan;
         CREATE FOREIGN TABLE small.c4 (a int DEFAULT 1, b int DEFAULT 2, c int DEFAULT 3, d int DEFAULT 4, e int DEFAULT 5)
             INHERITS (game.component) SERVER gamelan;
         SELECT game.create_template('small.all', '{\"c1\": {}, \"c2\": {}, \"c3\": {}, \"c4\": {}}')" >/dev/null
    begun=$(date +%s.%N)
    sql "SELECT game.start_world(game.create_world('small ' || i, 'small', i, 1)) FROM generate_series(1, $count) AS i" >/dev/null
    wait_for_worlds "count(*) FILTER (WHERE state = 'running') >= $count"
    since "$begun" >"$scratch/small.created"
    measured "$count small worlds: made and started, s" "$scratch/small.created"
    begun=$(date +%s.%N)
    sql "SELECT count(s) FROM game.world AS w, game.spawn_many(w.id, 64, 'all') AS s WHERE w.game = 'small'" >/dev/null
    since "$begun" >"$scratch/small.spawned"
    measured "$count small worlds: 64 entities in each, until committed, s" "$scratch/small.spawned"
    until [[ $(sql "SELECT count(*) FROM small.c4") == $((count * 64)) ]]; do
        (($(since "$begun" | cut -d. -f1) < 300)) || break
        sleep 0.5
    done
    since "$begun" >"$scratch/small.applied"
    measured "$count small worlds: 64 entities in each, until all are seen, s" "$scratch/small.applied"
    sql "SELECT sum(memory) / count(*) FROM game.world WHERE game = 'small'" >"$scratch/small.bytes"
    measured "$count small worlds: bytes a world" "$scratch/small.bytes"
    sql "SELECT sum(memory) / 1e6 FROM game.world WHERE game = 'small'" >"$scratch/small.sum"
    measured "$count small worlds: MB of 2147 together" "$scratch/small.sum"
    begun=$(date +%s.%N) before=$(worker_ticks)
    sleep 10
    cpu=$(($(worker_ticks) - before))
    awk -v ticks="$cpu" -v hz="$(getconf CLK_TCK)" -v s="$(since "$begun")" 'BEGIN { print 100 * ticks / hz / s }' >"$scratch/small.load"
    measured "$count small worlds at 1 Hz: load of the worker, % of a processor" "$scratch/small.load"
}

since() { awk -v b="$1" -v n="$(date +%s.%N)" 'BEGIN { printf "%.2f\n", n - b }'; }

# wait_for_worlds CONDITION
wait_for_worlds() {
    local attempt
    for ((attempt = 0; attempt < 240; attempt++)); do
        [[ $(sql "SELECT $1 FROM game.world WHERE game = 'small'") != t ]] || return 0
        sleep 0.5
    done
    echo "the small worlds do not run: $(sql "SELECT jsonb_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM game.world
        GROUP BY 1) AS s"), $(sql "SELECT min(reason) FROM game.world")" >&2
    return 1
}

# worker_ticks: processor time of the world worker so far, in clock ticks of the system.
worker_ticks() {
    local pid
    pid=$(sql "SELECT pid FROM pg_stat_activity WHERE backend_type ~ '^gamelan world worker' LIMIT 1")
    awk '{ print $14 + $15 }' "/proc/$pid/stat"
}
