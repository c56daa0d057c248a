"""The last step: statistics, tables and the report out of what the simulation brought, stored for the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradebot.engine.statistics.report import report_of, start_curve
from tradebot.errors import InvalidInputError
from tradebot.report.csv_tables import days_csv, months_csv, trades_csv
from tradebot.report.html_page import page
from tradebot.report.picture import picture_of
from tradebot.report.result import Result
from tradebot.repositories import backtests
from tradebot.services.backtest_document import setup_of, span_of
from tradebot.services.backtest_files import DAYS, MONTHS, PAGE, TRADES
from tradebot.services.run_backtest.candle_stream import CandleStream
from tradebot.services.run_backtest.errors import BacktestEndedError
from tradebot.services.run_backtest.funding_cache import funding_of
from tradebot.services.run_backtest.notes import notes_of
from tradebot.services.run_backtest.run_files import RunFiles
from tradebot.services.run_backtest.step_input import StepInput
from tradebot.services.run_backtest.tell import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tradebot.aws.object_store import ObjectStore
    from tradebot.engine.candles import CandleArray
    from tradebot.engine.statistics.equity import EquityCurve
    from tradebot.report.picture import Picture
    from tradebot.repositories.pages import Record
    from tradebot.services.user_sessions import OpenSession

#: Columns of the seed that are figures of the report, rounded to its floats there; `metrics` has them exact.
_FIGURES: Final = ("final_capital", "total_return", "total_trades", "winning_trades", "losing_trades", "win_rate")
_MORE_FIGURES: Final = ("total_fees", "avg_profit")


@dataclass(frozen=True, slots=True)
class CollectBacktest:
    """Computes and stores. It reads the candles once more, a month at a time, for the curve and the picture."""

    open_session: OpenSession
    candles: ObjectStore
    results: ObjectStore
    #: Tables over the round trips: by reason, weekday, hour.
    break_down: Callable[[Result], dict[str, Any]]
    #: Called once its user was told.
    request_mail: Callable[[], None]

    def __call__(self, event: object) -> dict[str, Any]:
        """Take `{backtest, simulation}` of a finished simulation, return the id."""
        step = StepInput("collect", event)
        backtest, simulation = step.at("backtest"), step.at("simulation")
        if not simulation.flag("is_finished"):
            raise InvalidInputError("collect: the simulation has not finished", field="is_finished", rule="finished")
        backtest_id, user_id = backtest.identifier("backtest_id"), backtest.identifier("user_id")
        reached_ms = simulation.count("reached_ms")
        with self.open_session(user_id) as session:
            row = backtests.read_unfinished(session, user_id, backtest_id)
        if row is None:
            raise BacktestEndedError(f"backtest {backtest_id} is not under way")
        files = RunFiles(self.results, user_id, backtest_id)
        result, picture, candles_uri = self._result(files, row, reached_ms)
        files.save_text(TRADES, trades_csv(result))
        files.save_text(DAYS, days_csv(result))
        files.save_text(MONTHS, months_csv(result))
        notes = notes_of(span_of(row).start_at, result)
        files.save_text(PAGE, page(picture, result, notes))
        columns = self._columns(result, picture, notes)
        with self.open_session(user_id) as session:
            is_stored = backtests.succeed(
                session,
                user_id,
                backtest_id,
                {**columns, "candles_uri": candles_uri, "equity_curve_uri": files.uri("parts/")},
            )
            if is_stored:
                tell(session, user_id, backtest_id, "succeeded", symbol=row.symbol)
        if not is_stored:
            raise BacktestEndedError(f"backtest {backtest_id} is not under way")
        self.request_mail()
        return {"backtest_id": backtest_id}

    def _result(self, files: RunFiles, row: Record, reached_ms: int) -> tuple[Result, Picture, str]:
        carried, span = files.load_state(reached_ms), span_of(row)
        funding = funding_of(self.candles, row, span)
        setup = setup_of(
            row.parameters, price_decimals=carried.price_decimals, warm_up=carried.warm_up, funding=funding
        )
        output = files.joined_output(carried, setup.units)
        stream, curve = CandleStream.of(self.candles, row, span), start_curve(setup)
        picture = picture_of(setup, output, _counted(stream.read(span.bounds_ms[0]), curve, output))
        report = report_of(setup, carried.state, curve, output)
        return Result(setup, output, carried.state, report), picture, stream.cache.uri

    def _columns(self, result: Result, picture: Picture, notes: list[str]) -> dict[str, Any]:
        report = result.report.to_json()
        days, months = report.pop("days"), report.pop("months")
        figures = {name: getattr(result.report, name) for name in (*_FIGURES, *_MORE_FIGURES)}
        equity = picture.equity
        return {
            **{name: None if value is None else _seed_number(name, value) for name, value in figures.items()},
            "daily_results": days,
            "monthly_results": months,
            "metrics": {
                **report,
                "quote_asset": result.setup.rules.quote_asset,
                "base_asset": result.setup.rules.base_asset,
                "notes": notes,
                "breakdowns": self.break_down(result),
                "equity_curve": [[at, last] for at, last in zip(equity.at_ms, equity.last, strict=True)],
            },
        }


def _seed_number(name: str, value: Any) -> Any:
    return value if name.endswith("_trades") else float(value)


def _counted(parts: Iterator[CandleArray], curve: EquityCurve, output: Any) -> Iterator[CandleArray]:
    """Leave the warm-up out and hand every part on, after the curve has taken it."""
    skipped, at = 0, 0
    for candles in parts:
        left = min(len(candles), output.warm_up - skipped)
        skipped += left
        traded = candles[left:] if left else candles
        if len(traded):
            curve.add(traded.open_time_ms, output.equity[at : at + len(traded)])
            at += len(traded)
            yield traded
