# Building the parts in the clone, and staging what servers read where their user can read it.
# shellcheck shell=bash disable=SC2034 # variables that other files use

JOBS=${GAMELAN_JOBS:-$(nproc)}
PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
CMAKE_BUILD=$ROOT/build/cmake
BUILD_LOGS=$ROOT/build/logs

pg_directories() {
    [[ -x $PG_CONFIG ]] || die "$PG_CONFIG is not there; ./gamelan install brings PostgreSQL 15"
    PG_BIN=$("$PG_CONFIG" --bindir)
    PG_LIBRARIES=$("$PG_CONFIG" --pkglibdir)
}

# ensure_npm DIRECTORY: node_modules as package-lock.json says; does nothing when they already are.
ensure_npm() {
    local directory=$1 name stamp wanted
    name=$(basename "$directory")
    stamp=$directory/node_modules/.installed-lock
    wanted=$(sha256sum <"$directory/package-lock.json")
    if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then
        return 0
    fi
    longstep "npm packages of ${directory#"$ROOT"/}" "$BUILD_LOGS/npm-$name.log" \
        env -C "$directory" PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund || return 1
    mkdir -p "$directory/node_modules" # npm makes none when there are no packages
    printf '%s\n' "$wanted" >"$stamp"
}

# Compilers behind ccache where it is installed: what another clone or an earlier commit compiled is not compiled again.
# Paths within the clone count relative to it.
use_ccache() {
    [[ -d /usr/lib/ccache && -w ${HOME:-/nonexistent} ]] || return 0
    export PATH=/usr/lib/ccache:$PATH CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
}

build_extension() {
    longstep "extension" "$BUILD_LOGS/extension.log" \
        make -C "$ROOT" -j "$JOBS" --no-print-directory PG_CONFIG="$PG_CONFIG" all || die "the extension does not build"
}

# cmake_build DIRECTORY TARGET [OPTION…]
cmake_build() {
    local directory=$1 target=$2
    shift 2
    # A clone that was moved: what CMake remembers holds the old place.
    if [[ -f $directory/CMakeCache.txt ]] &&
        ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT" "$directory/CMakeCache.txt"; then
        rm -rf "$directory"
    fi
    cmake -S "$ROOT" -B "$directory" "$@" && cmake --build "$directory" --parallel "$JOBS" --target "$target"
}

build_gateway() {
    longstep "gateway" "$BUILD_LOGS/gateway.log" cmake_build "$CMAKE_BUILD" gamelan-gateway \
        -DGAMELAN_TESTS=OFF -DGAMELAN_BENCHMARKS=OFF ||
        die "the gateway does not build"
}

# The sources' checksum decides, not their times: a checkout touches files without changing them.
build_web() {
    local stamp=$ROOT/build/web-sources wanted
    wanted=$(cd "$ROOT/web" && find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
    if [[ -f $ROOT/web/dist/index.html && -f $stamp && $(<"$stamp") == "$wanted" ]]; then
        return 0
    fi
    ensure_npm "$ROOT/web" || die "npm could not install the page's packages"
    longstep "page" "$BUILD_LOGS/web.log" env -C "$ROOT/web" npm run build || die "the page does not build"
    printf '%s\n' "$wanted" >"$stamp"
}

build_all() {
    heading "Building (logs in ${BUILD_LOGS#"$ROOT"/})"
    mkdir -p "$BUILD_LOGS"
    pg_directories
    use_ccache
    build_extension
    build_gateway
    build_web
}

# stage_all: an installation tree of the extension, the gateway and the page under $STATE/stage.
stage_all() {
    local tree=$ROOT/build/stage
    rm -rf "$tree"
    mkdir -p "$tree/gateway"
    make -C "$ROOT" --no-print-directory PG_CONFIG="$PG_CONFIG" DESTDIR="$tree/extension" install \
        >"$BUILD_LOGS/stage.log" 2>&1 || die "staging the extension failed, see $BUILD_LOGS/stage.log"
    cp "$CMAKE_BUILD/gateway/gamelan-gateway" "$tree/gateway/"
    cp -R "$ROOT/web/dist" "$tree/web"
    copy_to_server "$tree" "$STATE/stage" extension gateway web
}
