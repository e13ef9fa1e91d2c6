"""`dandelion store`: what lies in the store, what is damaged, and what nobody needs."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

import typer
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from dandelion_pipeline.cli.report import out, progress, say
from dandelion_pipeline.dataset.cleaning.measures import outdated_measures
from dandelion_pipeline.errors import ObjectDamaged, ReleaseError, SettingsError
from dandelion_pipeline.ingest import garbage_collection as photos
from dandelion_pipeline.release import garbage_collection as models
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage import garbage_collection, layout
from dandelion_pipeline.storage.content_store import FRESH
from dandelion_pipeline.storage.garbage_collection import Damage, Orphan
from dandelion_pipeline.storage.objects.listing import Listed, OddObject
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]

app = typer.Typer(help="What lies in the store.", no_args_is_help=True)


T = TypeVar("T")


class Kind(StrEnum):
    """What can be read and hashed again."""

    PHOTOS = "photos"
    TABLES = "tables"
    MODELS = "models"
    ALL = "all"


@app.callback()
def store() -> None:
    """What lies in the store."""


@app.command()
def check(
    rehash: Annotated[
        list[Kind] | None,
        typer.Option(help="Read these and compare their hashes; may be given several times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What the store holds; orphans; what is missing or damaged. Exit 1 if anything is damaged."""
    opened = open_store(load_settings().store)
    findings = _inspect(opened, set(rehash or ()), quiet=as_json)
    if as_json:
        typer.echo(json.dumps(findings.document(), indent=2))
    else:
        findings.show(opened)
    if findings.damage:
        raise typer.Exit(1)


