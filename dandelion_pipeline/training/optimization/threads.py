"""How many threads a training step uses: as many as the other processes leave cores.

The threads of oneDNN's bfloat16 kernels for gradients of weights wait for each other at a barrier
that spins, whatever ``OMP_WAIT_POLICY`` says. If another process holds a core, one thread burns
its core until the other thread gets one: a step takes several times as long, and as much processor
time (docs/adr/0059). One thread waits for nobody.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import torch

from dandelion_pipeline.training.config import Precision
from dandelion_pipeline.training.optimization.precision import Arithmetic

_STATISTICS = Path("/proc/stat")
_EVERY = 1.0
"""Seconds between two looks: the kernel counts in hundredths."""


@dataclass(frozen=True)
class Usage:
    """Seconds of processor time, since whenever."""

    all: float
    """Of all processes on all cores."""

    own: float
    clock: float

    @classmethod
    def now(cls) -> "Usage | None":
        """What the kernel has counted; None on systems that do not say it as Linux does."""
        try:
            first = _STATISTICS.read_text().split("\n", 1)[0].split()[1:9]
        except OSError:
            return None
        user, nice, system, _, _, irq, softirq, steal = (int(ticks) for ticks in first)
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        own = os.times()
        return cls(busy, own.user + own.system, time.perf_counter())


def cores_of_others(before: Usage, after: Usage) -> float:
    """How many cores other processes used between two looks."""
    others = (after.all - before.all) - (after.own - before.own)
    return max(0.0, others / (after.clock - before.clock))


def threads_beside(others: float, cores: int, most: int) -> int:
    """How many threads there are free cores for.

    Args:
        others: cores that other processes use.
        cores: of the machine.
        most: threads that the process may have.
    """
    return min(most, max(1, round(cores - others)))


class Threads:
    """Inside of it, torch uses as many threads as there are free cores; outside, all of its own.

    Args:
        arithmetic: what the training computes in; only bfloat16 on a CPU waits by spinning.

    With ``OMP_NUM_THREADS`` in the environment, the number stays as it is.
    """

    def __init__(self, arithmetic: Arithmetic) -> None:
        self._most = self._now = torch.get_num_threads()
        spins = arithmetic.device.type == "cpu" and arithmetic.precision is Precision.BF16
        is_free = "OMP_NUM_THREADS" not in os.environ  # else somebody has decided
        self._last = Usage.now() if spins and is_free and self._most > 1 else None

    def adapt(self) -> None:
        """Look again whether cores are free, if the last look is some time ago."""
        last = self._last
        if last is None or time.perf_counter() - last.clock < _EVERY:
            return
        usage = Usage.now()
        if usage is not None:
            others = cores_of_others(last, usage)
            self._now = threads_beside(others, os.cpu_count() or self._most, self._most)
            torch.set_num_threads(self._now)
            self._last = usage

    def __enter__(self) -> "Threads":
        torch.set_num_threads(self._now)
        self.adapt()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        torch.set_num_threads(self._most)
