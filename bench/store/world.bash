# The server, and worlds of entities to measure.
# shellcheck shell=bash disable=SC2154 # scratch and rows come from the program

# game_of NAME: a game whose component `health` has two columns, unless there is one.
game_of() {
    sql "SELECT game.create_game('$1');
         CREATE FOREIGN TABLE $1.health (hp int NOT NULL DEFAULT 100, max int NOT NULL DEFAULT 100)
             INHERITS (game.component) SERVER gamelan" >/dev/null
}

# entity_world GAME NAME RATE ENTITIES: a ticking world of entities 1 .. ENTITIES without components; prints its id.
entity_world() {
    local id left=$4 batch
    id=$(sql "SELECT game.create_world('$2', '$1', 42, $3)")
    sql "SELECT game.start_world($id)" >/dev/null
    while ((left > 0)); do
        batch=$((left < 100000 ? left : 100000))
        sql "SELECT count(*) FROM game.spawn_many($id, $batch)" >/dev/null
        left=$((left - batch))
    done
    sql "SELECT game.sync($id)" >/dev/null
    printf '%s' "$id"
}

# fill_health GAME WORLD: a row of pseudo-random values for each entity, and the same rows in the heap table GAME.heap.
fill_health() {
    sql "CREATE TABLE $1.heap (world bigint NOT NULL, entity bigint NOT NULL, hp int NOT NULL, max int NOT NULL);
         INSERT INTO $1.heap SELECT $2, e, hashint8(e) & 1023, e % 100 FROM generate_series(1, $rows) AS e;
         ALTER TABLE $1.heap ADD PRIMARY KEY (world, entity)"
    sql "VACUUM (ANALYZE, FREEZE) $1.heap"
    sql "INSERT INTO $1.health (world, entity, hp, max) SELECT world, entity, hp, max FROM $1.heap"
    sql "SELECT game.sync($2)" >/dev/null
    sql "ANALYZE $1.health"
}

# arena: the world that reads and scans share, made once. Sets arena.
arena=
make_arena() {
    [[ -z $arena ]] || return 0
    game_of arena
    arena=$(entity_world arena arena 20 "$rows")
    fill_health arena "$arena"
}
