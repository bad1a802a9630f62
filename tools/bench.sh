# ./gamelan bench: prints figures, judges none. bench/core/*_bench.cpp are Google Benchmark programs of the core;
# an executable bench/*.sh or bench/*.py measures a throw-away server, and prints lines "name value unit".
# shellcheck shell=bash

command_bench() {
    (($# <= 1)) || die "bench wants one part of a name at most"
    local wanted=${1:-} log=$BUILD_LOGS/bench.log
    ensure_packages "${PACKAGES_RUN[@]}" "${PACKAGES_BENCH[@]}"
    state_open
    build_all
    stage_all
    longstep "benchmarks" "$log" cmake_build "$CMAKE_BUILD" gamelan_benchmarks -DGAMELAN_BENCHMARKS=ON ||
        die "the benchmarks do not build"
    trap 'throwaway_end || true' EXIT
    trap 'exit 130' INT TERM HUP
    bench_machine
    bench_core "$wanted"
    bench_server "$wanted"
}

# A figure means nothing without the machine beside it.
bench_machine() {
    heading "Machine"
    note "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors," \
        "$(awk '/^MemTotal/ { printf "%d MiB", $2 / 1024 }' /proc/meminfo), Linux $(uname -r)"
    note "$("$PG_BIN/postgres" --version), $(g++ --version | head -n 1)"
}

bench_core() {
    local program
    for program in "$CMAKE_BUILD"/bench/*_bench; do
        [[ -x $program && $(basename "$program") == *"$1"* ]] || continue
        heading "$(basename "$program")"
        "$program" --benchmark_counters_tabular=true 2>/dev/null
    done
}

# Each gets a server of its own with fsync on, since durable round trips are what is measured.
bench_server() {
    local program name directory=$STATE/bench
    for program in "$ROOT"/bench/*.sh "$ROOT"/bench/*.py; do
        name=$(basename "$program")
        [[ -x $program && $name == *"$1"* ]] || continue
        heading "$name"
        "${AS_SERVER[@]}" mkdir -p "$directory"
        throwaway_start gamelan "$directory/postgres.log" >"$BUILD_LOGS/bench-server.log" 2>&1 ||
            die "no server to measure, see $directory/postgres.log"
        printf 'fsync = on\n' | "${AS_SERVER[@]}" tee -a "$TEST_DATA/postgresql.conf" >/dev/null
        "${AS_SERVER[@]}" "$PG_BIN/pg_ctl" -D "$TEST_DATA" -s reload
        create_extension_database "$TEST_SOCKET" "$TEST_PORT" gamelan || die "no database to measure"
        PGHOST=$TEST_SOCKET PGPORT=$TEST_PORT PGUSER=gamelan PGDATABASE=gamelan GAMELAN_PG_BIN=$PG_BIN \
            GAMELAN_TEST_PGDATA=$TEST_DATA GAMELAN_BENCH_PROGRAMS=$CMAKE_BUILD/bench "$program" ||
            note "$name ended with an error"
        throwaway_end
    done
}
