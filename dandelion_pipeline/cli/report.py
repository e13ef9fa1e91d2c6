"""What the commands print."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.errors import DandelionError
from dandelion_pipeline.release.decision import last_decision
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.release.manifest import Manifest, Metrics
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

SAMPLE_WARNING = (
    "Trained on the generated sample: it shows how things work and knows nothing of real photos."
)

_ALIKE = 1.5
"""Classes are alike in size if the largest has at most so many times the photos of the smallest."""


def show_error(error: DandelionError) -> None:
    """One message: what, why, what to do."""
    err.print(Text.assemble(("error: ", "bold red"), error.what))
    err.print(Text.assemble(("  why: ", "bold"), error.why))
    err.print(Text.assemble(("   do: ", "bold"), error.remedy))


def say(step: str, message: str) -> None:
    """One line of progress, in the form that runs use too."""
    out.print(Text(f"{step:<15} {message}"))


@contextmanager
def progress(step: str) -> Iterator[Progress]:
    """A progress bar on a terminal; elsewhere it prints its last state once."""
    columns = (
        TextColumn(f"{step:<15}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=out) as bar:
        yield bar


def show_models(store: Store, made: list[Manifest], live: Release | None, then: str) -> None:
    """The one that is live, or else the last one, and a line about each other."""
    shown = next((one for one in made if live and one.version == live.version), made[-1])
    show_model(store, shown, live, then)
    for other in made:
        if other is not shown:
            decision = last_decision(store, other.version)
            why = decision.reason if decision and not decision.promote else "another one is live"
            accuracy = accuracy_in_words(other.metrics)
            said = f"{other.architecture} {other.version}: {accuracy}; {why}"
            out.print(Text.assemble(("     also  ", "bold"), said))


def show_model(store: Store, manifest: Manifest, live: Release | None, then: str) -> None:
    """The counts, the accuracy, the version, where it lies, and the command to go on with."""
    out.print()
    out.print(_counts(manifest))
    metrics = manifest.metrics
    facts = {
        "accuracy": accuracy_in_words(metrics),
        "network": manifest.architecture,
        "version": manifest.version,
        "lies in": store.address(layout.model_file(manifest.version, "")),
        "live": _live(manifest, live),
        "graph": manifest.served_in_words,
    }
    if metrics.champion_accuracy is not None:
        facts["before"] = f"{metrics.champion_accuracy:.4f} by {metrics.champion_version}"
    for name, value in facts.items():
        out.print(Text.assemble((f"{name:>9}  ", "bold"), value))
    if manifest.data.is_sample:
        out.print(Text(f"  SAMPLE   {SAMPLE_WARNING}", style="bold yellow"))
        out.print(Text("           On your photos: make run IMAGES=folder-of-class-folders"))
    out.print(Text.assemble(("     next  ", "bold"), then))
    out.print(Text("           then: curl -F file=@photo.jpg http://127.0.0.1:8000/predict"))


def accuracy_in_words(metrics: Metrics) -> str:
    """The accuracy, and the balanced figures where a model can be good at the largest alone."""
    says = f"{metrics.accuracy:.4f} on {metrics.test_photos} test photos"
    photos = [of.support for of in metrics.per_class.values()]
    if metrics.balanced_accuracy is None or max(photos) <= _ALIKE * min(photos):
        return says
    return f"{says}; balanced {metrics.balanced_accuracy:.4f}, macro F1 {metrics.macro_f1:.4f}"


def _live(manifest: Manifest, live: Release | None) -> str:
    if live is None:
        return "no model is live"
    if live.version == manifest.version:
        return f"yes, as release {live.number} ({live.why})"
    return f"no, the live model is {live.version}"


def _counts(manifest: Manifest) -> Table:
    table = Table(title="Photos by class and split", title_justify="left")
    table.add_column("class")
    splits = list(next(iter(manifest.data.counts.values())))
    for name in (*splits, "all"):
        table.add_column(name, justify="right")
    for label, counts in manifest.data.counts.items():
        table.add_row(Text(label), *map(str, counts.values()), str(sum(counts.values())))
    totals = [sum(row[split] for row in manifest.data.counts.values()) for split in splits]
    table.add_section()
    table.add_row("all", *map(str, totals), str(sum(totals)))
    return table
