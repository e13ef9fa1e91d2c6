"""How the process treats its memory."""

import ctypes
import gc
from contextlib import suppress

_M_MMAP_THRESHOLD = -3  # malloc.h
_THRESHOLD = 1_000_000


def give_large_buffers_back() -> None:
    """Let glibc return the memory of large buffers to the system as soon as they are freed.

    It would raise its threshold to 32 MB as it goes (mallopt(3), ``M_MMAP_THRESHOLD``), and keep
    what the pixels of one large photo took. Other C libraries are left as they are.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)


def spare_what_stays() -> None:
    """Take all that lives now out of the garbage collector's rounds.

    Modules and a model are many objects that stay to the end. To look through them takes up to a
    tenth of a second, in which no request is answered, and under load it is done every few seconds.
    """
    gc.collect()
    gc.freeze()
