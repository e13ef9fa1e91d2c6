"""Certificate authorities of one's own, for S3 servers inside a company."""

import os
from pathlib import Path

from dandelion_pipeline.errors import SettingsError

VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Those of the AWS tools, of Python's requests, and of OpenSSL; the first that is set counts."""

_MARK = b"-----BEGIN CERTIFICATE-----"


def trusted_certificates() -> bytes:
    """Certificates (PEM) to trust beside those of the system; empty if no variable names any.

    A variable may name a file, or a folder of files.

    Raises:
        SettingsError: the file cannot be read or holds no certificate.
    """
    name = next((name for name in VARIABLES if os.environ.get(name)), None)
    if name is None:
        return b""
    path = Path(os.environ[name]).expanduser()
    try:
        files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        found = [data for data in (file.read_bytes() for file in files) if _MARK in data]
    except OSError as error:
        raise SettingsError(
            f"the certificates {path} that {name} names",
            f"they cannot be read ({error.strerror})",
            f"Correct {name}, or unset it",
        ) from None
    if not found:
        raise SettingsError(
            f"the certificates {path} that {name} names",
            "there is no certificate in PEM (-----BEGIN CERTIFICATE-----) there",
            f"Convert it with `openssl x509 -inform der -outform pem`, or correct {name}",
        )
    return b"\n".join(found)
