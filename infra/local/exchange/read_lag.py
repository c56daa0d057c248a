"""What an order made is not shown to queries at once: they read copies that run behind the matching engine."""

from __future__ import annotations

from typing import Any

from infra.local.exchange.errors import order_not_found

_IDS = ("orderId", "algoId", "orderListId")


class ReadLag:
    """Which orders no query shows yet, and from when on it does (wire time)."""

    def __init__(self) -> None:
        self._hidden: dict[tuple[str, ...], int] = {}

    def hide(self, api: str, body: Any, until_ms: int) -> None:
        """Hide the orders that the answer to a new order names."""
        for row in _rows(body):
            for name in _names(api, row):
                self._hidden[name] = until_ms

    def shown(self, api: str, body: Any, now_ms: int) -> Any:
        """Return a query's answer without what is still hidden; raises ApiError where nothing else was asked for."""
        if not self._hidden:
            return body
        self._hidden = {name: until_ms for name, until_ms in self._hidden.items() if until_ms > now_ms}
        if isinstance(body, list):
            return [row for row in body if not (isinstance(row, dict) and self._is_hidden(api, row))]
        if isinstance(body, dict) and self._is_hidden(api, body):
            raise order_not_found()
        return body

    def _is_hidden(self, api: str, row: dict[str, Any]) -> bool:
        return any(name in self._hidden for name in _names(api, row))


def _rows(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        return []
    parts = [row for name in ("orders", "orderReports") for row in body.get(name, ()) if isinstance(row, dict)]
    return [body, *parts]


def _names(api: str, row: dict[str, Any]) -> list[tuple[str, ...]]:
    """Ids count per symbol; -1 stands for no list."""
    symbol = str(row.get("symbol"))
    return [(api, symbol, name, str(row[name])) for name in _IDS if row.get(name, -1) != -1]
