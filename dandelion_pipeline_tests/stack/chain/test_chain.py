"""The whole chain: the legacy DAG, Dagster, MLflow, the release, the API, the page."""

from mlflow import MlflowClient
from playwright.sync_api import expect

from dandelion_pipeline.defs.mlflow.tracking import EXPERIMENT
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.records.tables import read_table
from dandelion_pipeline_tests.browsers.browser import chromium_page, drop_photo, needs_chromium
from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.stack.chain.conftest import DAG, DAYS, Chain
from dandelion_pipeline_tests.stack.conftest import SHARE
from dandelion_pipeline_tests.stack.services import wait
from serving.client import ApiError, Client


def test_the_legacy_dag_uploads_each_days_share(chain: Chain, dag_runs: list[str]) -> None:
    for day in DAYS:
        assert len(chain.stack.store.list_objects(layout.landing_day(day))) == 2 * SHARE


def test_dagster_records_each_dag_run_once_and_takes_its_day_in(
    chain: Chain, dag_runs: list[str]
) -> None:
    with chain.stack.airflow.client() as client:
        identities = sorted(run.identity for run in client.finished_runs(DAG, None))
    assert len(identities) == len(dag_runs) + 1  # and the one of the schedule
    wait(lambda: chain.dagster.recorded() == identities, "the materialisations")
    wait(lambda: chain.ingested().issuperset(DAYS), "the intake of the days")
    for day in DAYS:
        rows = read_table(chain.stack.store, layout.table("raw_images", day)).to_pylist()
        assert [row["status"] for row in rows] == ["accepted"] * 2 * SHARE


def test_the_api_answers_with_the_model_that_this_very_run_made(
    chain: Chain, training: str
) -> None:
    with Client(chain.url("api"), chain.key) as client:
        version = log.live(chain.stack.store).version
        wait(lambda: answering_version(client) == version, "the API to load the model")
        answer = client.predict(photo(), "photo.jpg")
    assert answer.model.version == version
    assert answer.model.dagster_run == training


def answering_version(client: Client) -> str | None:
    try:
        return client.ready().version
    except ApiError:  # it has none yet
        return None


def test_the_mlflow_run_of_the_training_is_finished(chain: Chain, training: str) -> None:
    version = log.live(chain.stack.store).version
    manifest = open_bundle(chain.stack.store, version).manifest
    client = MlflowClient(chain.url("mlflow"))
    wait(lambda: client.get_run(manifest.mlflow_run).info.status == "FINISHED", "MLflow's run")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["dagster_run_id"] == training
    plots = {file.path for file in client.list_artifacts(run.info.run_id, "plots")}
    drawn = ("learning_curves.png", "confusion_matrix.png", "reliability.png")
    assert plots >= {f"plots/{name}" for name in drawn}


@needs_chromium
def test_the_page_shows_the_answer_of_that_model(chain: Chain, training: str) -> None:
    with chromium_page() as page:
        page.goto(chain.url("page"))
        drop_photo(page, photo())
        expect(page.locator(".dd-percent")).to_be_visible(timeout=60_000)
        expect(page.locator(".dd-version")).to_have_text(log.live(chain.stack.store).version)
