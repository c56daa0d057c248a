"""Funding of futures positions: at 00, 08 and 16 UTC those that are held pay each other, at a rate that can be set."""

from __future__ import annotations

import json
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NamedTuple

from infra.local.exchange.decimals import ONE_UNIT, ZERO
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import Income
from infra.local.exchange.times import MINUTE_MS

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.market.minutes import MinuteMarket
    from infra.local.exchange.state import State

INTERVAL_MS = 8 * 60 * MINUTE_MS
FUNDING_FEE = "FUNDING_FEE"


class Settlement(NamedTuple):
    """One stamp of a symbol."""

    settled_ms: int
    rate: Decimal
    mark: Decimal


class Funding:
    """Knows the rates and settles them."""

    def __init__(self, state: State, rate: Decimal) -> None:
        self._state = state
        self._rate = rate

    @staticmethod
    def is_due(now_ms: int) -> bool:
        """Say whether a minute opens at a stamp."""
        return now_ms % INTERVAL_MS == 0

    def set_rates(self, symbol: str, rates: dict[int, Decimal]) -> None:
        """Set the rates of stamps; others keep the usual one."""
        known = self._rates(symbol) | {str(stamp): f"{rate:f}" for stamp, rate in rates.items()}
        self._state.set(f"funding:{symbol}", json.dumps(known))

    def _rates(self, symbol: str) -> dict[str, str]:
        known: dict[str, str] = json.loads(self._state.settings.get(f"funding:{symbol}", "{}"))
        return known

    def rate_at(self, symbol: str, stamp_ms: int) -> Decimal:
        """Return the rate of a stamp: what longs pay of their value where it is positive."""
        return Decimal(self._rates(symbol).get(str(stamp_ms), self._rate))

    def history(self, market: MinuteMarket, instrument: Instrument, start_ms: int, end_ms: int) -> list[Settlement]:
        """Return the settlements within [start, end], oldest first, as far as market time has come."""
        first = max(start_ms, market.first_ms())
        first += -first % INTERVAL_MS
        return [
            Settlement(stamp, self.rate_at(instrument.symbol, stamp), market.price_at(instrument, stamp))
            for stamp in range(first, min(end_ms, market.now_ms()) + 1, INTERVAL_MS)
        ]

    def pay(self, market: MinuteMarket) -> bool:
        """Settle all positions at market time, rounded against the account; say whether any was."""
        now_ms, is_any = market.now_ms(), False
        for account in self._state.accounts.values():
            for symbol, position in sorted(account.positions.items()):
                instrument = market.instruments[MarketKind.FUTURES].get(symbol)
                rate = self.rate_at(symbol, now_ms)
                if instrument is None or not position.quantity or not rate:
                    continue
                exact = -position.quantity * market.last_price(instrument) * rate
                amount = exact.quantize(ONE_UNIT, ROUND_FLOOR)
                account.futures[instrument.quote] = account.futures.get(instrument.quote, ZERO) + amount
                if position.isolated:
                    position.margin += amount
                account.futures_updated_ms = position.updated_ms = now_ms
                self._state.journal.add_income(
                    Income(
                        transaction_id=self._state.next_id("transactions"),
                        api_key=account.api_key,
                        symbol=symbol,
                        type=FUNDING_FEE,
                        amount=amount,
                        asset=instrument.quote,
                        received_ms=now_ms,
                    )
                )
                self._state.keep_account(account)
                is_any = True
        return is_any
