"""`dandelion`, the operator's command line.

Commands import what they need when they are called, so that `dandelion predict` waits for
neither Dagster nor torch.
"""

import os
import sys
import warnings

import typer

from dandelion_pipeline.cli import configuration, embeddings, releases
from dandelion_pipeline.cli.boundary import explained, wants_traceback
from dandelion_pipeline.cli.images import classes, conflicts, reviews
from dandelion_pipeline.cli.images import commands as images
from dandelion_pipeline.cli.predict import predict
from dandelion_pipeline.cli.report import show_error
from dandelion_pipeline.cli.run import run
from dandelion_pipeline.cli.store import commands as store
from dandelion_pipeline.cli.up import up
from dandelion_pipeline.errors import DandelionError, Interrupted
from dandelion_pipeline.storage.records.tables import give_memory_back

INTERRUPTED = 130  # what shells give for SIGINT

app = typer.Typer(
    help="Labelled photos in, a served image classifier out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("run")(run)
app.command("up")(up)
app.command("predict")(predict)
for command in (reviews.suspects, reviews.relabel, reviews.drop, reviews.keep, reviews.reviews):
    images.app.command()(command)
images.app.command("accept")(reviews.accept_day)
images.app.command()(conflicts.conflicts)
app.add_typer(classes.app, name="classes")
app.add_typer(configuration.app, name="config")
app.add_typer(images.app, name="images")
app.add_typer(embeddings.app, name="embeddings")
app.add_typer(releases.app, name="releases")
app.add_typer(store.app, name="store")


def main() -> None:
    """Run a command; what goes wrong ends as one message and a non-zero exit."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # docs/adr/0004: threads that sleep
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody asked for it
    give_memory_back()
    warnings.filterwarnings("ignore", message=".*currently in beta")  # dagster-mlflow, always
    try:
        app(standalone_mode=True)
    except DandelionError as error:
        show_error(error)
        sys.exit(INTERRUPTED if isinstance(error, Interrupted) else 1)
    except Exception as error:
        if wants_traceback():
            raise
        show_error(explained(error))
        sys.exit(1)
