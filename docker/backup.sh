#!/bin/sh
# Saves the compose stack to a folder, or brings it back: backup.sh save|restore FOLDER.
# docs/operations.md says when and how. The API and the page go on answering while it saves.
set -eu

fail() {
    printf 'error: %s\n   do: %s\n' "$1" "$2" >&2
    exit 1
}

[ $# -eq 2 ] && [ -n "$2" ] || fail "there are $# arguments, or the folder has no name" \
    "docker/backup.sh save FOLDER, or restore FOLDER"
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
compose="$compose --profile airflow --profile edge --profile backup"
stopped='' child='' stopping=''
container=dandelion-archive-$$

# Without these, dash would run no EXIT trap when a signal ends it, and leave the stack stopped.
trap 'interrupted 1' HUP
trap 'interrupted 2' INT
trap 'interrupted 15' TERM
trap 'again' EXIT

interrupted() { # by a signal of this number
    trap '' HUP INT TERM # starting the stack again takes some seconds: nothing interrupts that
    [ -z "$child" ] || kill -s TERM "$child" 2>/dev/null || true
    no_archive # a container that went on would finish a backup of a stack that is running again
    [ -z "$child" ] || wait "$child" 2>/dev/null || true
    no_archive
    case $command in
    save) remedy="delete $folder; without SHA256SUMS it is no backup" ;;
    *) remedy="$compose down --volumes, and restore again: the volumes hold a part of the backup" ;;
    esac
    printf 'error: %s was interrupted\n   do: %s\n' "$command" "$remedy" >&2
    exit $((128 + $1))
}

no_archive() {
    docker rm --force "$container" >/dev/null 2>&1 || true
}

attend() { # runs a command; unlike one in the foreground, it lets a trap run at once
    "$@" &
    child=$!
    wait "$child"
    child=''
}

archive() { # runs docker/archive.sh in a container that has all volumes
    # shellcheck disable=SC2086 # a command with its options
    attend $compose run -T --rm --name "$container" --volume "$folder:/backup" \
        archive "$1" "$(id -u):$(id -g)"
}

save() {
    [ -f .env ] || fail "there is no .env" "make compose-up; there is nothing to save yet"
    if [ -e "$folder" ] && [ -n "$(ls -A "$folder")" ]; then
        fail "$folder is not empty" "name a new folder; a backup never overwrites another"
    fi
    up=$($compose ps --services --filter status=running)
    coming=$($compose ps --services --filter status=restarting) # Docker starts them any moment
    mkdir -p "$folder"
    chmod 700 "$folder"
    cp -p .env "$folder/env" # before the archives, whose SHA256SUMS comes last
    git rev-parse HEAD >"$folder/commit" 2>/dev/null || rm -f "$folder/commit"
    # Whatever writes is stopped, and the stores with it, so that all volumes are of one moment.
    stopped=$(printf '%s\n' "$up" "$coming" | sort -u | sed -E '/^(api|webapp|edge|)$/d')
    stopping=yes
    # shellcheck disable=SC2086 # names of services
    [ -z "$stopped" ] || attend $compose stop $stopped
    stopping=''
    archive save
    printf 'The backup is in %s. It holds the secrets of .env: keep it as safe.\n' "$folder"
}

again() { # starts what was stopped, however this ends
    code=$?
    trap - EXIT
    trap '' HUP INT TERM
    [ -n "$stopped" ] || exit "$code"
    # What Docker is still stopping cannot be started: wait for it.
    # shellcheck disable=SC2086 # names of services
    [ -z "$stopping" ] || $compose stop $stopped || true
    for _ in 1 2 3; do # a second Ctrl-C reaches compose itself
        # shellcheck disable=SC2086 # names of services
        $compose start $stopped && exit "$code"
    done
    fail "the stack did not start again" "make compose-up, with the PROFILES that you use"
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
