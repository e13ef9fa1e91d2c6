import json
import random
from pathlib import Path

import pytest

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release import bundle
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.manifest import ClassMetrics, DataSummary, Manifest, Metrics
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.sealed import seal

FILES = {"model.onnx": b"graph" * 100, "weights.safetensors": b"weights", "golden/1.json": b"{}"}


def manifest(version: str = "v1", files: dict[str, bytes] = FILES) -> Manifest:
    fared = ClassMetrics(precision=1, recall=1, f1=1, support=5)
    return Manifest(
        version=version,
        created="2025-01-01T00:00:00+00:00",
        architecture="resnet18",
        classes=["dandelion", "grass"],
        preprocessing={"size": 64},
        data=DataSummary(hash="0" * 64, is_sample=True, counts={"grass": {"test": 5}}),
        metrics=Metrics(
            accuracy=1,
            log_loss=0.1,
            test_photos=10,
            per_class={"dandelion": fared, "grass": fared},
            confusion=[[5, 0], [0, 5]],
        ),
        training={"epochs": 1},
        code_version="0.1.0",
        dagster_run="",
        mlflow_run="",
        files=bundle.digests(files),
    )


@pytest.fixture
def published(store: Store) -> Store:
    bundle.put_files(store, "v1", FILES)
    bundle.finish(store, manifest())
    return store


def manifest_key(version: str = "v1") -> str:
    return layout.model_file(version, layout.MANIFEST)


def test_a_finished_bundle_is_read_as_it_was_written(published: Store) -> None:
    opened = bundle.open_bundle(published, "v1")
    assert opened.manifest == manifest()
    assert {name: opened.read(name) for name in FILES} == FILES


def test_a_bundle_without_a_manifest_does_not_exist(store: Store) -> None:
    bundle.put_files(store, "v1", FILES)
    with pytest.raises(BundleError, match=r"there is no .*v1/manifest\.json"):
        bundle.open_bundle(store, "v1")


def test_publishing_the_same_again_is_fine(published: Store) -> None:
    bundle.put_files(published, "v1", FILES)
    bundle.finish(published, manifest())
    assert bundle.open_bundle(published, "v1").manifest == manifest()


def test_a_writer_that_died_can_be_followed_by_another(store: Store) -> None:
    bundle.put_files(store, "v1", dict(list(FILES.items())[:1]))
    bundle.put_files(store, "v1", FILES)
    bundle.finish(store, manifest())
    assert bundle.open_bundle(store, "v1").read("golden/1.json") == b"{}"


def test_a_file_is_never_changed(published: Store) -> None:
    with pytest.raises(BundleError, match="exists with other contents"):
        bundle.put_files(published, "v1", {"model.onnx": b"another"})
    assert published.get(layout.model_file("v1", "model.onnx")) == FILES["model.onnx"]


def test_a_manifest_is_never_changed(published: Store) -> None:
    other = manifest().model_copy(update={"created": "2026-01-01T00:00:00+00:00"})
    with pytest.raises(BundleError, match="Publish under a new version"):
        bundle.finish(published, other)
    assert bundle.open_bundle(published, "v1").manifest == manifest()


def test_a_bundle_with_a_missing_file_is_not_finished(store: Store) -> None:
    bundle.put_files(store, "v1", {k: v for k, v in FILES.items() if k != "model.onnx"})
    with pytest.raises(BundleError, match=r"model\.onnx: it is missing"):
        bundle.finish(store, manifest())
    assert not store.exists(manifest_key())


def test_a_bundle_with_another_file_is_not_finished(store: Store) -> None:
    bundle.put_files(store, "v1", {**FILES, "model.onnx": b"another"})
    with pytest.raises(BundleError, match="not what the manifest says"):
        bundle.finish(store, manifest())
    assert not store.exists(manifest_key())


def test_a_missing_file_is_named(published: Store) -> None:
    bundle.put_files(published, "v2", {"model.onnx": FILES["model.onnx"]})
    published.put(manifest_key("v2"), manifest("v2").to_json())
    opened = bundle.open_bundle(published, "v2")
    assert opened.read("model.onnx") == FILES["model.onnx"]
    with pytest.raises(BundleError, match=r"v2/weights\.safetensors: it is missing"):
        opened.read("weights.safetensors")


def test_a_file_that_is_not_listed_is_not_read(published: Store) -> None:
    published.put(layout.model_file("v1", "extra.bin"), b"extra")
    opened = bundle.open_bundle(published, "v1")
    for name in ("extra.bin", "manifest.json", "../v1/model.onnx", ""):
        with pytest.raises(BundleError, match="not listed"):
            opened.read(name)


def test_every_altered_byte_and_every_cut_is_found(published: Store) -> None:
    chance = random.Random(5)  # noqa: S311
    opened, whole = bundle.open_bundle(published, "v1"), FILES["model.onnx"]
    for _ in range(40):
        altered = bytearray(whole)
        at = chance.randrange(len(whole))
        if chance.random() < 0.5:
            altered[at] ^= 1 << chance.randrange(8)
        else:
            del altered[at:]
        published.put(layout.model_file("v1", "model.onnx"), bytes(altered))
        with pytest.raises(BundleError, match="not what the manifest says"):
            opened.read("model.onnx")


