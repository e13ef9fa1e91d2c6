import os
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion_pipeline.dataset.cleaning.batch_checks import Finding
from dandelion_pipeline.dataset.dataset import LEFT_OUT
from dandelion_pipeline.dataset.labels.conflicts import LABEL_CONFLICTS
from dandelion_pipeline.dataset.report import PHOTOS, REJECTED, DataReport, data_report_page
from dandelion_pipeline_tests.dataset.report.reports import (
    Seen,
    conflict,
    left_out,
    photo,
    rejected,
    report,
    sha256,
)

SECTIONS = (
    "summary",
    "checks",
    "classes",
    "sizes",
    "suspects",
    "conflicts",
    "groups",
    "left-out",
    "rejected",
    "photos",
)
HOSTILE = "<script>alert('&quot;\">{{ 7*7 }}</script><img src=//evil.example/x onerror=x>"


def full_report(hostile: str = "") -> DataReport:
    """A report in which every section has something to show."""
    odd = {"name": f"{hostile}.jpg", "label": f"grass{hostile}"}
    photos = [
        *(photo(number, name=f"{hostile}{number}.jpg") for number in range(60)),
        *(photo(number, **odd, group=sha256(60)) for number in (60, 61)),
        photo(62, **odd, label_quality=0.25, suggested_label=f"dandelion{hostile}"),
    ]
    return report(
        photos,
        [left_out(number, f"too dark{hostile}", **odd) for number in range(70, 73)],
        [
            rejected(number, key=f"landing/{hostile}", reason=f"broken{hostile}")
            for number in (1, 2)
        ],
        [conflict(number, **odd, group=f"g{hostile}") for number in (80, 81)],
        findings=[Finding(f"even{hostile}", 0.25, 0.1, f"says{hostile}")],
        classes_left_out={f"thistle{hostile}": f"few{hostile}"},
        near_duplicates=f"auto{hostile}",
        salt=f"salt{hostile}",
    )


def test_every_section_is_there_with_its_heading_in_order() -> None:
    seen = Seen(full_report())
    assert tuple(section for section in seen.sections if section) == SECTIONS
    levels = [int(tag[1]) for tag, _ in seen.elements if tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_page_reaches_for_nothing_outside_itself() -> None:
    seen = Seen(full_report(HOSTILE))
    tags = {tag for tag, _ in seen.elements}
    assert not tags & {"script", "link", "iframe", "object", "base", "form", "use", "image"}
    for tag, attributes in seen.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert set(attributes) & {"src", "href", "srcset"} <= {"src" if tag == "img" else "href"}
    assert all((a["src"] or "").startswith("data:image/jpeg;base64,") for a in seen.of("img"))
    assert all((a["href"] or "").startswith("#") for a in seen.of("a"))
    assert "url(" not in seen.text
    assert "@import" not in seen.text
    policy = {a["http-equiv"]: a["content"] for a in seen.of("meta") if "http-equiv" in a}
    assert policy == {
        "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    }


def test_names_labels_and_reasons_stay_text() -> None:
    harmless, hostile = Seen(full_report("harmless")), Seen(full_report(HOSTILE))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]
    for section in (
        "checks",
        "classes",
        "suspects",
        "conflicts",
        "groups",
        "left-out",
        "rejected",
        "photos",
    ):
        assert " ".join(HOSTILE.split()) in hostile.sections[section]
    assert HOSTILE in hostile.sections[""]  # the salt


def test_an_endless_name_is_cut() -> None:
    assert len(data_report_page(full_report("x" * 100_000))) < 1_000_000


def test_every_picture_says_what_it_shows() -> None:
    seen = Seen(full_report())
    assert seen.of("html")[0]["lang"] == "en"
    assert {"grass: 1.jpg", "dandelion: 2.jpg"} <= {a["alt"] for a in seen.of("img")}
    assert all(a["aria-label"] for a in seen.of("svg"))
    assert len([tag for tag, _ in seen.elements if tag == "caption"]) == len(seen.of("table"))


def test_the_page_says_what_data_set_it_shows() -> None:
    seen = Seen(report([photo(1)], is_sample=True))
    assert "made at 2025-05-02 12:30:00 UTC" in seen.sections[""]
    assert "ffffffffffff" in seen.sections[""]
    assert "these photos are generated" in seen.sections[""]
    assert "these photos are generated" not in Seen(report([photo(1)])).sections[""]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["train", "test"])), max_size=40))
