"""The same candles through real ticks at the simulated exchange and through a backtest: the share of a longer run."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.proofs.parity import prove
from tests.proofs.parity.cases import MIDNIGHT_MS, MINUTE_MS, PRICE_DECIMALS, Case
from tests.proofs.parity.compare import hold
from tests.proofs.parity.stage import stage_on
from tradebot.engine.candles import CandleArray

if TYPE_CHECKING:
    from tests.fixtures.database import TestDatabase

#: What a minute has time for.
CASES = 12


@pytest.mark.rule("live = backtest")
def test_live_trades_pauses_and_money_are_the_backtests(database: TestDatabase) -> None:
    with stage_on(database) as stage:
        report = prove(CASES, 1, stage)
    assert not report.verdict(), report.lines()


#: An average of one close is the close: each turn is a cross.
TURNS: Final[dict[str, Any]] = {
    "strategy": "ema",
    "timeframe": "1m",
    "position_type": "futures",
    "leverage": 3,
    "ema_fast": 1,
    "ema_slow": 2,
    "rsi_period": 2,
    "rsi_oversold": 1,
    "rsi_overbought": 99,
    "stop_loss_perc": Decimal(2),
    "take_profit_perc": Decimal(1),
    "position_size_fixed": Decimal(1000),
}


@dataclass(frozen=True)
class Written(Case):
    """Candles by hand, in quote, after a warm-up that falls to 20,000."""

    rows: tuple[tuple[int, int, int, int], ...] = ()

    def candles(self) -> CandleArray:
        warm_up = self.parameters().warm_up_candles
        falling = [
            (20_000 + left + 1, 20_000 + left + 1, 20_000 + left, 20_000 + left) for left in reversed(range(warm_up))
        ]
        made = CandleArray(self.timeframe, PRICE_DECIMALS)
        for number, row in enumerate((*falling, *self.rows)):
            made.append(MIDNIGHT_MS + (number - warm_up) * MINUTE_MS, [price * 100 for price in row], 1.0)
        return made


def written(*rows: tuple[int, int, int, int], **config: Any) -> Written:
    return Written({**TURNS, **config}, "written", 1, len(rows) - 1, 0, 0, rows=rows)


@pytest.mark.rule(22, "live = backtest")
def test_a_reversal_enters_where_the_take_profit_was_passed_at_its_open(database: TestDatabase) -> None:
    case = written(
        (20_000, 20_010, 20_000, 20_010),
        (20_010, 20_030, 20_010, 20_030),
        (20_030, 20_030, 20_005, 20_005),
        (20_500, 20_500, 20_490, 20_490),
        (20_490, 20_490, 20_480, 20_480),
    )
    with stage_on(database) as stage:
        played = stage.play(case)
    hold(played)
    assert [(row.side, row.reason) for row in played.rows[:3]] == [
        ("LONG", "entry_signal"),
        ("LONG", "take_profit"),
        ("SHORT", "entry_signal"),
    ]


def test_a_liquidation_at_the_open_of_the_next_entry_is_not_that_ones(database: TestDatabase) -> None:
    case = written(
        (20_000, 20_010, 20_000, 20_010),
        (20_010, 20_010, 20_000, 20_000),
        (19_000, 19_010, 18_990, 18_990),
        (18_990, 20_500, 18_990, 20_480),
        (20_480, 20_480, 20_470, 20_470),
        (20_470, 20_470, 20_460, 20_460),
        leverage=50,
        stop_loss_perc=Decimal(40),
        take_profit_perc=Decimal("4.5"),
        position_size_fixed=Decimal(100),
    )
    with stage_on(database) as stage:
        played = stage.play(case)
    hold(played)
    assert [row.reason for row in played.rows[:4]] == ["entry_signal", "liquidation", "entry_signal", "liquidation"]


@pytest.mark.rule(16, 20, "live = backtest")
@pytest.mark.parametrize("position_type", ["spot", "futures"])
@pytest.mark.parametrize(
    ("first", "reason"),
    [(20_000, "trailing_stop"), (19_500, "stop_loss")],
    ids=["an open beyond the trailing stop alone", "an open beyond both"],
)
def test_an_open_is_met_by_the_stop_that_rested_before_the_last_candle_moved_it(
    database: TestDatabase, position_type: str, first: int, reason: str
) -> None:
    # The entry fills at 20,014.01 with both stops at 19,613.73; the next high draws the trailing stop to 20,188.
    case = written(
        (20_000, 20_010, 20_000, 20_010),
        (20_010, 20_010, 20_010, 20_010),
        (20_010, 20_600, 20_010, 20_400),
        (first, first, first, first),
        (first, first, first, first),
        position_type=position_type,
        leverage=3 if position_type == "futures" else 1,
        take_profit_perc=Decimal("4.5"),
        trailing_stop_active=True,
        trailing_stop_perc=Decimal(2),
    )
    with stage_on(database) as stage:
        played = stage.play(case)
    hold(played)
    assert [row.reason for row in played.rows[:2]] == ["entry_signal", reason]


@pytest.mark.rule(18, "live = backtest")
def test_a_settlement_in_a_hole_of_the_candles_is_paid_once(database: TestDatabase) -> None:
    # A short of 15:58; the next candle is that of 16:01, and liquidates it.
    levels = {"stop_loss_perc": Decimal("0.8"), "take_profit_perc": Decimal("2.4"), "position_size_fixed": None}
    config = {**TURNS, **levels, "leverage": 100, "ema_fast": 4, "ema_slow": 6, "rsi_overbought": 80}
    case = Case(
        config, "walk", seed=448, count=8, before_stamp=3, stamp=2, wildness=0.008, jumps=1.0, holes=0.06,
        capital=Decimal("3333.33333333"),
    )  # fmt: skip
    with stage_on(database) as stage:
        played = stage.play(case)
    hold(played)
    assert [row.reason for row in played.rows] == ["entry_signal", "liquidation"]
    assert played.expected.settlements == 1
