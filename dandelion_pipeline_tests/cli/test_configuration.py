import json
from pathlib import Path

import pytest

from dandelion_pipeline.configuration.history import configuration
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline_tests.cli.conftest import Dandelion

WHY = ("--reason", "a trial")


def test_what_is_set_is_shown_with_whose_decision_it_is(dandelion: Dandelion) -> None:
    assert "all defaults" in dandelion("config", "show").output
    done = dandelion("config", "set", "training.size=224", "training.mirror=on", *WHY)
    assert "training.size is 224 from now on" in done.output
    shown = dandelion("config", "show").output
    assert "configuration 1 (" in shown
    assert "a trial" in shown
    assert "gate.significance" not in shown
    everything = dandelion("config", "show", "--all").output
    assert "gate.significance" in everything
    undone = dandelion("config", "unset", "training.size", *WHY)
    assert "training.size is its default from now on" in undone.output
    assert dandelion("config", "history").output.count("training.mirror=on") == 2


def test_a_configuration_moves_to_another_store_as_json(
    dandelion: Dandelion, here: Store, tmp_path: Path
) -> None:
    dandelion("config", "set", "training.epochs=3", "model=transfer", *WHY)
    file = tmp_path / "configuration.json"
    file.write_text(dandelion("config", "show", "--json").output)
    dandelion("config", "set", "model=resnet18", "gate.min_recall=0.2", *WHY)
    dandelion("config", "apply", str(file), *WHY)
    assert configuration(here).chosen() == {"model": "transfer", "training.epochs": 3}
    entries = json.loads(dandelion("config", "history", "--json").output)
    assert [entry["number"] for entry in entries] == [3, 2, 1]


def test_weights_in_a_file_are_kept_in_the_store_under_their_hash(
    dandelion: Dandelion, here: Store, tmp_path: Path
) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"weights")
    dandelion("config", "set", f"training.weights={file}", *WHY)
    file.unlink()
    key, sha256 = layout.weights(sha256_hex(b"weights")), sha256_hex(b"weights")
    assert here.get(key) == b"weights"
    assert configuration(here).chosen() == {
        "training.weights": key,
        "training.weights_sha256": sha256,
    }
    dandelion("config", "set", "training.weights=none", *WHY)
    assert configuration(here).effective()["training.weights_sha256"] == ""
    dandelion("config", "set", f"training.weights={key}", *WHY)  # as `history` shows it
    assert configuration(here).chosen()["training.weights_sha256"] == sha256


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("set", "training.size"), "it has no value. Write NAME=VALUE"),
        (("set", "training.size=3"), "greater than or equal to 32"),
        (("set", "training.weights=nowhere.safetensors"), "no file that can be read, and no key"),
        (("unset", "trainng.size"), "training.size is the nearest"),
        (("apply", "/nowhere.json"), "it cannot be read as JSON"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_changed(
    dandelion: Dandelion, here: Store, arguments: tuple[str, ...], says: str
) -> None:
    assert says in str(dandelion("config", *arguments, *WHY).exception)
    assert dandelion("config", "history").output.startswith("Nobody has chosen anything")
    assert list(here.list_objects("")) == []


def test_a_damaged_configuration_is_replaced_by_a_whole_one(
    dandelion: Dandelion, here: Store, tmp_path: Path
) -> None:
    dandelion("config", "set", "training.size=224", *WHY)
    here.put(layout.configuration(1), b"{}")
    assert "dandelion config apply" in str(dandelion("config", "show").exception)
    file = tmp_path / "configuration.json"
    file.write_text('{"training": {"size": 112}}')
    assert dandelion("config", "apply", str(file), *WHY).exit_code == 0
    assert configuration(here).chosen() == {"training.size": 112}
