"""The stack is saved, emptied and brought back: nothing has changed."""

import difflib
import json
import tempfile
import threading
from pathlib import Path
from typing import Any

from checks.clients import Airflow, Api, Dagster, Mlflow
from checks.compose import ROOT, ask_inside, compose, read_env, run, wait_until_healthy
from checks.steps import Failed, say, step, wait

SCRIPT = str(ROOT / "docker" / "backup.sh")

# Every object of the bucket, and the tables and models in it, by what they say.
_BUCKET = """\
import hashlib, json
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.objects.location import open_store
store = open_store(load_settings().store)
keys = sorted(entry.key for entry in store.list_objects(""))
kept = [key for key in keys if not key.startswith("compute-logs/")]
print(json.dumps({key: hashlib.sha256(store.get(key)).hexdigest() for key in kept}))
"""


def check() -> None:
    """Save, empty, restore, compare."""
    env = read_env()
    step("nothing is at work", lambda: _quiet(Dagster(env)))
    before = step("the stack is looked at", lambda: _everything(env))
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, "backup")
        step("a backup is made while the API answers", lambda: _save(Api(env), saved))
        step("all is healthy again", wait_until_healthy)
        size = sum(path.stat().st_size for path in saved.iterdir())
        say(f"        {size / 1e6:.0f} MB in {len(list(saved.iterdir()))} files")
        step("the stack is emptied", lambda: compose("down", "--volumes"))
        step("it is restored", lambda: run([SCRIPT, "restore", str(saved)]))
    step("it starts", lambda: compose("up", "--detach"))
    step("all is healthy", wait_until_healthy)
    step("all is as it was", lambda: _compare(before, env))


def _quiet(dagster: Dagster) -> None:
    ended = {"SUCCESS", "FAILURE", "CANCELED"}
    wait("the runs", lambda: all(run["status"] in ended for run in dagster.runs()) or None)


def _everything(env: dict[str, str]) -> dict[str, Any]:
    airflow, dagster, mlflow = Airflow(env), Dagster(env), Mlflow(env)
    dag_runs = airflow.states()
    uploaded = next((run for run, state in dag_runs.items() if state == "success"), None)
    if uploaded is None:
        raise Failed("no DAG run has succeeded; do the check `chain` first")
    answer = Api(env).predict()
    return {
        "asset catalogue": dagster.catalogue(),
        "Dagster runs": dagster.runs(),
        "MLflow runs": mlflow.runs(),
        "MLflow registry": mlflow.registry(),
        "DAG runs": dag_runs,
        "a task's log": airflow.log(uploaded, "upload_to_minio"),
        "bucket": ask_inside(_BUCKET),
        "live model": {name: answer[name] for name in ("model", "probabilities")},
    }


def _save(api: Api, folder: Path) -> None:
    saving = threading.Thread(target=run, args=([SCRIPT, "save", str(folder)],))
    saving.start()
    answers = 0
    while saving.is_alive():
        api.predict()
        answers += 1
        saving.join(0.5)
    say(f"        {answers} answers meanwhile, none failed")
    if not (folder / "SHA256SUMS").exists():
        raise Failed("there is no backup")


def _compare(before: dict[str, Any], env: dict[str, str]) -> None:
    wait("the live model", lambda: _answers(env))
    after = _everything(env)
    for name, was in before.items():
        if after[name] != was:
            difference = list(difflib.unified_diff(_lines(was), _lines(after[name])))
            raise Failed(f"{name}: " + "\n".join(difference[:30]))
        say(f"        the same: {name} ({len(was)})")


def _lines(document: Any) -> list[str]:  # noqa: ANN401
    return json.dumps(document, indent=1, sort_keys=True).splitlines()


def _answers(env: dict[str, str]) -> bool | None:
    try:
        return bool(Api(env).predict())
    except OSError:
        return None
