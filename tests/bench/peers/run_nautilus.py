"""nautilus_trader: market entries, a stop that is moved to follow the highs, a resting limit, exit on the cross."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import ExponentialMovingAverage, MovingAverageType, RelativeStrengthIndex
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy
from serving import CAPITAL, FAST, FEE, OVERBOUGHT, RSI, SIZE, SLOW, TARGET, TRAILING, WARM_UP, columns, serve

if TYPE_CHECKING:
    from collections.abc import Callable

VENUE = Venue("BINANCE")
ID = InstrumentId(Symbol("BTCUSDT"), VENUE)
BARS = BarType.from_str(f"{ID}-1-MINUTE-LAST-EXTERNAL")
MINUTE_MS = 60_000
INSTRUMENT = CurrencyPair(
    instrument_id=ID,
    raw_symbol=ID.symbol,
    base_currency=BTC,
    quote_currency=USDT,
    price_precision=2,
    size_precision=5,
    price_increment=Price.from_str("0.01"),
    size_increment=Quantity.from_str("0.00001"),
    maker_fee=Decimal(str(FEE)),
    taker_fee=Decimal(str(FEE)),
    ts_event=0,
    ts_init=0,
)


class Cross(Strategy):  # type: ignore[misc]  # nautilus_trader is not installed here
    def on_start(self) -> None:
        self.fast, self.slow = ExponentialMovingAverage(FAST), ExponentialMovingAverage(SLOW)
        self.rsi = RelativeStrengthIndex(RSI, MovingAverageType.WILDER)
        for indicator in (self.fast, self.slow, self.rsi):
            self.register_indicator_for_bars(BARS, indicator)
        self.before, self.seen, self.extreme, self.guard = 0.0, 0, 0.0, None
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Any) -> None:
        self.seen += 1
        before, self.before = self.before, self.fast.value - self.slow.value
        if not self.portfolio.is_flat(ID):
            if before >= 0 > self.before:
                self.cancel_all_orders(ID)
                self.close_all_positions(ID)
            elif float(bar.high) > self.extreme:
                self._follow(float(bar.high))
        elif self.seen > WARM_UP and before <= 0 < self.before and self.rsi.value * 100 < OVERBOUGHT:
            quantity = INSTRUMENT.make_qty(SIZE / float(bar.close))
            self.submit_order(self.order_factory.market(ID, OrderSide.BUY, quantity))

    def _follow(self, high: float) -> None:
        self.extreme = high
        level = INSTRUMENT.make_price(high * (1 - TRAILING))
        if self.guard is not None and self.guard.is_open and level > self.guard.trigger_price:
            self.modify_order(self.guard, trigger_price=level)

    def on_position_opened(self, event: Any) -> None:
        self.extreme = float(event.avg_px_open)
        stop, target = (INSTRUMENT.make_price(self.extreme * part) for part in (1 - TRAILING, 1 + TARGET))
        self.guard = self.order_factory.stop_market(ID, OrderSide.SELL, event.quantity, stop)
        self.submit_order(self.guard)
        self.submit_order(self.order_factory.limit(ID, OrderSide.SELL, event.quantity, target))

    def on_position_closed(self, event: Any) -> None:
        del event
        self.cancel_all_orders(ID)


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    times, *prices = columns(path, count)
    frame = pd.DataFrame(
        dict(zip(("open", "high", "low", "close"), prices, strict=True)),
        index=pd.to_datetime(times + MINUTE_MS, unit="ms", utc=True),
    )
    frame["volume"] = 1_000.0
    bars = BarDataWrangler(BARS, INSTRUMENT).process(frame)

    def run() -> tuple[int, float]:
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
        engine.add_venue(VENUE, OmsType.NETTING, AccountType.CASH, starting_balances=[Money(CAPITAL, USDT)])
        engine.add_instrument(INSTRUMENT)
        engine.add_data(bars, validate=False, sort=False)
        engine.add_strategy(Cross(StrategyConfig()))
        engine.run()
        owned = engine.cache.account_for_venue(VENUE).balances_total()
        equity = float(owned[USDT]) + float(owned.get(BTC, 0)) * float(bars[-1].close)
        closed = len(engine.cache.positions_closed()) + len(engine.cache.position_snapshots())
        engine.dispose()
        return closed, equity

    return run


if __name__ == "__main__":
    serve(prepare)
