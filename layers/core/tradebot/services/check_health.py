"""Tell whether the database answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from tradebot.services.user_sessions import OpenSession


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """Ask the database for nothing."""

    open_session: OpenSession

    def __call__(self) -> None:
        """Return when the database has answered; raise what it raises otherwise."""
        with self.open_session(None) as session:
            session.execute(text("SELECT 1"))
