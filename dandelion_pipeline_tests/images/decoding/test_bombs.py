"""Files made to crash, to hang, or to fill the memory: each is refused, or decoded in bounds."""

import struct
import zlib
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from dandelion_pipeline_tests.images.decoding import bombs, sandbox
from dandelion_pipeline_tests.images.decoding.sandbox import MEGABYTES, SECONDS, Outcome, Sandbox
from dandelion_pipeline_tests.images.encoded import encode, exif, png, png_chunk

TINY, LARGE = (8, 8), (5000, 5000)
PIXEL = (b"IDAT", zlib.compress(b"\0" * 4))
PACKED = zlib.compress(bytes(900_000), 9)


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


class Judge:
    """Tells what became of a file, after it saw to the bounds."""

    def __init__(self, process: Sandbox) -> None:
        self._process = process

    def __call__(self, data: bytes) -> str:
        return self.outcome(data).verdict

    def outcome(self, data: bytes) -> Outcome:
        outcome = self._process.decode(data)
        assert outcome.seconds < SECONDS
        assert outcome.megabytes < MEGABYTES
        return outcome


@pytest.fixture
def judge(process: Sandbox) -> Judge:
    return Judge(process)


@pytest.mark.parametrize(
    ("instead", "noticed"),
    [
        ("while True: pass", lambda outcome: outcome.verdict.startswith("killed by signal")),
        ("b'x' * (600 << 20)", lambda outcome: outcome.megabytes > MEGABYTES),
        ("import os; os.abort()", lambda outcome: outcome.verdict.startswith("killed by signal")),
        ("import warnings; warnings.warn('x')", lambda outcome: "bug" in outcome.verdict),
    ],
)
def test_what_breaks_a_bound_would_be_noticed(
    instead: str, noticed: Callable[[Outcome], bool]
) -> None:
    program = f"""import {sandbox.__name__} as sandbox
def decode(data):
    {instead}
sandbox.decode = decode
sandbox.main()"""
    with Sandbox("-c", program) as process:
        assert noticed(process.decode(b"x"))


def test_thousands_of_scans_of_a_large_jpeg_are_refused_uncounted_in_pixels(judge: Judge) -> None:
    scans = [bombs.first_scan(LARGE), *[bombs.refinement_scan(LARGE)] * 4000]
    assert judge(bombs.jpeg(LARGE, scans)) == "too_complex"


def test_as_many_scans_as_allowed_are_decoded_in_time(judge: Judge) -> None:
    scans = [bombs.first_scan(LARGE), *[bombs.refinement_scan(LARGE)] * 39]
    assert judge(bombs.jpeg(LARGE, scans)) == "JPEG"
    assert judge(bombs.jpeg(LARGE, [*scans, scans[-1]])) == "too_complex"


def test_a_small_jpeg_may_have_many_scans(judge: Judge) -> None:
    scans = [bombs.first_scan(TINY), *[bombs.refinement_scan(TINY)] * 500]
    assert judge(bombs.jpeg(TINY, scans)) == "JPEG"


def test_millions_of_empty_jpeg_segments_are_refused(judge: Judge) -> None:
    before = b"\xff\xe1\0\2" * 4_900_000
    assert judge(bombs.jpeg(TINY, [bombs.first_scan(TINY)], before)) == "too_complex"


def test_exif_data_in_a_million_pieces_are_refused(judge: Judge) -> None:
    before = bombs.segment(0xE1, b"Exif\0\0") * 1_900_000
    assert judge(bombs.jpeg(TINY, [bombs.first_scan(TINY)], before)) == "too_complex"


def test_hundreds_of_tables_before_the_first_scan_are_refused(judge: Judge) -> None:
    before = bombs.segment(0xDB, (b"\0" + b"\1" * 64) * 1000) * 300
    assert judge(bombs.jpeg(TINY, [bombs.first_scan(TINY)], before)) == "too_complex"


@pytest.mark.parametrize("junk", [b"\0", b"\xff"])
def test_megabytes_of_junk_between_jpeg_segments_are_skipped(judge: Judge, junk: bytes) -> None:
    before = bombs.segment(0xFE, b"") + junk * (bombs.MOST - 1000)
    assert judge(bombs.jpeg(TINY, [bombs.first_scan(TINY)], before)) == "JPEG"


