# Counting what the test runners say, and the sum at the end.
#
# Every kind's runner writes what it always writes into a log; the functions count_… read the single cases from
# it and print "PASSED FAILED". A runner that fails without naming a failed case, or that ran no case, counts as
# one failure.
# shellcheck shell=bash

REPORT_ROWS=()

# report_add NAME STATUS "PASSED FAILED" SECONDS: returns 1 when the row holds a failure.
report_add() {
    local name=$1 status=$2 passed failed remark=
    read -r passed failed <<<"$3"
    if ((status != 0 && failed == 0)); then
        failed=1 remark="the runner ended with status $status$([[ $status != 124 ]] || printf ' (took too long)')"
    elif ((passed + failed == 0)); then
        failed=1 remark="no test ran"
    fi
    REPORT_ROWS+=("$name|$passed|$failed|$4|$remark")
    ((failed == 0))
}

report_print() {
    local row name passed failed seconds remark all_passed=0 all_failed=0
    printf '\n%-12s %8s %8s %9s\n' kind passed failed seconds
    for row in "${REPORT_ROWS[@]}"; do
        IFS='|' read -r name passed failed seconds remark <<<"$row"
        printf '%-12s %8d %8d %9d  %s\n' "$name" "$passed" "$failed" "$seconds" "$remark"
        all_passed=$((all_passed + passed)) all_failed=$((all_failed + failed))
    done
    printf '\n%d passed, %d failed\n' "$all_passed" "$all_failed"
    ((all_failed == 0 && all_passed > 0))
}

count_lines() { grep -cE -- "$1" "$2" || true; }

# GoogleTest's summary file, given beside the log.
count_gtest() {
    local head tests failures errors
    head=$(grep -m 1 '<testsuites ' "${1%.log}.xml" 2>/dev/null) || head=
    tests=$(sed -n 's/.* tests="\([0-9]*\)".*/\1/p' <<<"$head")
    failures=$(sed -n 's/.* failures="\([0-9]*\)".*/\1/p' <<<"$head")
    errors=$(sed -n 's/.* errors="\([0-9]*\)".*/\1/p' <<<"$head")
    local failed=$((${failures:-0} + ${errors:-0}))
    printf '%d %d\n' $((${tests:-0} - failed)) "$failed"
}

# "test name ... ok   12 ms" and "... FAILED", of pg_regress and pg_isolation_regress.
count_pg_regress() {
    printf '%d %d\n' "$(count_lines '^(test|    ) .*\.\.\. ok( |$)' "$1")" "$(count_lines '\.\.\. FAILED' "$1")"
}

# "ok 1 - …" and "not ok 2 - …" at the beginning of a line: subtests are indented and not counted apart.
count_tap() {
    local bad todo
    bad=$(count_lines '^not ok ' "$1") todo=$(count_lines '^not ok .*# TODO' "$1")
    printf '%d %d\n' "$(count_lines '^ok ' "$1")" $((bad - todo))
}

# Node's own test runner ("# pass 3", in newer versions behind another sign), Vitest ("Tests  1 failed | 3 passed")
# and Playwright ("  3 passed (4.0s)").
count_node() {
    local plain passed failed
    plain=$(sed 's/\x1b\[[0-9;]*m//g' "$1")
    passed=$(sum_of 's/^(#|ℹ) pass ([0-9]+)$/\2/p; s/^ *Tests +(.* )?([0-9]+) passed.*/\2/p; s/^ +([0-9]+) passed \(.*/\1/p')
    failed=$(sum_of 's/^(#|ℹ) fail ([0-9]+)$/\2/p; s/^ *Tests +([0-9]+) failed.*/\1/p; s/^ +([0-9]+) failed$/\1/p')
    if ((passed + failed == 0)); then
        count_tap "$1" # cut off before its sum
    else
        printf '%d %d\n' "$passed" "$failed"
    fi
}

sum_of() { sed -nE "$1" <<<"$plain" | awk '{ sum += $1 } END { print sum + 0 }'; }

# A run ends at its first difference.
count_oracle() {
    local cases
    cases=$(sed -nE 's/^oracle: ([0-9]+) cases without a difference.*/\1/p' "$1" | awk '{ sum += $1 } END { print sum + 0 }')
    printf '%d %d\n' "${cases:-0}" "$(count_lines '^DIFFERENCE ' "$1")"
}

count_fuzz() { printf '%d %d\n' "$(count_lines '^fuzz ok ' "$1")" "$(count_lines '^fuzz FAILED ' "$1")"; }
