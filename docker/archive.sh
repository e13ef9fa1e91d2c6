#!/bin/sh
# In a container that has every volume under /volumes: packs them into /backup, or unpacks them
# from there. archive.sh save|restore OWNER [VOLUMES BACKUP], where OWNER gets the files of /backup.
set -eu
umask 077

fail() {
    printf 'error: %s\n   do: %s\n' "$1" "$2" >&2
    exit 1
}

save() {
    for volume in *; do
        printf 'saving %s\n' "$volume"
        tar --create --numeric-owner --directory "$volume" --file "$backup/$volume.tar" .
    done
    cd "$backup"
    sha256sum -- *.tar >unfinished
    sync
    mv unfinished SHA256SUMS # last: a backup without it is none
    chown "$owner" -- *.tar SHA256SUMS
}

restore() {
    for volume in *; do
        [ -z "$(ls -A "$volume")" ] || fail "the volume $volume is not empty" \
            "docker compose --profile airflow down --volumes throws away what the stack holds now"
        [ -f "$backup/$volume.tar" ] ||
            fail "$volume.tar is missing in the backup" "use another backup"
    done
    (cd "$backup" && sha256sum --check --quiet SHA256SUMS) ||
        fail "the backup is damaged" "use another backup"
    for volume in *; do
        printf 'restoring %s\n' "$volume"
        tar --extract --numeric-owner --same-permissions --directory "$volume" --file "$backup/$volume.tar"
    done
}

command=$1 owner=$2 backup=${4:-/backup}
cd "${3:-/volumes}"
"$command"
