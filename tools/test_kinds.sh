# One function for each kind of test: makes what the kind needs, runs its runner, returns the runner's status.
# They run in $STATE/tests, a copy of the test folders that the servers' user can read; $RUN/KIND takes what a
# kind leaves behind. A function runs where `set -e` has no effect, so each step that may fail says so.
# shellcheck shell=bash disable=SC2016 # patterns are expanded by the inner shells, which can read the folders

readonly FUZZ_SECONDS=30 RUNNER_LIMIT_S=1200
SANITIZE_BUILD=$ROOT/build/sanitize
FUZZ_BUILD=$ROOT/build/fuzz

# kind_files KIND: the files that make this kind have something to run.
kind_files() {
    case $1 in
    unit | sanitize) compgen -G "$ROOT/test/unit/*_test.cpp" || compgen -G "$ROOT/test/unit/*/*_test.cpp" ;;
    fuzz) compgen -G "$ROOT/test/fuzz/*_fuzz.cpp" ;;
    regress) compgen -G "$ROOT/sql/*.sql" ;;
    pgtap) compgen -G "$ROOT/test/pgtap/*.sql" ;;
    oracle) compgen -G "$ROOT/test/oracle/*.cpp" ;;
    isolation) compgen -G "$ROOT/test/isolation/specs/*.spec" ;;
    tap) compgen -G "$ROOT/test/tap/t/*.pl" ;;
    command) compgen -G "$ROOT/test/command/*.sh" ;;
    torture) compgen -G "$ROOT/test/torture/*.py" ;;
    gateway | browser) compgen -G "$ROOT/test/$1/package.json" ;;
    web) compgen -G "$ROOT/web/src/*.test.ts" || compgen -G "$ROOT/web/src/*/*.test.ts" ;;
    esac
}

kind_counter() {
    case $1 in
    unit | sanitize) say count_gtest ;;
    fuzz) say count_fuzz ;;
    regress | isolation) say count_pg_regress ;;
    pgtap | tap | torture | command) say count_tap ;;
    oracle) say count_oracle ;;
    gateway | browser | web) say count_node ;;
    esac
}

# No runner may hang for ever.
in_tests() { "${AS_SERVER[@]}" env -C "$STATE/tests" timeout --kill-after=10 "$RUNNER_LIMIT_S" "$@"; }

# run_gtest BUILD_DIRECTORY KIND
run_gtest() {
    copy_to_server "$1" "$RUN/$2/bin" gamelan_unit_tests || return 1
    in_tests "$RUN/$2/bin/gamelan_unit_tests" "--gtest_output=xml:$RUN/$2.xml"
}

kind_unit() {
    cmake_build "$CMAKE_BUILD" gamelan_unit_tests -DGAMELAN_TESTS=ON || return 1
    run_gtest "$CMAKE_BUILD" unit
}

kind_sanitize() {
    cmake_build "$SANITIZE_BUILD" gamelan_unit_tests -DGAMELAN_SANITIZE=ON -DCMAKE_BUILD_TYPE=Debug \
        "-DCMAKE_CXX_FLAGS=-O1 -g1" -DCMAKE_CXX_FLAGS_DEBUG= -DGAMELAN_BENCHMARKS=OFF || return 1
    cmake_build "$CMAKE_BUILD" gamelan_thread_tests -DGAMELAN_TESTS=ON || return 1
    server_writes "$RUN/sanitize/leaks.supp" <"$ROOT/tools/leaks.supp" || return 1
    copy_to_server "$CMAKE_BUILD" "$RUN/sanitize/bin" gamelan_thread_tests || return 1
    in_tests "$RUN/sanitize/bin/gamelan_thread_tests" --gtest_filter='*Threads*:Arena*:Region*' || return 1
    LSAN_OPTIONS=suppressions=$RUN/sanitize/leaks.supp UBSAN_OPTIONS=print_stacktrace=1 run_gtest "$SANITIZE_BUILD" sanitize
}

