"""Which graph of a network is served: it is quantised, compared, timed, and served by the API."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from dandelion_pipeline.errors import ExportError
from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.graphs import predict_logits
from dandelion_pipeline.release import bundle
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.golden import GOLDEN_FILE, Golden
from dandelion_pipeline.release.manifest import GRAPHS, INT8_FILE, ONNX_FILE, Form, Manifest
from dandelion_pipeline.release.promotion import promote
from dandelion_pipeline.statistics.calibration import fit_temperature, probabilities_at
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.export import onnx_graphs
from dandelion_pipeline.training.export.agreement import answers, distances
from dandelion_pipeline.training.export.onnx_graphs import Exported, export
from dandelion_pipeline.training.export.quantize import quantize
from dandelion_pipeline.training.export.served import Speed, choose, measure_speed
from dandelion_pipeline.training.inputs.loading import PreparedPhotos
from dandelion_pipeline_tests.data.tiny_models import SIZE, manifest, photo
from dandelion_pipeline_tests.serving.conftest import api_on
from serving.model.proof import proven_engine
from serving.settings import Precision

FASTER, SLOWER = Speed(int8=1.0, fp32=2.0), Speed(int8=2.0, fp32=1.0)


class Tiny(nn.Sequential):
    """Says what it sees on the way, as every network that is exported."""

    def outputs(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        early = self[1](self[0](pixels))
        features = self[2:-1](early)
        return self[-1](features), features, early.mean(dim=(2, 3))


def network() -> Tiny:
    """Two convolutions, and a decision that goes by red minus green."""
    torch.manual_seed(0)
    last = nn.Linear(8, 2)
    made = Tiny(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), last,
    )  # fmt: skip
    with torch.no_grad():
        for number, layer in enumerate(m for m in made if isinstance(m, nn.Conv2d)):
            layer.weight.mul_(0.05)
            for channel, sign in ((0, 1.0), (1, -1.0)):
                row = torch.tensor([sign, -sign, 0.0]) if number == 0 else torch.zeros(8)
                row[channel] = sign if number == 0 else 1.0
                layer.weight[channel, :, 1, 1] += row
        last.weight.zero_()
        last.weight[0, 0] = last.weight[1, 1] = 4.0
    return made.eval()


def photos(count: int, seed: int) -> PreparedPhotos:
    """Yellow and green ones, with noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    colours = np.array([(240, 210, 40), (60, 140, 50)])[labels][:, None, None, :]
    noise = random.integers(-30, 30, (count, SIZE, SIZE, 3)) + random.integers(
        -10, 10, (count, 1, 1, 3)
    )
    return PreparedPhotos(np.clip(colours + noise, 0, 255).astype(np.uint8), labels)


TRAINING, VALIDATION = photos(220, 1), photos(40, 2)


def exported(
    patch: pytest.MonkeyPatch,
    quantise: Callable[[bytes, npt.NDArray[np.uint8]], bytes] = quantize,
    speed: Speed | None = FASTER,
    validation: PreparedPhotos = VALIDATION,
) -> Exported:
    patch.setattr(onnx_graphs, "quantize", quantise)
    patch.setattr(onnx_graphs, "measure_speed", lambda *_: speed)
    return export(network(), Preprocessing(size=SIZE), TRAINING, validation)


@pytest.fixture(scope="module")
def good() -> Iterator[Exported]:
    with pytest.MonkeyPatch.context() as patch:
        yield exported(patch)


def corrupted(model: bytes, pixels: npt.NDArray[np.uint8]) -> bytes:
    """Quantised with the scales of all weights wrong."""
    graph = onnx.load_from_string(quantize(model, pixels))
    for tensor in graph.graph.initializer:
        if "weight" in tensor.name and tensor.name.endswith("_scale"):
            scales = numpy_helper.to_array(tensor)
            wrong = scales * np.linspace(-3, 3, scales.size, dtype=np.float32)
            tensor.CopyFrom(numpy_helper.from_array(wrong.astype(np.float32), tensor.name))
    return bytes(graph.SerializeToString())


def failing(model: bytes, pixels: npt.NDArray[np.uint8]) -> bytes:
    raise NotImplementedError("no such operator")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


def put_live(store: Store, made: Exported) -> Manifest:
    """A live bundle of an exported network."""
    bundle.put_files(store, "v", made.files)
    written = manifest(
        "v",
        made.files,
        fp32=made.fp32,
        int8=made.int8,
        golden=made.golden,
        served_as=made.served.form,
        served_because=made.served.because,
        temperature=made.temperatures[made.served.form],
        temperatures=made.temperatures,
    )
    promote(bundle.finish(store, written), who="a test", why="it is being tested")
    return written


def served(store: Store, precision: Precision = "auto") -> dict[str, Any]:
    """What the API says of the live model, once it has answered for a photo."""
    with api_on(store, precision=precision) as client:
        assert client.post("/predict", files={"file": photo()}).json()["label"] == "dandelion"
        found: dict[str, Any] = client.get("/model").json()
        return found


