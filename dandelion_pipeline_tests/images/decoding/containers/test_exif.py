import struct

import pytest
from PIL import Image

from dandelion_pipeline.images.decoding.containers.exif import read_exif
from dandelion_pipeline_tests.images.encoded import exif


def block(order: str, *entries: bytes, start: int = 8) -> bytes:
    """A TIFF file with one directory."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}IH", start, len(entries)) + b"".join(entries) + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "form"), [(1, "B3x"), (3, "H2x"), (4, "I")])
def test_the_orientation_is_read_in_either_byte_order(order: str, kind: int, form: str) -> None:
    entry = struct.pack(f"{order}HHI{form}", 0x0112, kind, 1, 6)
    assert read_exif(block(order, entry)) == (6, "")


@pytest.mark.parametrize("name", ["x", "cam", "four", "a camera with a name"])
def test_a_short_and_a_long_software_are_read(name: str) -> None:
    assert read_exif(exif(software=name, orientation=3).tobytes()) == (3, name)


def test_what_pillow_reads_from_its_own_exif_data_is_read_the_same() -> None:
    written = Image.Exif()
    for number, value in {0x010F: "maker", 0x0112: 8, 0x0131: "é", 0x9286: b"x" * 900}.items():
        written[number] = value
    orientation, _ = read_exif(written.tobytes())
    assert orientation == 8


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"not a TIFF file at all",
        block("<", start=2**32 - 1),
        block("<", struct.pack("<HHII", 0x0131, 2, 2**32 - 1, 2**32 - 1)),
        block("<", struct.pack("<HHI4s", 0x0112, 2, 4, b"six\0")),
        block("<", struct.pack("<HHIf", 0x0112, 11, 1, 6.0)),
    ],
)
def test_what_cannot_be_read_counts_as_absent(broken: bytes) -> None:
    assert read_exif(broken) == (0, "")


def test_what_comes_before_the_damage_counts() -> None:
    whole = block("<", struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0), bytes(12))
    assert read_exif(whole[:24]) == (6, "")


def test_an_endless_name_is_cut() -> None:
    _, software = read_exif(exif(software="x" * 60_000).tobytes())
    assert software == "x" * 256
