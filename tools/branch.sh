# branch: databases beside the one that plays, for instance one for each git branch. What plays is always called
# `gamelan`; the others wait as gamelan_branch_NAME. Its own name stands in its comment.
# shellcheck shell=bash

readonly BRANCH_PREFIX=gamelan_branch_ FIRST_BRANCH=main

branch_query() { client psql -XAtq -v ON_ERROR_STOP=1 -d postgres "$@"; }

# The name of the branch that plays.
current_branch() {
    local name
    name=$(branch_query -c "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'gamelan'")
    [[ $name == "branch "* ]] && printf '%s\n' "${name#branch }" || printf '%s\n' "$FIRST_BRANCH"
}

branch_exists() {
    [[ -n $(branch_query -v name="$BRANCH_PREFIX$1" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'") ]]
}

require_branch_name() {
    local full=$BRANCH_PREFIX$1
    [[ -n $1 && $1 != -* && $1 != *[[:cntrl:]]* ]] || die "'$1' is no name for a branch"
    ((${#full} <= 63)) || die "the name of a branch has at most $((63 - ${#BRANCH_PREFIX})) bytes"
}

command_branch() {
    local pid
    state_open
    pg_directories
    pid=$(supervisor_pid) || die "not running; ./gamelan run --detach starts it"
    case ${1:-} in
    "") list_branches ;;
    --drop) drop_branch "${2:-}" ;;
    *)
        (($# == 1)) || die "branch wants a name: ./gamelan branch NAME, or --drop NAME"
        switch_branch "$1" "$pid"
        ;;
    esac
}

list_branches() {
    branch_query -F ' ' -v prefix="$BRANCH_PREFIX" -v current="$(current_branch)" <<'SQL'
SELECT CASE WHEN datname = 'gamelan' THEN '* ' || :'current' ELSE '  ' || substr(datname, length(:'prefix') + 1) END,
       '(' || pg_size_pretty(pg_database_size(oid)) || ')'
FROM pg_database WHERE datname = 'gamelan' OR starts_with(datname, :'prefix') ORDER BY datname <> 'gamelan', datname
SQL
}

# To a branch of that name, which is made as a copy of what plays if there is none. Worlds stand still meanwhile, and
# go on where they stood.
switch_branch() {
    local name=$1 pid=$2 current how=rename
    require_branch_name "$name"
    current=$(current_branch)
    [[ $name != "$current" ]] || die "that is the branch that plays"
    branch_exists "$name" || how=copy
    change_database "$pid" "$BRANCH_PREFIX$name" "$BRANCH_PREFIX$current" "$how" "branch $name"
    if [[ $how == copy ]]; then
        say "made branch $name as a copy of $current, and switched to it"
    else
        say "switched to branch $name"
    fi
}

drop_branch() {
    require_branch_name "$1"
    [[ $1 != "$(current_branch)" ]] || die "that is the branch that plays; switch to another one first"
    branch_exists "$1" || die "there is no branch $1; ./gamelan branch lists them"
    local sessions
    sessions=$(branch_query -v name="$BRANCH_PREFIX$1" <<<"SELECT count(*) FROM pg_stat_activity WHERE datname = :'name'")
    ((sessions == 0)) || die "branch $1 is in use by $sessions session(s); end them first"
    client dropdb "$BRANCH_PREFIX$1"
    say "dropped branch $1"
}
