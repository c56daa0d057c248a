"""backtesting.py: indicators vectorised, stops as its orders, the trailing stop moved at every close."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from serving import CAPITAL, FAST, FEE, OVERBOUGHT, RSI, SIZE, SLOW, TARGET, TRAILING, WARM_UP, columns, serve

if TYPE_CHECKING:
    from collections.abc import Callable

warnings.filterwarnings("ignore")
#: It trades whole units: prices are divided, so that a unit is small.
UNIT = 1e-6


def average(values: Any, span: float) -> np.ndarray:
    return pd.Series(values).ewm(alpha=2 / (span + 1), adjust=False).mean().to_numpy()


def rsi(close: Any) -> np.ndarray:
    change = np.diff(close, prepend=close[0])
    gain, loss = (average(part, 2 * RSI - 1) for part in (np.maximum(change, 0), np.maximum(-change, 0)))
    with np.errstate(invalid="ignore"):
        return 100 * gain / (gain + loss)


class Cross(Strategy):  # type: ignore[misc]  # backtesting has no types
    def init(self) -> None:
        self.fast = self.I(average, self.data.Close, FAST, plot=False)
        self.slow = self.I(average, self.data.Close, SLOW, plot=False)
        self.rsi = self.I(rsi, self.data.Close, plot=False)

    def next(self) -> None:
        fast, slow = self.fast, self.slow
        if self.position:
            high = self.data.High[-1]
            for trade in self.trades:
                trade.sl = max(trade.sl or 0, high * (1 - TRAILING))
            if fast[-2] >= slow[-2] and fast[-1] < slow[-1]:
                self.position.close()
        elif len(self.data) > WARM_UP and fast[-2] <= slow[-2] and fast[-1] > slow[-1] and self.rsi[-1] < OVERBOUGHT:
            close = self.data.Close[-1]
            self.buy(size=round(SIZE / close), sl=close * (1 - TRAILING), tp=close * (1 + TARGET))


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    times, *prices = columns(path, count)
    frame = pd.DataFrame(
        dict(zip(("Open", "High", "Low", "Close"), (price * UNIT for price in prices), strict=True)),
        index=pd.to_datetime(times, unit="ms"),
    )

    def run() -> tuple[int, float]:
        answer = Backtest(frame, Cross, cash=CAPITAL, commission=FEE, finalize_trades=True).run()
        return int(answer["# Trades"]), float(answer["Equity Final [$]"])

    return run


if __name__ == "__main__":
    serve(prepare)
