"""A webhook's address, as far as its text alone can be judged, and one message on its way to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_URL_LENGTH = 500
_HTTPS_PORT = 443
_PRINTABLE = re.compile(r"[!-~]+")
#: A name with a dot, its last part not a number: addresses, in whatever notation, are no names.
_NAME = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE
)
#: Names that are never public (RFC 6761, RFC 6762, ICANN's "internal").
_PRIVATE_ENDINGS = ("localhost", "local", "internal", "home.arpa", "onion", "test", "invalid")


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """Where to post: the host's name, and path with query."""

    host: str
    target: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signed message and where it goes."""

    id: str
    url: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What became of a delivery. `error` is None where the receiver took it."""

    id: str
    error: str | None


def parse_webhook_url(url: str) -> WebhookAddress:
    """Return the parts of a URL that a webhook may have. Raises ValueError with what is wrong, for its user."""
    if len(url) > MAX_URL_LENGTH or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise ValueError(f"A webhook's URL has at most {MAX_URL_LENGTH} printable ASCII characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError("This is no URL.") from error
    if parts.scheme != "https":
        raise ValueError("A webhook's URL begins with https://.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("A webhook's URL has neither a login nor a fragment; messages are signed instead.")
    if port not in {None, _HTTPS_PORT}:
        raise ValueError("A webhook is reached on port 443.")
    host = (parts.hostname or "").rstrip(".")
    if not _NAME.fullmatch(host) or any(host == end or host.endswith(f".{end}") for end in _PRIVATE_ENDINGS):
        raise ValueError("A webhook's URL names a public host, such as hooks.example.com, and no address.")
    return WebhookAddress(host, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
