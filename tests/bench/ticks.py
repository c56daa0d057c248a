"""What a tick costs, by kind: a replay of real minutes through the whole path, read from bot_runner's own log lines."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from infra.local.machine import Machine
from infra.local.replay import BOTS, market, real_candles, replay
from tradebot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2023, 3, 13, 10, tzinfo=UTC)
END = datetime(2023, 3, 13, 12, tzinfo=UTC)
#: Looks every minute and sees a new candle every quarter of an hour: its other ticks are the idle ones.
IDLE_BOT = {**BOTS[0], "name": "spot idle", "timeframe": "15m", "stop_loss_perc": "40", "trailing_stop_active": False}
#: Sees the candles of the first bot and never enters: no RSI is so low.
FLAT_BOT = {**BOTS[0], "name": "spot flat", "rsi_oversold": 1, "rsi_overbought": 2}
LEAST_TICKS = 3
#: From here on what the account holds was read, too; spot alone leaves it out of most ticks.
COMPARED_WEIGHT = 26
LEAVES = ("exit", "stop", "take_profit", "liquidation")
#: Statements, requests, weight and own milliseconds that a kind of tick may cost at most.
GOALS = {
    "flat, no new candle": (4, 0, 0, 15),
    "flat, new candle that another bot has read": (6, 0, 0, 25),
    "with a position and resting stop": (9, 4, 30, 60),
    "with a position, no new candle": (9, 4, 30, 60),
    "entry with its stop": (16, 6, 40, 120),
}


@dataclass(frozen=True, slots=True)
class TickCost:
    """Medians of one kind of tick; times in ms."""

    market: str
    kind: str
    ticks: int
    own_ms: float
    own_p90_ms: float
    waited_ms: float
    #: For another bot that was reading the same candle.
    waited_for_others_ms: float
    statements: float
    requests: float
    weight: float

    def with_goals(self) -> tuple[str, str, str, str]:
        """Return statements, requests, weight and own time, each beside its goal where there is one."""
        goals = GOALS.get(self.kind, (None,) * 4)
        found = (f"{self.statements:g}", f"{self.requests:g}", f"{self.weight:g}", f"{self.own_ms:.1f}")
        one, two, three, four = (
            value if goal is None else f"{value} / {goal}" for value, goal in zip(found, goals, strict=True)
        )
        return one, two, three, four


@dataclass(frozen=True, slots=True)
class TickFigures:
    """The table, and how many bot ticks a second the replay reached."""

    costs: list[TickCost]
    ticks_per_second: float
    bots: int


def measure_ticks(folder: Path, *, at_once: bool) -> TickFigures:
    """Replay two hours with a few bots, all at once or one after another, and read what each tick cost."""
    parameters = {} if at_once else {"BotRunnerConcurrency": "1"}
    with Machine(folder, market(real_candles(), START), parameters=parameters) as machine:
        outcome = replay(machine, END, bots=(*BOTS, IDLE_BOT, FLAT_BOT))
        path = machine.cloud.log_directory / f"{machine.cloud.function_name('BotRunnerFunction')}.log"
        lines = path.read_text().splitlines()
    ticks = [record for record in map(_tick, lines) if record is not None]
    bots = {bot.config["id"]: bot.config for bot in outcome.bots}
    return TickFigures(_costs(ticks, bots), outcome.minutes * len(bots) / outcome.seconds, len(bots))


def _tick(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    record: dict[str, Any] = json.loads(line)
    return record if record.get("message") == "tick" else None


def _costs(ticks: list[dict[str, Any]], bots: dict[int, dict[str, Any]]) -> list[TickCost]:
    by_kind: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    holding: defaultdict[int, bool] = defaultdict(bool)
    for tick in sorted(ticks, key=lambda tick: (tick["bot_config_id"], tick["tick_at"])):
        bot, actions = tick["bot_config_id"], " ".join(tick["actions"])
        kind = _kind(actions, tick, is_holding=holding[bot], timeframe=Timeframe(bots[bot]["timeframe"]))
        by_kind[bots[bot]["position_type"], kind].append(tick)
        if "entry:FILLED" in actions:
            holding[bot] = True
        elif any(f"{leg}:FILLED" in actions for leg in LEAVES):
            holding[bot] = False
    return [
        TickCost(
            market=market,
            kind=kind,
            ticks=len(found),
            own_ms=median(own := [_own_ms(tick) for tick in found]),
            own_p90_ms=quantiles(own, n=10)[-1],
            waited_ms=median(tick["waited_ms"] for tick in found),
            waited_for_others_ms=median(tick["waited_for_others_ms"] for tick in found),
            statements=median(tick["statements"] for tick in found),
            requests=median(tick["requests"] for tick in found),
            weight=median(tick["weight"] for tick in found),
        )
        for (market, kind), found in sorted(by_kind.items())
        if len(found) >= LEAST_TICKS
    ]


def _own_ms(tick: dict[str, Any]) -> float:
    return float(tick["milliseconds"] - tick["waited_ms"] - tick["waited_for_others_ms"])


def _kind(actions: str, tick: dict[str, Any], *, is_holding: bool, timeframe: Timeframe) -> str:
    at = datetime.fromisoformat(tick["tick_at"])
    is_new, is_compared = timeframe.floor(at) == at, tick["weight"] >= COMPARED_WEIGHT
    for kind, is_it in (
        ("first tick (warm-up)", "warmed_up" in actions),
        ("reversal: exit and entry", "entry" in actions and "exit" in actions),
        ("entry with its stop", "entry" in actions),
        ("exit", "exit" in actions),
        ("a stop or take profit that filled", any(f"{leg}:FILLED" in actions for leg in LEAVES)),
        ("with a position, its stop moves", "stop:NEW" in actions),
        ("with a position, books compared", is_holding and is_compared),
        ("with a position and resting stop", is_holding and is_new),
        ("with a position, no new candle", is_holding),
        ("flat, books compared", tick["requests"] > 1),
        ("flat, new candle, the first to see it", tick["requests"] > 0),
        ("flat, new candle that another bot has read", is_new),
    ):
        if is_it:
            return kind
    return "flat, no new candle"
