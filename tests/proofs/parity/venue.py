"""The simulated exchange over the candles of one case, with the bot's account."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.local.exchange.exchange import Exchange
from infra.local.exchange.instruments import MarketKind, brackets, listed
from infra.local.exchange.market.candle import Candle
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.records import Account, Balance
from infra.local.exchange.settings import Settings
from infra.local.exchange.state import State
from tests.proofs.parity.cases import FUNDING_MS, MINUTE_MS, SYMBOL
from tradebot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instruments
    from tests.proofs.parity.cases import Case
    from tradebot.engine.candles import CandleArray

API_KEY, SECRET_KEY = "parity-key", "parity-secret"
#: One bracket for any size, so that a backtest of one bracket meets the same.
LEVERAGE_CAP = Decimal(1_000_000_000)
MAINTENANCE_PPM = 4_000
#: Requests are counted by the wall clock, and a case is over in a second.
_LIMITS_FACTOR = 10_000
_CENT_UNITS = 10**6


class CaseMinutes:
    """The candles as minutes. In one minute of a longer candle everything happens, before and after it nothing does.

    Else a backtest of longer candles, in which a stop comes before a take profit, would see less than the exchange.
    """

    def __init__(self, case: Case, candles: CandleArray) -> None:
        self._length_ms = case.length_ms
        self._rows = dict(
            zip(
                candles.open_time_ms,
                zip(candles.open, candles.high, candles.low, candles.close, strict=True),
                strict=True,
            )
        )
        self._opens = list(candles.open_time_ms)
        dice, minutes = random.Random(case.seed), case.length_ms // MINUTE_MS
        # A settlement of funding inside a candle is booked before its range.
        is_last = case.timeframe is Timeframe.D1
        self._lively = {
            at: at + MINUTE_MS * (minutes - 1 if is_last else dice.randrange(minutes)) for at in self._opens
        }
        self.first_ms = self._opens[0]
        self.last_ms: int | None = self._opens[-1] + case.length_ms - MINUTE_MS

    def symbols(self) -> tuple[str, ...]:
        return (SYMBOL,)

    def identity(self) -> str:
        return "a case"

    def candle(self, kind: MarketKind, symbol: str, open_ms: int) -> Candle | None:
        del kind, symbol
        at = open_ms // self._length_ms * self._length_ms
        row = self._rows.get(at)
        if row is None:
            return None
        open_, high, low, close = (price * _CENT_UNITS for price in row)
        lively_ms = self._lively[at]
        if open_ms == lively_ms:
            return Candle(open_ms, open_, high, low, close, 10**8)
        price = open_ if open_ms < lively_ms else close
        return Candle(open_ms, price, price, price, price, 10**8)

    def close_before(self, kind: MarketKind, symbol: str, open_ms: int) -> int | None:
        before = next((at for at in reversed(self._opens) if at < open_ms), None)
        if before is None:
            return None
        inside = min(open_ms, before + self._length_ms) - MINUTE_MS
        candle = self.candle(kind, symbol, inside)
        return None if candle is None else candle.close


def make_exchange(case: Case, candles: CandleArray, start_ms: int) -> Exchange:
    """Return an exchange whose market stands at the first tick."""
    bps = Decimal(case.slippage_ppm) / 100
    market = MinuteMarket(CaseMinutes(case, candles), _instruments(), start_ms, bps)
    settings = Settings(slippage_bps=bps, limits_factor=_LIMITS_FACTOR)
    exchange = Exchange(settings, market, State(None, durable=False))
    account = Account(API_KEY, SECRET_KEY)
    if case.is_futures:
        account.futures = {"USDT": case.capital}
    else:
        account.spot = {"USDT": Balance(free=case.capital)}
    exchange.state.keep_account(account)
    if case.funding:
        exchange.funding.set_rates(SYMBOL, funding_rates(case, candles))
    return exchange


def funding_rates(case: Case, candles: CandleArray) -> dict[int, Decimal]:
    """Return the rate of every stamp of the span."""
    dice = random.Random(case.seed + 1)
    first, end = candles.open_time_ms[0] // FUNDING_MS * FUNDING_MS, candles.open_time_ms[-1] + case.length_ms
    return {
        stamp: Decimal(dice.randrange(-case.funding, case.funding + 1)).scaleb(-5)
        for stamp in range(first, end + FUNDING_MS, FUNDING_MS)
    }


def _instruments() -> Instruments:
    both = listed((SYMBOL,))
    futures = both[MarketKind.FUTURES]
    rate = f"{Decimal(MAINTENANCE_PPM) / 1_000_000:f}"
    futures[SYMBOL] = replace(futures[SYMBOL], brackets=brackets((f"{LEVERAGE_CAP:f}", 125, rate)))
    return both
