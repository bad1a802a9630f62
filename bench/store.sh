#!/bin/bash
# What component tables cost beside a heap table with the same rows, and beside Redis: reads by key, scans, COPY, the
# tick of a world that is read, and memory. Every figure stands beside its yardstick of the same run; both sides take
# turns. GAMELAN_BENCH_PARTS names the parts to run, GAMELAN_BENCH_ROWS how many entities the large world has.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=bench/common.bash
source "$here/common.bash"
for part in compare world reads scans copy ticks memory; do
    # shellcheck source=/dev/null
    source "$here/store/$part.bash"
done
# shellcheck disable=SC2034 # the parts use them
rows=${GAMELAN_BENCH_ROWS:-1000000} repetitions=${GAMELAN_BENCH_REPETITIONS:-5} seconds=${GAMELAN_BENCH_SECONDS:-5}
scratch=$(mktemp -d)
trap 'end_loads; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP

settings() {
    quiet_settings
    printf '%s\n' 'gamelan.max_worlds = 10240' 'autovacuum = off'
}
restart_with_settings

comparison_heading
for part in ${GAMELAN_BENCH_PARTS:-reads scans copy ticks memory}; do
    "measure_$part"
done
