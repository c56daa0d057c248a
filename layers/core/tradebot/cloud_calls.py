"""What AWS's clients raise, in the product's own error: the same request may succeed in a moment."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tradebot.errors import CloudUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def calling(service: str) -> Iterator[None]:
    """Turn whatever botocore raises within into CloudUnavailableError. botocore itself is not imported for it."""
    try:
        yield
    except Exception as error:
        if not any(kind.__module__ == "botocore.exceptions" for kind in type(error).__mro__):
            raise
        raise CloudUnavailableError(f"{service} does not answer as it should; try again in a moment.") from error
