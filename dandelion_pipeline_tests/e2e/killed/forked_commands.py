"""`dandelion`, forked from a process that has imported everything, and killed between two steps.

Importing Dagster and torch takes seconds, which a test of many commands cannot spend on each. Nor
can it train for each: the first training is a real one, and later ones take its network. What is
killed here are the steps around it; `training.test_checkpoints` kills trainings.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg

from dandelion_pipeline.training import config

KILL_BEFORE_IT_IS_KNOWN, KILL_AFTER_IT_IS_KNOWN = "before", "after"
"""Whether Dagster has written down that the step succeeded."""


@dataclass(frozen=True)
class Kill:
    """Where a command dies, and of what."""

    step: str
    number: int
    moment: str = KILL_AFTER_IT_IS_KNOWN


@dataclass(frozen=True)
class Ended:
    """A command that is over."""

    code: int
    """Its exit code; of one that a signal ended, the signal's number below zero."""

    said: str
    began: float
    """When it was forked, in seconds since 1970."""


class Commands:
    """Starts commands, one after the other."""

    def __init__(self, server: subprocess.Popen[str], log: Path) -> None:
        self._server = server
        self._log = log

    def dandelion(self, *arguments: str, kill: Kill | None = None) -> Ended:
        """Run a command to its end, or to its death."""
        assert self._server.stdin
        assert self._server.stdout
        said = {"arguments": arguments, "kill": asdict(kill) if kill else None}
        print(json.dumps(said), file=self._server.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return Ended(answer["code"], self._log.read_text(), answer["began"])


@contextmanager
def forked_commands(folder: Path, environment: Mapping[str, str]) -> Iterator[Commands]:
    """A process that forks commands with an environment; it ends with the block."""
    log = folder / "said.txt"
    program = [sys.executable, "-W", "ignore", "-m", __name__, str(log)]
    with subprocess.Popen(
        program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield Commands(server, log)
        finally:
            assert server.stdin
            server.stdin.close()


def _serve(log: Path) -> None:
    import torch  # noqa: F401, PLC0415  what all commands need

    import dandelion_pipeline.cli.pipeline  # noqa: F401, PLC0415
    from dandelion_pipeline.cli import main  # noqa: PLC0415

    _train_once()
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.time()
        child = os.fork()
        if not child:
            log.write_text("")
            said = os.open(log, os.O_WRONLY)
            for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
                os.dup2(said, stream)
            sys.argv = ["dandelion", *asked["arguments"]]
            if asked["kill"]:
                _lie_in_wait(Kill(**asked["kill"]))
            code = 0
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # threads of the libraries that were imported before the fork are gone
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        sys.stdout.write(json.dumps({"code": code, "began": began}) + "\n")
        sys.stdout.flush()


def _train_once() -> None:
    """Let all trainings but the first take the network of an earlier one."""
    import pyarrow as pa  # noqa: PLC0415

    from dandelion_pipeline.dataset.dataset import DatasetInfo  # noqa: PLC0415
    from dandelion_pipeline.defs.assets import training  # noqa: PLC0415
    from dandelion_pipeline.defs.io_managers import read_trained_model  # noqa: PLC0415
    from dandelion_pipeline.release.manifest import TRAINING_FILE  # noqa: PLC0415
    from dandelion_pipeline.storage import layout  # noqa: PLC0415
    from dandelion_pipeline.storage.objects.store import Store  # noqa: PLC0415
    from dandelion_pipeline.training.fit import TrainedModel, fit  # noqa: PLC0415

    def fitted(
        store: Store, dataset: pa.Table, knobs: config.TrainingConfig, *on: Callable[..., None]
    ) -> TrainedModel:
        keys = [found.key.split("/") for found in store.list_objects(layout.MODELS)]
        versions = [key[1] for key in keys if key[2:] == [TRAINING_FILE]]
        if not versions:
            return fit(store, dataset, knobs, *on)
        earlier, info = read_trained_model(store, min(versions)), DatasetInfo.of(dataset)
        data = earlier.record.data.model_copy(update={"hash": info.hash, "counts": info.counts})
        version = f"{time.time_ns()}"
        return replace(
            earlier, record=earlier.record.model_copy(update={"version": version, "data": data})
        )

    training.fit = fitted  # type: ignore[assignment,attr-defined]
    config._PRESETS[config.Preset.SAMPLE] |= {"epochs": 16, "batch_size": 8}


def _lie_in_wait(kill: Kill) -> None:
    """Send this process a signal when a step's success is written down, or just before."""
    handle = dg.DagsterInstance.handle_new_event

    def killing(self: dg.DagsterInstance, event: dg.EventLogEntry, **how: Any) -> None:  # noqa: ANN401
        told = event.dagster_event
        fatal = told and told.step_key == kill.step and told.event_type_value == "STEP_SUCCESS"
        if fatal and kill.moment == KILL_BEFORE_IT_IS_KNOWN:
            os.kill(os.getpid(), signal.Signals(kill.number))
        handle(self, event, **how)
        if fatal and kill.moment == KILL_AFTER_IT_IS_KNOWN:
            os.kill(os.getpid(), signal.Signals(kill.number))

    dg.DagsterInstance.handle_new_event = killing  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
