"""The engine over the candles of a backtest, in one pass where the function's time allows it, else in several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradebot.engine.backtest_output import BacktestOutput
from tradebot.engine.simulate import simulate
from tradebot.errors import InvalidInputError
from tradebot.repositories import backtests
from tradebot.services.backtest_document import setup_of, span_of
from tradebot.services.run_backtest.candle_stream import CandleStream
from tradebot.services.run_backtest.errors import BacktestEndedError
from tradebot.services.run_backtest.funding_cache import funding_of
from tradebot.services.run_backtest.plan import FETCHED, SIMULATED
from tradebot.services.run_backtest.run_files import Carried, RunFiles
from tradebot.services.run_backtest.step_input import StepInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tradebot.aws.object_store import ObjectStore
    from tradebot.engine.candles import CandleArray
    from tradebot.repositories.pages import Record
    from tradebot.services.backtest_document import Span
    from tradebot.services.user_sessions import OpenSession

#: Candles between two looks at the clock: the plain engine, should it have to serve, takes about a second for them.
SLICE: Final = 50_000
#: Left over for writing what was done.
_SPARE_MS: Final = 20_000


@dataclass(frozen=True, slots=True)
class SimulateBacktest:
    """The step that the workflow repeats until all candles are simulated."""

    open_session: OpenSession
    candles: ObjectStore
    results: ObjectStore
    slice_candles: int = SLICE

    def __call__(self, event: object, remaining_ms: Callable[[], int]) -> dict[str, Any]:
        """Take `{backtest, simulation: {reached_ms, is_finished}}`, return the next `simulation`."""
        step = StepInput("simulate", event)
        backtest, simulation = step.at("backtest"), step.at("simulation")
        backtest_id, user_id = backtest.identifier("backtest_id"), backtest.identifier("user_id")
        reached_ms = simulation.count("reached_ms")
        with self.open_session(user_id) as session:
            row = backtests.read_unfinished(session, user_id, backtest_id)
        if row is None:
            raise BacktestEndedError(f"backtest {backtest_id} is not under way")
        run = _Run(self, row, user_id, reached_ms)
        is_finished = run.go(remaining_ms)
        run.save()
        return {"reached_ms": run.reached_ms, "is_finished": is_finished}

    def report(self, user_id: int, backtest_id: int, done: float) -> None:
        """Store the progress. Raises BacktestEndedError where the backtest was cancelled meanwhile."""
        progress = FETCHED + (SIMULATED - FETCHED) * done
        with self.open_session(user_id) as session:
            if not backtests.reach_progress(session, user_id, backtest_id, progress=progress):
                raise BacktestEndedError(f"backtest {backtest_id} is not under way")


class _Run:
    """One pass from where the last one ended."""

    def __init__(self, step: SimulateBacktest, row: Record, user_id: int, reached_ms: int) -> None:
        self._step, self._row, self._user_id = step, row, user_id
        self._span: Span = span_of(row)
        self._files = RunFiles(step.results, user_id, row.id)
        self._stream = CandleStream.of(step.candles, row, self._span)
        self._carried = self._files.load_state(reached_ms) if reached_ms else None
        self._warm_up = self._carried.warm_up if self._carried else self._stream.count_before_start()
        self._decimals = self._carried.price_decimals if self._carried else self._stream.price_decimals
        self._setup = setup_of(
            row.parameters,
            price_decimals=self._decimals,
            warm_up=self._warm_up,
            funding=funding_of(step.candles, row, self._span),
        )
        self._state = self._carried.state if self._carried else None
        self._output = BacktestOutput(self._setup.units)
        self._begin_ms = self.reached_ms = reached_ms or self._span.bounds_ms[0]

    def go(self, remaining_ms: Callable[[], int]) -> bool:
        """Simulate to the end, or until the time is nearly over; tell whether that was the end."""
        begin_ms, _, end_ms = self._span.bounds_ms
        for candles in self._slices():
            self._state, output = simulate(self._setup, candles, self._state)
            self._output.extend(output)
            self.reached_ms = candles.open_time_ms[-1] + 1
            self._step.report(self._user_id, self._row.id, (self.reached_ms - begin_ms) / (end_ms - begin_ms))
            if remaining_ms() < _SPARE_MS:
                return False
        if self._state is None or not self._state.tally.candles:
            raise InvalidInputError(
                f"There are no candles of {self._row.symbol} to trade on in this span.",
                field="start_date",
                rule="candles",
            )
        return True

    def _slices(self) -> Iterator[CandleArray]:
        size = self._step.slice_candles
        for month in self._stream.read(self.reached_ms):
            if len(month) <= size:
                yield month
            else:
                yield from (month[begin : begin + size] for begin in range(0, len(month), size))

    def save(self) -> None:
        """Store what this pass brought, then where it ended: a state without its part cannot be."""
        assert self._state is not None
        parts = self._carried.parts if self._carried else ()
        if self.reached_ms > self._begin_ms:
            parts += (self._files.save_part(self._begin_ms, self.reached_ms, self._output),)
        self._files.save_state(self.reached_ms, Carried(self._state, self._warm_up, self._decimals, parts))
