"""What a file that is no photo really is, by its content, and how to make a photo of it.

Sources of the signatures: the formats' own specifications, Gary Kessler's file signature table and
the magic numbers of file(1).
"""

import re
from dataclasses import dataclass

from dandelion_pipeline.images.decoding.containers.isobmff import brands

_START = 4096
"""Bytes that texts are told by."""

_READABLE = 0.95  # of a text's letters


@dataclass(frozen=True)
class Identity:
    """What a file is."""

    what: str
    """With its article: ``a PDF document``."""

    remedy: str
    """What to do instead."""


_AGAIN = "Download the photo itself, and check that the address needs no sign-in"
_LEAVE_OUT = "Leave it out: it is no photo"
_RAW = (
    "Export it as JPEG from the camera's program, or: `darktable-cli photo.raw copy.jpg`, "
    "`sips -s format jpeg photo.raw --out copy.jpg` on a Mac"
)
_MAGICK = "Convert it: `magick file copy.png`"
_UNPACK = "Unpack it, and give the folder with the photos"
_FRAME = "Take a frame out of it: `ffmpeg -i video -frames:v 1 frame.jpg`"

_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "a PDF document", "Export its pages: `pdftoppm -r 200 -png file.pdf page`"),
    (b"8BPS", "a Photoshop document", "Export it as PNG, or: `magick 'file.psd[0]' copy.png`"),
    (b"\xff\x0a", "a JPEG XL picture", "Convert it: `djxl photo.jxl copy.jpg`"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture", "Convert it: `djxl photo.jxl copy.jpg`"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture", _MAGICK),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", _MAGICK),
    (b"\0\0\1\0", "an icon (ICO)", _MAGICK),
    (b"\0\0\2\0", "a cursor (CUR)", _MAGICK),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture", _MAGICK),
    (b"#?RADIANCE", "a Radiance HDR picture", _MAGICK),
    (b"FORM", "an Amiga IFF or AIFF file", _MAGICK),
    (b"gimp xcf", "a GIMP document (XCF)", "Export it as PNG from GIMP"),
    (b"qoif", "a QOI picture", _MAGICK),
    (b"BPG\xfb", "a BPG picture", "Convert it: `bpgdec -o copy.png photo.bpg`"),
    (b"DDS ", "a DirectDraw texture", _MAGICK),
    (b"SIMPLE  =", "a FITS image", _MAGICK),
    (b"\x0a\x05\x01\x08", "a PCX picture", _MAGICK),
    (b"\x01\xda", "an SGI picture", _MAGICK),
    (b"%!PS", "a PostScript file (EPS)", "Convert it: `gs -sDEVICE=png16m -r200 -o copy.png file`"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file (EPS)", _MAGICK),
    (b"FUJIFILMCCD-RAW", "a camera's raw photo (RAF)", _RAW),
    (b"IIRO", "a camera's raw photo (ORF)", _RAW),
    (b"IIRS", "a camera's raw photo (ORF)", _RAW),
    (b"MMOR", "a camera's raw photo (ORF)", _RAW),
    (b"IIU\0", "a camera's raw photo (RW2)", _RAW),
    (b"FOVb", "a camera's raw photo (X3F)", _RAW),
    (b"II+\0", "a BigTIFF file", "Convert it: `tiffcp -c zip big.tif copy.tif`"),
    (b"MM\0+", "a BigTIFF file", "Convert it: `tiffcp -c zip big.tif copy.tif`"),
    (b"\0\5\x16\7", "a Mac's AppleDouble file (`._name`): the photo lies beside it", _LEAVE_OUT),
    (b"\0\0\0\1Bud1", "a Mac's folder settings (.DS_Store)", _LEAVE_OUT),
    (b"PK\3\4", "a zip archive (or a document that is one)", _UNPACK),
    (b"PK\5\6", "an empty zip archive", _LEAVE_OUT),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"\x1f\x8b", "a gzip file", f"{_UNPACK}: `gunzip file.gz` or `tar xzf file.tar.gz`"),
    (b"BZh", "a bzip2 file", _UNPACK),
    (b"\xfd7zXZ\0", "an xz file", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", _UNPACK),
    (b"\x93NUMPY", "a NumPy array", "Save each picture of it: `Image.fromarray(array).save(…)`"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "Save each picture of it as PNG"),
    (b"MATLAB 5.0", "a MATLAB file", "Save each picture of it as PNG"),
    (b"PAR1", "a Parquet table", "Save each picture of it as a file"),
    (b"SQLite format 3\0", "an SQLite database", _LEAVE_OUT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document or Thumbs.db", _LEAVE_OUT),
    (b"CMMM", "a Windows thumbnail cache", _LEAVE_OUT),
    (b"L\0\0\0\x01\x14\x02\0", "a Windows shortcut (.lnk)", "Copy the photo that it points to"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)", _FRAME),
    (b"FLV\1", "a video (FLV)", _FRAME),
    (b"\0\0\1\xba", "a video (MPEG)", _FRAME),
    (b"\0\0\1\xb3", "a video (MPEG)", _FRAME),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a video (Windows Media)", _FRAME),
    (b"ID3", "a sound (MP3)", _LEAVE_OUT),
    (b"OggS", "a sound or video (Ogg)", _LEAVE_OUT),
    (b"fLaC", "a sound (FLAC)", _LEAVE_OUT),
    (b"\x7fELF", "a program", _LEAVE_OUT),
    (b"MZ", "a Windows program", _LEAVE_OUT),
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, and not the photo",
     "Fetch the photos, then import again: `git lfs install && git lfs pull`"),
    (b"/annex/objects/", "a git-annex pointer, and not the photo",
     "Fetch the photos, then import again: `git annex get .`"),
)  # fmt: skip

