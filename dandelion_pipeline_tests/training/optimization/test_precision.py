import pytest
import torch

from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.networks.device import pick_device
from dandelion_pipeline.training.config import Precision
from dandelion_pipeline.training.optimization.precision import Arithmetic, pick_precision

CPU = torch.device("cpu")
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


@without_gpu
def test_asking_for_a_gpu_where_there_is_none_says_so() -> None:
    assert pick_device("auto").type == "cpu"
    with pytest.raises(TrainingError, match="sees no GPU"):
        pick_device("cuda")


def test_a_cpu_that_multiplies_bf16_does_so_and_no_other() -> None:
    flags = torch.cpu.get_capabilities()
    able = flags.get("avx512_bf16") or flags.get("amx_bf16")
    expected = Precision.BF16 if able else Precision.FP32
    assert pick_precision(Precision.AUTO, CPU) is expected


def test_a_gpu_trains_in_amp() -> None:
    assert pick_precision(Precision.AUTO, torch.device("cuda")) is Precision.AMP


def test_a_wish_is_granted_even_where_it_is_slow() -> None:
    assert pick_precision(Precision.BF16, CPU) is Precision.BF16
    assert pick_precision(Precision.FP32, CPU) is Precision.FP32


def test_amp_without_a_gpu_is_refused_with_the_way_out() -> None:
    with pytest.raises(TrainingError, match="Set precision to 'auto'"):
        Arithmetic.of("cpu", Precision.AMP)


@pytest.mark.parametrize(
    ("precision", "expected"),
    [(Precision.FP32, torch.float32), (Precision.BF16, torch.bfloat16)],
)
def test_layers_compute_in_the_chosen_precision(
    precision: Precision, expected: torch.dtype
) -> None:
    with Arithmetic(CPU, precision).autocast():
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype is expected
