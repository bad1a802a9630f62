# ./gamelan lint: formatting and static checks; every checker runs, then the command fails if one did.
# shellcheck shell=bash

command_lint() {
    ensure_packages "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}" "${PACKAGES_LINT[@]}"
    local failed=()
    pg_directories
    cd "$ROOT" || return 1
    mapfile -t LINT_CPP < <(git ls-files '*.cpp' '*.hpp')
    heading "Checking"
    local checker
    for checker in format shell tidy cppcheck prettier zones versions; do
        longstep "$checker" "$BUILD_LOGS/lint-$checker.log" "lint_$checker" || failed+=("$checker")
    done
    ((${#failed[@]} == 0)) || die "not clean: ${failed[*]}"
    say "clean"
}

lint_format() { ((${#LINT_CPP[@]} == 0)) || clang-format --dry-run --Werror "${LINT_CPP[@]}"; }

lint_shell() {
    local files
    mapfile -t files < <(git ls-files gamelan .ci/run '*.sh')
    shellcheck -x "${files[@]}"
}

# The core and the gateway; files of the backend need PostgreSQL's flags and macros, which clang-tidy knows little of.
lint_tidy() {
    cmake -S . -B "$CMAKE_BUILD" || return 1
    local files
    mapfile -t files < <(printf '%s\n' "${LINT_CPP[@]}" | grep -E '^(core|games|gateway)/.*\.cpp$')
    ((${#files[@]} == 0)) || printf '%s\0' "${files[@]}" |
        xargs -0 -n 1 -P "$JOBS" clang-tidy --quiet -p "$CMAKE_BUILD"
}

# The suppressed checks of Debian's cppcheck 2.10 do not understand placement new, packed indexing into spans and
# [[gnu::always_inline]] bodies, nor that std::byte may be copied; the compilers' own warnings and the sanitizers cover what they look for.
lint_cppcheck() {
    local files
    mapfile -t files < <(printf '%s\n' "${LINT_CPP[@]}" | grep -E '^(core|games|gateway|extension|bgworker)/.*\.cpp$')
    ((${#files[@]} == 0)) || cppcheck --quiet --std=c++20 --language=c++ --error-exitcode=1 --inline-suppr \
        --enable=warning,portability,performance --suppress=unknownMacro --suppress=legacyUninitvar --suppress=uninitvar --suppress=constStatement \
        --suppress=uselessAssignmentPtrArg --suppress=zerodiv --suppress=memsetClass --suppress=missingInclude -I . "${files[@]}"
}

lint_prettier() {
    [[ -f web/package.json ]] && grep -q '"prettier"' web/package.json || return 0
    ensure_npm "$ROOT/web" && env -C web npx --no-install prettier --check .
}

# Arrows point one way: see docs/architecture.md.
lint_zones() {
    local status=0
    if git grep -nE '#include *[<"](postgres\.h|fmgr\.h|libpq-fe\.h|libwebsockets\.h)' -- core games; then
        say "core and games know neither Postgres nor sockets"
        status=1
    fi
    if git grep -nE '#include *"(extension|bgworker|gateway)/' -- core games; then
        say "core and games include nothing of the rooms above them"
        status=1
    fi
    if git grep -nE '#include *"(extension|bgworker|games)/' -- gateway; then
        say "the gateway knows only the wire protocol and core"
        status=1
    fi
    return "$status"
}

# One version for all parts; the control file has it.
lint_versions() {
    local file version status=0
    version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/gamelan.control)
    for file in extension/pg/version.hpp CMakeLists.txt {web,test/browser,test/gateway}/package.json; do
        grep -qE "(define GAMELAN_VERSION |VERSION |\"version\": )\"?${version//./\\.}\"?([ ,]|$)" "$file" || {
            say "$file does not say $version, as extension/gamelan.control does"
            status=1
        }
    done
    return "$status"
}