def test_a_graph_in_integers_that_agrees_is_served_in_integers(
    good: Exported, store: Store
) -> None:
    made = good
    assert made.int8 is not None
    assert made.int8.photos == len(TRAINING.labels) + len(VALIDATION.labels)
    assert (made.int8.labels_equal, made.int8.agrees, made.served.form) == (1.0, True, "int8")
    put_live(store, made)
    model = served(store)
    assert (model["served_as"], model["judged_as"]) == ("int8", "int8")
    assert "100.0% of 260 photos keep their label" in model["served_because"]
    model = served(store, "fp32")
    assert (model["served_as"], model["judged_as"]) == ("fp32", "int8")
    assert "DANDELION_PRECISION asks for it" in model["served_because"]


def test_a_graph_in_integers_that_disagrees_goes_live_in_floats_and_the_api_says_so(
    monkeypatch: pytest.MonkeyPatch, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    made = exported(monkeypatch, corrupted)
    assert made.int8 is not None
    assert (made.int8.agrees, made.served.form) == (False, "fp32")
    put_live(store, made)
    model = served(store)
    assert (model["served_as"], model["judged_as"]) == ("fp32", "fp32")
    assert "of 260 photos keep their label" in model["served_because"]
    assert "answers in 32-bit floats: in 8 bits" not in caplog.text  # it was never tried
    written = open_bundle(store, "v")
    quick = proven_engine(written, "int8")  # an operator may know better
    assert quick.form == "int8"
    assert quick.temperature == made.temperatures["int8"] != made.temperatures["fp32"]


def test_a_network_that_cannot_be_quantised_is_served_in_floats(
    monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    made = exported(monkeypatch, failing)
    assert (made.int8, made.served.form) == (None, "fp32")
    assert INT8_FILE not in made.files
    assert Golden.parse(made.files[GOLDEN_FILE], "here").int8_logits is None
    put_live(store, made)
    model = served(store, "int8")
    assert (model["served_as"], model["judged_as"]) == ("fp32", "fp32")
    assert "no graph in 8-bit integers" in model["served_because"]
    assert "NotImplementedError: no such operator" in made.served.because


@pytest.mark.parametrize(
    ("speed", "form", "because"),
    [
        (FASTER, "int8", "keep their label"),
        (SLOWER, "fp32", "not faster on this machine"),
        (None, "int8", "keep their label"),
    ],
)
def test_a_graph_in_integers_that_is_not_faster_is_served_in_floats(
    good: Exported, speed: Speed | None, form: str, because: str
) -> None:
    chosen = choose(good.int8, speed=speed)
    assert chosen.form == form
    assert because in chosen.because


def test_a_validation_split_of_two_photos_is_enough_to_export(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = exported(monkeypatch, validation=photos(2, 3))
    assert made.golden.photos == 2
    assert made.fp32.agrees


def test_temperatures_and_golden_examples_are_of_each_graph(good: Exported) -> None:
    golden = Golden.parse(good.files[GOLDEN_FILE], "here")
    assert golden.int8_logits is not None
    kept: dict[Form, npt.NDArray[np.float32]] = {"fp32": golden.logits, "int8": golden.int8_logits}
    for form, logits in kept.items():
        model = good.files[GRAPHS[form]]
        found = predict_logits(model, VALIDATION.pixels)
        assert good.temperatures[form] == fit_temperature(found, VALIDATION.labels)
        ours = probabilities_at(predict_logits(model, golden.pixels), 1.0)
        assert distances(ours, probabilities_at(logits, 1.0)).max() < 1e-5
    assert golden.int8_logits != pytest.approx(golden.logits, abs=1e-6)


def test_both_graphs_can_be_timed(good: Exported) -> None:
    speed = measure_speed(good.files[INT8_FILE], good.files[ONNX_FILE], VALIDATION.pixels[:1])
    assert speed is not None
    assert min(speed.int8, speed.fp32) > 0


def test_a_wrong_graph_in_floats_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    right = answers
    monkeypatch.setattr(onnx_graphs, "answers", lambda *given: right(*given)[:, ::-1].copy())
    with pytest.raises(ExportError, match=r"from the network's, and 0\.001 is rounding"):
        export(network(), Preprocessing(size=SIZE), TRAINING, VALIDATION)


def test_two_equal_probabilities_are_no_wrong_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    tied = network()
    last = tied[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        for parameter in (last.weight, last.bias):
            parameter[1] = parameter[0]
    right = answers
    nudge = np.array([0.0, 1e-6], np.float32)
    monkeypatch.setattr(onnx_graphs, "answers", lambda *given: right(*given) + nudge)
    made = export(tied, Preprocessing(size=SIZE), TRAINING, VALIDATION)
    assert (made.fp32.labels_equal, made.fp32.agrees) == (1.0, True)
