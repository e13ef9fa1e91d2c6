"""Steps that say what they do, and waiting that ends."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

WITHIN_S = 900
_LOOK_EVERY_S = 3
_T = TypeVar("_T")


class Failed(Exception):
    """A step did not do what it should."""


def step(name: str, work: Callable[[], _T]) -> _T:
    """Do one step, and say how long it took."""
    begun = time.monotonic()
    try:
        done = work()
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        say(f"FAILED  {name}: {error}")
        sys.exit(1)
    say(f"ok      {name} ({time.monotonic() - begun:.0f} s)")
    return done


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def wait(what: str, look: Callable[[], _T | None], within_s: float = WITHIN_S) -> _T:
    """Look until there is something.

    Raises:
        Failed: there was nothing within ``within_s`` seconds.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(_LOOK_EVERY_S)
    raise Failed(f"{what}: not within {within_s:.0f} s")
