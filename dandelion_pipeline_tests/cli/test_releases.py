import json

import pytest

from dandelion_pipeline.errors import BundleError, ModelRefused, NothingReleased, ReleaseError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.agreement import Agreement
from dandelion_pipeline.release.decision import Criterion, decision_of, record
from dandelion_pipeline.release.manifest import ONNX_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.cli.conftest import Dandelion
from dandelion_pipeline_tests.data.tiny_models import SAMPLE, publish, put_bundle


@pytest.fixture
def two(here: Store) -> Store:
    """A store in which v2 is live, after v1."""
    publish(here, "v1")
    publish(here, "v2")
    return here


def test_the_log_is_a_table_with_the_live_model_first(two: Store, dandelion: Dandelion) -> None:
    lines = dandelion("releases", "list").stdout.splitlines()
    rows = [line.split() for line in lines if line.strip()[:1].isdigit()]
    assert [row[:3] for row in rows] == [["2", "promote", "v2"], ["1", "promote", "v1"]]
    assert "it is being tested (a test)" in "\n".join(lines)


def test_the_log_as_json_has_every_field(two: Store, dandelion: Dandelion) -> None:
    document = json.loads(dandelion("releases", "list", "--json").stdout)
    assert document == [entry.model_dump() for entry in log.history(two)[::-1]]


def test_an_empty_log_says_where_it_looked_and_what_to_do(
    here: Store, dandelion: Dandelion
) -> None:
    assert f"in {here.url} yet: make run" in dandelion("releases", "list").stdout
    assert here.url in dandelion("releases", "list", "--refused").stdout
    assert isinstance(dandelion("releases", "show").exception, NothingReleased)


def test_a_model_is_shown_with_its_metrics_and_its_releases(
    two: Store, dandelion: Dandelion
) -> None:
    shown = dandelion("releases", "show").stdout
    for part in (
        "version  v2",
        "live  yes",
        "0.9500 on 60 test photos",
        "150 dandelion",
        ONNX_FILE,
    ):
        assert part in shown
    assert "live  no" in dandelion("releases", "show", "v1").stdout


def test_a_model_that_differs_in_8_bits_is_shown_as_one(here: Store, dandelion: Dandelion) -> None:
    differs = Agreement(
        photos=40, labels_equal=0.9, labels_wanted=0.99, largest_difference=0.3, agrees=False
    )
    publish(here, "v1", int8=differs)
    shown = dandelion("releases", "show").stdout
    assert "served in  32-bit floats" in shown
    assert "int8  90.0% of 40 photos keep their label, probabilities within 0.300" in shown
    assert "so it is not served" in shown


def test_a_model_says_in_which_numbers_it_is_served_and_why(
    here: Store, dandelion: Dandelion
) -> None:
    publish(here, "v1", served_as="fp32", served_because="8-bit integers are not faster")
    shown = dandelion("releases", "show").stdout
    assert "served in  32-bit floats: 8-bit integers are not faster" in shown


def test_a_model_of_the_sample_is_shown_as_one(here: Store, dandelion: Dandelion) -> None:
    publish(here, "toy", data=SAMPLE)
    assert "(a generated sample)" in dandelion("releases", "show").stdout


def test_a_model_as_json_has_its_manifest_and_its_releases(
    two: Store, dandelion: Dandelion
) -> None:
    document = json.loads(dandelion("releases", "show", "v1", "--json").stdout)
    assert document["live"] is False
    assert document["manifest"]["version"] == "v1"
    assert document["address"] == two.address("models/v1/")
    assert [entry["number"] for entry in document["releases"]] == [2, 1]
    assert document["manifest_sha256"] == log.history(two)[0].manifest_sha256


def test_rolling_back_makes_the_model_before_live_and_keeps_who_and_why(
    two: Store, dandelion: Dandelion
) -> None:
    done = dandelion("releases", "rollback", "--reason", "v2 calls grass dandelion")
    assert done.exit_code == 0
    assert "v1, in place of v2, as release 3" in done.stdout
    live = log.live(two)
    assert (live.version, live.action, live.why) == ("v1", "rollback", "v2 calls grass dandelion")
    assert "@" in live.who


def test_rolling_back_to_a_version_as_somebody_else(two: Store, dandelion: Dandelion) -> None:
    publish(two, "v3")
    arguments = ("--to", "v1", "--reason", "both are bad", "--who", "ada", "--json")
    document = json.loads(dandelion("releases", "rollback", *arguments).stdout)
    assert document == log.live(two).model_dump()
    assert (document["version"], document["who"]) == ("v1", "ada")


def test_promoting_makes_a_finished_model_live(two: Store, dandelion: Dandelion) -> None:
    put_bundle(two, "made")
    done = dandelion("releases", "promote", "made", "--reason", "we know better")
    assert "made, in place of v2, as release 3" in done.stdout
    again = dandelion("releases", "promote", "made", "--reason", "once more")
    assert "made was live already, as release 3" in again.stdout
    assert len(log.history(two)) == 3
    assert log.live(two).forced is False


def refuse(store: Store, version: str, says: str = "it is worse: 9 photos lost") -> None:
    """A finished model that the gate was against."""
    put_bundle(store, version)
    worse = Criterion(check="not_worse", says=says, passed=False, value=0.01, bound=0.05)
    record(store, decision_of(version, "v2", [worse], forced_because="", run="a run"))


