"""A stretch of time that somebody asks about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Span:
    """From one instant on and before another (aware); None is open."""

    since: datetime | None = None
    until: datetime | None = None
