"""The steps of the backtest workflow. Each checks what it is given; planning works, the others say that they do not.

What passes between the steps is references only (a month of candles, a chunk's number): Step Functions keeps each input
in its history and takes 256 KiB, so neither candles nor anything secret travels through it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tradebot.domain.market import MarketType
from tradebot.errors import InvalidInputError, NotAvailableYetError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Ten years. Each chunk's reference stays in the workflow's state, which is bounded.
MAX_CHUNKS = 120


def plan_backtest(event: object) -> dict[str, Any]:
    """Split the span of a backtest into the calendar months of candles that it reads.

    Takes `{backtest_id, user_id, market, symbol, start_at, end_at}` (ISO-8601 with offset, the end excluded), returns
    what the next steps hand on: `{backtest, chunks: [{market, symbol, month}], simulation: {next_chunk, is_finished}}`.
    """
    step = _Input("plan", event)
    backtest = {"backtest_id": step.identifier("backtest_id"), "user_id": step.identifier("user_id")}
    market, symbol = step.market(), step.text("symbol")
    start_at, end_at = step.instant("start_at"), step.instant("end_at")
    if end_at <= start_at:
        raise InvalidInputError("plan: end_at must be after start_at", field="end_at", rule="after_start")
    months = _months(start_at, end_at)
    if len(months) > MAX_CHUNKS:
        raise InvalidInputError(
            f"plan: the span covers {len(months)} months; at most {MAX_CHUNKS} are tested at once",
            field="end_at",
            rule="span",
        )
    return {
        "backtest": {**backtest, "start_at": start_at.isoformat(), "end_at": end_at.isoformat()},
        "chunks": [{"market": market, "symbol": symbol, "month": month} for month in months],
        "simulation": {"next_chunk": 0, "is_finished": False},
    }


def fetch_candles(event: object) -> dict[str, Any]:
    """Fetch one chunk, `{market, symbol, month}`, into the candle bucket."""
    step = _Input("fetch", event)
    month = step.text("month")
    try:
        datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidInputError("fetch: month has the form 2023-03", field="month", rule="format") from None
    wanted = f"{step.market()} {step.text('symbol')} {month}"
    raise NotAvailableYetError(f"Backtests are not available yet: the candles of {wanted} cannot be fetched.")


def simulate_chunk(event: object) -> dict[str, Any]:
    """Run the engine over the next chunk of `{backtest, chunks, simulation}`."""
    step = _Input("simulate", event)
    chunks, simulation = step.items("chunks"), _Input("simulate: simulation", step.member("simulation"))
    next_chunk = simulation.count("next_chunk")
    if next_chunk >= len(chunks):
        raise InvalidInputError(
            f"simulate: chunk {next_chunk} was asked for, there are {len(chunks)}", field="next_chunk", rule="range"
        )
    raise NotAvailableYetError(f"Backtests are not available yet: chunk {next_chunk} cannot be simulated.")


def collect_backtest(event: object) -> dict[str, Any]:
    """Write the result of a finished `{backtest, chunks, simulation}`."""
    step = _Input("collect", event)
    backtest = _Input("collect: backtest", step.member("backtest"))
    if _Input("collect: simulation", step.member("simulation")).member("is_finished") is not True:
        raise InvalidInputError("collect: the simulation has not finished", field="is_finished", rule="finished")
    wanted = backtest.identifier("backtest_id")
    raise NotAvailableYetError(f"Backtests are not available yet: the result of backtest {wanted} cannot be collected.")


class _Input:
    """A step's input; whatever is missing or of another type is refused by its name."""

    def __init__(self, step: str, event: object) -> None:
        if not isinstance(event, dict):
            raise InvalidInputError(
                f"{step}: an object is expected, not {type(event).__name__}", field="input", rule="type"
            )
        self._step = step
        self._event: Mapping[str, object] = event

    def member(self, name: str) -> object:
        if name not in self._event:
            raise InvalidInputError(f"{self._step}: {name} is missing", field=name, rule="required")
        return self._event[name]

    def identifier(self, name: str) -> int:
        value = self.count(name)
        if value == 0:
            raise self._wrong(name, "a positive whole number")
        return value

    def count(self, name: str) -> int:
        value = self.member(name)
        # True is an int to Python, not to JSON.
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong(name, "a whole number")
        return value

    def text(self, name: str) -> str:
        value = self.member(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a text that is not empty")
        return value

    def items(self, name: str) -> list[object]:
        value = self.member(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value

    def market(self) -> str:
        value = self.text("market")
        if value not in set(MarketType):
            raise self._wrong("market", f"one of {', '.join(MarketType)}")
        return value

    def instant(self, name: str) -> datetime:
        try:
            value = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise self._wrong(name, "a time as ISO-8601 writes it") from None
        if value.tzinfo is None:
            raise self._wrong(name, "a time with its offset from UTC")
        return value.astimezone(UTC)

    def _wrong(self, name: str, expected: str) -> InvalidInputError:
        return InvalidInputError(f"{self._step}: {name} must be {expected}", field=name, rule="type")


def _months(start_at: datetime, end_at: datetime) -> list[str]:
    last = end_at - timedelta(microseconds=1)
    first_number, last_number = (at.year * 12 + at.month - 1 for at in (start_at, last))
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first_number, last_number + 1)]
