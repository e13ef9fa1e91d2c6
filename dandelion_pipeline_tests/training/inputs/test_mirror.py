"""Mirror images of arrows and letters carry other labels; those of most photos do not."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits

from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.inputs.loading import TrainingPhotos
from dandelion_pipeline.training.inputs.mirror import may_mirror

Labelled = tuple[torch.Tensor, torch.Tensor]


def as_pixels(images: list[Image.Image], rng: np.random.Generator) -> torch.Tensor:
    """Coloured and noisy, as a camera would see them."""
    tint = np.array([1.0, 0.9, 0.7])
    arrays = [np.asarray(image, dtype=float)[..., None] * tint for image in images]
    noisy = np.stack([array + rng.normal(0, 15, array.shape) for array in arrays])
    return torch.from_numpy(np.clip(noisy, 0, 255).astype(np.uint8)).permute(0, 3, 1, 2)


def arrows(count: int) -> Labelled:
    """They point left or right, anywhere in the picture."""
    rng, images = np.random.default_rng(count), []
    for number in range(count):
        image = Image.new("L", (64, 64), int(rng.integers(150, 240)))
        x, y, half = (int(rng.integers(*span)) for span in ((24, 40), (20, 44), (10, 18)))
        tip = half if number % 2 else -half
        draw, ink = ImageDraw.Draw(image), int(rng.integers(0, 90))
        draw.line([(x - tip, y), (x + tip, y)], fill=ink, width=3)
        back = x + tip // 3
        draw.polygon([(x + tip, y), (back, y - half // 2), (back, y + half // 2)], fill=ink)
        images.append(image)
    return as_pixels(images, rng), torch.arange(count) % 2


def letters(text: str, count: int) -> Labelled:
    rng, images = np.random.default_rng(count), []
    for number in range(count):
        image = Image.new("L", (64, 64), 230)
        font = ImageFont.load_default(size=int(rng.integers(28, 46)))
        place = (float(rng.integers(6, 24)), float(rng.integers(2, 14)))
        ImageDraw.Draw(image).text(place, text[number % len(text)], fill=30, font=font)
        images.append(image.rotate(float(rng.uniform(-8, 8)), fillcolor=230))
    return as_pixels(images, rng), torch.arange(count) % len(text)


def blobs(count: int, classes: int, *, grey: bool = False) -> Labelled:
    """Each class has its own size of spots; where they lie means nothing."""
    rng, pictures = np.random.default_rng(count + classes), []
    for number in range(count):
        image = Image.new("RGB", (64, 64), (60, 110, 60))
        draw, radius = ImageDraw.Draw(image), 4 + 5 * (number % classes)
        for x, y in rng.integers(0, 64, (6, 2)):
            color = (int(rng.integers(150, 255)), int(rng.integers(90, 200)), 40)
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=color)
        pictures.append(np.asarray(image.convert("L").convert("RGB") if grey else image))
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    return pixels, torch.arange(count) % classes


def digits() -> Labelled:
    known = load_digits()
    grey = torch.from_numpy((known.images[:400] * 15).astype(np.uint8))
    return grey[:, None].expand(-1, 3, -1, -1).contiguous(), torch.from_numpy(known.target[:400])


def twins(count: int) -> Labelled:
    """One class is the other one, mirrored."""
    pixels, _ = blobs(count, 1)
    labels = torch.tensor([0] * count + [1] * count)
    return torch.cat([pixels, pixels.flip(3)]), labels


@pytest.mark.parametrize(
    "photos",
    [twins(7), twins(60), arrows(80), letters("bdpq", 160), digits()],
    ids=["few twins", "twins", "arrows", "letters", "digits"],
)
def test_photos_whose_mirror_images_carry_other_labels_are_not_mirrored(photos: Labelled) -> None:
    found = may_mirror(*photos)
    assert not found.mirror
    assert "another class" in found.reason


@pytest.mark.parametrize(
    "photos",
    [blobs(14, 2), blobs(200, 2), blobs(300, 5), blobs(200, 2, grey=True)],
    ids=["few", "two classes", "five classes", "grey"],
)
def test_photos_of_things_that_may_be_mirrored_are(photos: Labelled) -> None:
    assert may_mirror(*photos).mirror


@pytest.mark.parametrize("count", [7, 60])
def test_mirror_twins_of_two_classes_are_evidence_though_they_are_near_duplicates(
    count: int,
) -> None:
    pixels, labels = twins(count)
    found = may_mirror(pixels, labels, torch.arange(count).repeat(2))
    assert not found.mirror
    assert "photos are mirror images of another class's" in found.reason


def test_near_duplicates_with_two_labels_that_are_no_mirror_images_are_no_evidence() -> None:
    """Such as a face with and without a mask."""
    pixels, _ = blobs(100, 1)
    masked = pixels.clone()
    masked[:, :, 40:, 20:44] = 240
    labels = torch.tensor([0] * 100 + [1] * 100)
    assert may_mirror(torch.cat([pixels, masked]), labels, torch.arange(100).repeat(2)).mirror


def test_near_duplicates_say_nothing_about_mirror_images() -> None:
    """Else a photo's own burst would always be nearer than any mirror image."""
    pixels, labels = arrows(80)
    noise = torch.randint(0, 3, pixels.shape, dtype=torch.uint8)
    bursts = torch.cat([pixels // 2, pixels // 2 + noise])
    groups = torch.arange(80).repeat(2)
    assert may_mirror(bursts, labels.repeat(2)).mirror
    assert not may_mirror(bursts, labels.repeat(2), groups).mirror


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (1, 400), (400, 3)])
def test_tiny_and_long_pictures_are_loaded_and_asked(size: tuple[int, int]) -> None:
    images = [Image.new("RGB", size, (10 * n, 90, 200)) for n in range(12)]
    photos = TrainingPhotos.of(images, np.arange(12) % 2, TrainingConfig().size)
    assert may_mirror(photos.pixels, photos.labels).mirror