def test_a_refused_model_goes_live_only_by_force_and_the_log_keeps_that_and_why(
    two: Store, dandelion: Dandelion
) -> None:
    refuse(two, "v3")
    refused = dandelion("releases", "promote", "v3", "--reason", "shade")
    assert isinstance(refused.exception, ModelRefused)
    assert "9 photos lost" in refused.exception.why
    assert log.live(two).version == "v2"
    assert dandelion("releases", "promote", "v3", "--force", "--reason", "shade").exit_code == 0
    assert (log.live(two).version, log.live(two).forced) == ("v3", True)
    assert log.live(two).why == "shade"
    assert "promote, forced" in dandelion("releases", "list").stdout


def test_force_without_a_reason_is_refused(two: Store, dandelion: Dandelion) -> None:
    refuse(two, "v3")
    assert dandelion("releases", "promote", "v3", "--force").exit_code == 2
    assert log.live(two).version == "v2"


def test_refused_models_are_listed_with_their_reasons_until_they_go_live(
    two: Store, dandelion: Dandelion
) -> None:
    assert "refused no model" in dandelion("releases", "list", "--refused").stdout
    refuse(two, "v3")
    refuse(two, "v4", "too sure of itself")
    listed = dandelion("releases", "list", "--refused").stdout
    assert "too sure of itself" in listed
    document = json.loads(dandelion("releases", "list", "--refused", "--json").stdout)
    assert {entry["version"] for entry in document} == {"v3", "v4"}
    dandelion("releases", "promote", "v4", "--force", "--reason", "we know better")
    document = json.loads(dandelion("releases", "list", "--refused", "--json").stdout)
    assert [entry["version"] for entry in document] == ["v3"]


def test_a_model_is_shown_with_what_the_gate_found(two: Store, dandelion: Dandelion) -> None:
    refuse(two, "v3")
    shown = dandelion("releases", "show", "v3").stdout
    for part in ("The gate, beside v2", "not_worse", "FAILED", "0.01", "0.05", "9 photos lost"):
        assert part in shown
    document = json.loads(dandelion("releases", "show", "v3", "--json").stdout)
    assert document["decision"]["criteria"][0]["says"] == "it is worse: 9 photos lost"
    assert json.loads(dandelion("releases", "show", "v1", "--json").stdout)["decision"] is None


def test_a_damaged_decision_is_named_and_force_needs_none(two: Store, dandelion: Dandelion) -> None:
    refuse(two, "v3")
    two.put(layout.decision("v3", 1), b"damaged")
    refused = dandelion("releases", "promote", "v3", "--reason", "shade")
    assert isinstance(refused.exception, ReleaseError)
    assert "decisions/00000001.json" in refused.exception.what
    assert dandelion("releases", "promote", "v3", "--force", "--reason", "shade").exit_code == 0


def test_a_release_is_made_even_if_mlflow_is_away(two: Store, dandelion: Dandelion) -> None:
    done = dandelion("releases", "rollback", "--reason", "it was worse")
    assert done.exit_code == 0
    assert "The release is made. MLflow's registry lags behind" in done.stderr
    assert "MLFLOW_TRACKING_URI" in done.stderr


@pytest.mark.parametrize("command", [("rollback",), ("promote", "v1")])
def test_a_release_without_a_reason_is_refused(
    two: Store, dandelion: Dandelion, command: tuple[str, ...]
) -> None:
    done = dandelion("releases", *command)
    assert done.exit_code == 2
    assert "--reason" in done.stderr
    assert log.live(two).version == "v2"


def test_a_model_that_does_not_exist_or_is_damaged_does_not_go_live(
    two: Store, dandelion: Dandelion
) -> None:
    nothing = dandelion("releases", "promote", "v9", "--reason", "a typing error")
    assert isinstance(nothing.exception, BundleError)
    put_bundle(two, "damaged")
    two.put(layout.model_file("damaged", ONNX_FILE), b"?")
    damaged = dandelion("releases", "promote", "damaged", "--reason", "nobody looked")
    assert isinstance(damaged.exception, BundleError)
    assert log.live(two).version == "v2"


def test_rolling_back_where_nothing_came_before_is_refused(
    here: Store, dandelion: Dandelion
) -> None:
    publish(here, "v1")
    done = dandelion("releases", "rollback", "--reason", "it was worse")
    assert isinstance(done.exception, ReleaseError)


def test_a_damaged_old_entry_stops_a_rollback_and_no_promotion(
    two: Store, dandelion: Dandelion
) -> None:
    two.put(layout.release(1), b"damaged")
    refused = dandelion("releases", "rollback", "--reason", "it was worse")
    assert isinstance(refused.exception, ReleaseError)
    assert "releases promote VERSION" in refused.exception.remedy
    assert dandelion("releases", "promote", "v1", "--reason", "it was worse").exit_code == 0
    assert log.live(two).version == "v1"


def test_a_release_by_somebody_without_a_name_is_made(
    two: Store, dandelion: Dandelion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs under a number."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert dandelion("releases", "rollback", "--reason", "it was worse").exit_code == 0
    assert log.live(two).who.startswith("uid ")