@pytest.mark.parametrize("stuffing", [b"\xff\0", b"\xff\xd0"])
def test_megabytes_of_stuffing_in_a_scan_are_skipped(judge: Judge, stuffing: bytes) -> None:
    scan = bombs.first_scan(TINY) + stuffing * (bombs.MOST // 2 - 1000)
    assert judge(bombs.jpeg(TINY, [scan])) == "JPEG"


def test_a_second_frame_in_a_jpeg_is_refused(judge: Judge) -> None:
    larger = bombs.segment(0xC2, struct.pack(">BHHB", 8, 60_000, 60_000, 1) + b"\1\x11\0")
    assert judge(bombs.jpeg(TINY, [bombs.first_scan(TINY), larger])) == "broken"


def test_a_multi_picture_table_that_points_anywhere_is_not_followed(judge: Judge) -> None:
    data = encode(
        Image.new("RGB", TINY), "MPO", save_all=True, append_images=[Image.new("L", TINY)]
    )
    at = data.index(b"MPF\0")
    assert judge(data[: at + 4] + b"\xff" * 60 + data[at + 64 :]) == "JPEG"


@pytest.mark.parametrize("next_directory", [8, 0xFFFFFFFF])
def test_exif_directories_in_a_circle_are_not_followed(judge: Judge, next_directory: int) -> None:
    orientation = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    entry = orientation + struct.pack("<HHII", 0x8769, 4, 1, 8)  # the sub-directory is itself
    block = b"II*\0" + struct.pack("<IH", 8, 2) + entry + struct.pack("<I", next_directory)
    before = bombs.segment(0xE1, b"Exif\0\0" + block)
    outcome = judge.outcome(bombs.jpeg((16, 8), [bombs.first_scan((16, 8))], before))
    assert (outcome.verdict, outcome.size) == ("JPEG", (8, 16))


def test_an_exif_directory_of_65535_entries_is_read_in_time(judge: Judge) -> None:
    block = b"II*\0" + struct.pack("<IH", 8, 65_535) + bytes(12) * 65_535
    assert judge(png(1, 1, (b"eXIf", block), PIXEL)) == "PNG"


@pytest.mark.parametrize("kind", [b"IDAT", b"aaAa", b"eXIf"])
def test_millions_of_empty_png_chunks_are_refused(judge: Judge, kind: bytes) -> None:
    assert judge(bombs.png_of_chunks((kind, b""), count=1_600_000)) == "too_complex"


@pytest.mark.parametrize(
    ("kind", "head"), [(b"iCCP", b"x\0\0"), (b"zTXt", b"\0\0"), (b"iTXt", b"x\0\1\0\0\0")]
)
def test_packed_texts_and_profiles_are_refused_by_what_they_unpack_to(
    judge: Judge, kind: bytes, head: bytes
) -> None:
    assert judge(bombs.png_of_chunks((kind, head + PACKED), count=9_000)) == "broken"
    assert judge(bombs.png_of_chunks((kind, head + PACKED), count=17)) == "PNG"


def test_a_huge_text_in_a_png_is_skipped(judge: Judge) -> None:
    assert judge(bombs.png_of_chunks((b"tEXt", b"x\0" + bytes(19_000_000)), count=1)) == "PNG"


def test_pixel_data_that_unpack_to_more_than_the_picture_are_cut_off(judge: Judge) -> None:
    assert judge(png(1, 1, (b"IDAT", zlib.compress(bytes(200_000_000), 1)))) == "PNG"


@pytest.mark.parametrize("size", [(25_000_000, 1), (1, 25_000_000)])
def test_a_line_of_25_million_pixels_is_refused(judge: Judge, size: tuple[int, int]) -> None:
    assert judge(png(*size, PIXEL)) == "too_many_pixels"


def test_an_animated_png_with_frames_beyond_its_canvas_shows_its_still(judge: Judge) -> None:
    control = struct.pack(">II", 2**31, 0)
    frame = struct.pack(">5I2H2B", 0, 2**31, 2**31, 2**31, 2**31, 0, 0, 1, 1)
    assert judge(png(1, 1, (b"acTL", control), (b"fcTL", frame), PIXEL)) == "PNG"


def test_a_png_chunk_that_claims_four_gigabytes_is_refused(judge: Judge) -> None:
    claim = struct.pack(">I4s", 2**32 - 1, b"IDAT")
    assert judge(png(1, 1, PIXEL).replace(png_chunk(b"IEND", b""), claim)) == "broken"


@pytest.mark.parametrize(
    "blocks", [b"!\xfe" + b"\1a" * 9_900_000 + b"\0", b"!\xff\1a\0" * 3_900_000, bytes(19_000_000)]
)
def test_millions_of_gif_blocks_are_refused(judge: Judge, blocks: bytes) -> None:
    assert judge(bombs.gif(blocks)) == "too_complex"


@pytest.mark.parametrize("frame", [(65_535, 65_535, 2, 1), (0, 0, 65_535, 65_535)])
def test_a_gif_frame_far_beyond_the_canvas_is_refused(judge: Judge, frame: tuple[int, ...]) -> None:
    assert judge(bombs.gif(b"", frame=frame)) == "too_many_pixels"


def test_a_gif_with_a_huge_canvas_and_a_tiny_frame_is_refused(judge: Judge) -> None:
    assert judge(bombs.gif(b"", canvas=(65_535, 65_535))) == "too_many_pixels"


def test_a_webp_animation_with_a_huge_canvas_is_refused(judge: Judge) -> None:
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0]) + b"\xff" * 6
    assert judge(b"RIFF" + struct.pack("<I", len(body)) + body) == "too_many_pixels"


def test_millions_of_webp_chunks_are_refused(judge: Judge) -> None:
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(10) + b"junk\0\0\0\0" * 2_000_000
    assert judge(b"RIFF" + struct.pack("<I", len(body)) + body) == "too_complex"


