"""Names that make a decision and its orders recognisable, so that two ticks of one candle cannot order twice."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tradebot.domain.order import Leg


def decision_key(strategy: str, close_at: datetime, action: str) -> str:
    """Return strategy, close time of the deciding candle and action, e.g. `ema:20230313T100000Z:enter_long`."""
    return f"{strategy}:{close_at.astimezone(UTC):%Y%m%dT%H%M%SZ}:{action}"


def client_order_id(bot_id: int, key: str, leg: Leg, attempt: int) -> str:
    """Return the exchange's `newClientOrderId` (28 characters of Binance's alphabet) of one attempt at a decision."""
    import base64  # noqa: PLC0415  # a backtest names decisions and no orders: it does without these two
    import hashlib  # noqa: PLC0415  # and loads OpenSSL

    digest = hashlib.sha256(f"{bot_id}|{key}|{leg.value}|{attempt}".encode()).digest()
    return "tb1-" + base64.b32encode(digest).decode("ascii")[:24]
