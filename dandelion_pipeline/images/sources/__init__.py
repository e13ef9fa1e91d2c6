"""Where photos come from: a folder, a web server, a bucket, or the sample generator."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.images.sample import SampleSpec
from dandelion_pipeline.images.sources.bucket import open_bucket
from dandelion_pipeline.images.sources.folder import open_folder
from dandelion_pipeline.images.sources.generated import open_sample
from dandelion_pipeline.images.sources.photo import PhotoSource, SourcePhoto

__all__ = ["PhotoSource", "SourcePhoto", "open_source"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def open_source(
    spec: str,
    *,
    labels: Sequence[str] = (),
    sample: SampleSpec | None = None,
    known: Collection[str] = (),
) -> PhotoSource:
    """Open the place that photos come from. What can be wrong with it is found out here.

    Args:
        spec: ``""`` or ``sample`` for generated photos, a folder of class folders or its
            ``file://`` URL, an ``http(s)://`` address, or ``s3://bucket/prefix``.
        labels: the classes to take; empty for all there are. A web server without
            directory listings needs them.
        sample: what to generate, if photos are generated.
        known: classes whose photos the store has already.

    Raises:
        SourceError: the place cannot be used as it is.
        SourceUnavailable: it did not answer.
    """
    spec = spec.strip()
    if spec in ("", "sample"):
        return open_sample(sample or SampleSpec())
    if not _SCHEME.match(spec):
        return open_folder(Path(spec), labels, known)
    try:
        url = urlsplit(spec)
    except ValueError as error:  # such as an unfinished IPv6 address
        raise _unknown(spec, str(error)) from None
    match url.scheme:
        case "http" | "https":
            from dandelion_pipeline.images.sources.web import (  # noqa: PLC0415  Airflow: no httpx
                open_web,
            )

            return open_web(spec, labels, known)
        case "s3":
            return open_bucket(spec, labels, known)
        case "file" if url.netloc in ("", "localhost"):
            return open_folder(Path(unquote(url.path)), labels, known)
    raise _unknown(spec, f"photos cannot be read from {url.scheme}://{url.netloc}")


def _unknown(spec: str, why: str) -> SourceError:
    return SourceError(
        f"the source {spec!r}", why, "Give a folder, an http(s):// address or s3://bucket/prefix"
    )
