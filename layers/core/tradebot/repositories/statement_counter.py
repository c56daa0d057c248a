"""Counts what an engine sends, so that a tick can say what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from sqlalchemy import Engine


class StatementCounter:
    """Counts statements; a transaction's begin and commit are not among them."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "before_cursor_execute", self._add)

    def _add(self, *_arguments: Any) -> None:
        self.count += 1
