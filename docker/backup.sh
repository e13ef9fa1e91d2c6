#!/bin/sh
# Saves the compose stack to a folder, or brings it back: backup.sh save|restore FOLDER.
# docs/operations.md says when and how. The API and the page go on answering while it saves.
set -eu

fail() {
    printf 'error: %s\n   do: %s\n' "$1" "$2" >&2
    exit 1
}

[ $# -eq 2 ] || fail "there are $# arguments" "docker/backup.sh save FOLDER, or restore FOLDER"
command=$1
case $2 in
/*) folder=$2 ;;
*) folder=$PWD/$2 ;;
esac
cd "$(dirname "$0")/.."

if docker compose version >/dev/null 2>&1; then
    compose='docker compose'
else
    compose=docker-compose
fi
compose="$compose --profile airflow --profile backup"

archive() { # runs docker/archive.sh in a container that has all volumes
    $compose run --rm --volume "$folder:/backup" archive "$1" "$(id -u):$(id -g)"
}

save() {
    [ -f .env ] || fail "there is no .env" "make compose-up; there is nothing to save yet"
    if [ -e "$folder" ] && [ -n "$(ls -A "$folder")" ]; then
        fail "$folder is not empty" "name a new folder; a backup never overwrites another"
    fi
    mkdir -p "$folder"
    chmod 700 "$folder"
    # Whatever writes is stopped, and the stores with it, so that all volumes are of one moment.
    stopped=$($compose ps --services --filter status=running | grep -vxE 'api|webapp' || true)
    trap 'again' EXIT
    # shellcheck disable=SC2086 # names of services
    [ -z "$stopped" ] || $compose stop $stopped
    archive save
    cp -p .env "$folder/env"
    git rev-parse HEAD >"$folder/commit" 2>/dev/null || rm -f "$folder/commit"
    printf 'The backup is in %s. It holds the secrets of .env: keep it as safe.\n' "$folder"
}

again() {
    trap - EXIT
    # shellcheck disable=SC2086 # names of services
    [ -z "$stopped" ] || $compose start $stopped
}

restore() {
    [ -f "$folder/SHA256SUMS" ] ||
        fail "$folder is no finished backup: SHA256SUMS is missing" "name a folder that save made"
    if [ -f .env ] && ! cmp -s .env "$folder/env"; then
        fail ".env is not the backup's, whose passwords are in its databases" \
            "move .env away; the backup's takes its place"
    fi
    [ -z "$($compose ps --quiet)" ] ||
        fail "there are containers of this stack" "make compose-down"
    archive restore
    [ -f .env ] || cp -p "$folder/env" .env
    printf 'Restored. Start it: make compose-up, with the PROFILES that you use.\n'
}

case $command in
save | restore) "$command" ;;
*) fail "there is no command $command" "docker/backup.sh save FOLDER, or restore FOLDER" ;;
esac
