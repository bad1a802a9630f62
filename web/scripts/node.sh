#!/bin/sh
# Runs the Node that package.json brings; Debian 12's own is too old for Vite. Not through node_modules/.bin: npm 9
# drops that link when it skips the package of another processor.
for program in node_modules/node-linux-*/bin/node; do
  [ -x "$program" ] && exec "$program" "$@"
done
exec node "$@"
