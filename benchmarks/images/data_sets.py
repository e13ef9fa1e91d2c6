"""What `make run` makes of anyone's photos: one line for each data set.

    python -m benchmarks.images.data_sets [--preset fast|best] [--model transfer]
        [[NAME=]FOLDER | KIND | digits] …

Each set goes the way of a new user: ``dandelion run --images FOLDER --preset fast`` in a home of
its own, and what is printed is read from the store afterwards. A folder may be a public data set; a
kind is one of `generated_sets.KINDS`; ``digits`` are the 1,797 pictures that scikit-learn ships.
Without arguments: the example (where it is), digits and every generated kind.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from rich.console import Console
from sklearn.datasets import load_digits

from benchmarks.common import example
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES
from dandelion_pipeline.dataset.labels.conflicts import label_conflicts
from dandelion_pipeline.ingest.intake import RAW_IMAGES
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.manifest import Manifest
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_tables
from dandelion_pipeline_tests.data.generated_sets import KINDS, generate

DIGITS = "digits"
EXAMPLE = "example"
out = Console(width=160, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Ran:
    """How the command ended."""

    home: Path
    exit_code: int
    seconds: float
    said: str
    """All that it printed."""


def main(arguments: Sequence[str]) -> int:
    """Run each set, and print what came of it; the exit code is the number of sets not live."""
    words = list(arguments)
    options = {"--preset": "fast", "--model": "resnet18"}
    for option in options:
        if option in words:
            at = words.index(option)
            options[option] = words[at + 1]
            del words[at : at + 2]
    not_live = 0
    for word in words or [EXAMPLE, DIGITS, *KINDS]:
        if word == EXAMPLE and not example.FOLDER.is_dir():
            out.print(f"== {EXAMPLE}: left out, for there are no photos in {example.FOLDER}")
            continue
        with _folder(word) as (name, folder), tempfile.TemporaryDirectory() as home:
            out.print(f"== {name}")
            not_live += not _show(_run(folder, Path(home), options))
    return not_live


@contextmanager
def _folder(word: str) -> Iterator[tuple[str, Path]]:
    """The name and the folder of a set; what is generated is removed afterwards."""
    if word == EXAMPLE:
        yield word, example.FOLDER
        return
    if word != DIGITS and word not in KINDS:
        name, _, given = word.rpartition("=")
        yield name or Path(given).name, Path(given)
        return
    with tempfile.TemporaryDirectory() as folder:
        if word == DIGITS:
            _write_digits(Path(folder))
        else:
            generate(word, Path(folder))
        yield word, Path(folder)


def _write_digits(folder: Path) -> None:
    """Scikit-learn's digits as they are: 8 by 8 pixels, 17 levels of grey."""
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        (folder / str(label)).mkdir(exist_ok=True)
        grey = Image.fromarray((pixels * (255 / 16)).round().astype(np.uint8))
        grey.save(folder / str(label) / f"{number:04}.png")


def _run(folder: Path, home: Path, options: Mapping[str, str]) -> Ran:
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603  our own program
        [
            str(Path(sys.executable).parent / "dandelion"),
            *("run", "--images", str(folder)),
            *(word for option in options.items() for word in option),
        ],
        env={**_environment(), "DANDELION_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Ran(home, done.returncode, time.perf_counter() - started, done.stdout)


def _environment() -> dict[str, str]:
    """The environment without what would lead to another store."""
    ours = ("DANDELION_", "AWS_", "MLFLOW_", "DAGSTER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _show(ran: Ran) -> bool:
    """Print what is known of a set; whether its model is live."""
    store = open_store((ran.home / "store").as_uri())
    raw, clean = _table(store, RAW_IMAGES), _table(store, CLEAN_IMAGES)
    if raw is not None:
        _show_files(raw)
    if clean is not None:
        _show_groups(clean)
    release = log.live_or_none(store)
    if release is None:
        why = [line for line in ran.said.splitlines() if line.strip()][-6:]
        out.print(f"  NOT LIVE (exit {ran.exit_code}) after {ran.seconds:.0f} s")
        out.print("\n".join(f"    {line}" for line in why), markup=False)
        return False
    manifest = open_bundle(store, release.version, release.manifest_sha256).manifest
    _show_model(manifest)
    out.print(f"  live (exit {ran.exit_code}) after {ran.seconds:.0f} s")
    return ran.exit_code == 0


def _table(store: Store, asset: str) -> pa.Table | None:
    keys = [found.key for found in store.list_objects(f"{layout.TABLES}{asset}/")]
    return read_tables(store, keys) if keys else None


def _show_files(raw: pa.Table) -> None:
    statuses = Counter(raw["status"].to_pylist())
    reasons = Counter(
        row["reason"]
        for row in raw.select(["status", "reason"]).to_pylist()
        if row["status"] == "rejected"
    )
    said = ", ".join(f"{number} {status}" for status, number in statuses.most_common())
    out.print(
        f"  files     {raw.num_rows} in {len(set(raw['label'].to_pylist()))} classes: {said}"
        + (f"; rejected for {dict(reasons)}" if reasons else "")
    )


def _show_groups(clean: pa.Table) -> None:
    sizes = Counter(clean["group"].to_pylist())
    joined = sum(size for size in sizes.values() if size > 1)
    dropped = Counter(reason for reason in clean["drop_reason"].to_pylist() if reason)
    conflicts = label_conflicts(clean)
    out.print(
        f"  groups    {len(sizes)}, the largest of {max(sizes.values(), default=0)}; "
        f"{joined / max(1, clean.num_rows):.1%} of the photos are joined, "
        f"{conflicts.num_rows} in groups with two labels"
        + (f"; dropped for {dict(dropped)}" if dropped else "")
    )


def _show_model(manifest: Manifest) -> None:
    counts, metrics = manifest.data.counts, manifest.metrics
    splits = Counter[str]()
    for row in counts.values():
        splits.update(row)
    total = splits.total()
    shares = ", ".join(f"{split} {number / total:.1%}" for split, number in splits.items())
    empty = sum(not number for row in counts.values() for number in row.values())
    out.print(f"  splits    {shares} of {total} photos; {empty} empty class splits")
    low, high = metrics.accuracy_interval or (0.0, 1.0)
    balanced = metrics.balanced_accuracy
    out.print(
        f"  accuracy  {metrics.accuracy:.3f} ({low:.3f} to {high:.3f}), balanced "
        f"{'?' if balanced is None else f'{balanced:.3f}'} on {metrics.test_photos} test photos; "
        f"served as {manifest.served_as}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