def test_swapped_files_are_found(published: Store) -> None:
    for name, other in (
        ("model.onnx", "weights.safetensors"),
        ("weights.safetensors", "model.onnx"),
    ):
        published.put(layout.model_file("v1", name), FILES[other])
        with pytest.raises(BundleError, match="not what the manifest says"):
            bundle.open_bundle(published, "v1").read(name)


def test_a_manifest_that_speaks_of_another_version_is_refused(published: Store) -> None:
    published.put(manifest_key("v2"), manifest("v1").to_json())
    with pytest.raises(BundleError, match="model v2: its manifest speaks of v1"):
        bundle.open_bundle(published, "v2")


@pytest.mark.parametrize("data", [b"", b"not JSON", b"\xff\xfe", b"[]", b"null", b"{}", b'{"a":'])
def test_what_is_no_manifest_is_refused_by_name(published: Store, data: bytes) -> None:
    published.put(manifest_key(), data)
    with pytest.raises(BundleError, match=r"the manifest .*v1/manifest\.json: its seal is"):
        bundle.open_bundle(published, "v1")


def test_a_manifest_that_was_written_anew_is_not_what_was_released(published: Store) -> None:
    released = bundle.open_bundle(published, "v1").manifest_sha256
    published.put(manifest_key(), manifest().model_copy(update={"temperature": 2.0}).to_json())
    bundle.open_bundle(published, "v1")  # it is whole, if nobody knows what was released
    with pytest.raises(BundleError, match=r"v1/manifest\.json: it is not what was released"):
        bundle.open_bundle(published, "v1", released)


def test_a_thousand_ways_of_altering_a_bundle_are_all_found_before_anything_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path.as_uri())
    for version, files in (("v1", FILES), ("v2", {**FILES, "model.onnx": b"other" * 100})):
        bundle.put_files(store, version, files)
        bundle.finish(store, manifest(version, files))
    released = bundle.open_bundle(store, "v1").manifest_sha256
    parsed: list[str] = []
    monkeypatch.setattr(Manifest, "model_validate_json", lambda *_: parsed.append("a manifest"))
    keys = [layout.model_file("v1", name) for name in (*FILES, layout.MANIFEST)]
    whole = {key: store.get(key) for key in keys}
    others = [*whole.values(), *(store.get(key.replace("v1", "v2")) for key in keys)]
    chance = random.Random(20261123)  # noqa: S311  the same thousand every time
    files_before = Bundle(store, manifest(), released)
    found = 0
    for _ in range(1_000):
        key = chance.choice(keys)
        altered = alter(whole[key], others, chance)
        store.delete(key) if altered is None else store.put(key, altered)
        with pytest.raises(BundleError):  # noqa: PT012  the manifest or a file, whichever it is
            if key == manifest_key():
                bundle.open_bundle(store, "v1", released)
            files_before.verify()
        found += 1
        store.put(key, whole[key])
    assert (found, parsed) == (1_000, [])
    files_before.verify()


def alter(data: bytes, others: list[bytes], chance: random.Random) -> bytes | None:
    """One byte flipped, a cut, another file's contents, or nothing at all."""
    kind = chance.choice(["flip", "flip", "cut", "swap", "remove"])
    if kind == "remove":
        return None
    if kind == "swap":
        return chance.choice([other for other in others if other != data])
    at = chance.randrange(len(data))
    if kind == "cut":
        return data[:at]
    return data[:at] + bytes([data[at] ^ chance.randrange(1, 256)]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("field", "value"), [("format", 2), ("classes", ["one"]), ("files", None), ("surprise", 1)]
)
def test_a_manifest_of_another_format_names_the_field(
    published: Store, field: str, value: object
) -> None:
    document = {**json.loads(manifest().model_dump_json()), field: value}
    published.put(manifest_key(), seal(json.dumps(document, indent=2).encode()))
    with pytest.raises(BundleError, match=f": {field}: "):
        bundle.open_bundle(published, "v1")


def test_a_version_that_does_not_exist_is_named(store: Store) -> None:
    with pytest.raises(BundleError, match="model v9"):
        bundle.open_bundle(store, "v9")


def test_a_manifest_of_before_there_were_intervals_and_calibration_is_still_read() -> None:
    document = json.loads(manifest().model_dump_json())
    of_then = ("accuracy", "log_loss", "test_photos", "per_class", "confusion")
    figures = ("precision", "recall", "f1", "support")
    metrics = {name: document["metrics"][name] for name in of_then}
    metrics["per_class"] = {
        label: {name: figure[name] for name in figures}
        for label, figure in metrics["per_class"].items()
    }
    del document["temperature"]
    old = Manifest.parse(
        seal(json.dumps(document | {"metrics": metrics}, indent=2).encode()), "here"
    )
    assert old.metrics.calibration is None
    assert old == manifest()