kind_fuzz() {
    local source name names=() status=0
    for source in "$ROOT"/test/fuzz/*_fuzz.cpp; do
        names+=("$(basename "$source" .cpp)")
    done
    cmake_build "$FUZZ_BUILD" gamelan_fuzzers -DGAMELAN_FUZZ=ON -DGAMELAN_TESTS=OFF -DGAMELAN_BENCHMARKS=OFF \
        -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ || return 1
    copy_to_server "$FUZZ_BUILD/fuzz" "$RUN/fuzz/bin" "${names[@]}" || return 1
    for name in "${names[@]}"; do
        in_tests mkdir -p "$RUN/fuzz/$name" || return 1
        if in_tests "$RUN/fuzz/bin/$name" -max_total_time=$((FUZZ_SECONDS / ${#names[@]} + 1)) \
            -print_final_stats=1 -rss_limit_mb=1024 -timeout=10 "-artifact_prefix=$RUN/fuzz/$name-" \
            "$RUN/fuzz/$name"; then
            say "fuzz ok $name"
        else
            say "fuzz FAILED $name"
            status=1
        fi
    done
    return "$status"
}

# names_of EXTENSION FILE…: base names, in order.
names_of() {
    local extension=$1 file
    shift
    for file in "$@"; do
        basename "$file" "$extension"
    done
}

# run_pg_regress KIND PROGRAM INPUT_DIRECTORY NAME…
run_pg_regress() {
    local kind=$1 program=$2 input=$3
    shift 3
    throwaway_start contrib_regression "$RUN/$kind/postgres.log" || return 1
    in_tests "$(dirname "$("$PG_CONFIG" --pgxs)")/../../src/test/$program" --bindir="$PG_BIN" --user=gamelan \
        --host="$TEST_SOCKET" --port="$TEST_PORT" --dbname=contrib_regression --inputdir="$input" \
        --outputdir="$RUN/$kind" "$@" || {
        local status=$?
        cat "$RUN/$kind/regression.diffs" 2>/dev/null
        return "$status"
    }
}

kind_regress() {
    local names
    mapfile -t names < <(names_of .sql "$ROOT"/sql/*.sql)
    run_pg_regress regress regress/pg_regress "$STATE/tests" "${names[@]}"
}

kind_isolation() {
    local names
    mapfile -t names < <(names_of .spec "$ROOT"/test/isolation/specs/*.spec)
    run_pg_regress isolation isolation/pg_isolation_regress "$STATE/tests/test/isolation" "${names[@]}"
}

kind_pgtap() {
    throwaway_start gamelan "$RUN/pgtap/postgres.log" || return 1
    create_extension_database "$TEST_SOCKET" "$TEST_PORT" gamelan || return 1
    "$PG_BIN/psql" -Xq -h "$TEST_SOCKET" -p "$TEST_PORT" -U gamelan -d gamelan -c 'CREATE EXTENSION pgtap' || return 1
    in_tests bash -c 'exec pg_prove --verbose -h "$1" -p "$2" -U gamelan -d gamelan test/pgtap/*.sql' \
        _ "$TEST_SOCKET" "$TEST_PORT"
}

# GAMELAN_ORACLE_CASES and GAMELAN_ORACLE_SEED choose how many and which; the log names the seed.
# GAMELAN_ORACLE_MODE chooses components, systems, or one after the other.
kind_oracle() {
    cmake_build "$CMAKE_BUILD" gamelan_oracle -DGAMELAN_TESTS=ON || return 1
    copy_to_server "$CMAKE_BUILD" "$RUN/oracle/bin" gamelan_oracle || return 1
    throwaway_start gamelan "$RUN/oracle/postgres.log" || return 1
    create_extension_database "$TEST_SOCKET" "$TEST_PORT" gamelan || return 1
    throwaway_restart_script "$TEST_SOCKET/restart" || return 1
    local cases=${GAMELAN_ORACLE_CASES:-3000} seed=${GAMELAN_ORACLE_SEED:-}
    # Each commit gets cases of its own, and the same ones whenever it is tested.
    [[ -n $seed ]] || seed=$((16#$(git -C "$ROOT" rev-parse --short=7 HEAD 2>/dev/null | cut -c1-7 || say 1)))
    # Its limit grows with what was asked for.
    local oracle=("${AS_SERVER[@]}" env -C "$STATE/tests" timeout --kill-after=10 $((RUNNER_LIMIT_S + cases / 5))
        "$RUN/oracle/bin/gamelan_oracle" --dsn "$(throwaway_dsn)" --cases "$cases"
        --seed "$seed")
    case ${GAMELAN_ORACLE_MODE:-both} in
    components) "${oracle[@]}" --restart "$TEST_SOCKET/restart >&2" ;;
    systems) "${oracle[@]}" --mode systems ;;
    *) "${oracle[@]}" --restart "$TEST_SOCKET/restart >&2" && "${oracle[@]}" --mode systems ;;
    esac
}

# These tests make their clusters themselves; the file named by TEMP_CONFIG is added to the settings of each.
# GAMELAN_RELEASES has the versions that were released, whose saves are to be read.
kind_tap() {
    releases_stage "$RUN/tap/releases" test/tap/games/duel.sql || return 1
    cluster_settings 0 / x | grep -E '^(extension_destdir|dynamic_library_path)' | server_writes "$RUN/tap/extension.conf"
    local pgxs
    pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
    in_tests env GAMELAN_RELEASES="$RUN/tap/releases" TESTDIR="$RUN/tap" TEMP_CONFIG="$RUN/tap/extension.conf" PATH="$PG_BIN:$PATH" PGPORT=65432 \
        PG_REGRESS="$pgxs/src/test/regress/pg_regress" TZ=UTC \
        bash -c 'exec prove --verbose -I "$1" -I test/tap test/tap/t/*.pl' _ "$pgxs/src/test/perl"
}

# ./gamelan itself, as who runs the tests, with a home and ports of its own.
kind_command() {
    local file status=0
    for file in "$ROOT"/test/command/*.sh; do
        GAMELAN=$ROOT/gamelan timeout --kill-after=60 "$RUNNER_LIMIT_S" bash "$file" 8>&- || status=1
    done
    return "$status"
}

# copy_control_builds TARGET: an installation tree with each of the libraries that have a fault.
copy_control_builds() {
    local library name names=() trees=$ROOT/build/control/trees
    make -C "$ROOT" --no-print-directory -j "$JOBS" PG_CONFIG="$PG_CONFIG" control-builds || return 1
    rm -rf "$trees"
    for library in "$ROOT"/build/control/*/gamelan.so; do
        name=$(basename "$(dirname "$library")")
        names+=("$name")
        mkdir -p "$trees/$name$PG_LIBRARIES"
        tar -C "$ROOT/build/stage/extension" --exclude='*.so' -cf - . | tar -C "$trees/$name" -xf - || return 1
        cp "$library" "$trees/$name$PG_LIBRARIES/" || return 1
    done
    copy_to_server "$trees" "$1" "${names[@]}"
}

