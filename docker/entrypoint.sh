#!/bin/sh
# The first argument picks the process.
set -e
case "$1" in
  api | worker) exec node --enable-source-maps "dist/apps/$1/src/main.js" ;;
  migrate) exec node dist/libs/db/src/migrate.js ;;
  seed) exec node dist/apps/api/src/cli/seed.js ;;
  secrets) exec docker/secrets.sh ;;
  rtmp) exec nginx -p /tmp -e stderr -c "$PWD/docker/rtmp.conf" ;;
  *) echo "usage: api | worker | migrate | seed | secrets | rtmp" >&2; exit 64 ;;
esac
