# COPY of a million rows, from a file of the server.
# shellcheck shell=bash disable=SC2154

measure_copy() {
    local file=$GAMELAN_TEST_PGDATA/rows.copy world times i
    game_of copies
    world=$(entity_world copies copies 20 "$rows")
    sql "CREATE TABLE copies.heap (world bigint NOT NULL, entity bigint NOT NULL, hp int NOT NULL, max int NOT NULL,
             PRIMARY KEY (world, entity));
         COPY (SELECT $world, e, hashint8(e) & 1023, e % 100 FROM generate_series(1, $rows) AS e) TO '$file'" >/dev/null
    for ((i = 0; i < repetitions; i++)); do
        sql "TRUNCATE copies.heap; CHECKPOINT"
        times=$(timed_ms "COPY copies.health (world, entity, hp, max) FROM '$file'" "SELECT game.sync($world)")
        head -n 1 <<<"$times" >>"$scratch/copy.committed"
        awk '{ s += $1 } END { print s }' <<<"$times" >>"$scratch/copy.applied"
        timed_ms "COPY copies.heap (world, entity, hp, max) FROM '$file'" >>"$scratch/copy.heap"
        sql "DELETE FROM copies.health WHERE world = $world"
        sql "SELECT game.sync($world)" >/dev/null
    done
    compare "COPY of $rows rows until committed, ms" "$scratch/copy.committed" "heap with primary key" "$scratch/copy.heap" less
    compare "COPY of $rows rows until applied and durable, ms" "$scratch/copy.applied" "heap with primary key" "$scratch/copy.heap" less
    sql "SELECT game.drop_world($world)" >/dev/null
}

# timed_ms STATEMENT…: milliseconds of each, a line each.
timed_ms() {
    { printf '%s\n' '\timing on' && printf '%s;\n' "$@"; } | psql -Xq -v ON_ERROR_STOP=1 -o /dev/null | awk '/^Time:/ { print $2 }'
}
