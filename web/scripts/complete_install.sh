#!/bin/sh
# After `npm ci`: under a Node older than Vite wants (Debian 12 has 18) npm leaves out the bundler's native part, an
# optional package whose engines do not match. The newer Node that package.json brings is there by now, so npm
# completes the tree under it, from the same lock file.
set -eu
if sh scripts/node.sh -e 'import("rolldown").catch(() => process.exit(1))' 2>/dev/null; then exit 0; fi
[ -n "${npm_execpath:-}" ] || { echo "run this through npm" >&2; exit 1; }
: "${NODE_EXTRA_CA_CERTS:=/etc/ssl/certs/ca-certificates.crt}" # this Node brings its own list, Debian's reads the system's
export NODE_EXTRA_CA_CERTS
exec sh scripts/node.sh "$npm_execpath" install --no-save --ignore-scripts --no-audit --no-fund
