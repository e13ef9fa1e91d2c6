#!/bin/sh
# Writes .env from .env.example, with a generated secret wherever the example has nothing. Leaves
# a .env that is there as it is. Needs a shell and coreutils alone.
set -eu
cd "$(dirname "$0")/.."

mkdir -p drop api-keys
if [ -e .env ] || [ -L .env ]; then
    exit 0
fi
[ -r .env.example ] || {
    printf 'error: %s\n   do: %s\n' ".env.example is not there" "git checkout .env.example" >&2
    exit 1
}

letters() { # $1 random letters and digits: 20 of them hold 100 bits
    LC_ALL=C tr -dc 'a-z0-9' </dev/urandom | head -c "$1"
}

written=$(mktemp .env.XXXXXX) # which nobody else may read
trap 'rm -f "$written"' EXIT
api_key=$(letters 40)
while IFS= read -r line; do
    case $line in
    AWS_ACCESS_KEY_ID= | MINIO_ROOT_USER=) line=$line$(letters 20) ;;
    AIRFLOW__CORE__FERNET_KEY=) line=$line$(head -c 32 /dev/urandom | base64 | tr '+/' '-_') ;;
    DANDELION_API_KEYS= | DANDELION_API_KEY=) line=$line$api_key ;;
    \#*) ;;
    *=) line=$line$(letters 40) ;;
    esac
    printf '%s\n' "$line"
done <.env.example >"$written"
ln "$written" .env # fails if another one was faster
printf '.env is written, with new secrets. Keep a copy in a safe place.\n'
