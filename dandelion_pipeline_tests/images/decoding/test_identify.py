import base64
import gzip
import io
import sqlite3
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.decode import FORMATS, decode
from dandelion_pipeline.images.decoding.identify import identify
from dandelion_pipeline.images.sample.photos import render
from dandelion_pipeline_tests.images.encoded import encode

PHOTO = render("grass", 2, (24, 20))


def archive(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as packed:
            packed.writestr("a.txt", "a")
    else:
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return out.getvalue()


def array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    return out.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as opened:
        opened.execute("create table a (b)")
        return opened.serialize()


def tiff_of(*tags: tuple[int, bytes]) -> bytes:
    entries = b"".join(struct.pack("<HHI4s", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return head.ljust(100, b"\0") + b"NIKON CORPORATION\0"


MADE_BY = (271, struct.pack("<I", 100))
FILES = {
    "an HTML page": b"\xef\xbb\xbf\n<!-- x --><!-- y -->\n<!DOCTYPE html><html><body>Not found",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
    "a git-annex pointer": b"/annex/objects/SHA256E-s12--4d7a.jpg\n",
    "a PDF document": encode(PHOTO, "PDF"),
    "an SVG drawing": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    "an XMP sidecar": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>',
    "an XML document": b'<?xml version="1.0"?><annotation><filename>1.jpg</filename></annotation>',
    "an error of a storage": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
    "a JSON document": b'{"message": "rate limit"}',
    "a text file": "Grüße von der Wiese\n".encode(),
    "a photo written as text": base64.b64encode(encode(PHOTO, "JPEG")),
    "a data URL": b"data:image/png;base64,iVBORw0KGgo=",
    "a video (MP4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(50),
    "a video (QuickTime": b"\0\0\0\x08wide"[:4] + b"moov" + bytes(50),
    "a video (Matroska": b"\x1a\x45\xdf\xa3" + bytes(50),
    "a camera's raw photo (CR3)": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(50),
    "a camera's raw photo (CR2)": b"II*\0\x10\0\0\0CR\2\0" + bytes(50),
    "a camera's raw photo (NEF)": tiff_of(MADE_BY, (330, bytes(4))),
    "a camera's raw photo (DNG)": tiff_of((50706, b"\1\4\0\0")),
    "a camera's raw photo (RAF)": b"FUJIFILMCCD-RAW 0201",
    "a Photoshop document": b"8BPS\0\1" + bytes(50),
    "a JPEG XL picture": b"\xff\x0a" + bytes(50),
    "a JPEG 2000 picture": encode(PHOTO, "JPEG2000"),
    "an icon": encode(PHOTO, "ICO"),
    "a Netpbm picture": encode(PHOTO, "PPM"),
    "a PostScript file": encode(PHOTO, "EPS"),
    "a zip archive": archive("zip"),
    "a tar archive": archive("tar"),
    "a gzip file": gzip.compress(b"x"),
    "an Office document or Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50),
    "a Mac's AppleDouble file": b"\0\5\x16\7\0\2\0\0" + bytes(50),
    "a Mac's folder settings": b"\0\0\0\1Bud1" + bytes(50),
    "a DICOM file": bytes(128) + b"DICM" + bytes(50),
    "a NumPy array": array(),
    "an SQLite database": database(),
    "a file of zeros": bytes(5000),
    "a BigTIFF file": b"II+\0\x08\0\0\0" + bytes(50),
}


@pytest.mark.parametrize("what", FILES)
def test_a_refusal_says_what_the_file_really_is_and_what_to_do(what: str) -> None:
    with pytest.raises(ImageRefused) as caught:
        decode(FILES[what])
    assert caught.value.reason == "unknown_format"
    assert caught.value.why.startswith(f"it is {what}")
    assert caught.value.remedy


def test_what_nobody_knows_is_told_which_formats_are_read() -> None:
    with pytest.raises(ImageRefused, match="no JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF"):
        decode(b"\x9c\x01\x02\x9d" * 40)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_photo_is_no_file_of_another_kind(kind: str) -> None:
    photo = encode(PHOTO, kind)
    assert decode(photo).format == kind
    if kind not in {"HEIF", "AVIF"}:  # relatives of videos: told by their brands, and first
        assert identify(photo) is None


@given(st.binary(max_size=600))
def test_whatever_the_bytes_there_is_one_answer(data: bytes) -> None:
    assert identify(data) == identify(data)


def test_a_long_text_of_comments_is_told_in_time() -> None:
    assert identify(b"<!-- x -->" * 5000) is not None


def test_a_scan_with_a_maker_is_no_raw_photo() -> None:
    data = encode(Image.new("RGB", (8, 8), "red"), "TIFF", tiffinfo={271: "NIKON"})
    assert decode(data).format == "TIFF"
