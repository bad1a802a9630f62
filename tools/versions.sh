# What was released: files of old commits, and the extension as it was, for tests that read what it wrote. All of it
# is kept in a cache outside the clone, by commit, since a commit never changes.
# shellcheck shell=bash

VERSIONS_CACHE=${XDG_CACHE_HOME:-${HOME:-$ROOT/build}/.cache}/gamelan

repository() { git -c "safe.directory=$ROOT" -C "$ROOT" "$@"; }

# releases: "VERSION COMMIT" of each.
releases() { grep -vE '^(#|$)' "$ROOT/versions/releases"; }

# version_commit VERSION|COMMIT: the commit, if the repository has it. Fails otherwise, with the reason as its output: 1
# when the repository is one without history (shallow, or no repository at all), 2 when it should have the commit.
version_commit() {
    local commit
    commit=$(releases | sed -n "s/^${1//./\\.} //p")
    commit=${commit:-$1}
    if ! repository rev-parse --git-dir >/dev/null 2>&1; then
        say "this is no git repository, so commit $commit cannot be had from it"
        return 1
    elif repository cat-file -e "$commit^{commit}" 2>/dev/null; then
        repository rev-parse "$commit^{commit}"
    elif [[ $(repository rev-parse --is-shallow-repository) == true ]]; then
        say "this repository is a shallow clone without commit $commit; git fetch --unshallow brings it"
        return 1
    else
        say "the repository has no commit $commit, which versions/releases or a test names"
        return 2
    fi
}

# version_path versions/VERSION|COMMIT/PATH: the place of a copy of that file, or folder, as it was. Fails as
# version_commit does.
version_path() {
    local name=${1#versions/} commit path place
    path=${name#*/}
    commit=$(version_commit "${name%%/*}") || {
        local status=$?
        say "$commit"
        return "$status"
    }
    place=$VERSIONS_CACHE/files/$commit/$path
    if [[ ! -e $place ]]; then
        mkdir -p "$(dirname "$place")" || return 2
        case $(repository cat-file -t "$commit:$path" 2>/dev/null) in
        blob) repository show "$commit:$path" >"$place.part.$$" || return 2 ;;
        tree) mkdir "$place.part.$$" && repository archive "$commit:$path" | tar -C "$place.part.$$" -xf - || return 2 ;;
        *)
            say "commit $commit has no $path"
            return 2
            ;;
        esac
        mv -T "$place.part.$$" "$place" || return 2
    fi
    printf '%s\n' "$place"
}

# release_build COMMIT: builds the extension of that commit, unless that was done before. Its installation tree is then in
# $(release_place COMMIT). Without optimisation: it is to write one save.
release_build() {
    local place source
    place=$(release_place "$1")
    [[ ! -d $place ]] || return 0
    mkdir -p "$(dirname "$place")" || return 1
    source=$(mktemp -d "$place.source-XXXXXX") || return 1
    repository archive "$1" Makefile extension bgworker core games include | tar -C "$source" -xf - &&
        release_make "$source" build/extension/flags && precompile_headers "$source" && share_objects "$source" &&
        release_make "$source" DESTDIR="$source/stage" install && mv -T "$source/stage" "$place"
    local status=$?
    rm -rf "$source"
    [[ -d $place ]] || return "$status" # perhaps another run was faster
}

release_place() {
    printf '%s/releases/%s-postgresql-%s-%s\n' "$VERSIONS_CACHE" "$1" "$("$PG_CONFIG" --version | tr -dc '0-9.')" "$(uname -m)"
}

release_make() {
    local source=$1
    shift
    make -C "$source" -j "$JOBS" --no-print-directory PG_CONFIG="$PG_CONFIG" \
        OPTFLAGS="-O0 -g0 -include $source/standard.hpp" WERROR= KERNEL_OBJS= "$@"
}

# precompile_headers TREE: those of the standard library, which are half of what the compiler reads otherwise.
precompile_headers() {
    {
        say "#pragma once"
        grep -rhoE '^#include <[a-z_]+>' "$1/core" "$1/extension" "$1/bgworker" "$1/games" | sort -u
    } >"$1/standard.hpp"
    (cd "$1" && eval "$(<build/extension/flags) -x c++-header standard.hpp -o standard.hpp.gch")
}

# share_objects TREE: objects of this clone's build whose source and headers are the same there need not be built again.
share_objects() {
    local dependencies object file shared=0 files
    while IFS= read -r dependencies; do
        object=${dependencies#"$ROOT"/}
        object=${object%.d}.o
        read -r -a files <<<"$(sed -n '1,/[^\\]$/{s/^[^:]*://;s/\\$//;p}' "$dependencies" | tr '\n' ' ')"
        for file in "${files[@]}"; do
            [[ $file == /* ]] || cmp -s "$ROOT/$file" "$1/$file" || continue 2
        done
        mkdir -p "$(dirname "$1/$object")" && cp "$ROOT/$object" "$1/$object" && touch "$1/$object" || return 1
        shared=$((shared + 1))
    done < <(find "$ROOT/build/extension" -name '*.d')
    say "$shared objects are those of this clone's build"
}

# releases_stage DIRECTORY FILE…: what tests need of every release, where they can read it: DIRECTORY/VERSION/stage, an
# installation tree, and DIRECTORY/VERSION/files with the files named, as they were; or DIRECTORY/VERSION/missing, which
# says why a clone without history cannot have them.
releases_stage() {
    local directory=$1 all=$ROOT/build/releases version commit tree status
    shift
    rm -rf "$all"
    while read -r version commit; do
        tree=$all/$version status=0
        mkdir -p "$tree" || return 1
        commit=$(version_commit "$commit") || status=$?
        case $status in
        0) release_stage "$commit" "$tree" "$@" || return 1 ;;
        1) say "$commit" | tee "$tree/missing" ;;
        *)
            say "$commit"
            return 1
            ;;
        esac
    done < <(releases)
    copy_to_server "$all" "$directory" .
}

# release_stage COMMIT TREE FILE…
release_stage() {
    local commit=$1 tree=$2 file place
    release_build "$commit" && cp -R "$(release_place "$commit")" "$tree/stage" || return 1
    for file in "${@:3}"; do
        place=$(version_path "versions/$commit/$file") && mkdir -p "$(dirname "$tree/files/$file")" &&
            cp "$place" "$tree/files/$file" || return 1
    done
}
