#!/bin/bash
# What systems written in SQL cost on a server: movement of 10,000 to 1,000,000 entities as a kernel, through PostgreSQL's
# executor, and as the same UPDATE of a heap table; and the hex automaton in SQL beside the native one. Processor time of the
# world worker, from its own statistics; the heap's is the statement's time. GAMELAN_BENCH_SIZES names the sizes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=bench/common.bash
source "$here/common.bash"

settings() {
    cat <<END_OF_SETTINGS
gamelan.memory = 2GB
shared_buffers = 1GB
max_wal_size = 8GB
checkpoint_timeout = 1h
gamelan.checkpoint_interval = 0
autovacuum = off
jit = off
END_OF_SETTINGS
}
restart_with_settings

compile() {
    sql "ALTER SYSTEM SET gamelan.compile = $1" && sql "SELECT pg_reload_conf()" >/dev/null && sleep 0.5
}

# mean_ns WORLD SYSTEM TICKS: nanoseconds a tick over the next ticks.
mean_ns() {
    local before after
    sql "SELECT game.step_world($1, 3)" >/dev/null
    before=$(sql "SELECT duration_ns FROM game._system_statistics() WHERE world = $1 AND system = '$2'")
    sql "SELECT game.step_world($1, $3)" >/dev/null
    after=$(sql "SELECT duration_ns FROM game._system_statistics() WHERE world = $1 AND system = '$2'")
    awk -v a="$before" -v b="$after" -v n="$3" 'BEGIN { print (b - a) / n }'
}

per_entity() { awk -v ns="$1" -v n="$2" 'BEGIN { printf "%.2f", ns / n }'; }

sql "SELECT game.create_game('bench_systems')" >/dev/null
sql "CREATE FOREIGN TABLE bench_systems.place (x real NOT NULL DEFAULT 0, y real NOT NULL DEFAULT 0, z real NOT NULL DEFAULT 0)
     INHERITS (game.component) SERVER gamelan"
sql "CREATE FOREIGN TABLE bench_systems.speed (dx real NOT NULL DEFAULT 1, dy real NOT NULL DEFAULT 2, dz real NOT NULL DEFAULT 3)
     INHERITS (game.component) SERVER gamelan"
sql "CREATE PROCEDURE bench_systems.movement() LANGUAGE sql BEGIN ATOMIC
     UPDATE bench_systems.place p SET x = p.x + s.dx * game.dt(), y = p.y + s.dy * game.dt(), z = p.z + s.dz * game.dt()
     FROM bench_systems.speed s WHERE s.entity = p.entity; END"
sql "SELECT game.create_system('bench_systems.movement')" >/dev/null
sql "SELECT game.create_template('bench_systems.thing', '{\"place\": {}, \"speed\": {}}')" >/dev/null

heap_ns() {
    local rows=$1 dt=0.05
    sql "DROP TABLE IF EXISTS heap_place, heap_speed"
    sql "CREATE UNLOGGED TABLE heap_place (entity bigint PRIMARY KEY, x real NOT NULL, y real NOT NULL, z real NOT NULL) WITH (fillfactor = 50)"
    sql "CREATE UNLOGGED TABLE heap_speed (entity bigint PRIMARY KEY, dx real NOT NULL, dy real NOT NULL, dz real NOT NULL)"
    sql "INSERT INTO heap_place SELECT i, 0, 0, 0 FROM generate_series(1, $rows) AS i; INSERT INTO heap_speed SELECT i, 1, 2, 3 FROM generate_series(1, $rows) AS i"
    sql "VACUUM ANALYZE heap_place, heap_speed"
    PGOPTIONS='-c synchronous_commit=off -c max_parallel_workers_per_gather=0' psql -XAtq -v ON_ERROR_STOP=1 -c '\timing on' \
        -c "UPDATE heap_place p SET x = p.x + s.dx * $dt::float8, y = p.y + s.dy * $dt::float8, z = p.z + s.dz * $dt::float8 FROM heap_speed s WHERE s.entity = p.entity" |
        awk '/^Time:/ { print $2 * 1e6 }'
}

for size in ${GAMELAN_BENCH_SIZES:-10000 100000 1000000}; do
    compile on
    world=$(sql "SELECT game.create_world('movement $size', 'bench_systems', 42, 20)")
    sql "SELECT count(*) FROM game.spawn_many($world, $size, 'thing')" >/dev/null
    kernel=$(mean_ns "$world" movement $((size > 100000 ? 30 : 200)))
    figure "movement, $size entities: kernel" "$(per_entity "$kernel" "$size")" "ns/entity"
    compile off
    executor=$(mean_ns "$world" movement $((size > 100000 ? 1 : 3)))
    figure "movement, $size entities: executor" "$(per_entity "$executor" "$size")" "ns/entity"
    heap=$(heap_ns "$size")
    figure "movement, $size entities: UPDATE of a heap table" "$(per_entity "$heap" "$size")" "ns/entity"
    figure "movement, $size entities: heap / kernel" "$(per_entity "$heap" "$kernel")" "times"
    sql "SELECT game.drop_world($world)" >/dev/null
done
compile on

# Growth that spreads to neighbours: the rule of the native game's water, in SQL.
sql "CREATE FOREIGN TABLE bench_systems.cell (level int NOT NULL DEFAULT 0, around int NOT NULL DEFAULT 0) INHERITS (game.cell) SERVER gamelan"
sql "CREATE PROCEDURE bench_systems.spread() LANGUAGE sql BEGIN ATOMIC
     UPDATE bench_systems.cell c SET around = coalesce((SELECT sum(k.level) FROM bench_systems.cell k WHERE k.cell IN (SELECT game.neighbors(c.cell))), 0)::int;
     UPDATE bench_systems.cell c SET level = (c.level * 2 + c.around) / 8; END"
sql "SELECT game.create_system('bench_systems.spread')" >/dev/null
for n in 64 256; do
    cells=$((10 * n * n + 2))
    world=$(sql "SELECT game.create_world('spread $n', 'bench_systems', 42, 20, '{\"n\": $n}')")
    sql "SELECT game.step_world($world, 1)" >/dev/null
    sql "UPDATE bench_systems.cell SET level = abs(hashint8(cell)) % 1000 WHERE world = $world" >/dev/null
    figure "automaton of two statements in SQL, n = $n" "$(per_entity "$(mean_ns "$world" spread 50)" "$cells")" "ns/cell"
    sql "SELECT game.drop_world($world)" >/dev/null
done
