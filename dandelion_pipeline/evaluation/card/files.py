"""The files of a model card, and how they come into a bundle."""

import pyarrow as pa

from dandelion_pipeline.evaluation.card.limitations import Card
from dandelion_pipeline.evaluation.card.page import card_markdown, card_page
from dandelion_pipeline.evaluation.pictures import evaluation_pictures
from dandelion_pipeline.release.bundle import digests
from dandelion_pipeline.release.manifest import (
    CARD_HTML,
    CARD_MARKDOWN,
    EVALUATION_FILE,
    Manifest,
)
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel


def with_card(store: Store, model: TrainedModel, scores: pa.Table, draft: Manifest) -> Manifest:
    """Write the card of a model, and say in its manifest-to-be that it is there.

    The first who writes a file has the last word: a run that was killed in the middle, or another
    that publishes the same model at the same time, may have met another live model, and files of
    a bundle never change. So what was measured is settled before anything is written about it.

    Args:
        store: where the bundle and the test photos lie.
        model: the challenger.
        scores: as made by `scores.score`.
        draft: the manifest without the files of the card.

    Returns:
        The manifest to finish the bundle with.
    """
    address = store.address(layout.model_file(draft.version, EVALUATION_FILE))
    measured = _first(store, draft.version, EVALUATION_FILE, draft.to_json())
    settled = Manifest.parse(measured, address)
    pictures = evaluation_pictures(store, model, scores, settled.metrics)
    card = Card(settled, model.record, pictures)
    made = {CARD_MARKDOWN: card_markdown(card), CARD_HTML: card_page(card)}
    written = {name: _first(store, draft.version, name, data) for name, data in made.items()}
    files = settled.files | digests({EVALUATION_FILE: measured, **written})
    return settled.model_copy(update={"files": dict(sorted(files.items()))})


def _first(store: Store, version: str, name: str, data: bytes) -> bytes:
    """Write a file unless it is there, and give what is there now."""
    key = layout.model_file(version, name)
    return data if store.put_if_absent(key, data) else store.get(key)
