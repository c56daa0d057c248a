"""Names that make a decision and its orders recognisable, so that two ticks of one candle cannot order twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from tradebot.domain.money import canonical

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.domain.order import Leg


_CLOSE_FORMAT = "%Y%m%dT%H%M%SZ"


def decision_key(strategy: str, close_at: datetime, action: str) -> str:
    """Return strategy, close time of the deciding candle and action, e.g. `ema:20230313T100000Z:enter_long`."""
    return f"{strategy}:{close_at.astimezone(UTC):{_CLOSE_FORMAT}}:{action}"


def decided_at(key: str) -> datetime:
    """Return the close time of the candle that a decision key names."""
    return datetime.strptime(key.split(":")[1], _CLOSE_FORMAT).replace(tzinfo=UTC)


def protection_key(entry_key: str, stop_price: Decimal, quantity: Decimal) -> str:
    """Return what names a position's protection at one level and for one size, so that it rests once."""
    return f"{entry_key}:stop_{canonical(stop_price)}x{canonical(quantity)}"


def client_order_id(bot_id: int, key: str, leg: Leg | Literal["list"], attempt: int) -> str:
    """Return the exchange's `newClientOrderId` (28 characters of Binance's alphabet) of one attempt at a decision.

    An order list has an id of its own beside those of its legs.
    """
    import base64  # noqa: PLC0415  # a backtest names decisions and no orders: it does without these two
    import hashlib  # noqa: PLC0415  # and loads OpenSSL

    digest = hashlib.sha256(f"{bot_id}|{key}|{leg}|{attempt}".encode()).digest()
    return "tb1-" + base64.b32encode(digest).decode("ascii")[:24]
