"""A data report as one HTML page that needs nothing else: no script, no address, no file."""

import base64
import shlex
from datetime import UTC
from functools import cache

from jinja2 import Environment

from dandelion_pipeline.dataset.checks import WARNING
from dandelion_pipeline.dataset.cleaning.batch_checks import Finding
from dandelion_pipeline.dataset.dataset import SPLITS
from dandelion_pipeline.dataset.report.charts import Sizes, class_balance
from dandelion_pipeline.dataset.report.choice import (
    CLASSES,
    REASONS,
    REJECTED_FILES,
    Choice,
)
from dandelion_pipeline.dataset.report.data import DataReport
from dandelion_pipeline.html_pages.environment import page_environment

_ID = 12
"""Characters of a sha256 that name a photo, as in `dandelion images relabel`."""


def data_report_page(report: DataReport) -> bytes:
    """Make the page: HTML in UTF-8, under 6 MB however many photos there are.

    It shows at most 592 photos, each a thumbnail; the same report gives the same bytes. Names,
    labels and reasons come from whoever drops photos, so all of them are escaped, and the page
    forbids itself scripts and connections.
    """
    choice = Choice.of(report)
    shown = choice.shown()
    thumbnails = report.thumbnails(shown) if shown else {}
    unmet = [finding.check for finding in report.findings if not finding.passed]
    warned = sum(check in WARNING for check in unmet)
    template = _environment().get_template("dataset/report/page.html")
    html = template.render(
        report=report,
        choice=choice,
        made_at=report.made_at.astimezone(UTC),
        splits=SPLITS,
        totals={split: sum(counts[split] for counts in choice.counts.values()) for split in SPLITS},
        balance=class_balance(choice.counts, CLASSES),
        sizes=Sizes.of(report.photos),
        failed=len(unmet) - warned,
        warned=warned,
        warnings=WARNING,
        pictures={name: base64.b64encode(data).decode() for name, data in thumbnails.items()},
        most_classes=CLASSES,
        most_reasons=REASONS,
        most_rejected=REJECTED_FILES,
    )
    return html.encode()


@cache
def _environment() -> Environment:
    environment = page_environment()
    environment.filters |= {
        "figure": _figure,
        "id": lambda sha256: sha256[:_ID],
        "relabel": relabel_command,
        "allowed": _allowed,
    }
    return environment


def relabel_command(sha256: str, label: str) -> str:
    """The command that gives a photo another label; empty if no shell may be given the label.

    A label is the name of a folder that anybody may have made: it is quoted, and none is offered
    that a terminal acts on when it is pasted, or that would be taken for an option.
    """
    if not label.isprintable() or label.startswith("-"):
        return ""
    return f"dandelion images relabel {sha256[:_ID]} {shlex.quote(label)}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"


def _allowed(finding: Finding) -> str:
    return f"{'at least' if finding.at_least else 'at most'} {_figure(finding.bound)}"
