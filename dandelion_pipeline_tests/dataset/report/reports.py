"""Data reports for tests, and what a browser would see of their pages."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser

import pyarrow as pa

from dandelion_pipeline.dataset.cleaning.batch_checks import Finding
from dandelion_pipeline.dataset.dataset import LEFT_OUT
from dandelion_pipeline.dataset.labels.conflicts import LABEL_CONFLICTS
from dandelion_pipeline.dataset.report import PHOTOS, REJECTED, DataReport, data_report_page

Row = Mapping[str, object]
_VOID = {"img", "meta", "rect"}


def sha256(number: int) -> str:
    """A name for a photo; its first characters differ too."""
    return f"{number:012x}{number:052x}"


def photo(number: int, **differs: object) -> dict[str, object]:
    """A row of `PHOTOS`, alone in its group."""
    return {
        "sha256": sha256(number),
        "label": ("dandelion", "grass")[number % 2],
        "split": ("train", "validation", "test")[number % 3],
        "name": f"{number}.jpg",
        "day": "2025-05-01",
        "group": sha256(number),
        "width": 275,
        "height": 183,
        "label_quality": 0.9,
        "suggested_label": None,
        **differs,
    }


def left_out(number: int, reason: str, **differs: object) -> dict[str, object]:
    """A row of `LEFT_OUT`."""
    of_photo = {name: photo(number)[name] for name in LEFT_OUT.names[:-1]}
    return {**of_photo, "reason": reason, **differs}


def conflict(number: int, **differs: object) -> dict[str, object]:
    """A row of `LABEL_CONFLICTS`."""
    of_photo = {name: photo(number)[name] for name in LABEL_CONFLICTS.names[:-1]}
    return {**of_photo, "identical": False, **differs}


def rejected(number: int, **differs: object) -> dict[str, object]:
    """A row of `REJECTED`."""
    key = f"landing/2025-05-01/grass/{number}.txt"
    usual = {"key": key, "day": "2025-05-01", "reason": "unknown_format", "detail": "it is text"}
    return {**usual, **differs}


def thumbnails(shown: Sequence[str]) -> dict[str, bytes]:
    """No picture, but bytes of each photo's own."""
    return {name: name.encode() for name in shown}


def report(
    photos: Iterable[Row] = (),
    left_out: Iterable[Row] = (),
    rejected: Iterable[Row] = (),
    conflicts: Iterable[Row] = (),
    **differs: object,
) -> DataReport:
    """A report of these rows."""
    usual = {
        "data_hash": "f" * 64,
        "made_at": datetime(2025, 5, 2, 12, 30, tzinfo=UTC),
        "salt": "salt",
        "is_sample": False,
        "findings": [Finding("classes", 2, 2, "2 classes: dandelion, grass", at_least=True)],
        "thumbnails": thumbnails,
        "classes_left_out": {},
        "user_groups": 0,
        "near_duplicates": "",
    }
    return DataReport(
        photos=pa.Table.from_pylist(list(photos), schema=PHOTOS),
        left_out=pa.Table.from_pylist(list(left_out), schema=LEFT_OUT),
        rejected=pa.Table.from_pylist(list(rejected), schema=REJECTED),
        conflicts=pa.Table.from_pylist(list(conflicts), schema=LABEL_CONFLICTS),
        **{**usual, **differs},  # type: ignore[arg-type]
    )


class Seen(HTMLParser):
    """A page as its elements and the text of each section; refuses tags that do not match."""

    def __init__(self, report: DataReport) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self.text = ""
        self._open: list[str] = []
        self._section = ""
        self.feed(data_report_page(report).decode())
        self.close()
        assert not self._open

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it; a heading with an id begins a section."""
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "h2":
            self._section = attributes["id"] or ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """It closes what was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text, of the style sheet too."""
        self.text += data
        self.sections[self._section] = " ".join(
            [*self.sections.get(self._section, "").split(), *data.split()]
        )
