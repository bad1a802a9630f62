# How late the ticks of a large world are while it is written to and read. Scans of a heap table of the same size take
# as much of the processors: what they do to the ticks is what any work beside a world does.
# shellcheck shell=bash disable=SC2154

measure_ticks() {
    local scanners table i
    make_arena
    game_of busy
    for scanners in 0 1 8; do
        rm -f "$scratch"/tick.*
        for ((i = 0; i < repetitions; i++)); do
            for table in health heap; do
                ticks_beside "$scanners" "$table"
                [[ $scanners != 0 ]] || break # nobody reads: one side is all there is
            done
        done
        for quantile in 0.5 0.99; do
            local label="tick lateness p${quantile#0.}, $scanners scanning, ms"
            label=${label/p5,/p50,}
            if [[ $scanners == 0 ]]; then
                measured "$label" "$scratch/tick.health.$quantile"
            else
                compare "$label" "$scratch/tick.health.$quantile" "scans of a heap instead" "$scratch/tick.heap.$quantile" less
            fi
        done
        measured "  late or skipped of $((seconds * 60)) ticks" "$scratch/tick.health.late"
        [[ $scanners == 0 ]] || measured "  the same beside scans of a heap" "$scratch/tick.heap.late"
    done
}

# ticks_beside SCANNERS TABLE: a new world, so that its lateness is of this run only. The world that is written and
# the table that is scanned have the same size.
ticks_beside() {
    local world target=busy.health quantile load
    world=$(stepped_world "busy $RANDOM$RANDOM")
    [[ $2 == health ]] || target=arena.heap
    printf 'SELECT sum(max) FROM %s WHERE hp < 512;\n' "$target" >"$scratch/scan.sql"
    printf '\\set e random(1, %s)\nUPDATE busy.health SET hp = hp + 1 WHERE world = %s AND entity = :e;\n' "$rows" "$world" \
        >"$scratch/write.sql"
    sql "SELECT game.start_world($world)" >/dev/null
    "$GAMELAN_PG_BIN/pgbench" -n -M prepared -c 1 -R 100 -T "$seconds" -f "$scratch/write.sql" >"$scratch/write.out" 2>&1 &
    loads+=($!)
    if (($1 > 0)); then
        PGOPTIONS='-c max_parallel_workers_per_gather=0' "$GAMELAN_PG_BIN/pgbench" -n -M prepared -c "$1" -j 1 \
            -T "$seconds" -f "$scratch/scan.sql" >"$scratch/scan.out" 2>&1 &
        loads+=($!)
    fi
    for load in "${loads[@]}"; do wait "$load" || { cat "$scratch"/*.out >&2; return 1; }; done
    loads=()
    for quantile in 0.5 0.99; do
        sql "SELECT game.tick_lateness($world, $quantile)" >>"$scratch/tick.$2.$quantile"
    done
    sql "SELECT late_ticks + skipped_ticks FROM game.world WHERE id = $world" >>"$scratch/tick.$2.late"
    sql "SELECT game.drop_world($world)" >/dev/null
}

# stepped_world NAME: a world of entities with health, made in single steps, which do not count as ticks that could be
# late; prints its id.
stepped_world() {
    local id left=$rows batch
    id=$(sql "SELECT game.create_world('$1', 'busy', 42, 60)")
    while ((left > 0)); do
        batch=$((left < 100000 ? left : 100000))
        sql "SELECT count(*) FROM game.spawn_many($id, $batch)" >/dev/null
        sql "SELECT game.step_world($id)" >/dev/null
        left=$((left - batch))
    done
    sql "INSERT INTO busy.health (world, entity, hp) SELECT $id, e, e & 1023 FROM generate_series(1, $rows) AS e"
    sql "SELECT game.step_world($id)" >/dev/null
    printf '%s' "$id"
}
