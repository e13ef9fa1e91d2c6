"""Photos go all the way: Airflow, the bucket, Dagster, a model, the API, the page."""

from datetime import UTC, datetime, timedelta

from checks.clients import Airflow, Api, Dagster
from checks.compose import compose, fill_drop_folder, read_env
from checks.steps import Failed, say, step

DAYS = 3
"""So many past days the DAG is run for."""

_PAGE = """\
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("/opt/app/serving/webapp/page.py", default_timeout=30).run()
assert not page.exception, page.exception
print(*(html.proto.body for html in page.get("html")))
"""


def check() -> None:
    """Follow photos through the stack."""
    env = read_env()
    step("the drop folder holds photos", lambda: fill_drop_folder(env))
    airflow, dagster = Airflow(env), Dagster(env)
    step("Airflow refuses admin/admin", airflow.refuse_admin_admin)
    now = datetime.now(UTC)
    days = [f"{now - timedelta(days=back):%Y-%m-%d}" for back in range(1, DAYS + 1)]
    dag_runs = step("the legacy DAG uploads", lambda: [airflow.upload(day) for day in days])
    step("Dagster sees the DAG runs", lambda: dagster.see(dag_runs))
    step("Dagster takes the days in", lambda: dagster.take_in(days))
    run_id = step("Dagster trains a tiny model", dagster.train)
    version = step("the API answers with it", lambda: Api(env).version_of(run_id))
    step("the web page shows it", lambda: look_at_page(version))
    say(f"        model {version} is live")


def look_at_page(version: str) -> None:
    """Draw the page in its own container, and find the version on it."""
    page = compose("exec", "-T", "webapp", "python", "-c", _PAGE).decode()
    if version not in page:
        raise Failed(f"{version} is not on the page")
