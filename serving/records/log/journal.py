"""The local journal: a row is on disk before its answer is sent.

A process appends to a segment of its own, which it holds a lock on. A segment whose process is
gone has no lock: whoever comes next takes it over. Each line is a checksum and a JSON document, so
that a line that was cut by a kill or a full disk is known and skipped.
"""

import fcntl
import json
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

_SUFFIX = ".journal"
_CHECKSUM = 8  # hex digits


class Segment:
    """A file of rows that this process alone may touch, until `close` or `remove`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def new(cls, folder: Path) -> "Segment":
        """An empty one.

        Raises:
            OSError: the disk does not take it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{time.time_ns():020d}-{uuid4().hex[:12]}{_SUFFIX}"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return cls(path, descriptor)

    @property
    def name(self) -> str:
        """Unique for all time; names sort by when segments were begun."""
        return self._path.stem

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._descriptor).st_size

    def append(self, row: Mapping[str, Any]) -> None:
        """Write a row; it outlives this process, though not the machine's power.

        Raises:
            OSError: the disk does not take it.
        """
        text = json.dumps(row, separators=(",", ":")).encode()
        # A line break comes first: after a line that was cut, this one is whole all the same.
        line = b"\n%08x %s\n" % (zlib.crc32(text), text)
        if os.write(self._descriptor, line) != len(line):
            raise OSError("the disk took a part of it")

    def rows(self) -> Iterator[dict[str, Any]]:
        """All that is whole, in the order in which it was written."""
        for line in self._path.read_bytes().split(b"\n"):
            text = line[_CHECKSUM + 1 :]
            if text and line[:_CHECKSUM] == b"%08x" % zlib.crc32(text):
                yield json.loads(text)

    def remove(self) -> None:
        """Delete it, and give up the lock."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Give up the lock, and leave the file to whoever comes next."""
        os.close(self._descriptor)


def abandoned(folder: Path) -> Iterator[Segment]:
    """The segments that no process holds any more, the oldest first; each is taken over."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:  # another process was faster
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # its process lives
            os.close(descriptor)
            continue
        if path.exists():  # or it was deleted between the two calls
            yield Segment(path, descriptor)
        else:
            os.close(descriptor)
