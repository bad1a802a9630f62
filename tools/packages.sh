# What has to be installed, and installing only what is missing. Debian 12 names.
# shellcheck shell=bash disable=SC2034 # variables that other files use

# Building and running a world.
PACKAGES_RUN=(
    g++ make cmake pkg-config
    postgresql-15 postgresql-server-dev-15 libpq-dev
    libzstd-dev libxxhash-dev libwebsockets-dev libssl-dev nlohmann-json3-dev
)
PACKAGES_TEST=(
    ccache
    libgtest-dev libgmock-dev librapidcheck-dev libqhull-dev libbenchmark-dev
    clang libclang-rt-14-dev
    libfaketime postgresql-15-pgtap libtap-parser-sourcehandler-pgtap-perl libipc-run-perl
    python3 python3-psycopg2 python3-websocket
    chromium chromium-sandbox fonts-dejavu-core procps
)
PACKAGES_BENCH=(libbenchmark-dev redis-tools)
PACKAGES_LINT=(clang-format clang-tidy clang cppcheck shellcheck)
PACKAGES_NODE=(nodejs npm)

package_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# Any Node from version 18 on will do: where a part needs a newer one, its package.json brings it.
node_usable() {
    local version
    command -v npm >/dev/null && version=$(node --version 2>/dev/null) && [[ $version =~ ^v([0-9]+) ]] &&
        ((BASH_REMATCH[1] >= 18))
}

# ensure_packages PACKAGE…: installs those that are missing. The packages of a set may be named in several.
ensure_packages() {
    local package missing=()
    command -v dpkg-query >/dev/null ||
        die "this command installs what it needs with apt, so it wants Debian 12; elsewhere see docs/operations.md"
    for package in "$@"; do
        package_installed "$package" || missing+=("$package")
    done
    node_usable || missing+=("${PACKAGES_NODE[@]}")
    ((${#missing[@]} > 0)) || return 0

    local elevate=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "these Debian packages are missing, and there is no sudo to install" \
            "them; run as root once:  apt-get install --no-install-recommends ${missing[*]}"
        elevate=(sudo)
    fi
    heading "Installing Debian packages: ${missing[*]}"
    install_packages "${elevate[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 -- "${missing[@]}"
}

# install_packages PREFIX… -- PACKAGE…
install_packages() {
    local prefix=()
    while [[ $1 != -- ]]; do
        prefix+=("$1")
        shift
    done
    shift
    # A first sudo in the foreground, so that it can ask for a password before output goes to a log.
    "${prefix[@]}" true || die "could not become root to install packages"
    forbid_default_cluster "${prefix[@]}"
    longstep "apt-get update" "$BUILD_LOGS/apt-update.log" "${prefix[@]}" apt-get -q update ||
        die "apt-get update failed"
    longstep "apt-get install ($# packages and what they need)" "$BUILD_LOGS/apt-install.log" \
        "${prefix[@]}" apt-get -q install -y --no-install-recommends "$@" || die "apt-get install failed"
}

# Debian's postgresql-15 makes and starts a cluster of its own when first installed. Nobody asked for it here:
# the world lives in a private one. An administrator's own settings are left alone.
forbid_default_cluster() {
    local directory=/etc/postgresql-common/createcluster.d file=no-main-cluster-by-gamelan.conf
    if package_installed postgresql-15 || package_installed postgresql-common; then
        return 0
    fi
    "$@" mkdir -p "$directory"
    printf '# Written by gamelan, which keeps its own clusters. Remove this file to get a "main" cluster\n%s\n' \
        '# with the next PostgreSQL package.' "create_main_cluster = false" |
        "$@" tee "$directory/$file" >/dev/null
}