_TEXTS: tuple[tuple[str, str, str], ...] = (
    (
        r"\s*(<!--((?!-->).)*-->\s*)*<(!doctype\s+html|html|head|body|script|meta|title)\b",
        "an HTML page: a web page was saved in place of the photo",
        _AGAIN,
    ),
    (
        r".*<svg[\s>:]",
        "an SVG drawing",
        "Convert it: `rsvg-convert -w 1024 drawing.svg -o copy.png`",
    ),
    (r".*<x:xmpmeta\b", "an XMP sidecar with a photo's metadata", _LEAVE_OUT),
    (r"\.\./.*\.git/annex/objects/", "a git-annex link, and not the photo", "`git annex get .`"),
    (r".*<Error>.*<Code>", "an error of a storage service, saved in place of the photo", _AGAIN),
    (r"\s*<\?xml\b", "an XML document", _LEAVE_OUT),
    (r"\s*<[A-Za-z!][^<>]*>", "an XML or HTML fragment", _AGAIN),
    (r'\s*(\{\s*("|\})|\[\s*[\[{"\]\d-])', "a JSON document", f"{_LEAVE_OUT}; or {_AGAIN.lower()}"),
    (r"-----BEGIN ", "a key or certificate", "Leave it out, and keep it to yourself"),
    (r"data:image/", "a data URL: a photo written as text", "Decode what follows `base64,`"),
    (r"\[InternetShortcut\]", "a link to a web page", "Download the photo that it points to"),
)
_NETPBM = re.compile(rb"P[1-6]\s+(#[^\n]*\s+)?\d+\s")
_BASE64 = re.compile(r"(/9j/|iVBORw0KGgo|R0lGOD|UklGR)[A-Za-z0-9+/=\s]{20,}$")


def identify(data: bytes) -> Identity | None:
    """What a file is that no decoder reads; None if nobody knows.

    Args:
        data: the file, or its first thousands of bytes.
    """
    for look in (_by_start, _by_place, _by_brand, _by_text):
        found = look(data)
        if found is not None:
            return found
    return None


def is_raw(data: bytes) -> bool:
    """Whether a TIFF file is a camera's raw photo, whose first page is a thumbnail at most."""
    return _raw_kind(data) is not None


def _by_start(data: bytes) -> Identity | None:
    for start, what, remedy in _STARTS:
        if data.startswith(start):
            return Identity(what, remedy)
    return None


_PLACES: tuple[tuple[int, bytes, str, str], ...] = (
    (128, b"DICM", "a DICOM file", "Convert it: `dcmj2pnm --write-png file.dcm copy.png`"),
    (257, b"ustar", "a tar archive", _UNPACK),
    (8, b"AVI ", "a video (AVI)", _FRAME),
    (8, b"WAVE", "a sound (WAV)", _LEAVE_OUT),
    (4, b"moov", "a video (QuickTime)", _FRAME),
    (4, b"mdat", "a video (QuickTime)", _FRAME),
    (0x8001, b"CD001", "a disc image (ISO)", _UNPACK),
)


def _by_place(data: bytes) -> Identity | None:
    for at, mark, what, remedy in _PLACES:
        if data.startswith(mark, at):
            return Identity(what, remedy)
    if _NETPBM.match(data):
        return Identity("a Netpbm picture (PBM, PGM or PPM)", _MAGICK)
    kind = _raw_kind(data)
    if kind is not None:
        return Identity(f"a camera's raw photo ({kind})", _RAW)
    if len(data) > 64 and not data.strip(b"\0"):  # noqa: PLR2004
        return Identity("a file of zeros: it was never filled", "Copy or download it again")
    return None


def _by_brand(data: bytes) -> Identity | None:
    found = brands(data)
    if not found:
        return None
    if b"crx " in found:
        return Identity("a camera's raw photo (CR3)", _RAW)
    if b"M4A " in found:
        return Identity("a sound (M4A)", _LEAVE_OUT)
    return Identity("a video (MP4 or QuickTime)", _FRAME)


def _raw_kind(data: bytes) -> str | None:
    """The kind of a raw photo that is built as a TIFF file (all but a few makers')."""
    if not data.startswith((b"II*\0", b"MM\0*")):
        return None
    if data[8:10] == b"CR":
        return "CR2"
    little = data.startswith(b"II")

    def order(part: bytes) -> int:
        return int.from_bytes(part, "little" if little else "big")

    start = order(data[4:8])
    tags = {
        order(data[at : at + 2]): data[at + 8 : at + 12]
        for at in range(start + 2, start + 2 + 12 * min(order(data[start : start + 2]), 500), 12)
    }
    if 50706 in tags:  # noqa: PLR2004  DNGVersion
        return "DNG"
    if 330 not in tags or 271 not in tags:  # noqa: PLR2004  SubIFDs, Make
        return None
    at = order(tags[271])
    make = data[at : at + 20].upper()
    makers = {b"NIKON": "NEF", b"SONY": "ARW", b"PENTAX": "PEF", b"SAMSUNG": "SRW"}
    return next((kind for maker, kind in makers.items() if make.startswith(maker)), None)


def _by_text(data: bytes) -> Identity | None:
    start = data[:_START]
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = start.decode(encoding, "replace")
    if sum(_is_readable(letter) for letter in text) < _READABLE * len(text):
        return None
    for pattern, what, remedy in _TEXTS:
        if re.match(pattern, text, re.IGNORECASE | re.DOTALL):
            return Identity(what, remedy)
    if _BASE64.match(text):
        return Identity("a photo written as text (base64)", "Decode it: `base64 -d file > photo`")
    return Identity("a text file", f"{_LEAVE_OUT}; a list of labels belongs beside the classes")


def _is_readable(letter: str) -> bool:
    return letter.isspace() or (letter.isprintable() and letter != "\ufffd")
