# A table of figures beside their yardsticks: medians, and in brackets the least and the greatest of all repetitions.
# shellcheck shell=bash disable=SC2154 # scratch comes from the program

comparison_heading() { line figure gamelan yardstick '' ratio; }

# line NAME VALUE YARDSTICK VALUE RATIO: printf would count bytes, not letters.
line() {
    left "$1" 66 && right "$2" 26 && printf '  ' && left "$3" 24 && right "$4" 26 && right "$5" 10 && printf '\n'
}
left() { printf '%s%*s' "$1" $(($2 > ${#1} ? $2 - ${#1} : 0)) ''; }
right() { printf '%*s%s' $(($2 > ${#1} ? $2 - ${#1} : 0)) '' "$1"; }

# summary FILE: "median (least–greatest)" of one number a line.
summary() {
    sort -g "$1" | awk '
        function shown(x) { return x >= 1000 ? sprintf("%.0f", x) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.2f", x) }
        { v[NR] = $1 }
        END {
            m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
            if (NR == 1) print shown(m)
            else printf "%s (%s–%s)\n", shown(m), shown(v[1]), shown(v[NR])
        }'
}

median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# compare NAME FILE YARDSTICK YARDSTICK_FILE less|more: how many times better the first is than the second.
compare() {
    local ratio
    ratio=$(awk -v a="$(median "$2")" -v b="$(median "$4")" -v better="$5" \
        'BEGIN { printf "%.2f ×", better == "less" ? b / a : a / b }')
    line "$1" "$(summary "$2")" "$3" "$(summary "$4")" "$ratio"
}

# measured NAME FILE: a figure without a yardstick.
measured() { line "$1" "$(summary "$2")" '' '' ''; }

# take_turns NAME SETTINGS QUERY QUERY: runs both queries once to warm up and see that they agree, then in turns;
# leaves their times in milliseconds in NAME.a and NAME.b.
take_turns() {
    local base=$scratch/$1 i
    {
        printf '%s\n' "$2"
        printf '%s;\n' "$3" "$4"
    } | psql -XAtq -v ON_ERROR_STOP=1 >"$base.answers"
    [[ $(sort -u "$base.answers" | wc -l) == 1 ]] || {
        echo "the two sides of $1 disagree:" && cat "$base.answers"
        return 1
    } >&2
    {
        printf '%s\n\\timing on\n' "$2"
        for ((i = 0; i < repetitions; i++)); do printf '%s;\n' "$3" "$4"; done
    } | psql -Xq -v ON_ERROR_STOP=1 -o /dev/null |
        awk -v base="$base" '/^Time:/ { print $2 > (base (n++ % 2 ? ".b" : ".a")) }'
}

# scaled FILE FACTOR: every number of it times the factor, in FILE.scaled.
scaled() {
    awk -v f="$2" '{ print $1 * f }' "$1" >"$1.scaled"
    printf '%s' "$1.scaled"
}

# Programs that run beside what is measured; each stops by itself after its time.
loads=()
end_loads() {
    local pid
    for pid in "${loads[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${loads[@]}"; do wait "$pid" 2>/dev/null || true; done
    loads=()
}
