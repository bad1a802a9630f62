#!/bin/bash
# What systems written in SQL cost on a server: movement of 10,000 to 1,000,000 entities as a kernel, through PostgreSQL's
# executor, and as the same UPDATE of a heap table; hex automata in SQL, one of them beside the native one; and circles that touch. Processor time of the
# world worker, from its own statistics; the heap's is the statement's time. GAMELAN_BENCH_SIZES names the sizes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=bench/common.bash
source "$here/common.bash"

settings() {
    quiet_settings
    printf '%s\n' 'autovacuum = off'
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

cpu_ns() {
    local pid
    pid=$(sql "SELECT pid FROM pg_stat_activity WHERE backend_type = 'gamelan world worker'")
    cut -d ' ' -f 1 "/proc/$pid/schedstat"
}

# tick_ms WORLD TICKS
tick_ms() {
    local before
    sql "SELECT game.step_world($1, 1)" >/dev/null
    before=$(cpu_ns)
    sql "SELECT game.step_world($1, $2)" >/dev/null
    awk -v a="$before" -v b="$(cpu_ns)" -v n="$2" 'BEGIN { printf "%.2f", (b - a) / n / 1e6 }'
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

# The rule of the native game's resources (docs/grid.md) in SQL, with other chances, and the native one: the worker's processor time a tick.
life_ns() { awk -v ms="$(tick_ms "$1" 50)" -v n="$2" 'BEGIN { printf "%.2f", ms * 1e6 / n }'; }

sql "SELECT game.create_game('bench_life')" >/dev/null
sql "$(cat "$here/life.sql")" >/dev/null
for n in 64 256; do
    cells=$((10 * n * n + 2))
    world=$(sql "SELECT game.create_world('life $n', 'bench_life', 42, 20, '{\"n\": $n}')")
    native=$(sql "SELECT game.create_world('native life $n', 'hexfactory', 42, 20, '{\"frequency\": $n}')")
    sql "SELECT game.step_world($world, 1)" >/dev/null
    sql "UPDATE bench_life.cell SET type = abs(hashint8(cell)) % 4, amount = abs(hashint8(cell + 1)) % 256 WHERE world = $world" >/dev/null
    sql "SELECT game.step_world($world, 20), game.step_world($native, 20)" >/dev/null
    in_sql=$(life_ns "$world" "$cells")
    in_cpp=$(life_ns "$native" "$cells")
    figure "resource automaton in SQL, n = $n" "$in_sql" "ns/cell"
    figure "resource automaton, native, n = $n" "$in_cpp" "ns/cell"
    figure "resource automaton, SQL / native, n = $n" "$(awk -v a="$in_sql" -v b="$in_cpp" 'BEGIN { printf "%.1f", a / b }')" "times"
    sql "SELECT game.drop_world($world), game.drop_world($native)" >/dev/null
done

# Circles that move and, where they touch another one, turn round: as a kernel over the store's index by place, through the executor, and over a heap
# table with a GiST index of points. Processor time of the world worker a tick.
sql "SELECT game.create_game('bench_circles')" >/dev/null
sql "CREATE FOREIGN TABLE bench_circles.place (x real NOT NULL DEFAULT 0, y real NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan"
sql "CREATE FOREIGN TABLE bench_circles.speed (dx real NOT NULL DEFAULT 0, dy real NOT NULL DEFAULT 0, touching int) INHERITS (game.component) SERVER gamelan"
sql "CREATE PROCEDURE bench_circles.move() LANGUAGE sql BEGIN ATOMIC
     UPDATE bench_circles.place p SET x = p.x + s.dx, y = p.y + s.dy FROM bench_circles.speed s WHERE s.entity = p.entity; END"
sql "CREATE PROCEDURE bench_circles.turn() LANGUAGE sql BEGIN ATOMIC
     UPDATE bench_circles.speed s SET dx = -s.dx, dy = -s.dy FROM bench_circles.place p WHERE p.entity = s.entity
         AND EXISTS (SELECT FROM game.near('bench_circles.place', p.x, p.y, 1) AS n(entity) WHERE n.entity <> p.entity); END"
sql "CREATE PROCEDURE bench_circles.turn_pairs() LANGUAGE sql BEGIN ATOMIC
     UPDATE bench_circles.speed s SET dx = -s.dx, dy = -s.dy FROM game.pairs('bench_circles.place', 1) c WHERE c.a = s.entity; END"
sql "CREATE PROCEDURE bench_circles.count() LANGUAGE sql BEGIN ATOMIC
     UPDATE bench_circles.speed s SET touching = (SELECT count(*) FROM game.near('bench_circles.place', p.x, p.y, 1) AS n(entity) WHERE n.entity <> p.entity)
     FROM bench_circles.place p WHERE p.entity = s.entity; END"
circles=${GAMELAN_BENCH_CIRCLES:-100000}
world=$(sql "SELECT game.create_world('circles', 'bench_circles', 42, 20)")
sql "SELECT count(*) FROM game.spawn_many($world, $circles)" >/dev/null
# Four others within the radius, on average.
sql "SELECT setseed(0.5); CREATE UNLOGGED TABLE circle AS SELECT i AS entity, (random() * sqrt($circles * pi() / 4))::real AS x,
     (random() * sqrt($circles * pi() / 4))::real AS y, (random() * 0.1)::real AS dx, (random() * 0.1)::real AS dy FROM generate_series(1::bigint, $circles) AS i" >/dev/null
sql "INSERT INTO bench_circles.place (world, entity, x, y) SELECT $world, entity, x, y FROM circle"
sql "INSERT INTO bench_circles.speed (world, entity, dx, dy) SELECT $world, entity, dx, dy FROM circle"
sql "SELECT game.step_world($world)" >/dev/null
sql "SELECT game.create_system('bench_circles.move', phase => 'pre_update')" >/dev/null
declare -A took_by
for path in on off; do
    compile $path
    name=$([[ $path == on ]] && echo kernel || echo executor)
    ticks=$([[ $path == on ]] && echo 20 || echo 2)
    move=$(tick_ms "$world" "$ticks")
    figure "$circles circles move: $name" "$move" "ms/tick"
    for system in turn turn_pairs count; do
        sql "SELECT game.create_system('bench_circles.$system')" >/dev/null
        took=$(tick_ms "$world" "$ticks")
        figure "$circles circles move and $system: $name" "$took" "ms/tick"
        took_by[$system $path]=$took
        sql "SELECT game.drop_system('bench_circles.$system')" >/dev/null
    done
done
compile on
sql "CREATE UNLOGGED TABLE heap_circle (entity bigint PRIMARY KEY, at point NOT NULL, dx real NOT NULL, dy real NOT NULL) WITH (fillfactor = 50)"
sql "INSERT INTO heap_circle SELECT entity, point(x, y), dx, dy FROM circle; CREATE INDEX ON heap_circle USING gist (at)"
sql "VACUUM ANALYZE heap_circle"
heap=$(PGOPTIONS='-c synchronous_commit=off -c max_parallel_workers_per_gather=0' psql -XAtq -v ON_ERROR_STOP=1 -c '\timing on' \
    -c "UPDATE heap_circle s SET dx = -s.dx, dy = -s.dy WHERE EXISTS (SELECT FROM heap_circle q WHERE q.at <@ circle(s.at, 1) AND q.entity <> s.entity)" |
    awk '/^Time:/ { print $2 }')
figure "$circles circles turn, without moving: UPDATE of a heap table" "$heap" "ms"
for system in turn turn_pairs count; do
    figure "circles move and $system: executor / kernel" \
        "$(awk -v a="${took_by[$system off]}" -v b="${took_by[$system on]}" 'BEGIN { printf "%.1f", a / b }')" "times"
done
figure "circles turn: heap / kernel, which moves them too" "$(awk -v a="$heap" -v b="${took_by[turn on]}" 'BEGIN { printf "%.1f", a / b }')" "times"
sql "SELECT game.drop_world($world)" >/dev/null
