"""An exchange in this process over candles written by hand, with one account, a clock of its own and a signer."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from infra.local.exchange.answer import Wire
from infra.local.exchange.exchange import Exchange
from infra.local.exchange.instruments import listed
from infra.local.exchange.market.candle import Candle
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.records import Account, Balance
from infra.local.exchange.routes.table import answer
from infra.local.exchange.settings import Settings
from infra.local.exchange.state import State
from infra.local.exchange.times import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.local.exchange.instruments import MarketKind

MONDAY_MS = 1_709_510_400_000  # 2024-03-04T00:00:00Z
UNIT = 100_000_000
INSTRUMENTS = listed(("BTCUSDT",))

Row = tuple[int, int, int, int]


class HandWritten:
    """Minutes as (open, high, low, close); None where one is missing."""

    def __init__(self, rows: Sequence[Row | None], first_ms: int) -> None:
        self.first_ms = first_ms
        self.last_ms: int | None = first_ms + (len(rows) - 1) * MINUTE_MS
        self._rows = rows

    def symbols(self) -> tuple[str, ...]:
        return ("BTCUSDT",)

    def identity(self) -> str:
        return "written by hand"

    def candle(self, kind: MarketKind, symbol: str, open_ms: int) -> Candle | None:
        del kind, symbol
        index = (open_ms - self.first_ms) // MINUTE_MS
        row = self._rows[index] if 0 <= index < len(self._rows) else None
        if row is None:
            return None
        open_, high, low, close = (price * UNIT for price in row)
        return Candle(open_ms, open_, high, low, close, UNIT)

    def close_before(self, kind: MarketKind, symbol: str, open_ms: int) -> int | None:
        at = open_ms - MINUTE_MS
        while at >= self.first_ms:
            candle = self.candle(kind, symbol, at)
            if candle is not None:
                return candle.close
            at -= MINUTE_MS
        return None


class HandClock:
    """Wire time that moves only when it is told to."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def sleep(self, milliseconds: int) -> None:
        self.ms += milliseconds


class Lab:
    """The exchange and its one account; it stands at the first row's open."""

    def __init__(self, *rows: Row | None, first_ms: int = MONDAY_MS, settings: Settings | None = None) -> None:
        self.clock = HandClock()
        self.market = MinuteMarket(HandWritten(rows, first_ms), INSTRUMENTS, first_ms, Decimal(2))
        self.exchange = Exchange(settings or Settings(), self.market, State(None, durable=False), clock=self.clock)
        account = Account("key", "secret", futures={"USDT": Decimal(10_000)})
        account.spot = {"USDT": Balance(free=Decimal(10_000)), "BTC": Balance(free=Decimal(1))}
        self.exchange.state.keep_account(account)

    @property
    def account(self) -> Account:
        return self.exchange.state.accounts["key"]

    def send(self, method: str, path: str, **parameters: Any) -> tuple[int, Any]:
        text = urlencode({"timestamp": self.clock.ms, **parameters})
        text += "&signature=" + hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()
        made = answer(self.exchange, Wire(method, path, text, "", "key"))
        return made.status, made.body

    def ok(self, method: str, path: str, **parameters: Any) -> Any:
        status, body = self.send(method, path, **parameters)
        assert status == 200, body
        return body

    def refused(self, method: str, path: str, **parameters: Any) -> tuple[int, str]:
        status, body = self.send(method, path, **parameters)
        assert status != 200, body
        return body["code"], body["msg"]

    def minutes(self, count: int = 1) -> int:
        """Let market time pass; return how many orders it set off."""
        return self.exchange.advance(self.market.now_ms() + count * MINUTE_MS)
