"""Holds what a bot did to its backtest, and counts what was seen: a proof that saw too little has proved nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.proofs.parity.cases import FUNDING_MS
from tradebot.engine.candles import from_ms, to_ms

if TYPE_CHECKING:
    from tests.proofs.parity.stage import Played
    from tradebot.engine.memory import BotMemory

#: What is pending differs between a decision that is made and one that is sent.
_PENDING = ("pending_exit", "pending_entry")
#: How often each has to be seen in a hundred cases.
LEAST = {
    "entries spot": 100,
    "entries long futures": 80,
    "entries short futures": 80,
    "exit_signal": 25,
    "stop_loss": 10,
    "trailing_stop": 8,
    "take_profit": 100,
    "liquidation": 40,
    "daily_loss": 8,
    "daily_target": 2,
    "paused_daily_loss": 200,
    "paused_daily_target": 2,
    "paused_max_trades": 50,
    "reversals": 10,
    "stops at an open": 15,
    "entries stopped in their candle": 100,
    "funding settlements": 150,
    "holes in the candles": 9,
    "ticks missed": 100,
    "midnights": 30,
    "memories compared": 2_000,
}


@dataclass
class Report:
    """Figures of a run."""

    seed: int
    cases: int = 0
    ticks: int = 0
    seconds: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)

    def verdict(self) -> list[str]:
        """Return what is wrong; empty is a pass. A difference raises when it is found."""
        wrong = [
            f"only {self.seen[name]} {name}, where {self.cases} cases should show {least * self.cases // 100}"
            for name, least in LEAST.items()
            if self.seen[name] < least * self.cases // 100
        ]
        if self.seen["entries the account could not carry"] * 10 > self.cases:
            wrong.append("more than a tenth of the cases ended at an entry that the account could not carry")
        return wrong

    def lines(self) -> list[str]:
        """Return the figures as text."""
        return [
            f"seed {self.seed}: {self.cases} bots, {self.ticks} ticks in {self.seconds:.1f} s, 0 differences",
            "  " + ", ".join(f"{name} {number}" for name, number in sorted(self.seen.items())),
        ]


def hold(played: Played) -> None:
    """Raise AssertionError with the first difference."""
    case, expected = played.case, played.expected
    rows, tested_rows = played.rows, expected.rows
    if played.refused_ms is not None:
        rows, tested_rows = ([row for row in one if row.candle_ms < played.refused_ms] for one in (rows, tested_rows))
    for number in range(max(len(rows), len(tested_rows))):
        live = rows[number] if number < len(rows) else None
        tested = tested_rows[number] if number < len(tested_rows) else None
        if live != tested:
            at = from_ms((tested or live or rows[0]).candle_ms)
            raise AssertionError(f"trade {number} ({at}) differs\n  live     {live}\n  backtest {tested}\n  of {case}")
    for at_ms, status in played.statuses.items():
        if at_ms in expected.statuses and status != expected.statuses[at_ms]:
            raise AssertionError(
                f"at {from_ms(at_ms)} the bot is {status}, in the backtest {expected.statuses[at_ms]}\n  of {case}"
            )
    for at_ms, memory in _comparable(played):
        tested_memory = expected.memories[at_ms].to_json()
        for name, value in memory.items():
            if name not in _PENDING and value != tested_memory[name]:
                raise AssertionError(
                    f"at {from_ms(at_ms)} the bot's {name} differs\n  live     {value}\n"
                    f"  backtest {tested_memory[name]}\n  of {case}"
                )


def _comparable(played: Played) -> list[tuple[int, dict[str, object]]]:
    """Return the memories after ticks in which nothing happened: those know what the last close decided and no more."""
    expected = played.expected
    first_ms = min(played.memories, default=0)
    return [
        (at_ms, memory)
        for at_ms, memory in played.memories.items()
        if at_ms in expected.memories
        and at_ms not in expected.busy_ms
        and at_ms != first_ms
        and (expected.memories[at_ms].position is None or not _settles(expected.memories[at_ms], at_ms))
    ]


def _settles(memory: BotMemory, at_ms: int) -> bool:
    """Tell of a settlement at the open, or in a hole before it: a backtest books it with the candle that opens here."""
    assert memory.last_close_at is not None
    return at_ms // FUNDING_MS != (to_ms(memory.last_close_at) - 1) // FUNDING_MS


def count(report: Report, played: Played) -> None:
    """Add what a case has shown."""
    case, seen, expected = played.case, report.seen, played.expected
    report.cases += 1
    report.ticks += played.ticks
    seen["entries the account could not carry"] += played.refused_ms is not None
    if len(played.statuses) < 2:
        return
    seen["ticks missed"] += played.missed
    seen["memories compared"] += len(_comparable(played))
    for row in played.rows:
        if row.leg == "entry":
            seen[f"entries {row.side.lower()} futures" if case.is_futures else "entries spot"] += 1
        else:
            seen[row.reason] += 1
            seen["stops at an open"] += (
                row.reason in {"stop_loss", "trailing_stop"} and row.candle_ms in expected.busy_ms
            )
    for before, after in pairwise(played.rows):
        same = before.candle_ms == after.candle_ms
        seen["reversals"] += same and (before.leg, after.leg) == ("exit", "entry") and before.side != after.side
        seen["entries stopped in their candle"] += same and (before.leg, after.leg) == ("entry", "exit")
    for status in played.statuses.values():
        seen[status] += 1
    seen["funding settlements"] += expected.settlements
    seen["holes in the candles"] += len(expected.output.gap_from_ms)
    first, last = min(played.statuses), max(played.statuses)
    seen["midnights"] += from_ms(last).date() != from_ms(first).date()
    seen["stamps"] += last // FUNDING_MS - first // FUNDING_MS
    seen["entries skipped"] += len(expected.output.skipped_reason)
    seen["1m" if case.length_ms == 60_000 else "longer timeframes"] += 1
    seen[case.source] += 1
