"""The address by which a source of photos is known from one import to the next."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

SAMPLE = "sample"


def source_address(spec: str) -> str:
    """What `open_source` opens, in one spelling, without a password or a signed query.

    A folder has its absolute path, so that it is the same source from wherever it is given.
    Links in the path stay: ``photos/latest`` is one source whatever it leads to.
    """
    spec = spec.strip()
    if spec in ("", SAMPLE):
        return SAMPLE
    try:
        url = urlsplit(spec)
        host = url.netloc.rpartition("@")[2].lower()
    except ValueError:
        return spec
    if url.scheme.lower() in ("http", "https", "s3") and host:
        path = url.path.rstrip("/") + "/"
        return urlunsplit((url.scheme.lower(), host, path, "", ""))
    folder = unquote(url.path) if url.scheme == "file" else spec
    return f"file://{os.path.abspath(Path(folder).expanduser())}"  # noqa: PTH100  `..` is resolved
