"""The API as a command: `python -m serving`."""

import logging
import os
import sys

# Or NumPy's BLAS starts threads of its own for the distances of features; they wait in a loop, and
# take the processor from OpenVINO's: on two cores a photo then takes twice as long. NumPy reads it
# when it is imported; workers inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from dandelion_pipeline.errors import DandelionError
from serving.app import create_app
from serving.process.server import Server, listen, prepare_process, server_config
from serving.process.workers import watch_over
from serving.settings import load_settings

_log = logging.getLogger("serving")


def main() -> None:
    """Run the API as the environment says, until SIGINT or SIGTERM."""
    prepare_process()
    try:
        settings = load_settings()
        app = create_app(settings)
        listening = listen(settings.api_host, settings.api_port)
    except DandelionError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    with listening:
        _log.info("The API answers on http://%s:%d", settings.api_host, settings.api_port)
        if settings.workers == 1:
            Server(server_config(app)).serve_on(listening)
        else:
            watch_over(settings.workers, listening)


if __name__ == "__main__":
    main()
