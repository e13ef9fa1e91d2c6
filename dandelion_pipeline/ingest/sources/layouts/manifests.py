"""Tables of labels beside photos: CSV and its kin, and JSON lines as Hugging Face writes them."""

import csv
import io
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from dandelion_pipeline.ingest.sources.entries import Entry

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")
LARGEST = 64 * 2**20
"""Bytes of such a table that are read at most."""

_USUAL = ("labels", "metadata", "annotations", "train", "classes", "data", "index", "manifest")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FILE = _words(
    """
    file_name filename file image_name imagename image_path imagepath image file_path filepath
    path img img_path img_name photo picture image_id imageid img_id isic_id id name fname
    """
)
_LABEL = _words(
    """
    label class class_name classname label_name category category_name species breed target
    diagnosis dx variety tag y labels classes
    """
)
_SPLIT = _words(
    """
    split set subset partition data_set usage
    """
)
_GROUP = _words(
    """
    group group_id patient patient_id plant plant_id subject subject_id session session_id
    individual individual_id lesion_id case_id scene scene_id animal_id specimen specimen_id
    """
)


@dataclass(frozen=True)
class Row:
    """What a table says of one file."""

    file: str
    label: str
    split: str = ""
    group: str = ""


def may_be_manifest(path: str) -> bool:
    """Whether a file is looked at for a table of labels."""
    return PurePosixPath(path.casefold()).suffix in SUFFIXES


def by_likelihood(paths: Iterable[str]) -> list[str]:
    """The tables to try, the most usual names first."""

    def rank(path: str) -> tuple[int, int, str]:
        name = PurePosixPath(path.casefold())
        usual = _USUAL.index(name.stem) if name.stem in _USUAL else len(_USUAL)
        return SUFFIXES.index(name.suffix) == SUFFIXES.index(".txt"), usual, path

    return sorted(paths, key=rank)


def read_manifest(data: bytes) -> list[Row]:
    """The rows of a table; empty if it is none, or names neither files nor labels."""
    text = _text(data).lstrip("\n\r ")
    if text.startswith("{"):
        return _from_json(text)
    try:
        rows = [
            [cell.strip() for cell in row]
            for row in csv.reader(io.StringIO(text), delimiter=_delimiter(text))
            if any(cell.strip() for cell in row)
        ]
    except csv.Error:
        return []
    return _from_rows(rows)


class Finder:
    """The files that a table's names mean: whole paths, file names, or names without a suffix."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._found: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            parts = _plain(entry.path).split("/")
            for start in range(len(parts)):
                tail = "/".join(parts[start:])
                self._found[tail].append(entry)
                stem = str(PurePosixPath(tail).with_suffix("")) if "." in parts[-1][1:] else tail
                if stem != tail:
                    self._found[f"{stem}."].append(entry)

    def find(self, name: str) -> list[Entry]:
        """The files of a name: one if it is clear, several if it is not, none if there is none."""
        parts = [part for part in _plain(name).split("/") if part not in ("", ".")]
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            found = self._found.get(tail) or self._found.get(f"{tail}.")
            if found:
                return found
        return []


def _plain(path: str) -> str:
    return unicodedata.normalize("NFC", path.replace("\\", "/")).casefold()


def _text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    head = text.splitlines()[:1]
    counted = {mark: head[0].count(mark) for mark in ",;\t|"} if head else {}
    best = max(counted, key=lambda mark: counted[mark], default=",")
    return best if counted.get(best) else " " if head and " " in head[0] else ","


def _from_json(text: str) -> list[Row]:
    rows = []
    for line in text.splitlines():
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            return []
        if isinstance(said, dict):
            flat = {str(k): "" if v is None else str(v) for k, v in said.items()}
            rows.append(flat)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return _from_rows([names, *([row.get(name, "") for name in names] for row in rows)])


def _from_rows(rows: Sequence[Sequence[str]]) -> list[Row]:
    if not rows:
        return []
    header = [re.sub(r"[\s.-]+", "_", cell.casefold()) for cell in rows[0]]
    file, label = _column(header, _FILE), _column(header, _LABEL)
    if file is None and label is None and len(rows[0]) == 2 and "." in rows[0][0]:  # noqa: PLR2004
        return [Row(row[0], row[1]) for row in rows if len(row) == 2]  # noqa: PLR2004
    if file is None or file == label:
        return []
    body = [row for row in rows[1:] if len(row) > file and row[file]]
    split, group = _column(header, _SPLIT), _column(header, _GROUP)
    if label is None:
        return _from_indicators(rows[0], body, {file, split, group}, file)
    return [Row(row[file], _cell(row, label), _cell(row, split), _cell(row, group)) for row in body]


def _from_indicators(
    names: Sequence[str], body: Sequence[Sequence[str]], other: set[int | None], file: int
) -> list[Row]:
    """Rows with a column for each class, of which one holds a 1."""
    columns = [
        at
        for at in range(len(names))
        if at not in other and {_cell(row, at) for row in body} <= {"0", "1", "0.0", "1.0"}
    ]
    rows = []
    for row in body:
        ones = [names[at] for at in columns if _cell(row, at).startswith("1")]
        if len(ones) == 1:
            rows.append(Row(row[file], ones[0]))
    return rows if len(columns) > 1 else []


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _cell(row: Sequence[str], at: int | None) -> str:
    return row[at] if at is not None and at < len(row) else ""
