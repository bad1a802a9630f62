# Rows by key: a million inside one statement, and one in each of many statements.
# shellcheck shell=bash disable=SC2154

measure_reads() {
    make_arena
    random_reads
    single_reads
}

random_reads() {
    local lookup="SELECT count(r.hp), sum(r.hp) FROM wanted AS w,
        LATERAL (SELECT t.hp FROM arena.%s AS t WHERE t.world = $arena AND t.entity = w.entity OFFSET 0) AS r"
    # The nested loop is the one plan that is a look-up for each row, on both sides.
    local settings="SET enable_memoize = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
        CREATE TEMPORARY TABLE wanted AS SELECT 1 + floor(random() * $rows)::bigint AS entity
        FROM generate_series(1, 1000000); ANALYZE wanted;"
    # shellcheck disable=SC2059 # the query is the format
    take_turns random "$settings" "$(printf "$lookup" health)" "$(printf "$lookup" heap)"
    compare "random point reads in one statement, ns each (goal < 1000)" "$(scaled "$scratch/random.a" 1)" \
        "heap by primary key" "$(scaled "$scratch/random.b" 1)" less
    take_turns loop "$settings" "SELECT count(r.e) FROM wanted AS w, LATERAL (SELECT w.entity AS e OFFSET 0) AS r" \
        "SELECT count(r.e) FROM wanted AS w, LATERAL (SELECT w.entity AS e OFFSET 0) AS r"
    measured "  of which the loop without a look-up, ns each" "$(scaled "$scratch/loop.a" 1)"
}

# reads_per_second TABLE CONNECTIONS
reads_per_second() {
    printf '\\set e random(1, %s)\nSELECT hp FROM arena.%s WHERE world = %s AND entity = :e;\n' "$rows" "$1" "$arena" \
        >"$scratch/read-$1.sql"
    "$GAMELAN_PG_BIN/pgbench" -n -M prepared -c "$2" -j 1 -T "$seconds" -f "$scratch/read-$1.sql" 2>/dev/null |
        awk '/^tps/ { print $3 }'
}

single_reads() {
    local connections i label
    redis_start
    for connections in 1 8; do
        rm -f "$scratch"/single.*
        for ((i = 0; i < repetitions; i++)); do
            reads_per_second health "$connections" >>"$scratch/single.gamelan"
            reads_per_second heap "$connections" >>"$scratch/single.heap"
            redis_reads_per_second "$connections" >>"$scratch/single.redis"
        done
        label="SELECT by key, prepared, $connections connection$([[ $connections == 1 ]] || echo s), per second"
        compare "$label" "$scratch/single.gamelan" "heap by primary key" "$scratch/single.heap" more
        compare "$label" "$scratch/single.gamelan" "Redis GET" "$scratch/single.redis" more
    done
    end_loads
}

# A server on a socket of its own, that writes no files. Debian has the server's program in redis-tools too, under
# another name; the package redis-server would start one for the whole machine.
redis_start() {
    local attempt
    (exec -a redis-server redis-check-rdb --port 0 --unixsocket "$scratch/redis" --save '' --appendonly no \
        --dir "$scratch" >"$scratch/redis.log" 2>&1) &
    loads+=($!)
    for ((attempt = 0; attempt < 50; attempt++)); do
        if [[ $(redis-cli -s "$scratch/redis" PING 2>/dev/null) == PONG ]]; then break; fi
        sleep 0.1
    done
    sql "COPY (SELECT format('SET %s %s', lpad(entity::text, 12, '0'), hp) FROM arena.heap) TO STDOUT" |
        redis-cli -s "$scratch/redis" --pipe >"$scratch/redis-load.log"
    grep -q 'errors: 0' "$scratch/redis-load.log"
}

redis_reads_per_second() {
    redis-benchmark -s "$scratch/redis" -c "$1" -n $((seconds * 40000)) -r "$rows" --csv GET __rand_int__ |
        awk -F'"' 'END { print $4 }'
}
