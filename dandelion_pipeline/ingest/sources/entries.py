"""What lies in other people's folders: a file to look at, or something to ignore, by its path.

Folders, archives, buckets, web servers, the landing folders and the drop folder all ask here, so
that the same file is judged alike whichever way it comes. What is left is given to the decoder,
which judges by content.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath

HIDDEN = "hidden files"
SYSTEM = "files of the system or of a NAS"
SIDECAR = "sidecar files"
DOCUMENT = "documents and programs"
MEDIA = "videos and sounds"
MARKER = "folder markers"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",
        "@tmp",
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "#snapshot",
        "__macosx",
        "lost+found",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "__pycache__",
        "node_modules",
    }
)
_SYSTEM_FILES = frozenset(
    {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini"}
)
_SIDECARS = _words(
    """
    .xmp .xml .txt .json .jsonl .ndjson .csv .tsv .md .aae .pp3 .yaml .yml .thm .cos .dop .on1
    .nksc .html .htm .geojson .ini .cfg .toml .log .names .data .rst .sha256 .md5 .sha1 .url
    .lnk .webloc .parquet .arrow .npy .npz .mat .h5 .tfrecord .db .sqlite .bak .tmp .part
    .crdownload .sha512 .license .label
    """
)
_DOCUMENTS = _words(
    """
    .pdf .doc .docx .odt .rtf .xls .xlsx .ods .ppt .pptx .py .ipynb .m .r .sh .bat .js .css .pt
    .pth .onnx .pkl .pickle .exe .dll .so .c .cpp .java .php
    """
)
_MEDIA = _words(
    """
    .mov .mp4 .m4v .avi .mkv .webm .3gp .mpg .mpeg .mts .wmv .mp3 .wav .m4a .aac .flac .ogg
    """
)
_NO_SUFFIX = _words(
    """
    readme license licence copying notice authors changelog contributing makefile dockerfile
    checksums sha256sums md5sums version
    """
)


def ignored_as(path: str, size: int | None = None) -> str | None:
    """The kind of what is never a photo, by its path below a class or a root, or None.

    Args:
        path: with ``/`` between its parts.
        size: bytes, if known.
    """
    parts = path.split("/")
    for part in parts:
        low = part.casefold()
        if low in _SYSTEM_FOLDERS or low.startswith("._") or low == ".ds_store":
            return SYSTEM
        if part.startswith("."):
            return HIDDEN
    return _by_name(parts[-1].casefold(), size)


def _by_name(name: str, size: int | None) -> str | None:
    suffix = PurePosixPath(name).suffix
    if not name or (size == 0 and not suffix):
        return MARKER
    if name in _SYSTEM_FILES or name.startswith("~$"):
        return SYSTEM
    if name in _NO_SUFFIX or name.endswith("~"):
        return SIDECAR
    return _BY_SUFFIX.get(suffix)


_BY_SUFFIX = {
    **dict.fromkeys(_SIDECARS, SIDECAR),
    **dict.fromkeys(_DOCUMENTS, DOCUMENT),
    **dict.fromkeys(_MEDIA, MEDIA),
}


@dataclass(frozen=True)
class Entry:
    """A file of a source that may be a photo."""

    path: str
    """Below the source's root, with ``/`` between its parts."""

    at: object
    """Where the source finds it again: a path, an object, an address, a member."""

    size: int | None = None


@dataclass
class Notes:
    """What a source holds beside its photos, and what was made of it. Grows while it is read."""

    ignored: Counter[str] = field(default_factory=Counter)
    """Files by kind."""

    odd: dict[str, str] = field(default_factory=dict)
    """What could not be read, and why, by path."""

    said: list[str] = field(default_factory=list)
    """How the folders were understood, one sentence each."""

    def takes(self, path: str, size: int | None = None) -> bool:
        """Whether a file may be a photo; counted if it is ignored."""
        kind = ignored_as(path, size)
        if kind is not None:
            self.ignored[kind] += 1
        return kind is None

    def sentences(self, most: int = 5) -> list[str]:
        """All of it for people.

        Args:
            most: so many odd files are named.
        """
        lines = list(self.said)
        if self.ignored:
            kinds = ", ".join(f"{number} {kind}" for kind, number in self.ignored.most_common())
            lines.append(f"ignored: {kinds}")
        lines += [f"not taken: {path!r}: {why}" for path, why in list(self.odd.items())[:most]]
        if len(self.odd) > most:
            lines.append(f"not taken: {len(self.odd) - most} more")
        return lines