# with_small_disk DIRECTORY COMMAND…: on the directory lies a file system of 64 MB that only the command sees, and that ends with it;
# then the command is given the flag that names it. Without the right to do so the command runs without.
with_small_disk() {
    local directory=$1
    shift
    if unshare --mount mount -t tmpfs small "$directory" 2>/dev/null; then
        unshare --mount bash -c 'mount -t tmpfs -o size=64m,mode=1777 small "$1" && exec "${@:2}" --small-disk "$1"' _ "$directory" "$@"
    else
        "$@"
    fi
}

# Clusters, gateways and clients of its own. GAMELAN_TORTURE_SECONDS says how long the storm is, GAMELAN_TORTURE_SEED which one,
# GAMELAN_TORTURE_PARTS what else; the log names the seed.
kind_torture() {
    local bin=$RUN/torture/bin seconds=${GAMELAN_TORTURE_SECONDS:-45} parts
    read -ra parts <<<"${GAMELAN_TORTURE_PARTS:-}"
    cmake_build "$CMAKE_BUILD" gamelan_torture_shims -DGAMELAN_TESTS=ON || return 1
    copy_to_server "$CMAKE_BUILD" "$bin" shims || return 1
    copy_control_builds "$bin/controls" || return 1
    "${AS_SERVER[@]}" mkdir "$RUN/torture/small_data" || return 1
    with_small_disk "$RUN/torture/small_data" "${AS_SERVER[@]}" env -C "$STATE/tests/test/torture" timeout --kill-after=10 $((RUNNER_LIMIT_S + 2 * seconds)) \
        /usr/bin/python3 -B torture.py --pg-bin "$PG_BIN" --stage "$STATE/stage/extension" --libraries "$PG_LIBRARIES" \
        --controls "$bin/controls" --gateway "$STATE/stage/gateway/gamelan-gateway" --shims "$bin/shims" \
        --artefacts "$RUN/torture" --seconds "$seconds" ${GAMELAN_TORTURE_SEED:+--seed "$GAMELAN_TORTURE_SEED"} "${parts[@]}"
}

# npm_test DIRECTORY VARIABLE=VALUE…
npm_test() {
    local directory=$1
    shift
    in_tests env -C "$directory" npm_config_cache="$RUN/npm" npm_config_update_notifier=false CI=1 NO_COLOR=1 \
        "$@" npm test
}

kind_gateway() {
    throwaway_world "$RUN/gateway/postgres.log" || return 1
    npm_test "$STATE/tests/test/gateway" \
        GAMELAN_TEST_DSN="$(throwaway_dsn)" GAMELAN_TEST_PGDATA="$TEST_DATA" GAMELAN_PG_CTL="$PG_BIN/pg_ctl" \
        GAMELAN_GATEWAY_BIN="$STATE/stage/gateway/gamelan-gateway" GAMELAN_WEB_ROOT="$STATE/stage/web" \
        GAMELAN_ARTEFACTS="$RUN/gateway"
}

kind_browser() {
    throwaway_world "$RUN/browser/postgres.log" || return 1
    throwaway_gateway "$RUN/browser/gateway.log" || return 1
    throwaway_restart_script "$TEST_SOCKET/restart" || return 1
    npm_test "$STATE/tests/test/browser" \
        GAMELAN_TEST_DSN="$(throwaway_dsn)" GAMELAN_TEST_URL="$TEST_URL" \
        GAMELAN_RESTART_COMMAND="$TEST_SOCKET/restart" GAMELAN_ARTEFACTS="$RUN/browser"
}

kind_web() { npm_test "$STATE/tests/web"; }
