"""The processes that answer on one port, and what they tell each other: their metrics."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

_TIMEOUT = 1.0
"""Seconds that a process may take to tell its metrics; one that does not is left out."""


@dataclass(frozen=True)
class Member:
    """One of them."""

    index: int = 0
    """From 0."""

    number: int = 1
    """How many there are."""

    folder: Path | None = None
    """Where they meet; none, if there is one alone."""

    @property
    def threads(self) -> int | None:
        """How many threads it may keep busy: its share of the processors; None if it is alone."""
        return None if self.number == 1 else max(1, (os.cpu_count() or 1) // self.number)

    def words(self) -> list[str]:
        """The member as arguments of a command."""
        return [str(self.index), str(self.number), str(self.folder)]

    @classmethod
    def of(cls, words: Sequence[str]) -> "Member":
        """The member that `words` were said of."""
        index, number, folder = words
        return cls(int(index), int(number), Path(folder))


ALONE = Member()


class TeamMetrics:
    """The metrics of all processes, whichever of them is asked: each series says whose it is.

    Args:
        registry: this process's own.
        member: which one it is.
    """

    def __init__(self, registry: CollectorRegistry, member: Member) -> None:
        self._registry = registry
        self._member = member
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to tell the others."""
        if self._member.folder is not None:
            path = _path(self._member.folder, self._member.index)
            path.unlink(missing_ok=True)  # of one that was killed
            self._server = await asyncio.start_unix_server(self._tell, path)

    async def stop(self) -> None:
        """End it."""
        if self._server is not None:
            self._server.close()

    async def text(self) -> bytes:
        """In Prometheus' text format."""
        if self._member.folder is None:
            return generate_latest(self._registry)
        others = [index for index in range(self._member.number) if index != self._member.index]
        told = await asyncio.gather(*(_ask(_path(self._member.folder, one)) for one in others))
        texts = {self._member.index: generate_latest(self._registry).decode()}
        texts |= {one: text for one, text in zip(others, told, strict=True) if text}
        together = CollectorRegistry()
        together.register(_Together(texts))
        return generate_latest(together)

    async def _tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(generate_latest(self._registry))
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()


class _Together(Collector):
    """What several processes say, with a label for whose it is."""

    def __init__(self, texts: dict[int, str]) -> None:
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for index, text in sorted(self._texts.items()):
            for found in text_string_to_metric_families(text):
                new = Metric(found.name, found.documentation, found.type)
                family = families.setdefault(found.name, new)
                for sample in found.samples:
                    labels = {**sample.labels, "worker": str(index)}
                    family.add_sample(sample.name, labels, sample.value)
        yield from families.values()


def _path(folder: Path, index: int) -> Path:
    return folder / f"{index}.metrics"


async def _ask(path: Path) -> str:
    """What one says; nothing if it does not."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            reader, writer = await asyncio.open_unix_connection(path)
            told = await reader.read()
    except (OSError, TimeoutError):
        return ""
    writer.close()
    return told.decode()
