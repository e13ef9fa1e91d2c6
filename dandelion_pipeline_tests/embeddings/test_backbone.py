import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dandelion_pipeline.embeddings import backbone
from dandelion_pipeline.embeddings.backbone import FEATURES, load_backbone
from dandelion_pipeline.embeddings.preprocessing import PREPROCESSING
from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.images.decoding.preprocess import prepare
from dandelion_pipeline.networks.efficientnet_lite import EfficientNetLite0
from dandelion_pipeline_tests.data.generated_scenes import COLOURS


def pixels_of(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(prepare(image, PREPROCESSING)[None].copy())


def test_the_network_computes_what_the_reference_implementation_does() -> None:
    """The figures are those of `efficientnet-lite-pytorch` 0.1.0 with the same file of weights."""
    network = EfficientNetLite0()
    network.load_state_dict(backbone.pretrained_weights())
    ramp = torch.linspace(-1, 1, 160 * 160 * 3).reshape(1, 160, 160, 3).permute(0, 3, 1, 2)
    with torch.inference_mode():
        features = network.eval()(ramp)[0]
    assert float(features.mean()) == pytest.approx(0.043704, rel=1e-3)
    assert features[[2, 71, 468, 872]].tolist() == pytest.approx(
        [1.31326, 4.0166, 3.6415, 4.54405], rel=1e-3
    )


def test_fusing_changes_no_feature() -> None:
    network = EfficientNetLite0()
    network.load_state_dict(backbone.pretrained_weights())
    pixels = torch.rand((2, 3, 97, 64), generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        before = network.eval()(pixels)
        network.fuse()
        assert network(pixels).numpy() == pytest.approx(before.numpy(), abs=1e-3)


def test_features_have_length_1_and_tell_colours_apart() -> None:
    network = load_backbone()
    with torch.inference_mode():
        first, again, other = (
            network(pixels_of(Image.new("RGB", size, colour)))[0].numpy()
            for size, colour in (
                ((300, 200), COLOURS["red"]),
                ((160, 160), COLOURS["red"]),
                ((300, 200), COLOURS["blue"]),
            )
        )
    assert first.shape == (FEATURES,)
    assert float(np.linalg.norm(first)) == pytest.approx(1, abs=1e-5)
    assert first @ again == pytest.approx(1, abs=1e-4)
    assert first @ other < 0.9


def test_photos_are_squeezed_whole() -> None:
    wide = Image.new("RGB", (400, 100))
    wide.paste((255, 255, 255), (0, 0, 20, 100))
    assert prepare(wide, PREPROCESSING)[:, 0].min() > 200
    cropped = PREPROCESSING.model_copy(update={"stretch": False})
    assert prepare(wide, cropped).max() == 0


def test_an_older_api_can_read_what_is_not_stretched() -> None:
    assert "stretch" not in PREPROCESSING.model_copy(update={"stretch": False}).model_dump()
    assert PREPROCESSING.model_dump(mode="json")["stretch"] is True


def test_weights_that_were_altered_are_refused_and_never_parsed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = (files(backbone._PACKAGE) / backbone._FILE).read_bytes()
    altered = tmp_path / backbone._FILE
    altered.parent.mkdir()
    altered.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    monkeypatch.setattr(backbone, "files", lambda package: tmp_path)
    with pytest.raises(TrainingError, match="was altered"):
        load_backbone()


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone, "_PACKAGE", "no_such_package")
    with pytest.raises(TrainingError, match=r"no_such_package is missing(.|\n)*remove .venv"):
        load_backbone()


def test_the_version_names_weights_and_preprocessing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = backbone.version()
    assert re.fullmatch(r"efficientnet-lite0-57934424-[0-9a-f]{8}", before)
    monkeypatch.setattr(backbone, "PREPROCESSING", PREPROCESSING.model_copy(update={"size": 224}))
    assert backbone.version() != before
