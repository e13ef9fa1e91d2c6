"""`dandelion releases card`: what a model is for, and how it fares."""

from typing import Annotated

import typer
from rich.markdown import Markdown

from dandelion_pipeline.cli.report import out
from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.manifest import CARD_HTML, CARD_MARKDOWN
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.objects.location import open_store


def card(
    version: Annotated[str, typer.Argument(help="The live one, by default.")] = "",
    html: Annotated[
        bool, typer.Option("--html", help="The page with pictures, for a file: > card.html")
    ] = False,
) -> None:
    """The card of a model: tables on a terminal, Markdown elsewhere."""
    store = open_store(load_settings().store)
    released = {entry.version: entry.manifest_sha256 for entry in log.history(store)}
    chosen = version or log.live(store).version
    bundle = open_bundle(store, chosen, released.get(chosen))
    name = CARD_HTML if html else CARD_MARKDOWN
    if name not in bundle.manifest.files:
        raise BundleError(
            f"model {chosen}",
            "it has no card: it was made by an older version of this product",
            "`dandelion releases show` has its figures; for a card, make run RETRAIN=1",
        )
    text = bundle.read(name).decode()
    if out.is_terminal and not html:
        out.print(Markdown(text, hyperlinks=False))
    else:
        typer.echo(text, nl=False)
