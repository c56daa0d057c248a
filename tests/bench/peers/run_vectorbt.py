"""vectorbt: `run_vectorbt.py candles count [--once] [--engine numba|rust]`. Curve, trades and daily results."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import vectorbt as vbt
from serving import CAPITAL, FAST, FEE, OVERBOUGHT, RSI, SIZE, SLOW, TARGET, TRAILING, WARM_UP, columns, serve
from vectorbt.generic import dispatch
from vectorbt.portfolio.enums import TradeStatus

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINE = sys.argv[sys.argv.index("--engine") + 1] if "--engine" in sys.argv else "rust"


def average(values: np.ndarray, span: int) -> np.ndarray:
    return dispatch.ewm_mean(values[:, None], span, span, False, engine=ENGINE)[:, 0]


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    _, first, high, low, close = columns(path, count)

    def run() -> tuple[int, float]:
        fast, slow = average(close, FAST), average(close, SLOW)
        change = np.diff(close, prepend=close[0])
        # Wilder's smoothing of period n is an exponential one of span 2n - 1.
        gain, loss = (average(part, 2 * RSI - 1) for part in (np.maximum(change, 0), np.maximum(-change, 0)))
        rsi = 100 * gain / (gain + loss)
        entries, exits = np.zeros(count, bool), np.zeros(count, bool)
        # Decided at a close, filled at the next open.
        entries[2:] = (fast[:-2] <= slow[:-2]) & (fast[1:-1] > slow[1:-1]) & (rsi[1:-1] < OVERBOUGHT)
        exits[2:] = (fast[:-2] >= slow[:-2]) & (fast[1:-1] < slow[1:-1])
        entries[: WARM_UP + 1] = False
        # Its stop is either fixed or trailing; the trailing one is nearer.
        folio = vbt.Portfolio.from_signals(
            close=pd.Series(close),
            entries=entries,
            exits=exits,
            price=first,
            open=first,
            high=high,
            low=low,
            size=SIZE / first,
            fees=FEE,
            sl_stop=TRAILING,
            sl_trail=True,
            tp_stop=TARGET,
            init_cash=CAPITAL,
            engine=ENGINE,
        )
        equity = folio.value().to_numpy()
        trades = folio.trades.records_arr
        daily = equity[1439::1440]
        assert len(daily) == count // 1_440
        # Its records hold a position that is still open, too.
        return int((trades["status"] == TradeStatus.Closed).sum()), float(equity[-1])

    return run


if __name__ == "__main__":
    serve(prepare)
