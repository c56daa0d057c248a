"""Rule 5 against TA-Lib: to 1e-9 relative, for all allowed periods, on real and on random closes."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import numpy as np
import pytest
import talib

from tradebot.strategy.indicators import Ema, Rsi

DATA = Path(os.environ.get("TRADEBOT_DATA", Path(__file__).parents[4] / "shared" / "data"))
MINUTES = DATA / "BTCUSDT-1m-2023-03-01--2023-03-21.csv"
LONGEST = 1_000
#: Enough for the longest period to come to its average and go on.
LENGTH = 3_000


def real_closes() -> list[float]:
    if not MINUTES.exists():
        pytest.skip(f"{MINUTES} is not here; set TRADEBOT_DATA to the folder of the BTCUSDT minutes")
    with MINUTES.open(newline="") as file:
        closes = [float(row["close"]) for row in csv.DictReader(file)]
    # The swing of 13 March is among them.
    return closes[17_000 : 17_000 + LENGTH]


def random_closes() -> list[float]:
    chance = random.Random(20)
    closes = [100.0]
    while len(closes) < LENGTH:
        calm = chance.random() < 0.2
        closes.append(closes[-1] if calm else max(round(closes[-1] * chance.uniform(0.98, 1.0204), 4), 0.0001))
    return closes


@pytest.fixture(params=["real", "random"])
def closes(request: pytest.FixtureRequest) -> list[float]:
    return real_closes() if request.param == "real" else random_closes()


def assert_equal(ours: list[float], theirs: np.ndarray, period: int) -> None:
    mine = np.array(ours)
    assert (np.isnan(mine) == np.isnan(theirs)).all(), f"period {period}: values exist from another candle on"
    known = ~np.isnan(theirs)
    assert known.any()
    np.testing.assert_allclose(mine[known], theirs[known], rtol=1e-9, atol=0, err_msg=f"period {period}")


@pytest.mark.rule(5)
def test_ema_equals_talib_for_every_period(closes: list[float]) -> None:
    series = np.array(closes)
    # TA-Lib begins at 2; the average over one close is the close.
    np.testing.assert_allclose(Ema(1).run(closes)[1], series, rtol=1e-12)
    for period in range(2, LONGEST + 1):
        assert_equal(Ema(period).run(closes)[1], talib.EMA(series, timeperiod=period), period)


@pytest.mark.rule(5)
def test_rsi_equals_talib_for_every_period(closes: list[float]) -> None:
    series = np.array(closes)
    for period in range(2, LONGEST + 1):
        assert_equal(Rsi(period).run(closes)[1], talib.RSI(series, timeperiod=period), period)


def test_the_rsi_of_a_market_that_never_moved_is_50_where_talib_says_0() -> None:
    flat = [100.0] * 20
    assert set(Rsi(5).run(flat)[1][5:]) == {50.0}
    assert set(talib.RSI(np.array(flat), timeperiod=5)[5:]) == {0.0}
