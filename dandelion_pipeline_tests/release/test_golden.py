import numpy as np
import pytest

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release.golden import Golden
from dandelion_pipeline_tests.data.tiny_models import golden


def test_golden_examples_read_back_as_they_were_written() -> None:
    read = Golden.parse(golden().to_bytes(), "here")
    assert np.array_equal(read.pixels, golden().pixels)
    assert np.array_equal(read.logits, golden().logits)


@pytest.mark.parametrize("end", [0, 1, 8, 60, -1])
def test_a_file_that_was_cut_is_refused_by_name(end: int) -> None:
    with pytest.raises(BundleError, match=r"the golden examples models/v/golden\.safetensors"):
        Golden.parse(golden().to_bytes()[:end], "models/v/golden.safetensors")
