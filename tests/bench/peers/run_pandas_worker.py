"""What a worker with pandas does at least: import it, the averages, the signals, a curve. No stops: less than ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from serving import CAPITAL, FAST, OVERBOUGHT, RSI, SLOW, columns, serve

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    _, _, _, _, close = columns(path, count)

    def run() -> tuple[int, float]:
        series = pd.Series(close)
        fast, slow = (series.ewm(span=span, adjust=False).mean().to_numpy() for span in (FAST, SLOW))
        change = series.diff().fillna(0.0)
        gain, loss = (part.clip(lower=0).ewm(alpha=1 / RSI, adjust=False).mean() for part in (change, -change))
        rsi = (100 * gain / (gain + loss)).to_numpy()
        above = fast > slow
        entries = np.flatnonzero(~above[:-1] & above[1:] & (rsi[1:] < OVERBOUGHT))
        curve = CAPITAL + np.cumsum(np.r_[False, above[:-1]] * change.to_numpy())
        return len(entries), float(curve[-1])

    return run


if __name__ == "__main__":
    serve(prepare)
