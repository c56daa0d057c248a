"""vectorbt: `run_vectorbt.py candles count [--once] [--search] [--engine numba|rust]`. Curve, trades, daily results."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import vectorbt as vbt
from serving import CAPITAL, FAST, FEE, OVERBOUGHT, RSI, SEARCH, SIZE, SLOW, TARGET, TRAILING, WARM_UP, columns, serve
from vectorbt.generic import dispatch
from vectorbt.portfolio.enums import TradeStatus

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINE = sys.argv[sys.argv.index("--engine") + 1] if "--engine" in sys.argv else "rust"
#: A search is one run over all pairs of averages, as columns: its own way to do it.
PAIRS = SEARCH if "--search" in sys.argv else ((FAST, SLOW),)


def average(values: np.ndarray, span: int) -> np.ndarray:
    return dispatch.ewm_mean(values[:, None], span, span, False, engine=ENGINE)[:, 0]


def signals(close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return entries and exits, a column for each pair, at the open that follows the close which decides."""
    change = np.diff(close, prepend=close[0])
    # Wilder's smoothing of period n is an exponential one of span 2n - 1.
    gain, loss = (average(part, 2 * RSI - 1) for part in (np.maximum(change, 0), np.maximum(-change, 0)))
    rsi = 100 * gain / (gain + loss)
    averages = {span: average(close, span) for pair in PAIRS for span in pair}
    entries, exits = (np.zeros((len(close), len(PAIRS)), bool) for _ in range(2))
    for number, pair in enumerate(PAIRS):
        fast, slow = (averages[span] for span in pair)
        entries[2:, number] = (fast[:-2] <= slow[:-2]) & (fast[1:-1] > slow[1:-1]) & (rsi[1:-1] < OVERBOUGHT)
        exits[2:, number] = (fast[:-2] >= slow[:-2]) & (fast[1:-1] < slow[1:-1])
    entries[: WARM_UP + 1] = False
    return (entries, exits) if len(PAIRS) > 1 else (entries[:, 0], exits[:, 0])


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    _, first, high, low, close = columns(path, count)

    def run() -> tuple[int, float]:
        entries, exits = signals(close)
        # Its stop is either fixed or trailing; the trailing one is nearer.
        folio = vbt.Portfolio.from_signals(
            close=pd.Series(close),
            entries=entries,
            exits=exits,
            price=pd.Series(first),
            open=pd.Series(first),
            high=pd.Series(high),
            low=pd.Series(low),
            size=pd.Series(SIZE / first),
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
        return int((trades["status"] == TradeStatus.Closed).sum()), float(np.sum(equity[-1]))

    return run


if __name__ == "__main__":
    serve(prepare)
