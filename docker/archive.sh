#!/bin/sh
# In a container that has every volume under /volumes: packs them into /backup, or unpacks them
# from there. archive.sh save|restore OWNER [VOLUMES BACKUP], where OWNER gets the files of /backup.
set -eu
umask 077
export LC_ALL=C # tar's complaints are read below

fail() {
    printf 'error: %s\n   do: %s\n' "$1" "$2" >&2
    exit 1
}

pack() { # pack VOLUME [OPTIONS OF TAR]
    volume=$1
    shift
    tar --create --numeric-owner "$@" --directory "$volume" --file "$backup/$volume.tar" . \
        2>"$backup/complaints"
}

# The API and the edge go on while their volumes are packed. What may change under tar's hands:
# - a journal of predictions grows. tar packs as many bytes as it had at first; a row that is cut
#   has no valid checksum and is passed over, and its answer came after the backup began.
# - a folder, as files come and go in it.
# - a file that goes: a copy of a model that has been replaced, a photo or a journal that the bucket
#   has got before MinIO was stopped. Files appear whole, by a rename.
# Any other file that changes may be half old and half new, and the volume is packed once more.
# What has the name of an unfinished write (the API's *.part, obstore's *#1) is left out.
is_harmless() { # a line of tar's, about the volume
    case $2 in
    'tar: '*': File removed before we read it') ;;
    'tar: '*'.journal: file changed as we read it') ;;
    'tar: '*': file changed as we read it')
        path=${2#tar: }
        [ -d "$1/${path%: file changed as we read it}" ]
        ;;
    *) return 1 ;;
    esac
}

pack_live() {
    for _ in 1 2 3 4 5; do
        code=0
        pack "$1" --exclude='*.part' --exclude='*#[0-9]*' || code=$?
        [ "$code" -ne 0 ] || return 0
        [ "$code" -eq 1 ] || return 1
        while IFS= read -r line; do
            is_harmless "$1" "$line" || continue 2
        done <"$backup/complaints"
        return 0
    done
    return 1
}

save() {
    for volume in *; do
        printf 'saving %s\n' "$volume"
        case $volume in
        api-home | edge-data) pack_live "$volume" ;;
        *) pack "$volume" ;;
        esac || {
            cat "$backup/complaints" >&2
            fail "the volume $volume could not be packed" "make a new backup; if a file changed while \
it was read, find out what writes it: every service but the API, the page and the edge is stopped"
        }
    done
    cd "$backup"
    rm complaints
    sha256sum -- *.tar >unfinished
    sync
    mv unfinished SHA256SUMS # last: a backup without it is none
    chown "$owner" -- *.tar SHA256SUMS
}

restore() {
    for volume in *; do
        [ -z "$(ls -A "$volume")" ] || fail "the volume $volume is not empty" \
            "docker compose --profile airflow --profile edge down --volumes throws away what the stack holds now"
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
