"""The last net under logs: what looks like a secret is struck out of finished lines, whoever wrote them."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"
_NAMES = (
    r"(?:api_?key|secret_?key|x-mbx-apikey|signature|password|hashed_password|new_password|access_token|refresh_token"
    r"|reset_token|verification_token|authorization|signing_key|encrypted_\w+|listenkey|plaintext|secretstring)"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"\$argon2(?:id|i|d)\$[^\s\"'\\]+"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    # Query strings and headers: signature=..., X-MBX-APIKEY: ...
    (re.compile(rf"(?i)\b({_NAMES})(=|:\s?)(?![\"'\\\s{{\[])[^\s&,;\"'\\)}}\]]+"), rf"\1\2{MASK}"),
    # JSON and reprs: "secret_key": "...", {'api_key': '...'}; also JSON inside a string, where each quote has the same
    # number of backslashes before it and a quote inside the value has more.
    (
        re.compile(rf"""(?i)(\\*["']{_NAMES}\\*["']\s*:\s*)(\\*)(["'])(?:(?!(?<!\\)\2\3).)*(?:\2\3)?"""),
        rf"\1\2\3{MASK}\2\3",
    ),
    # postgresql://login:password@host
    (re.compile(r"(?i)\b(\w+://[^\s:/@]+):[^\s@/]+@"), rf"\1:{MASK}@"),
)


def redact(text: str) -> str:
    """Return `text` with secrets, and what is named like one, replaced by a mask."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Formats as another formatter does, then redacts: message, arguments, extra fields and tracebacks alike."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line without secrets."""
        return redact(self._inner.format(record))

    def __getattr__(self, name: str) -> object:
        # powertools asks its handler's formatter for append_keys, clear_state and others.
        return getattr(self._inner, name)


def install_redaction(handlers: Iterable[logging.Handler]) -> None:
    """Put the redacting formatter over each handler's own, once."""
    for handler in handlers:
        if not isinstance(handler.formatter, RedactingFormatter):
            handler.setFormatter(RedactingFormatter(handler.formatter))
