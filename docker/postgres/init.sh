#!/bin/sh
# Prepares PostgreSQL: a user and a database for each service, with the passwords of .env.
# Runs at every `docker compose up`; a second run changes nothing unless .env changed.
#
# Passwords go to psql through the environment, because arguments show in the process list.
set -eu

: "${PGHOST:?}" "${PGUSER:?}" "${POSTGRES_PASSWORD:?}"
: "${AIRFLOW_POSTGRES_PASSWORD:?}" "${DAGSTER_POSTGRES_PASSWORD:?}" "${MLFLOW_POSTGRES_PASSWORD:?}"
export PGPASSWORD="$POSTGRES_PASSWORD" PGDATABASE=postgres

make_database() {
    PASSWORD=$2 psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set "name=$1" <<'SQL' ||
\getenv password PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
    {
        printf 'error: %s\n   do: %s\n' "the database $1 cannot be made at $PGHOST" \
            "docker compose logs postgres; POSTGRES_PASSWORD is the one of the first start" >&2
        exit 1
    }
}

make_database airflow "$AIRFLOW_POSTGRES_PASSWORD"
make_database dagster "$DAGSTER_POSTGRES_PASSWORD"
make_database mlflow "$MLFLOW_POSTGRES_PASSWORD"
echo 'The databases airflow, dagster and mlflow are ready.'
