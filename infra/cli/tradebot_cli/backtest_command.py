"""`tradebot backtest`: candles in, a report out."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tradebot.domain.timeframe import Timeframe
from tradebot.errors import InvalidInputError
from tradebot.report.csv_tables import days_csv, trades_csv
from tradebot_cli.backtest_setup import plan_of, setup_of
from tradebot_cli.errors import CommandError, ExitCode
from tradebot_cli.resample import resample
from tradebot_cli.simulation import period_of, run
from tradebot_cli.tables import show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tradebot.engine.candles import CandleArray
    from tradebot.report.result import Result
    from tradebot_cli.candle_file import CandleFile


def backtest(options: argparse.Namespace) -> None:
    """Run it. Raise CommandError with what to say and the exit code."""
    if options.remote:
        from tradebot_cli.remote import backtest_remotely  # noqa: PLC0415  # not before somebody wants it

        _require_writable(options)
        backtest_remotely(options)
        return
    if not options.candles:
        raise CommandError(ExitCode.USAGE, "which candles? Name a CSV of klines, or give --remote")
    plan_of(options, Timeframe.M1)  # what is wrong with the options is said before a long file is read
    _require_writable(options)
    with _progress(options, f"Reading {options.candles[0].name}", None):
        from tradebot_cli.candle_file import read_candles  # noqa: PLC0415  # pandas: half a second for a wrong option

        read = read_candles(options.candles, heal=options.heal)
        plan = plan_of(options, read.candles.timeframe)
        joined = resample(read.candles, plan.parameters.timeframe)
    warm_up = plan.parameters.warm_up_candles if options.warm_up is None else options.warm_up
    candles = period_of(joined, options.start, options.end, warm_up)
    setup, notes = setup_of(options, plan, candles)
    try:
        with _progress(options, "Simulating", len(candles)) as progress:
            result = run(setup, candles, progress)
    except InvalidInputError as error:
        raise CommandError(ExitCode.USAGE, error.message) from error
    notes = [*_reading_notes(read), *notes, *_result_notes(result)]
    written = _write(options, result, candles)
    if options.json:
        print(json.dumps(_document(result, notes), indent=2))
        return
    console = Console(highlight=False)
    show(console, result, notes)
    for path in written:
        console.print(f"Wrote {path}", soft_wrap=True, markup=False)


def _write(options: argparse.Namespace, result: Result, candles: CandleArray) -> list[Path]:
    if options.trades:
        _write_text(options.trades, trades_csv(result))
    if options.daily:
        _write_text(options.daily, days_csv(result))
    if options.plot:
        with _progress(options, "Drawing", None):
            _plot(options.plot, result, candles)
    return [path for path in (options.trades, options.daily, options.plot) if path]


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(ExitCode.OUTPUT, f"cannot write {path}: {error.strerror}") from error


def _plot(path: Path, result: Result, candles: CandleArray) -> None:
    from tradebot.report.picture import picture_of  # noqa: PLC0415  # not before somebody wants one

    picture = picture_of(result.setup, result.output, [candles[result.output.warm_up :]])
    if path.suffix.lower() == ".html":
        from tradebot.report.html_page import page  # noqa: PLC0415

        _write_text(path, page(picture, result))
        return
    try:
        from tradebot_cli.png_chart import write_chart  # noqa: PLC0415  # matplotlib takes a second

        write_chart(path, picture, result)
    except ModuleNotFoundError as error:
        raise CommandError(
            ExitCode.OUTPUT, f"a PNG needs {error.name}: pip install 'tradebot[cli]', or ask for an .html page"
        ) from error
    except OSError as error:
        raise CommandError(ExitCode.OUTPUT, f"cannot write {path}: {error.strerror}") from error


def _require_writable(options: argparse.Namespace) -> None:
    """Refuse before the work what could not be written after it."""
    paths = [path for path in (options.trades, options.daily, options.plot) if path]
    for path in paths:
        if not path.parent.is_dir():
            raise CommandError(ExitCode.OUTPUT, f"cannot write {path}: there is no folder {path.parent}")
        if path.is_dir():
            raise CommandError(ExitCode.OUTPUT, f"cannot write {path}: it is a folder")
    resolved = [path.resolve() for path in [*paths, *options.candles]]
    if len(set(resolved)) < len(resolved):
        raise CommandError(
            ExitCode.USAGE, "each file may be named once: one of them would be overwritten or read twice"
        )


def _document(result: Result, notes: list[str]) -> dict[str, object]:
    parameters, rules = result.setup.parameters, result.setup.rules
    return {
        "symbol": parameters.symbol,
        "timeframe": parameters.timeframe.value,
        "market": parameters.market_type.value,
        "strategy": parameters.strategy,
        "leverage": parameters.leverage,
        "quote_asset": rules.quote_asset,
        **result.report.to_json(),
        "notes": notes,
    }


def _reading_notes(read: CandleFile) -> list[str]:
    healed = []
    if read.left_out:
        healed.append(f"{_count(read.left_out, 'line that is', 'lines that are')} no candle left out")
    if read.duplicates:
        differing = f" ({read.contradictions:,} said something else)" if read.contradictions else ""
        healed.append(f"{_count(read.duplicates, 'duplicate', 'duplicates')} dropped{differing}")
    if read.moved:
        healed.append(f"{_count(read.moved, 'line', 'lines')} sorted")
    if read.gaps:
        missing = _count(read.missing, "candle", "candles")
        healed.append(f"{missing} missing in {_count(read.gaps, 'gap', 'gaps')}")
    return [f"The file was healed: {'; '.join(healed)}."] if healed else []


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _result_notes(result: Result) -> list[str]:
    if not result.report.funding_assumed:
        return []
    return [
        f"{result.report.funding_assumed:,} funding settlements were assumed at 0.01 %; --funding gives their history."
    ]


@contextmanager
def _progress(options: argparse.Namespace, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal's standard error, which vanishes when the work is done."""
    console = Console(stderr=True)
    if options.quiet or not console.is_terminal:
        yield lambda _done: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
