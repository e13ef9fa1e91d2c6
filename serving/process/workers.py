"""Several processes that share one port, and one that watches over them.

The socket is opened once, and every process takes connections from it: a process that dies loses
those that it holds and no others. The one that watches starts another in its place, and hands on
the order to stop. The processes notice its own end by their standard input, which it holds open.
"""

import asyncio
import logging
import signal
import socket
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from serving.process.server import STOP_SECONDS
from serving.records.team import Member

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 60.0
"""Who has lived for so long is started again at once."""

_INSISTENCE = 5.0
"""Seconds beyond its own timeout after which a process that does not stop is killed."""

_log = logging.getLogger(__name__)


def watch_over(number: int, listening: socket.socket) -> None:
    """Run so many processes on a socket until SIGINT or SIGTERM."""
    with TemporaryDirectory(prefix="dandelion-") as folder:
        asyncio.run(_Watch(number, listening, Path(folder)).run())


class _Watch:
    def __init__(self, number: int, listening: socket.socket, folder: Path) -> None:
        self._number = number
        self._listening = listening
        self._folder = folder
        self._over = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, self._over.set)
        await asyncio.gather(*(self._keep_up(index) for index in range(self._number)))

    async def _keep_up(self, index: int) -> None:
        """One process after the other in the same place."""
        pause = _FIRST_PAUSE
        while not self._over.is_set():
            began = time.monotonic()
            code = await self._one(index)
            if self._over.is_set():
                return
            if time.monotonic() - began > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            _log.error("Worker %d ended (%s). Another one starts in %.0f s.", index, code, pause)
            try:
                await asyncio.wait_for(self._over.wait(), pause)
            except TimeoutError:
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _one(self, index: int) -> str:
        """Run one to its end, or until it is time to stop. How it ended."""
        descriptor = self._listening.fileno()
        member = Member(index, self._number, self._folder)
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "serving.worker", str(descriptor), *member.words()],
            stdin=asyncio.subprocess.PIPE,
            pass_fds=[descriptor],
            process_group=0,  # Ctrl+C in a terminal is for the one that watches
        )
        ended = asyncio.ensure_future(process.wait())
        over = asyncio.ensure_future(self._over.wait())
        await asyncio.wait({ended, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if not ended.done():
            process.terminate()
            await asyncio.wait({ended}, timeout=STOP_SECONDS + _INSISTENCE)
            if not ended.done():
                process.kill()
        code = await ended
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
