#!/bin/sh
# Starts Caddy, unless .env says too little for a login: a page without one is never served.
set -eu

fail() {
    printf 'error: %s\n   do: %s\n' "$1" "$2" >&2
    exit 1
}

[ -n "${DANDELION_EDGE_DOMAIN:-}" ] ||
    fail "DANDELION_EDGE_DOMAIN is not set" "set it in .env: a domain whose names lead to this machine"
case ${DANDELION_EDGE_LOGIN:-} in
password)
    [ -n "${DANDELION_EDGE_USER:-}" ] && [ -n "${DANDELION_EDGE_PASSWORD_HASH:-}" ] ||
        fail "DANDELION_EDGE_USER or DANDELION_EDGE_PASSWORD_HASH is not set" \
            "set both in .env; docs/edge.md says how to make the hash"
    ;;
oauth2) ;;
*) fail "DANDELION_EDGE_LOGIN is '${DANDELION_EDGE_LOGIN:-}'" "set it to password or oauth2 in .env" ;;
esac
exec caddy run --config "${1:-/etc/caddy/Caddyfile}" --adapter caddyfile
