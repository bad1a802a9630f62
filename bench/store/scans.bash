# Everything read once, warm.
# shellcheck shell=bash disable=SC2154

measure_scans() {
    local helpers
    make_arena
    for helpers in 0 2; do
        scan half "sum, half of the rows pass" "sum(max) FROM arena.%s WHERE hp < 512" "$helpers"
        scan few "sum, 5 % of the rows pass" "sum(max) FROM arena.%s WHERE hp < 51" "$helpers"
        scan counting "count(*)" "count(*) FROM arena.%s" "$helpers"
        scan all "sum, min and max of all rows" "sum(hp), min(hp), max(max) FROM arena.%s" "$helpers"
        # What the store does not aggregate: the executor gets the rows.
        scan product "average of a product, all rows" "avg(hp * max) FROM arena.%s" "$helpers"
        scan products "average of a product, 5 % of the rows pass" "avg(hp * max) FROM arena.%s WHERE hp < 51" "$helpers"
    done
}

# scan NAME LABEL QUERY HELPERS
scan() {
    local settings="SET max_parallel_workers_per_gather = $4"
    # shellcheck disable=SC2059 # the query is the format
    take_turns "$1" "$settings;" "SELECT $(printf "$3" health)" "SELECT $(printf "$3" heap)"
    compare "scan, $4 helpers: $2, ms (goal 3 ×)" "$scratch/$1.a" heap "$scratch/$1.b" less
}
