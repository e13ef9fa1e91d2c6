"""Where photos come from: a folder, an archive, a web server, a bucket, or a generator."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.images.sample.photos import SampleSpec
from dandelion_pipeline.ingest.sources.archive import is_archive, open_archive
from dandelion_pipeline.ingest.sources.bucket import open_bucket
from dandelion_pipeline.ingest.sources.folder import open_folder
from dandelion_pipeline.ingest.sources.generated import open_sample
from dandelion_pipeline.ingest.sources.labels import tidied
from dandelion_pipeline.ingest.sources.layouts.layout import Options
from dandelion_pipeline.ingest.sources.photo import PhotoSource, SourcePhoto

__all__ = ["PhotoSource", "SourcePhoto", "open_source"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def open_source(
    spec: str,
    *,
    labels: Sequence[str] = (),
    sample: SampleSpec | None = None,
    known: Iterable[str] = (),
    merge_case: bool = False,
    keep_splits: bool = False,
    group_pattern: str = "",
) -> PhotoSource:
    """Open the place that photos come from. What can be wrong with it is found out here.

    Args:
        spec: ``""`` or ``sample`` for generated photos, a folder (`layouts` says how photos may
            lie in it), a zip or tar archive, the ``file://`` URL of either, an
            ``http(s)://`` address, or ``s3://bucket/prefix``.
        labels: the classes to take; empty for all there are. A web server without
            directory listings needs them.
        sample: what to generate, if photos are generated.
        known: the classes that the store holds. One that differs in capitals alone is asked
            about: an error names both.
        merge_case: take classes that differ in capitals alone as one, without asking.
        keep_splits: whether the source's own splits are to be kept; photos name them anyhow.
        group_pattern: a regular expression with one group in parentheses, found in file names:
            photos for which it is the same are never in two splits.

    Raises:
        SourceError: the place cannot be used as it is.
        SourceUnavailable: it did not answer.
    """
    spec = spec.strip()
    options = Options(
        tuple(map(tidied, labels)), tuple(known), merge_case, keep_splits, group_pattern
    )
    if spec in ("", "sample"):
        return open_sample(sample or SampleSpec())
    if not _SCHEME.match(spec):
        return _on_disk(Path(spec), options)
    try:
        url = urlsplit(spec)
    except ValueError as error:  # such as an unfinished IPv6 address
        raise _unknown(spec, str(error)) from None
    match url.scheme:
        case "http" | "https":
            from dandelion_pipeline.ingest.sources.web.source import (  # noqa: PLC0415  Airflow: no httpx
                open_web,
            )

            return open_web(spec, options)
        case "s3":
            return open_bucket(spec, options)
        case "file" if url.netloc in ("", "localhost"):
            return _on_disk(Path(unquote(url.path)), options)
    raise _unknown(spec, f"photos cannot be read from {url.scheme}://{url.netloc}")


def _on_disk(path: Path, options: Options) -> PhotoSource:
    try:
        path = path.expanduser()
    except RuntimeError:  # no such user: it is a name that begins with ~
        path = path.absolute()
    return open_archive(path, options) if is_archive(path) else open_folder(path, options)


def _unknown(spec: str, why: str) -> SourceError:
    return SourceError(
        f"the source {spec!r}", why, "Give a folder, an http(s):// address or s3://bucket/prefix"
    )
