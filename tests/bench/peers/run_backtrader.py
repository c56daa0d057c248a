"""backtrader: market entry at the next open, a trailing stop and a limit that cancel each other, exit on the cross."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import backtrader as bt
import pandas as pd
from serving import CAPITAL, FAST, FEE, OVERBOUGHT, RSI, SIZE, SLOW, TARGET, TRAILING, WARM_UP, columns, serve

if TYPE_CHECKING:
    from collections.abc import Callable


class Cross(bt.Strategy):  # type: ignore[misc]  # backtrader has no types
    def __init__(self) -> None:
        self.cross = bt.indicators.CrossOver(
            bt.indicators.EMA(self.data.close, period=FAST), bt.indicators.EMA(self.data.close, period=SLOW)
        )
        self.rsi = bt.indicators.RSI(self.data.close, period=RSI, safediv=True)
        self.round_trips = 0
        self.resting: list[Any] = []

    def notify_order(self, order: Any) -> None:
        if order.status != order.Completed or not order.isbuy():
            return
        price, size = order.executed.price, order.executed.size
        stop = self.sell(size=size, exectype=bt.Order.StopTrail, trailpercent=TRAILING)
        self.resting = [stop, self.sell(size=size, exectype=bt.Order.Limit, price=price * (1 + TARGET), oco=stop)]

    def notify_trade(self, trade: Any) -> None:
        self.round_trips += trade.isclosed

    def next(self) -> None:
        if self.position:
            if self.cross[0] < 0:
                for order in self.resting:
                    self.cancel(order)
                self.close()
        elif len(self) > WARM_UP and self.cross[0] > 0 and self.rsi[0] < OVERBOUGHT:
            self.buy(size=SIZE / self.data.close[0])


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    times, *prices = columns(path, count)
    frame = pd.DataFrame(
        dict(zip(("open", "high", "low", "close"), prices, strict=True)), index=pd.to_datetime(times, unit="ms")
    )
    frame["volume"] = 1.0

    def run() -> tuple[int, float]:
        engine = bt.Cerebro(stdstats=False)
        engine.adddata(bt.feeds.PandasData(dataname=frame))
        engine.addstrategy(Cross)
        engine.broker.setcash(CAPITAL)
        engine.broker.setcommission(commission=FEE)
        # An order that it still has to check cannot be cancelled: stops of positions that are left at once would stay.
        engine.broker.set_checksubmit(False)
        (strategy,) = engine.run()
        return strategy.round_trips, float(engine.broker.getvalue())

    return run


if __name__ == "__main__":
    serve(prepare)
