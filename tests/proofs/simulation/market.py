"""Prices of a history: a fall long enough to warm up on, then minutes drawn from its seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.local.exchange.exchange import Exchange
from infra.local.exchange.instruments import MarketKind, listed
from infra.local.exchange.liquidity import Liquidity, keep
from infra.local.exchange.market.candle import Candle
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.records import Account, Balance
from infra.local.exchange.settings import Settings
from infra.local.exchange.state import State
from infra.local.exchange.times import MINUTE_MS, to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from infra.local.exchange.times import WireClock

BEGIN = datetime(2023, 1, 2, tzinfo=UTC)
WARM_UP = 300
API_KEY, SECRET_KEY = "simulated-key", "simulated-secret"
#: The account holds coins that are nobody's bot's: a sale too many would take them.
OWN_COINS = Decimal("0.5")
QUOTE = Decimal(10_000)
_UNIT = 100_000_000
_INSTRUMENTS = listed(("BTCUSDT",))

Row = tuple[int, int, int, int]
_FALL: tuple[Row, ...] = tuple(
    (20_000 + 10 * left + 10, 20_000 + 10 * left + 10, 20_000 + 10 * left, 20_000 + 10 * left)
    for left in reversed(range(WARM_UP))
)


def at(minute: int) -> datetime:
    """Return the tick at which the candle `minute - 1` has just closed; 0 ends the warm-up."""
    return BEGIN + timedelta(minutes=WARM_UP + minute)


class Minutes:
    """A MinuteSource over rows of whole prices: the fall, then what is given."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.first_ms = to_ms(BEGIN)
        self._rows = (*_FALL, *rows)
        self.last_ms: int | None = self.first_ms + (len(self._rows) - 1) * MINUTE_MS

    def symbols(self) -> tuple[str, ...]:
        return ("BTCUSDT",)

    def identity(self) -> str:
        return "a history"

    def candle(self, kind: MarketKind, symbol: str, open_ms: int) -> Candle | None:
        del kind, symbol
        index = (open_ms - self.first_ms) // MINUTE_MS
        if not 0 <= index < len(self._rows):
            return None
        open_, high, low, close = (price * _UNIT for price in self._rows[index])
        return Candle(open_ms, open_, high, low, close, _UNIT)

    def close_before(self, kind: MarketKind, symbol: str, open_ms: int) -> int | None:
        candle = self.candle(kind, symbol, min(open_ms, (self.last_ms or 0) + MINUTE_MS) - MINUTE_MS)
        return None if candle is None else candle.close


def drawn_rows(random: Random, count: int) -> list[Row]:
    """Draw minutes: runs up and down that cross averages, with jumps that pass stops and take profits."""
    rows: list[Row] = []
    price, drift = 20_000, 0
    left = 0
    for index in range(count):
        if left == 0:
            left, drift = random.randrange(1, 6), random.choice([-90, -40, -40, 40, 40, 90])
            if index == 0:
                left, drift = random.randrange(2, 5), 45
        left -= 1
        open_ = price
        jump = random.choice([0, 0, 0, 0, 0, 0, 0, -250, 250, -500, 500, -1_000, 900]) if index > 2 else 0
        if random.random() < 0.15 and index > 2:
            open_ += jump  # the market gaps
        price = max(2_000, price + drift + jump + random.randrange(-25, 26))
        high = max(open_, price) + random.randrange(0, 60)
        low = min(open_, price) - random.randrange(0, 60)
        rows.append((open_, high, low, price))
    return rows


def make_exchange(rows: Sequence[Row], clock: WireClock, liquidity: Liquidity | None = None) -> Exchange:
    """Return an exchange with one account; its market stands at the end of the fall."""
    market = MinuteMarket(Minutes(rows), _INSTRUMENTS, to_ms(at(0)), Decimal(2))
    exchange = Exchange(Settings(limits_factor=100), market, State(None, durable=False), clock=clock)
    account = Account(API_KEY, SECRET_KEY, futures={"USDT": QUOTE})
    account.spot = {"USDT": Balance(free=QUOTE), "BTC": Balance(free=OWN_COINS)}
    exchange.state.keep_account(account)
    if liquidity is not None:
        keep(exchange.state, liquidity)
    return exchange


def end_ms(rows: Sequence[Row]) -> int:
    """Return the last minute that the market may stand at."""
    return to_ms(at(len(rows) - 1))