def test_the_numbers_add_up(drawn: list[tuple[str, str]]) -> None:
    rows = [photo(i, label=label, split=split) for i, (label, split) in enumerate(drawn)]
    seen = Seen(report(rows))
    in_train = sum(split == "train" for _, split in drawn)
    assert f"photos used {len(drawn)} in train {in_train} in" in seen.sections["summary"]
    if drawn:
        total = f"all classes {in_train} 0 {len(drawn) - in_train} {len(drawn)}"
        assert seen.sections["classes"].endswith(total)


def test_a_set_of_nothing_says_none_in_every_section() -> None:
    seen = Seen(report(findings=[]))
    for section in SECTIONS[1:]:
        assert seen.sections[section].endswith(" none"), section
    assert not seen.of("img")


def test_a_check_is_shown_with_its_figure_and_its_bound() -> None:
    findings = [
        Finding("smallest_class", 12, 10, "12 photos", at_least=True),
        Finding("uneven_splits", 0.125, 0.1, "uneven"),
    ]
    seen = Seen(report(findings=findings))
    assert "smallest_class 12 photos ✓ passed 12 at least 10" in seen.sections["checks"]
    assert "uneven_splits uneven ! warning 0.125 at most 0.1" in seen.sections["checks"]
    assert "checks passed 1 of 2" in seen.sections["summary"]


def test_suspects_come_with_commands_and_the_most_doubtful_first() -> None:
    rows = [
        photo(1, label_quality=0.5, suggested_label="grass"),  # its own label: no suspect
        photo(2, label_quality=0.3, suggested_label="it's; rm -rf ~"),
        photo(4, label_quality=0.1, suggested_label="grass"),
    ]
    says = Seen(report(rows)).sections["suspects"]
    keep = [f'dandelion images keep {sha256(number)[:12]} --reason "…"' for number in (4, 2)]
    assert says.index(keep[0]) < says.index(keep[1])
    assert sha256(1)[:12] not in says
    assert "label quality 0.100, split validation" in says
    command = says[says.index(f"dandelion images relabel {sha256(2)[:12]}") :]
    assert shlex.split(command)[:5][-1] == "it's; rm -rf ~"


def test_a_group_in_two_splits_comes_first_and_says_so() -> None:
    rows = [photo(number, group="a", split="train") for number in range(5)]
    rows += [photo(10, group="b", split="train"), photo(11, group="b", split="test")]
    rows += [photo(20)]
    says = Seen(report(rows)).sections["groups"]
    assert says.index("2 photos , group b , in 2 splits , with 2 labels") < says.index("5 photos")
    assert says.count("in 2 splits") == 1
    assert "20.jpg" not in says


def test_label_conflicts_classes_left_out_and_groups_of_the_users_own_are_shown() -> None:
    rows = [conflict(1, group="a"), conflict(2, group="a", identical=True)]
    seen = Seen(
        report(
            [photo(1)],
            conflicts=rows,
            classes_left_out={"thistle": "2 photos in 1 group"},
            user_groups=12,
            near_duplicates="auto: exact copies only, because photos are alike",
        )
    )
    says = seen.sections["conflicts"]
    assert "2 photos , group a" in says
    assert says.count("identical: excluded") == 1
    assert "thistle : 2 photos in 1 group" in seen.sections["classes"]
    assert "label conflicts 2" in seen.sections["summary"]
    assert "your own groups 12" in seen.sections["summary"]
    assert "auto: exact copies only" in seen.sections["groups"]


