# ./gamelan test: sets up what ./gamelan run would, then runs kinds of tests and adds them up.
# shellcheck shell=bash

readonly ALL_KINDS=(unit sanitize fuzz web regress pgtap oracle isolation tap torture command gateway browser)
ARTEFACTS=$ROOT/test/artefacts

command_test() {
    local kind kinds=()
    for kind in "$@"; do
        case $kind in
        unit) kinds+=(unit sanitize fuzz) ;;
        sanitize | fuzz | web | regress | pgtap | oracle | isolation | tap | torture | command | gateway | browser) kinds+=("$kind") ;;
        *) die "there is no kind of test '$kind'; there are: ${ALL_KINDS[*]}" ;;
        esac
    done
    (($# > 0)) || kinds=("${ALL_KINDS[@]}")

    ensure_packages "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}"
    state_open
    build_all
    test_stage "${kinds[@]}"
    trap 'throwaway_end || true' EXIT
    trap 'exit 130' INT TERM HUP
    heading "Testing (logs in ${ARTEFACTS#"$ROOT"/})"
    for kind in "${kinds[@]}"; do
        test_kind "$kind" || true
    done
    test_collect
    report_print
}

# The tests read a copy, so that they run the same whether their user can enter the clone or not.
test_stage() {
    local kind folder folders=()
    stage_all
    for kind in "$@"; do
        case $kind in
        gateway | browser) [[ ! -f $ROOT/test/$kind/package.json ]] || ensure_npm "$ROOT/test/$kind" ;;
        web) ensure_npm "$ROOT/web" && folders+=(web) ;;
        esac
    done
    for folder in sql expected test games core include extension web/node_modules; do
        [[ ! -e $ROOT/$folder || $folder == web/* ]] || folders+=("$folder")
    done
    copy_to_server "$ROOT" "$STATE/tests" --exclude=test/artefacts "${folders[@]}"
    # One run at a time: two would remove each other's files.
    "${AS_SERVER[@]}" touch "$STATE/run/test-lock"
    exec 8>>"$STATE/run/test-lock"
    flock -n 8 || die "another ./gamelan test of this clone is running"
    RUN=$STATE/test-run
    "${AS_SERVER[@]}" rm -rf "$RUN"
    "${AS_SERVER[@]}" mkdir -p "$RUN"
}

# test_kind KIND: a row of the report; the end of the log is shown when something failed.
test_kind() {
    local kind=$1 log=$RUN/$1.log started=$SECONDS status=0
    if [[ -z $(kind_files "$kind") ]]; then
        note "$kind: has no tests"
        return 0
    fi
    "${AS_SERVER[@]}" mkdir -p "$RUN/$kind"
    server_writes "$log" </dev/null
    longstep "$kind" "$log" "kind_$kind" || status=$?
    throwaway_end >>"$log" 2>&1 || status=1
    if ! report_add "$kind" "$status" "$("$(kind_counter "$kind")" "$log")" $((SECONDS - started)); then
        note "$kind: see ${ARTEFACTS#"$ROOT"/}/$kind.log"
        return 1
    fi
}

# test_collect: logs and what the kinds left behind, to test/artefacts of the clone; never programs or clusters.
test_collect() {
    rm -rf "$ARTEFACTS"
    mkdir -p "$ARTEFACTS"
    tar -C "$RUN" --exclude=bin --exclude=npm --exclude=releases --exclude='*_data' --exclude=tmp_check -cf - . |
        tar -C "$ARTEFACTS" -xf - --no-same-owner
}
