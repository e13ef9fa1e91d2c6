"""JSON documents that carry the SHA-256 of their own text, so that damage is found unparsed.

The last field, ``seal``, holds the hash of the document as it is without that field. Each
byte is either hashed or fixed by the form of the seal, so any change of one byte, and any
cut, shows before a parser sees the document.
"""

import re

from dandelion_pipeline.storage.objects.store import sha256_hex

_SEALED = re.compile(rb'(\{.*),\n  "seal": "sha256:([0-9a-f]{64})"\n\}\n', re.DOTALL)
_END = b"\n}"


def seal(document: bytes) -> bytes:
    """A JSON object, indented by two spaces, with its seal as the last field.

    Raises:
        ValueError: it is no JSON object of that form with at least one field.
    """
    if not (document.startswith(b"{\n  ") and document.endswith(_END)):
        raise ValueError("only an indented JSON object can be sealed")
    body = document.removesuffix(_END)
    return body + f',\n  "seal": "sha256:{sha256_hex(document)}"'.encode() + b"\n}\n"


def unseal(data: bytes) -> bytes | None:
    """The document as it was before it was sealed, or None if a single byte is not as it was."""
    match = _SEALED.fullmatch(data)
    if match is None:
        return None
    document = match.group(1) + _END
    return document if sha256_hex(document).encode() == match.group(2) else None
