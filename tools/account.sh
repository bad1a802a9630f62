# Who runs the servers, and where their files are.
#
# PostgreSQL refuses to run as root, and nothing that listens should. Started by an ordinary user, everything
# runs as that user and lives in .gamelan/ of the clone. Started by root, the servers and tests run as the system
# user `gamelan`; when that user cannot enter the clone (a directory of mode 0700, say), .gamelan is a symbolic
# link to a directory of its own under /var/lib/gamelan, and everything the servers read is copied there.
# shellcheck shell=bash

readonly SERVER_USER_NAME=gamelan
readonly SHARED_STATE=/var/lib/gamelan

# Prefix of every command that must not run as root; empty for ordinary users.
AS_SERVER=()
# The directory of this clone's cluster, logs and staged files; see state_open.
STATE=

# state_open: sets AS_SERVER and STATE, making account and directory where needed.
state_open() {
    local wanted=${GAMELAN_HOME:-$ROOT/.gamelan}
    [[ $wanted == /* ]] || wanted=$PWD/$wanted
    if ((EUID != 0)); then
        [[ -d $wanted ]] || { mkdir -p "$wanted" && chmod 0700 "$wanted"; } || die "cannot make $wanted; set GAMELAN_HOME to a directory of yours"
        [[ -O $wanted/ ]] || die "$wanted belongs to $(stat -L -c %U "$wanted"): run ./gamelan as that user" \
            "or root, or set GAMELAN_HOME to another directory"
        STATE=$(realpath "$wanted")
    else
        state_open_as_root "$wanted"
    fi
    local directory
    for directory in log run stage; do
        "${AS_SERVER[@]}" mkdir -p -m 0700 "$STATE/$directory"
    done
}

state_open_as_root() {
    local wanted=$1 owner
    if [[ -d $wanted ]] && owner=$(stat -L -c %U "$wanted") && [[ $owner != root ]]; then
        # Made by an earlier run, perhaps of an ordinary user: its files stay that user's.
        become_server "$owner"
    else
        server_account
        become_server "$SERVER_USER_NAME"
        state_place "$wanted"
    fi
    STATE=$(realpath "$wanted")
    become_server "$(stat -L -c %U "$wanted")" # now with a home directory
    "${AS_SERVER[@]}" test -w "$STATE" || die "user $(stat -L -c %U "$wanted") cannot reach $STATE;" \
        "set GAMELAN_HOME to a directory it can enter, or remove $wanted"
}

server_account() {
    getent passwd "$SERVER_USER_NAME" >/dev/null && return
    note "making the system user $SERVER_USER_NAME, as which the servers run"
    useradd --system --user-group --home-dir "$SHARED_STATE" --no-create-home --shell /usr/sbin/nologin \
        "$SERVER_USER_NAME" || die "cannot make the system user $SERVER_USER_NAME"
}

# setpriv replaces itself by the command, so that a background job's process id is the server's own.
become_server() {
    AS_SERVER=(setpriv "--reuid=$1" "--regid=$(id -g "$1")" --init-groups --
        env "HOME=${STATE:-/}" "USER=$1" "LOGNAME=$1" CCACHE_DISABLE=1)
}

# state_place DIRECTORY: makes it, owned by the server's user, or a link to where that user can go.
state_place() {
    local wanted=$1 place
    mkdir -p "$(dirname "$wanted")"
    if [[ -d $wanted && ! -L $wanted ]]; then
        rmdir "$wanted" 2>/dev/null || die "$wanted belongs to root and is not empty; PostgreSQL does not run as" \
            "root: set GAMELAN_HOME to a new or empty directory"
    fi
    rm -f "$wanted" # a link whose target has gone
    if "${AS_SERVER[@]}" test -x "$(dirname "$wanted")"; then
        install -d -o "$SERVER_USER_NAME" -g "$SERVER_USER_NAME" -m 0700 "$wanted"
        return
    fi
    install -d -o "$SERVER_USER_NAME" -g "$SERVER_USER_NAME" -m 0755 "$SHARED_STATE"
    place=$("${AS_SERVER[@]}" mktemp -d "$SHARED_STATE/$(basename "$ROOT")-XXXXXX")
    ln -s "$place" "$wanted"
    note "$SERVER_USER_NAME cannot enter $(dirname "$wanted"): its files go to $place"
}

# copy_to_server SOURCE_DIRECTORY TARGET NAME…: replaces TARGET by copies of the named files and folders of
# SOURCE_DIRECTORY. Read by who runs this command, written by the server's user, who then owns them.
copy_to_server() {
    local source=$1 target=$2
    shift 2
    "${AS_SERVER[@]}" rm -rf "$target.new"
    "${AS_SERVER[@]}" mkdir -p "$target.new"
    tar -C "$source" -cf - "$@" | "${AS_SERVER[@]}" tar -C "$target.new" -xf - --no-same-owner
    "${AS_SERVER[@]}" rm -rf "$target"
    "${AS_SERVER[@]}" mv "$target.new" "$target"
}

# server_writes FILE: standard input becomes the content of a file of the server's user.
# shellcheck disable=SC2016  # expanded by the inner shell
server_writes() { "${AS_SERVER[@]}" sh -c 'cat > "$1"' _ "$1"; }
