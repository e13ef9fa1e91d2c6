"""What augmentation may do to a photo, and what it must leave alone."""

import pytest
import torch
from torchvision.transforms.v2 import functional

from dandelion_pipeline.training.config import SPARE, TrainingConfig
from dandelion_pipeline.training.inputs.augmentation import (
    Augmentation,
    erased,
    random_views,
    recoloured,
)
from dandelion_pipeline.training.inputs.loading import TrainingPhotos

MEAN = torch.full((1, 3, 1, 1), 120.0)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def photos(count: int, size: int = 48) -> torch.Tensor:
    """Smooth pictures, so that neighbouring pixels are alike."""
    small = torch.randint(0, 256, (count, 3, 4, 4)).float()
    large: torch.Tensor = functional.resize(small, [size, size], antialias=True)
    return large.clamp(0, 255).to(torch.uint8)


def test_the_whole_of_a_square_photo_comes_back_as_it_is_or_mirrored() -> None:
    pixels = photos(1).expand(16, -1, -1, -1)
    views = random_views(pixels, torch.ones(16), 48, smallest=1.0, rotation=0.0)
    photo = pixels[0].float()
    apart = [
        [float((view - other).abs().max()) for view in views] for other in (photo, photo.flip(2))
    ]
    assert all(min(pair) < 0.1 for pair in zip(*apart, strict=True))
    assert all(min(distances) < 0.1 for distances in apart)


@pytest.mark.parametrize("channels", [1, 3])
def test_without_any_knob_a_photo_comes_back_as_it_is(channels: int) -> None:
    off = {"smallest_crop": 1, "rotation": 0, "color_jitter": 0, "erasing": 0}
    augment = Augmentation(TrainingConfig.model_validate(off), 2, MEAN, mirror=False)
    pixels = photos(6)[:, :channels].expand(-1, 3, -1, -1)
    views, _ = augment(pixels, torch.ones(6), torch.tensor([0, 1] * 3), 48)
    assert torch.allclose(views, pixels.float(), atol=0.1)


def test_views_are_of_the_size_that_was_asked_for_and_in_range() -> None:
    views = random_views(photos(5), torch.tensor([1.5, 1, 0.7, 3, 0.3]), 32, 0.2, 30)
    assert views.shape == (5, 3, 32, 32)
    assert 0 <= views.min() <= views.max() <= 255


def test_a_crop_keeps_the_proportions_of_what_is_in_the_photo() -> None:
    """A wide photo squeezed into a square shows a disc as an ellipse; its crop shows a disc."""
    side, aspect, across = 96, 2.0, torch.linspace(-1, 1, 96)
    y, x = torch.meshgrid(across, across, indexing="ij")
    disc = ((x * aspect) ** 2 + y**2 < 0.5**2).to(torch.uint8) * 255
    pixels = disc.expand(64, 3, side, side)
    views = random_views(pixels, torch.full((64,), aspect), 96, 0.5, 0)[:, 0] > 127
    wide, high = (views.any(dim).sum(1).float() for dim in (1, 2))
    cut = torch.cat([views[:, 0], views[:, -1], views[:, :, 0], views[:, :, -1]], 1).any(1)
    ratios = (wide / high)[~cut]
    assert len(ratios) > 10
    assert 0.67 < float(ratios.min()) <= float(ratios.max()) < 1.45  # 3/4 to 4/3, by whole pixels


def test_no_strength_changes_no_colour() -> None:
    pixels = photos(4).float()
    assert recoloured(pixels, 0.0) == pytest.approx(pixels.numpy(), abs=0.2)


def test_grey_stays_grey_under_any_hue_and_saturation() -> None:
    grey = photos(8)[:, :1].float().expand(-1, 3, -1, -1)
    changed = recoloured(grey, 0.5)
    assert float((changed - changed.mean(1, keepdim=True)).abs().max()) < 0.5
    assert float((changed - grey).abs().max()) > 5


def test_each_photo_is_coloured_in_its_own_way() -> None:
    pixels = photos(1).float().expand(4, -1, -1, -1)
    changed = recoloured(pixels, 0.4)
    assert all(not changed[0].equal(other) for other in changed[1:])


def test_erasing_covers_a_part_of_some_photos_with_one_colour() -> None:
    pixels = photos(400).float()
    covered = (erased(pixels, 0.5, MEAN) == MEAN).all(1).float().mean((1, 2))
    hit = covered > 0
    assert 0.4 < float(hit.float().mean()) < 0.6
    assert 0 < float(covered[hit].min()) <= float(covered[hit].max()) < 0.4


def test_every_photo_says_what_it_shows_when_two_are_mixed() -> None:
    config = TrainingConfig(size=32, mixing=1.0)
    augment = Augmentation(config, 3, MEAN)
    pixels, shares = augment(photos(6), torch.ones(6), torch.tensor([0, 1, 2, 0, 1, 2]), 40)
    assert shares.sum(1).tolist() == pytest.approx([1.0] * 6)
    assert pixels.shape == (6, 3, 40, 40)
    assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_the_same_generator_gives_the_same_views() -> None:
    config = TrainingConfig(size=32, mixing=0.5, erasing=0.5, rotation=20)
    augment = Augmentation(config, 2, MEAN)
    batch = photos(6), torch.ones(6), torch.tensor([0, 1] * 3), 32
    state = torch.get_rng_state()
    first, labels = augment(*batch)
    torch.set_rng_state(state)
    second, again = augment(*batch)
    assert first.equal(second)
    assert labels.equal(again)


def test_photos_are_shrunk_to_what_small_crops_need_and_never_enlarged() -> None:
    kept = TrainingPhotos(photos(3), torch.ones(3), torch.tensor([0, 1, 0]))
    side = kept.pixels.shape[-1]
    small = kept.shrunk(side // 3)
    assert small.pixels.shape == (3, 3, round(side // 3 * SPARE), round(side // 3 * SPARE))
    assert small.pixels.dtype == torch.uint8
    assert torch.allclose(
        small.pixels.float().mean((2, 3)), kept.pixels.float().mean((2, 3)), atol=2
    )
    assert kept.shrunk(side) is kept