@app.command()
def gc(
    grace: Annotated[
        str, typer.Option(help="Spare what was written in this time: 7d, 12h, 45m.")
    ] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove orphans that are older than the grace period: longer than any training may take."""
    opened = open_store(load_settings().store)
    chosen = garbage_collection.older_than(_orphans(opened), _duration(grace))
    results = [] if dry_run else garbage_collection.remove(opened, chosen)
    removed = dict(_watched(results, "gc", len(chosen), quiet=as_json or not chosen or dry_run))
    gone = [orphan for orphan in chosen if removed.get(orphan, dry_run)]
    spared = [orphan for orphan in chosen if not removed.get(orphan, dry_run)]
    if as_json:
        document = {
            "dry_run": dry_run,
            "removed": [_row(o) for o in gone],
            "spared": [_row(o) for o in spared],
        }
        typer.echo(json.dumps(document, indent=2))
        return
    if gone:
        out.print(_orphan_table(gone))
    verb = "would go" if dry_run else "removed"
    size = decimal(sum(orphan.size for orphan in gone))
    say("gc", f"{len(gone)} orphans older than {grace} {verb} ({size})")
    if spared:
        say("gc", f"{len(spared)} were written or needed again meanwhile, and stay")


@dataclass
class _Findings:
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    orphans: list[Orphan] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    odd: list[OddObject] = field(default_factory=list)
    """Folder markers, and what has a name that is no key: passed over everywhere."""

    rehashed: dict[str, int] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        return {
            "objects": {k: {"count": n, "bytes": size} for k, (n, size) in self.counts.items()},
            "orphans": [_row(orphan) for orphan in self.orphans],
            "damage": [{"name": damage.name, "why": damage.why} for damage in self.damage],
            "odd": [{"name": odd.key, "why": odd.reason} for odd in self.odd],
            "rehashed": self.rehashed,
        }

    def show(self, store: Store) -> None:
        table = Table("below", title=store.url, title_justify="left")
        table.add_column("objects", justify="right")
        table.add_column("size", justify="right")
        for prefix, (number, size) in self.counts.items():
            table.add_row(Text(prefix), f"{number:,}", decimal(size))
        out.print(table)
        if self.orphans:
            out.print(_orphan_table(self.orphans))
            say("orphans", f"{len(self.orphans)}; `dandelion store gc` removes the old ones")
        for odd in self.odd[:_SHOWN]:
            say("odd", f"{odd.key!r}: {odd.reason}")
        if len(self.odd) > _SHOWN:
            say("odd", f"{len(self.odd) - _SHOWN} more (--json lists all)")
        for damage in self.damage:
            out.print(Text.assemble(("damaged  ", "bold red"), f"{damage.name}: {damage.why}"))
        for kind, number in self.rehashed.items():
            say("re-hashed", f"{number} {kind}")
        say("check", f"{len(self.damage)} damaged" if self.damage else "nothing is damaged")


def _inspect(store: Store, rehash: set[Kind], *, quiet: bool) -> _Findings:
    chosen = set(Kind) if Kind.ALL in rehash else set(rehash)
    below = {prefix: store.survey(prefix) for prefix in (layout.LANDING, *layout.OURS)}
    findings = _Findings(_counts(below), garbage_collection.unfinished_writes(store))
    findings.odd = [odd for listed in below.values() for odd in listed.odd]
    try:
        findings.orphans += photos.orphans(store)
        findings.damage += photos.missing(store)
    except ObjectDamaged:  # a table: nobody knows what it names, but which one it is can be said
        chosen.add(Kind.TABLES)
    try:
        findings.orphans += models.orphans(store)
    except ReleaseError as error:
        findings.damage.append(Damage(error.what, error.why))
    _look_at_models(store, findings, reading=Kind.MODELS in chosen, quiet=quiet)
    if Kind.TABLES in chosen:
        _rehash(
            findings,
            Kind.TABLES,
            garbage_collection.damaged_tables(store),
            layout.TABLES,
            layout.IMPORTS,
            quiet=quiet,
        )
    if Kind.PHOTOS in chosen:
        _rehash(findings, Kind.PHOTOS, photos.damaged(store), layout.IMAGES, quiet=quiet)
    return findings


def _look_at_models(store: Store, findings: _Findings, *, reading: bool, quiet: bool) -> None:
    versions = models.known_versions(store)
    results = models.damaged(store, versions, reading=reading)
    looked = list(_watched(results, Kind.MODELS, len(versions), quiet=quiet or not reading))
    findings.damage += [damage for damage in looked if damage]
    if reading:
        findings.rehashed[Kind.MODELS] = len(looked)


def _rehash(
    findings: _Findings,
    kind: Kind,
    results: Iterable[Damage | None],
    *prefixes: str,
    quiet: bool,
) -> None:
    total = sum(findings.counts[prefix][0] for prefix in prefixes)
    looked = list(_watched(results, kind, total, quiet=quiet))
    findings.damage += [damage for damage in looked if damage]
    findings.rehashed[kind] = len(looked)


def _orphans(store: Store) -> list[Orphan]:
    return [
        *photos.orphans(store),
        *models.orphans(store),
        *models.outdated_embeddings(store),
        *garbage_collection.abandoned_trainings(store),
        *garbage_collection.abandoned_steps(store),
        *outdated_measures(store),
        *garbage_collection.unfinished_writes(store),
    ]


def _counts(below: Mapping[str, Listed]) -> dict[str, tuple[int, int]]:
    return {k: (len(v.objects), sum(o.size for o in v.objects)) for k, v in below.items()}


def _watched(results: Iterable[T], what: str, total: int, *, quiet: bool) -> Iterator[T]:
    if quiet:
        yield from results
        return
    with progress(what) as bar:
        yield from bar.track(results, total=total, description=what)


def _orphan_table(orphans: list[Orphan]) -> Table:
    table = Table()
    table.add_column("orphan", overflow="fold")
    for name in ("why", "size", "last written (UTC)"):
        table.add_column(name)
    for orphan in orphans[:_SHOWN]:
        written = f"{orphan.modified:%Y-%m-%d %H:%M}"
        table.add_row(Text(orphan.name), orphan.why, decimal(orphan.size), written)
    if len(orphans) > _SHOWN:
        table.add_row(f"and {len(orphans) - _SHOWN} more (--json lists all)", "", "", "")
    return table


_SHOWN = 20


def _row(orphan: Orphan) -> dict[str, object]:
    return {
        "name": orphan.name,
        "why": orphan.why,
        "bytes": orphan.size,
        "modified": orphan.modified.isoformat(),
    }


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([dhm])", text)
    unit = {"d": "days", "h": "hours", "m": "minutes"}
    grace = timedelta(**{unit[match.group(2)]: int(match.group(1))}) if match else None
    if grace is None or grace < SHORTEST:
        raise SettingsError(
            f"the grace period {text!r}",
            "it is no number of days, hours or minutes, such as 7d, 12h or 45m"
            if grace is None
            else "a run that is under way may have written what nothing refers to yet",
            f"Choose at least {SHORTEST.seconds // 60}m, and more than your longest training takes",
        )
    return grace


SHORTEST = 2 * FRESH
