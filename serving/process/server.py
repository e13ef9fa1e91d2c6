"""uvicorn as the API runs it: sockets, timeouts, and a process that is the server's alone."""

import logging
import socket
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.storage.records.tables import give_memory_back
from serving.middleware.connections import BoundedProtocol
from serving.process.memory import give_large_buffers_back, spare_what_stays

STOP_SECONDS = 10
"""For requests in flight when the API is told to stop."""

# httpx keeps idle connections for 5 seconds, and so does uvicorn: a client that comes back
# just then finds the connection closed under it. The server must be the more patient one.
KEEP_ALIVE_SECONDS = 20


def prepare_process() -> None:
    """What concerns the whole process, before anything is loaded."""
    give_large_buffers_back()
    give_memory_back()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Raises:
        SettingsError: it cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"the API on {host}:{port}",
            f"it cannot listen there ({error.strerror})",
            "Stop what runs there, or choose another DANDELION_API_HOST or DANDELION_API_PORT",
        ) from None


def server_config(
    app: FastAPI, protocol: type[BoundedProtocol] = BoundedProtocol
) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        server_header=False,
        log_config=None,
        access_log=False,  # a line for each request would cost more than the routing of it
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


class Server(uvicorn.Server):
    """uvicorn's, in a process that does nothing else."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's: until it listens."""
        await super().startup(sockets)
        spare_what_stays()

    def serve_on(self, listening: socket.socket) -> None:
        """Take connections until SIGINT or SIGTERM, and stop in order."""
        with suppress(KeyboardInterrupt):  # uvicorn raises it once it has stopped
            self.run(sockets=[listening])
