"""A request as it came in, and the answer as it leaves."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Wire(NamedTuple):
    """A request as it came in."""

    method: str
    path: str
    query: str
    body: str
    api_key: str | None
    #: Address that limits are counted by.
    source: str = ""


class Answer(NamedTuple):
    """A status, a body that becomes JSON (or is bytes already), and headers beside the usual ones."""

    status: int
    body: Any
    headers: dict[str, str]
    #: The connection ends after so many bytes of the body, though all of them were announced.
    cut_at: int | None = None

    def data(self) -> bytes:
        """Return the body as bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body, separators=(",", ":")).encode()