def test_a_lossless_webp_with_65536_groups_of_codes_is_refused(judge: Judge) -> None:
    size = (1024, 1024)
    assert judge(bombs.lossless_webp(size, bytes(bombs.many_groups(4096)))) == "WEBP"
    assert judge(bombs.lossless_webp(size, bytes(bombs.many_groups(65_536)))) == "too_complex"


@pytest.mark.parametrize("decoy", [b"", b"VP8L\6\0\0\0\x2f\0\0\0\0\0"])
def test_packed_transparency_with_65536_groups_of_codes_is_refused(
    judge: Judge, decoy: bytes
) -> None:
    alpha = b"\1" + bytes(bombs.many_groups(65_536))
    alpha += bytes(len(alpha) % 2)
    size = struct.pack("<I", 1023)[:3] * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + size
    body += b"ALPH" + struct.pack("<I", len(alpha)) + alpha + b"VP8 \0\0\0\0" + decoy
    assert judge(b"RIFF" + struct.pack("<I", len(body)) + body) == "too_complex"


def test_a_lossless_webp_with_endless_transforms_is_refused(judge: Judge) -> None:
    stream = bombs.Bits()
    for value, length in ((1, 1), (0, 2), (0, 3), (0, 1)):
        stream.put(value, length)  # a predictor for each 4 x 4 pixels, without a cache
    stream.bytes_as_they_are(280)
    for _ in range(3):
        stream.bytes_as_they_are(256)
    stream.one_symbol()
    assert judge(bombs.lossless_webp(LARGE, bytes(stream) + bytes(4_000_000))) == "too_complex"


def test_a_large_bitmap_in_run_lengths_is_refused(judge: Judge) -> None:
    assert judge(bombs.bmp(LARGE, 1, b"\1\7" * 9_900_000)) == "too_complex"


def test_as_many_run_lengths_as_allowed_are_unpacked_in_time(judge: Judge) -> None:
    assert judge(bombs.bmp((1000, 1000), 1, b"\1\7" * 990_000)) == "broken"  # past the row's end
    assert judge(bombs.bmp((58_000, 50), 1, b"\1\7\0\0" * 50)) == "BMP"


@pytest.mark.parametrize("size", [(2**31 - 1, 1), (-4, 4), (4, -(2**31)), LARGE])
def test_a_bitmap_with_an_absurd_header_is_refused(judge: Judge, size: tuple[int, int]) -> None:
    assert judge(bombs.bmp(size, 0, b"")) in {"too_many_pixels", "broken"}


@pytest.mark.parametrize(
    ("kind", "mode", "size", "options"),
    [
        ("JPEG", "CMYK", (24_400, 1_023), {"progressive": True}),  # too narrow to be reduced
        ("PNG", "RGBA", LARGE, {"compress_level": 1}),
        ("PNG", "I;16", LARGE, {"compress_level": 1}),
        ("PNG", "P", LARGE, {"compress_level": 1, "transparency": 1}),
        ("WEBP", "RGBA", LARGE, {"lossless": True, "method": 0, "quality": 0}),
        ("GIF", "P", LARGE, {"transparency": 1}),
        ("BMP", "1", LARGE, {}),
        ("AVIF", "RGB", LARGE, {"speed": 10}),
        ("TIFF", "F", LARGE, {"compression": "tiff_lzw"}),
        ("TIFF", "CMYK", LARGE, {"compression": "tiff_deflate"}),
    ],
)
def test_the_largest_photo_of_each_kind_stays_in_bounds(
    judge: Judge, kind: str, mode: str, size: tuple[int, int], options: dict[str, object]
) -> None:
    data = encode(Image.new(mode, size, 1), kind, exif=exif(orientation=6), **options)
    outcome = judge.outcome(data)
    assert (outcome.verdict, outcome.size) == (kind, size[::-1])


def test_the_largest_16_bit_png_stays_in_bounds(judge: Judge) -> None:
    packed = zlib.compressobj(1)
    row = b"\4" + bytes(8 * LARGE[0])  # Paeth's filter, the slowest
    rows = b"".join(packed.compress(row) for _ in range(LARGE[1])) + packed.flush()
    assert judge(png(*LARGE, (b"IDAT", rows), depth=16, color=6)) == "PNG"


def test_a_jpeg_of_200_megapixels_stays_in_bounds(judge: Judge) -> None:
    data = encode(Image.new("L", (16_320, 12_240), 90), "JPEG", exif=exif(orientation=6))
    outcome = judge.outcome(data)
    assert (outcome.verdict, outcome.size) == ("JPEG", (1530, 2040))
    at = data.index(b"\xff\xc0") + 5
    larger = data[:at] + struct.pack(">HH", 12_261, 16_320) + data[at + 4 :]
    assert judge(larger) == "too_many_pixels"


def test_the_largest_progressive_jpeg_stays_in_bounds(judge: Judge) -> None:
    size = (8064, 6048)
    scans = [bombs.first_scan(size), *[bombs.refinement_scan(size)] * 19]
    assert judge(bombs.jpeg(size, scans, components=3)) == "JPEG"
