"""A process of its own for the decoder, so that what it takes can be measured, and ended.

The process measures its own memory, and dies by SIGPROF when one file costs it 2 s of
processor time: a hang is a dead process, and no test waits for it.
"""

import json
import resource
import signal
import struct
import subprocess
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.decode import decode

SECONDS = 2.0
MEGABYTES = 512
_CEILING = 4 << 30  # of address space, should a bomb get through


@dataclass(frozen=True)
class Outcome:
    """What became of a file."""

    verdict: str
    """The format of an accepted photo, the reason of a refusal, or what went wrong."""

    size: tuple[int, int] = (0, 0)
    """Of the accepted photo: width and height."""

    seconds: float = 0
    """Processor time."""

    megabytes: float = 0
    """Resident memory at its highest, above what it was before."""


class Sandbox:
    """Decodes files one after the other in another process. A context manager.

    Args:
        program: what Python runs there.
    """

    def __init__(self, *program: str) -> None:
        self._program = program or ("-m", __name__)

    def __enter__(self) -> "Sandbox":
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()

    def decode(self, data: bytes) -> Outcome:
        """What becomes of these bytes."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(struct.pack("<I", len(data)))
        stdin.write(data)
        stdin.flush()
        answer = stdout.readline()
        if answer:
            told = json.loads(answer)
            return Outcome(**{**told, "size": tuple(told["size"])})
        self._process.communicate()
        ended = f"killed by signal {-self._process.returncode}"
        self._start()
        return Outcome(ended)

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", *self._program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )


def main() -> None:
    """Decode what comes on standard input, and say what became of it."""
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (_CEILING, _CEILING))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while length := sys.stdin.buffer.read(4):
        data = _exactly(sys.stdin.buffer, *struct.unpack("<I", length))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        outcome = _measured(data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(asdict(outcome)), flush=True)  # noqa: T201 (the answer)


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    assert len(data) == length
    return data


def _measured(data: bytes) -> Outcome:
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the highest mark starts anew
    before, started = _memory("VmRSS"), time.process_time()
    size = (0, 0)
    try:
        photo = decode(data)
        verdict, size = photo.format, photo.image.size
    except ImageRefused as refusal:
        verdict = refusal.reason
    except Exception as bug:  # noqa: BLE001 (the process boundary: the test reads it)
        verdict = f"bug: {bug!r}"
    seconds = time.process_time() - started
    return Outcome(verdict, size, seconds, _memory("VmHWM") - before)


def _memory(field: str) -> float:
    """Megabytes, of /proc/self/status (proc(5))."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


if __name__ == "__main__":
    main()
