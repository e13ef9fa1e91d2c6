#!/bin/sh
# Starts Redis as its own user, on a volume of its own. The password comes through stdin, because
# arguments show in the process list.
set -eu
: "${REDIS_PASSWORD:?}"
chown redis:redis /data
exec setpriv --reuid redis --regid redis --clear-groups redis-server - <<CONFIG
requirepass $REDIS_PASSWORD
dir /data
appendonly yes
maxmemory-policy noeviction
CONFIG
