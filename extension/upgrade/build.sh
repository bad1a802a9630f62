#!/bin/bash
# build.sh FROM TO PART…: prints the script of ALTER EXTENSION gamelan UPDATE from one version to another. The parts are
# those of the install script of version TO.
#
# header.sql, the hand-written steps A--B.sql from FROM to TO, all functions, views, triggers and comments of TO,
# privileges.sql, the hand-written A--B-after.sql. Steps of versions in between have no functions of their own.
set -euo pipefail
export LC_ALL=C
here=$(dirname "${BASH_SOURCE[0]}")
version=$1 to=$2
shift 2

steps=()
while [[ $version != "$to" ]]; do
    next=
    for file in "$here/$version--"*.sql; do
        [[ $file == *-after.sql ]] || next=${file##*--}
    done
    next=${next%.sql}
    [[ -n $next && $next != "*" ]] || {
        printf 'build.sh: no step leads from version %s to %s\n' "$version" "$to" >&2
        exit 1
    }
    steps+=("$here/$version--$next")
    version=$next
done

sed "s/@VERSION@/$to/g" "$here/header.sql"
for step in "${steps[@]}"; do cat "$step.sql"; done
awk -f "$here/replaceable.awk" "$@"
cat "$here/privileges.sql"
for step in "${steps[@]}"; do cat "$step-after.sql"; done
