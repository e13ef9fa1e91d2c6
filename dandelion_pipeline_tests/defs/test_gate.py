"""The gate as Dagster shows it: a check for each condition, one table, and a way to overrule it."""

from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from dandelion_pipeline.defs.assets.release import published_model
from dandelion_pipeline.defs.mlflow.registry import CHALLENGER, CHAMPION
from dandelion_pipeline.defs.mlflow.tracking import mlflow_tracking
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.errors import ModelRefused
from dandelion_pipeline.evaluation.scores import score
from dandelion_pipeline.gate.gate import CALIBRATED, GATE_CHECKS, NOT_WORSE, RECOGNISED, USEFUL
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle, put_files
from dandelion_pipeline.release.decision import last_decision
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.defs.assets.test_published_model import given
from dandelion_pipeline_tests.defs.mlflow.registered import aliases, ask
from dandelion_pipeline_tests.gate.test_publish import challenger, coloured_dataset, published


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    """A store whose live model is good."""
    store = open_store((tmp_path / "store").as_uri())
    published(store, coloured_dataset(store, each=130), "good")
    return store


def materialise(
    store: Store, dataset: pa.Table, version: str, onnx: bytes | None = None, **config: object
) -> dg.ExecuteInProcessResult:
    """Run `published_model` as anybody would who materialises it alone, for a hopeless model."""
    model = challenger(dataset, version, flipped=True, onnx=onnx)
    put_files(store, version, model.bundle_files())
    upstream = {
        "trained_model": model,
        "evaluation": score(store, dataset, model),
        "dataset": dataset,
    }
    return dg.materialize(
        [*(given(name, value) for name, value in upstream.items()), published_model],
        resources={
            "store": StoreResource(url=store.url),
            "mlflow": mlflow_tracking,
            "io_manager": dg.mem_io_manager,
        },
        run_config={"ops": {"published_model": {"config": config}}},
        raise_on_error=False,
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def test_a_refused_model_fails_its_checks_and_the_run_and_says_why_in_one_table(
    embedded: Settings, folder: Store
) -> None:
    dataset = coloured_dataset(folder, each=130)
    result = materialise(folder, dataset, "bad")
    assert not result.success
    error = result.failure_data_for_node("published_model")
    assert error is not None
    assert ModelRefused.__name__ in str(error.error)
    assert "dandelion releases promote bad --force --reason" in str(error.error)
    found = checks(result)
    assert set(found) == set(GATE_CHECKS)
    assert {name for name, check in found.items() if not check.passed} == {
        NOT_WORSE,
        USEFUL,
        RECOGNISED,
        CALIBRATED,
    }
    assert all(check.blocking for check in found.values())
    assert found[RECOGNISED].metadata["bound"].value == 0.1
    (seen,) = result.asset_observations_for_node("published_model")
    table = seen.metadata["gate"]
    assert isinstance(table, dg.TableMetadataValue)
    first = table.records[0].data
    assert (first["criterion"], first["verdict"]) == (NOT_WORSE, "failed")
    assert (first["value"], first["bound"]) == (0.0, 0.05)
    assert str(first["what was found"]).startswith("it is worse than the live model")
    assert log.live(folder).version == "good"
    open_bundle(folder, "bad").verify()
    assert aliases(embedded) == {CHAMPION: "good", CHALLENGER: "bad"}
    run = ask(embedded).get_run(open_bundle(folder, "bad").manifest.mlflow_run)
    assert (run.info.status, run.data.tags["promoted"]) == ("FAILED", "False")


@pytest.mark.usefixtures("embedded")
def test_a_forced_model_goes_live_with_the_reason_in_the_log_and_its_checks_as_warnings(
    folder: Store,
) -> None:
    dataset = coloured_dataset(folder, each=130)
    result = materialise(folder, dataset, "bad", force_reason="for the museum")
    assert result.success
    failed = [check for check in checks(result).values() if not check.passed]
    assert {check.severity for check in failed} == {dg.AssetCheckSeverity.WARN}
    assert {check.metadata["forced because"].value for check in failed} == {"for the museum"}
    entry = log.live(folder)
    assert (entry.version, entry.forced) == ("bad", True)
    assert entry.why.startswith("for the museum (forced; it is worse than the live model")
    decision = last_decision(folder, "bad")
    assert decision is not None
    assert decision.forced_because == "for the museum"


@pytest.mark.usefixtures("embedded")
def test_the_limits_are_configuration(folder: Store) -> None:
    limits = {"significance": 1e-30, "max_recall_loss": 1.0, "max_calibration_error": 1.0}
    dataset = coloured_dataset(folder, each=130)
    misses_more_grass = tiny_models.onnx_graph(blue=(0.15, 100))
    assert not materialise(folder, dataset, "bad", misses_more_grass).success
    assert materialise(folder, dataset, "bad", misses_more_grass, limits=limits).success
    assert log.live(folder).forced is False


@pytest.mark.usefixtures("embedded")
def test_what_may_be_luck_is_a_check_that_warns_and_stops_nothing(tmp_path: Path) -> None:
    store = open_store((tmp_path / "store").as_uri())
    few = coloured_dataset(store, each=10)
    result = materialise(store, few, "v1", tiny_models.onnx_graph())
    assert result.success
    found = checks(result)[USEFUL]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "so few photos cannot tell" in str(found.description)
    assert "so few photos cannot tell" in log.live(store).why
