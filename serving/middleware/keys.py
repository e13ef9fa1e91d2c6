"""API keys: kept as hashes, some from the environment, some from a file that may change."""

import hashlib
import hmac
import logging
import re
import time
from collections.abc import Iterable
from pathlib import Path

_HASHED = re.compile(r"sha256:([0-9a-f]{64})")
_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


def digest(key: str) -> bytes:
    """The SHA-256 of a key."""
    return hashlib.sha256(key.encode()).digest()


def stored(entry: str) -> bytes:
    """The digest of an entry: a key as it is, or ``sha256:`` and the digest of one in hex."""
    hashed = _HASHED.fullmatch(entry)
    return bytes.fromhex(hashed[1]) if hashed else digest(entry)


class Keys:
    """The keys that open the API. None at all, and no file, means that it is open to everybody.

    Args:
        entries: as in the environment; see `stored`.
        file: one entry a line, and comments after ``#``. It is read again when it has changed; one
            that cannot be read leaves the keys as they are.
    """

    def __init__(self, entries: Iterable[str], file: Path | None = None) -> None:
        self._fixed = [stored(entry) for entry in entries]
        self._file = file
        self._of_file: list[bytes] = []
        self._seen: object = None
        self._looked = float("-inf")

    @property
    def wanted(self) -> bool:
        """Whether a key is asked for."""
        return bool(self._fixed) or self._file is not None

    def open(self, key: str) -> bool:
        """Whether a key is one of them."""
        self._look()
        given = digest(key)
        known = [*self._fixed, *self._of_file]
        # All are compared, and as digests of one length: the time tells nothing of the keys.
        return any([hmac.compare_digest(given, one) for one in known])  # noqa: C419

    def _look(self) -> None:
        now = time.monotonic()
        if self._file is None or now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        try:
            status = self._file.stat()
            seen = status.st_mtime_ns, status.st_size, status.st_ino
            if seen != self._seen:
                self._of_file = [stored(entry) for entry in _entries(self._file.read_text())]
                self._seen = seen
                _log.info("%d API keys are in %s.", len(self._of_file), self._file)
        except (OSError, UnicodeDecodeError) as error:
            if self._seen != str(error):
                _log.warning("The API keys in %s cannot be read again: %s", self._file, error)
            self._seen = str(error)


def _entries(text: str) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]
