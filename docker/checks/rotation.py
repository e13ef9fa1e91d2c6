"""Every secret of `.env` is replaced as docs/operations.md says; the old ones open nothing."""

import base64
import re
import secrets
import urllib.error

from checks import chain
from checks.clients import Airflow, Api
from checks.compose import ROOT, compose, inside, read_env, wait_until_healthy
from checks.steps import Failed, step

SIMPLE = (
    "AIRFLOW_ADMIN_PASSWORD",
    "AIRFLOW_POSTGRES_PASSWORD",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__API__SECRET_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "DAGSTER_POSTGRES_PASSWORD",
    "DANDELION_AIRFLOW_PASSWORD",
    "MINIO_ROOT_PASSWORD",
    "MINIO_ROOT_USER",
    "MLFLOW_POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
)
"""Those that a new value in `.env` and another `up` replace."""

_FERNET = "AIRFLOW__CORE__FERNET_KEY"
_SIGN_IN = """\
import os, sys, psycopg2
try:
    psycopg2.connect(host="postgres", dbname="dagster", user="dagster", password=sys.argv[1])
except psycopg2.OperationalError as error:
    print("refused" if "authentication failed" in str(error) else error)
"""


def check() -> None:
    """Replace all secrets, try the old ones, and follow photos through the stack again."""
    old = read_env()
    step("PostgreSQL's superuser gets another password", lambda: _superuser(_letters()))
    step("a second API key is let in beside the first", lambda: _second_api_key(old))
    step("the others are replaced", lambda: _up({name: _letters() for name in SIMPLE}))
    step("Airflow encrypts with another key", lambda: _fernet(old[_FERNET]))
    step("the first API key is taken out", _first_api_key_out)
    step("the old ones open nothing", lambda: _refused(old))
    chain.check()


def _letters() -> str:
    return secrets.token_hex(20)


def _up(changes: dict[str, str]) -> None:
    """Write new values into `.env`, and have the containers take them."""
    file = ROOT / ".env"
    text = file.read_text()
    for name, value in changes.items():
        text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
    fresh = file.with_name(".env.new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)
    compose("up", "--detach")
    wait_until_healthy()


def _superuser(password: str) -> None:
    statement = f"ALTER ROLE postgres PASSWORD '{password}'"
    compose("exec", "-T", "postgres", "psql", "--username", "postgres", "--command", statement)
    _up({"POSTGRES_PASSWORD": password})


def _second_api_key(old: dict[str, str]) -> None:
    new = _letters()
    _up({"DANDELION_API_KEYS": f"{new},{old['DANDELION_API_KEYS']}", "DANDELION_API_KEY": new})
    Api(old).predict()
    Api(read_env()).predict()


def _first_api_key_out() -> None:
    _up({"DANDELION_API_KEYS": read_env()["DANDELION_API_KEY"]})


def _fernet(old: str) -> None:
    new = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    _up({_FERNET: f"{new},{old}"})
    compose("exec", "-T", "airflow-scheduler", "airflow", "rotate-fernet-key")
    _up({_FERNET: new})


def _refused(old: dict[str, str]) -> None:
    for what, sign_in in (
        ("the API key", lambda: Api(old).predict()),
        ("Airflow's operator", lambda: Airflow(old).states()),
    ):
        try:
            sign_in()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 401:  # noqa: PLR2004 - Unauthorized
                continue
        raise Failed(f"{what} of before still opens something")
    said = inside(_SIGN_IN, old["DAGSTER_POSTGRES_PASSWORD"]).decode().strip()
    if said != "refused":
        raise Failed(f"Dagster's database takes the password of before: {said}")
