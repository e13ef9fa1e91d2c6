"""One of several processes of the API: `process.workers.watch_over` starts it."""

import asyncio
import logging
import socket
import sys

from dandelion_pipeline.errors import DandelionError
from serving.app import create_app
from serving.process.server import Server, prepare_process, server_config
from serving.records.team import Member
from serving.settings import load_settings

_log = logging.getLogger(__name__)


class _Worker(Server):
    """One that stops when the one that watches is gone."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's: until it listens."""
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._is_alone)
        await super().startup(sockets)

    def _is_alone(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.should_exit = True


def main() -> None:
    """Answer on the socket whose descriptor is the first argument; the others are the member."""
    prepare_process()
    descriptor, *words = sys.argv[1:]
    member = Member.of(words)
    try:
        app = create_app(load_settings(), member)
    except DandelionError as error:
        sys.exit(str(error))
    with socket.socket(fileno=int(descriptor)) as listening:
        _log.info("Worker %d answers.", member.index)
        _Worker(server_config(app)).serve_on(listening)


if __name__ == "__main__":
    main()