def test_left_out_photos_are_counted_by_reason() -> None:
    rows = [left_out(number, "too dark") for number in range(9)] + [left_out(9, "too small")]
    says = Seen(report(left_out=rows)).sections["left-out"]
    assert "too dark: 9" in says
    assert "and 1 more photo" in says
    assert says.index("too dark: 9") < says.index("too small: 1")


def test_many_rejected_files_are_counted_and_some_are_shown() -> None:
    says = Seen(report(rejected=[rejected(number) for number in range(100)])).sections["rejected"]
    assert "unknown_format: 100" in says
    assert says.endswith("and 40 more files")


def test_only_the_photos_that_are_shown_are_read_and_only_once() -> None:
    calls: list[Sequence[str]] = []

    def noted(shown: Sequence[str]) -> Mapping[str, bytes]:
        calls.append(shown)
        return dict.fromkeys(shown, b"jpeg")

    seen = Seen(report([photo(number) for number in range(1_000)], thumbnails=noted))
    assert [len(call) for call in calls] == [6 * 16]
    assert len(set(calls[0])) == len(seen.of("img")) == 6 * 16


def test_a_photo_that_cannot_be_had_leaves_a_gap() -> None:
    seen = Seen(report([photo(1)], thumbnails=lambda shown: {}))
    assert not seen.of("img")
    assert "no picture" in seen.sections["photos"]


@settings(max_examples=20)
@given(st.permutations(range(30)))
def test_the_order_of_the_rows_changes_nothing(order: list[int]) -> None:
    rows = [photo(number, group=sha256(number // 4)) for number in range(30)]
    shuffled = [rows[number] for number in order]
    assert data_report_page(report(shuffled)) == data_report_page(report(rows))


@pytest.mark.parametrize("classes", [2, 1_000])
def test_the_page_of_a_hundred_thousand_photos_is_under_6_mb(classes: int) -> None:
    rows = np.arange(100_000)
    names = pa.array([sha256(number) for number in rows.tolist()])
    labels = pa.array([f"class {number % classes}" for number in rows.tolist()])
    constant = {"name": "x" * 200, "day": "2025-05-01", "width": 4032, "height": 3024}
    columns = {name: pa.array([value] * len(rows)) for name, value in constant.items()} | {
        "sha256": names,
        "label": labels,
        "split": pa.array(["train", "validation", "test"]).take(pa.array(rows // 7 % 3)),
        "group": names.take(pa.array(rows // 10)),
        "label_quality": pa.array(rows / len(rows), pa.float32()),
        "suggested_label": pa.array(["another class"] * len(rows)),
        "reason": pa.array([f"reason {number % 50}" for number in rows.tolist()]),
        "key": names,
        "detail": pa.array(["y" * 400] * len(rows)),
        "identical": pa.array(rows % 2 == 0),
    }
    tables = [
        pa.table({name: columns[name] for name in schema.names}).cast(schema)
        for schema in (PHOTOS, LEFT_OUT, REJECTED, LABEL_CONFLICTS)
    ]
    large = DataReport(
        data_hash="f" * 64,
        made_at=report().made_at,
        salt="salt",
        is_sample=False,
        photos=tables[0],
        left_out=tables[1],
        rejected=tables[2],
        findings=[],
        conflicts=tables[3],
        classes_left_out={},
        user_groups=0,
        near_duplicates="",
        thumbnails=lambda shown: {name: os.urandom(7_000) for name in shown},
    )
    page = data_report_page(large)
    assert 1_000_000 < len(page) < 6_000_000


@pytest.mark.parametrize("label", ["x\x1b[201~\nrm -rf ~", "--help", "a\u202eb"])
def test_no_command_is_offered_that_a_terminal_would_act_on(label: str) -> None:
    html = data_report_page(report([photo(1, label_quality=0.1, suggested_label=label)])).decode()
    assert "dandelion images relabel" not in html
    assert "dandelion images keep" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_a_label_is_quoted_for_the_shell() -> None:
    html = data_report_page(report([photo(1, label_quality=0.1, suggested_label="a b")])).decode()
    assert f"dandelion images relabel {sha256(1)[:12]} &#39;a b&#39;" in html
