"""obstore's errors as ours: each names the object, the reason, and the setting to change."""

import errno
import html
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from obstore import exceptions as refused

from dandelion_pipeline.errors import (
    ObjectNotFound,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnavailable,
)

ODD_NAME = "object with invalid path"
"""What obstore says of a listing that holds a name that it cannot read."""


class KeyTaken(StoreError):
    """Never leaves `dandelion_pipeline.storage`: `Store.put_if_absent` answers False instead."""


@contextmanager
def translated(verb: str, key: str, url: str) -> Iterator[None]:
    """Run the body, a call of obstore on one key of a store, and translate what it raises."""
    what = f"could not {verb} {url}/{key}"
    if not _KEY.fullmatch(key):
        raise _bad_key(what)
    try:
        yield
    except (FileNotFoundError, refused.NotFoundError) as error:
        if "NoSuchBucket" in str(error):
            raise _no_bucket(what, url) from None
        if url.startswith("s3:") and verb == "read" and "NoSuchKey" not in str(error):
            raise _translation(what, verb, url, error) from None  # a 404, but not S3's
        raise ObjectNotFound(what, "there is no such object", "Check the key") from None
    except refused.AlreadyExistsError as error:
        if "409 Conflict" in str(error):  # AWS: another upload was under way, and may have failed
            raise _translation(what, verb, url, error) from None
        raise KeyTaken(what, "the key is taken", "Choose another key") from None
    except (refused.BaseError, OSError) as error:
        if "NoSuchBucket" in str(error):  # listing knows no NotFoundError
            raise _no_bucket(what, url) from None
        raise _translation(what, verb, url, error) from None


def is_key(key: str) -> bool:
    """Whether every store that we support can hold and read an object of this name."""
    return _KEY.fullmatch(key) is not None


# What a local folder and every S3 server can hold: no empty, "." or ".." part, no control
# character or backslash, and no "#1" at the end, by which obstore knows its unfinished files.
_KEY = re.compile(r"(?!.*#\d+(/|$))((?!\.\.?(/|$))[^/\\\x00-\x1f\x7f]+(/(?!$)|/?$))*")


def _bad_key(what: str) -> StoreError:
    return StoreError(
        what,
        "this is no key: a part is empty or of dots alone, has a control character or a "
        "backslash, or ends in # and digits",
        "Choose another name",
    )


def _translation(what: str, verb: str, url: str, error: Exception) -> StoreError | StoreUnavailable:
    text = str(error)
    for signs, why, remedy in _DENIALS:
        if any(sign in text for sign in signs):
            return StoreDenied(what, f"{why} ({_reason(text)})", remedy)
    if any(sign in text for sign in _NOT_ALLOWED) or isinstance(error, _DENIED):
        return _not_allowed(what, verb, url, text)
    if os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text:
        return StoreFull(
            what,
            "no space is left there",
            "Free some space, or point DANDELION_STORE_URL somewhere else, and run again; "
            "nothing half-written is ever read",
        )
    if any(os.strerror(code) in text for code in _IMPOSSIBLE):
        return StoreError(what, f"the folder cannot hold it ({_reason(text)})", _OTHER_NAME)
    if ODD_NAME in text:  # a listing holds a name that obstore cannot read
        return StoreError(what, f"an object there has an odd name ({_reason(text)})", _RENAME)
    return StoreUnavailable(
        what,
        f"the store did not answer as it should ({_reason(text)})",
        "If the server is yours, name the file of its certificate authority: AWS_CA_BUNDLE=ca.pem"
        if "InvalidCertificate" in text
        else "Check that it runs and that AWS_ENDPOINT_URL and DANDELION_STORE_URL are right",
    )


_DENIED = (refused.PermissionDeniedError, refused.UnauthenticatedError)
_IMPOSSIBLE = (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
_NOT_ALLOWED = (
    "403 Forbidden",
    "AccessDenied",
    os.strerror(errno.EACCES),
    os.strerror(errno.EROFS),
    os.strerror(errno.EPERM),
)
_OTHER_NAME = "Choose another name"
_RENAME = "Rename or remove it: no control characters, and no part that is empty or of dots alone"
_KEYS = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN, if there is one)"

# S3's error codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_DENIALS = (
    (
        ("RequestTimeTooSkewed", "RequestExpired"),
        "this machine's clock and the store's are too far apart",
        "Set this machine's clock (NTP), or the store's",
    ),
    (
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"),
        "the store does not know these keys",
        _KEYS,
    ),
    (
        ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraint"),
        "the bucket lies in another region",
        "Correct AWS_REGION",
    ),
)


def _not_allowed(what: str, verb: str, url: str, text: str) -> StoreDenied:
    if not url.startswith("s3:"):
        return StoreDenied(
            what,
            f"the folder does not allow it ({_reason(text)})",
            "Check the folder's owner and permissions and that its disk is not mounted "
            "read-only, or point DANDELION_STORE_URL somewhere else",
        )
    bucket = urlsplit(url).netloc
    if verb in ("write", "delete"):
        return StoreDenied(
            what,
            f"these keys may not {verb} in bucket {bucket}, or it is read-only ({_reason(text)})",
            f"Give AWS_ACCESS_KEY_ID the right to {verb} there in the bucket's policy, "
            "use the keys of somebody who may, or point DANDELION_STORE_URL at another bucket",
        )
    return StoreDenied(
        what,
        f"these keys may not {verb} it ({_reason(text)})",
        f"{_KEYS} and the policy of bucket {bucket}",
    )


def _no_bucket(what: str, url: str) -> StoreError:
    return StoreError(
        what,
        f"there is no bucket {urlsplit(url).netloc}",
        "Create it, or correct DANDELION_STORE_URL (or AWS_ENDPOINT_URL, if it is elsewhere)",
    )


def _reason(text: str) -> str:
    """What the server or the system said, in one line, and which request it was said of."""
    request = re.search(r"Error performing ([A-Z]+ [^\s?]+)", text)
    said = next((found.group(1) for sign in _SAID if (found := sign.search(text))), None)
    if said is None:
        said = next((meaning for sign, meaning in _MEANINGS.items() if sign in text), None)
    if said is None:
        said, request = (text.strip().splitlines() or ["no reason given"])[0], None
    line = f"{request.group(1)}: {said}" if request else said
    return html.unescape(re.sub(r"\s+", " ", line))[:300]


_MEANINGS = {
    "kind: Timeout": "it took too long",
    "InvalidMessage": "it does not speak TLS; is it http instead of https?",
    "CaUsedAsEndEntity": "its TLS certificate is that of an authority; it needs one of its own, "
    "signed by that (basicConstraints CA:FALSE)",
    "InvalidCertificate": "its TLS certificate is not trusted",
}

# S3's own message, then what obstore shows of the causes: the system's, and Rust's.
_SAID = (
    re.compile(r"<Message>(.+?)</Message>", re.DOTALL),
    re.compile(r"non-2xx status code: (.+?):?\s*$", re.MULTILINE),
    re.compile(r'message: "([^"]+)"'),
    re.compile(r'error: "([^"]+)"'),
)
