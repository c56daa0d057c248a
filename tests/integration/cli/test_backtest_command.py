"""`tradebot backtest` as a process: what it prints and writes adds up, and what it refuses it says."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.cli.market import minutes, with_cell

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

QUICK = ("--strategy", "ema", "--ema-fast", "5", "--ema-slow", "13", "--position-size-perc", "50")
FUTURES = (*QUICK, "--market", "futures", "--leverage", "3", "--trailing-stop", "--trailing-stop-perc", "0.8")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def adds_up(report: dict[str, Any], trades: list[dict[str, str]], days: list[dict[str, str]]) -> None:
    """Every total of the report against the rows that it is made of, in exact decimals."""
    final, initial = Decimal(report["final_capital"]), Decimal(report["initial_capital"])
    realized = sum((Decimal(row["realized_pnl"]) for row in trades if row["leg"] == "exit"), Decimal(0))
    held = report["open_position"]
    marked = Decimal(held["unrealized_pnl"]) - Decimal(held["entry_fee"]) + Decimal(held["funding"]) if held else 0
    assert final == initial + realized + marked
    assert Decimal(report["realized_pnl"]) == realized
    assert Decimal(report["total_fees"]) == sum((Decimal(row["fee"]) for row in trades), Decimal(0))
    open_funding = Decimal(held["funding"]) if held else 0
    assert (
        Decimal(report["total_funding"]) == sum((Decimal(row["funding"]) for row in trades), Decimal(0)) + open_funding
    )
    exits = [row for row in trades if row["leg"] == "exit"]
    assert report["total_trades"] == len(exits) == sum(total["count"] for total in report["exits_by_reason"].values())
    assert report["winning_trades"] == sum(Decimal(row["realized_pnl"]) > 0 for row in exits)
    assert report["losing_trades"] == sum(Decimal(row["realized_pnl"]) < 0 for row in exits)
    assert len(trades) == 2 * len(exits) + bool(held)
    waiting = report["entry_signals"] - report["entries"] - sum(report["skipped_entries"].values())
    assert waiting in {0, 1}, "the last candle's signal has no candle to trade in"
    assert Decimal(days[0]["start_equity"]) == initial
    assert Decimal(days[-1]["end_equity"]) == final
    assert all(a["end_equity"] == b["start_equity"] for a, b in pairwise(days))
    assert sum((Decimal(row["realized_pnl"]) for row in days), Decimal(0)) == realized
    assert sum(int(row["entries"]) for row in days) == report["entries"]
    assert [day["period"] for day in report["days"]] == [row["day"] for row in days]
    assert sum(month["round_trips"] for month in report["months"]) == len(exits)
    assert report["total_return"] == pytest.approx(float(final / initial - 1), rel=1e-9)


def run_all(tradebot: Command, folder: Path, *arguments: object) -> tuple[dict[str, Any], list[dict[str, str]]]:
    done = tradebot("backtest", *arguments, "--json", "--trades", folder / "t.csv", "--daily", folder / "d.csv")
    assert done.returncode == 0, done.stderr
    report, trades = json.loads(done.stdout), rows_of(folder / "t.csv")
    adds_up(report, trades, rows_of(folder / "d.csv"))
    return report, trades


@pytest.mark.parametrize("options", [QUICK, FUTURES], ids=["spot", "futures"])
def test_report_trades_and_days_add_up_to_the_last_decimal(
    options: tuple[str, ...], tradebot: Command, walk_csv: Path, tmp_path: Path
) -> None:
    report, trades = run_all(tradebot, tmp_path, walk_csv, *options)
    assert report["total_trades"] > 20
    assert {row["position_side"] for row in trades} == ({"LONG", "SHORT"} if options is FUTURES else {"LONG"})
    assert report["candles"] + report["warm_up_candles"] == 3 * 1_440
    assert report["symbol"] == "BTCUSDT", "read from the file's name"


@pytest.mark.parametrize("strategy", ["simple", "ema", "custom"])
@pytest.mark.parametrize("market", ["spot", "futures"])
def test_the_real_candles_add_up_for_every_strategy_and_market(
    strategy: str, market: str, tradebot: Command, real_csv: Path, tmp_path: Path
) -> None:
    options = ("--strategy", strategy, "--market", market, "--leverage", "3", "--position-size-perc", "40")
    limits = ("--max-daily-loss-perc", "3", "--max-daily-trades", "5", "--timeframe", "5m")
    report, _ = run_all(tradebot, tmp_path, real_csv, *options, *limits)
    assert report["total_trades"] > 20
    assert report["end_at"] == "2023-03-22T00:00:00+00:00"
    assert report["skipped_entries"], "the limits stop some entries in these weeks"


def test_the_tables_show_what_the_json_says(tradebot: Command, walk_csv: Path, tmp_path: Path) -> None:
    report, _ = run_all(tradebot, tmp_path, walk_csv, *QUICK)
    done = tradebot("backtest", walk_csv, *QUICK)
    assert done.returncode == 0
    assert done.stderr == "", "a progress bar is for terminals"
    words = " ".join(done.stdout.split())
    assert f"Final capital {Decimal(report['final_capital']):,.2f}" in words
    assert f"Count {report['total_trades']}" in words
    assert f"Win rate {report['win_rate'] * 100:.2f} %" in words
    assert "BTCUSDT 1m spot, ema" in words
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), "eighty columns are enough"


def test_minutes_are_joined_into_the_timeframe_asked_for(tradebot: Command, walk_csv: Path, tmp_path: Path) -> None:
    """The same candles joined beforehand by hand give the same trades."""
    lines, joined = walk_csv.read_text().splitlines(), []
    for start in range(0, len(lines), 5):
        part = [line.split(",") for line in lines[start : start + 5]]
        high, low = max(float(cells[2]) for cells in part), min(float(cells[3]) for cells in part)
        joined.append(f"{part[0][0]},{part[0][1]},{high},{low},{part[-1][4]},1")
    by_hand = tmp_path / "BTCUSDT-5m.csv"
    by_hand.write_text("\n".join(joined))
    report, trades = run_all(tradebot, tmp_path, walk_csv, *QUICK, "--timeframe", "5m")
    assert report["timeframe"] == "5m"
    assert trades
    assert (report, trades) == run_all(tradebot, tmp_path, by_hand, *QUICK, "--timeframe", "5m")


def test_a_period_trades_as_if_the_file_held_nothing_else(tradebot: Command, walk_csv: Path, tmp_path: Path) -> None:
    period = ("--start", "2024-01-02", "--end", "2024-01-02T18:00")
    report, trades = run_all(tradebot, tmp_path, walk_csv, *QUICK, *period)
    assert (report["start_at"], report["end_at"]) == ("2024-01-02T00:00:00+00:00", "2024-01-02T18:00:00+00:00")
    lines = walk_csv.read_text().splitlines()[1_440 - report["warm_up_candles"] : 1_440 + 18 * 60]
    alone = tmp_path / "BTCUSDT-1m-part.csv"
    alone.write_text("\n".join(lines))
    assert trades
    assert (report, trades) == run_all(tradebot, tmp_path, alone, *QUICK)


def test_higher_costs_leave_less(tradebot: Command, walk_csv: Path, tmp_path: Path) -> None:
    cheap, _ = run_all(tradebot, tmp_path, walk_csv, *QUICK, "--fees-bps", "0", "--slippage-bps", "0")
    dear, _ = run_all(tradebot, tmp_path, walk_csv, *QUICK, "--fees-bps", "20/25")
    assert cheap["total_fees"] == "0"
    assert Decimal(cheap["final_capital"]) > Decimal(dear["final_capital"])


def test_funding_history_is_used_and_the_rest_is_assumed_and_said(
    tradebot: Command, walk_csv: Path, tmp_path: Path
) -> None:
    history = tmp_path / "funding.csv"
    stamps = range(1_704_067_200_000, 1_704_067_200_000 + 3 * 86_400_000, 8 * 3_600_000)
    history.write_text(
        "calc_time,funding_interval_hours,last_funding_rate\n" + "".join(f"{at + 3},8,0.05\n" for at in stamps)
    )
    assumed, _ = run_all(tradebot, tmp_path, walk_csv, *FUTURES)
    known, _ = run_all(tradebot, tmp_path, walk_csv, *FUTURES, "--funding", history)
    assert any("assumed" in note for note in assumed["notes"])
    assert assumed["funding_assumed"] > 0
    assert known["funding_assumed"] == 0
    assert abs(Decimal(known["total_funding"])) > abs(Decimal(assumed["total_funding"]))


def test_entries_beyond_the_brackets_notional_are_skipped(tradebot: Command, walk_csv: Path, tmp_path: Path) -> None:
    report, trades = run_all(tradebot, tmp_path, walk_csv, *FUTURES, "--notional-cap", "1000")
    assert not trades
    assert report["skipped_entries"] == {"beyond_bracket": report["entry_signals"]}


def test_gaps_are_refused_and_with_heal_counted_and_said(tradebot: Command, walk_csv: Path, tmp_path: Path) -> None:
    lines = walk_csv.read_text().splitlines()
    path = tmp_path / "BTCUSDT-1m.csv"
    path.write_text("\n".join([*lines[:2_000], with_cell(lines[2_000], 4, "nan"), *lines[2_010:]]))
    refused = tradebot("backtest", path, *QUICK)
    assert refused.returncode == 3
    assert refused.stdout == ""
    assert "BTCUSDT-1m.csv, line 2001: close is nan, not a finite number" in refused.stderr
    assert "line 2002: 10 candles are missing" in refused.stderr
    report, _ = run_all(tradebot, tmp_path, path, *QUICK, "--heal")
    assert report["gaps"] == 1
    assert report["notes"][0] == (
        "The file was healed: 1 line that is no candle left out; 10 candles missing in 1 gap."
    )


def test_a_png_is_written(tradebot: Command, walk_csv: Path, tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    done = tradebot("backtest", walk_csv, *QUICK, "--plot", path)
    assert done.returncode == 0, done.stderr
    assert f"Wrote {path}" in done.stdout.replace("\n", "")
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 30_000, "there is something on it"


@pytest.mark.parametrize("options", [(*QUICK, "--timeframe", "15m", "--warm-up", "50"), FUTURES], ids=["few", "many"])
def test_an_html_page_holds_everything_itself(
    options: tuple[str, ...], tradebot: Command, walk_csv: Path, tmp_path: Path
) -> None:
    path = tmp_path / "plot.html"
    done = tradebot("backtest", walk_csv, *options, "--plot", path)
    assert done.returncode == 0, done.stderr
    page = path.read_text()
    assert not re.search(r"(?:src|href)\s*=|url\(|@import|<script|<link|https?://", page), "nothing is loaded"
    assert "prefers-color-scheme:dark" in page
    for heading in ("Price", "Equity", "Drawdown", "Months", "Figures", "Exits"):
        assert f"<h2>{heading}</h2>" in page
    assert "NaN" not in page
    assert page.count("<svg") == page.count("</svg>") >= 3


def test_an_html_page_says_what_its_reader_should_know(tradebot: Command, walk_csv: Path, tmp_path: Path) -> None:
    path = tmp_path / "plot.html"
    done = tradebot("backtest", walk_csv, *QUICK, "--take-profit-perc", "0.01", "--plot", path)
    assert done.returncode == 0, done.stderr
    warnings = re.search(r'<section class="notes"><ul>(.*?)</ul>', path.read_text())
    assert warnings
    assert "The take profit is nearer" in warnings[1]


# Options -> exit code and what is said.
REFUSED: dict[str, tuple[tuple[str, ...], int, str]] = {
    "an unknown strategy": (
        ("--strategy", "macd"),
        2,
        "--strategy: There is no such strategy; known are: simple, custom, ema",
    ),
    "an unknown timeframe": (("--timeframe", "7m"), 2, "--timeframe 7m: "),
    "an unknown market": (("--market", "margin"), 2, "--market margin: "),
    "averages in the wrong order": (
        ("--ema-fast", "21", "--ema-slow", "9"),
        2,
        "--ema-fast: ema_fast has to be smaller",
    ),
    "a period out of range": (("--ema-slow", "5000"), 2, "--ema-slow 5000: "),
    "a stop out of range": (("--stop-loss-perc", "150"), 2, "--stop-loss-perc 150: "),
    "a percentage too fine": (("--stop-loss-perc", "1.00001"), 2, "--stop-loss-perc 1.00001: "),
    "a trailing stop without distance": (
        ("--trailing-stop",),
        2,
        "--trailing-stop-perc: A trailing stop that is active",
    ),
    "a leverage out of range": (("--leverage", "500"), 2, "--leverage 500: "),
    "a number that is none": (("--capital", "much"), 2, "argument --capital: 'much' is no number"),
    "no capital": (("--capital", "0"), 2, "--capital 0: "),
    "fees below zero": (("--fees-bps=-1",), 2, "argument --fees-bps: -1 is below zero"),
    "fees too fine": (("--fees-bps", "0.001"), 2, "--fees-bps is finer than a part per million"),
    "a date that is none": (("--start", "soon"), 2, "argument --start: 'soon' is no ISO 8601 date"),
    "a tick of zero": (("--tick-size", "0"), 2, "--tick-size has to be above zero"),
    "an unknown option": (("--stop", "1"), 2, "unrecognized arguments: --stop 1"),
    "a plot of another kind": (("--plot", "out.svg"), 2, "'out.svg' has to end in .png or .html"),
    "a file that is missing": (("nowhere-1m.csv",), 3, "cannot read nowhere-1m.csv: No such file or directory"),
    "a period before the warm-up": (
        ("--start", "2024-01-01"),
        3,
        "the indicators need 560 candles of 1m before the start",
    ),
    "a period after the end": (("--end", "2023-01-01"), 3, "nothing is left to trade on"),
    "candles too few": (("--timeframe", "1h"), 3, "nothing is left to trade on: 72 candles of 1h"),
    "a timeframe that no bot has": (("--timeframe", "1s"), 2, "--timeframe 1s: input should be '1m', '3m'"),
    "a folder that is missing": (("--trades", "/nowhere/t.csv"), 4, "there is no folder /nowhere"),
    "an output that is a folder": (("--daily", "/tmp"), 4, "cannot write /tmp: it is a folder"),
    "a funding file without rates": (
        ("--market", "futures", "--funding", __file__),
        3,
        "needs a header with calc_time",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_fit_is_refused_with_what_to_do_and_never_with_a_traceback(
    kind: str, tradebot: Command, walk_csv: Path
) -> None:
    options, code, said = REFUSED[kind]
    done = tradebot("backtest", walk_csv, *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_never_overwrites_the_candles(tradebot: Command, walk_csv: Path) -> None:
    before = walk_csv.read_bytes()
    done = tradebot("backtest", walk_csv, "--trades", walk_csv)
    assert done.returncode == 2
    assert "each file may be named once" in done.stderr
    assert walk_csv.read_bytes() == before


def test_a_file_whose_name_does_not_tell_the_symbol_asks_for_it(tradebot: Command, tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("\n".join(minutes(700)))
    assert "give --symbol" in tradebot("backtest", path).stderr
    done = tradebot("backtest", path, "--symbol", "PEPEUSDT")
    assert done.returncode == 0, done.stderr
    assert "Binance's filters of PEPEUSDT are not known here" in " ".join(done.stdout.split())


def test_help_names_every_option_and_no_command_is_refused(tradebot: Command) -> None:
    done = tradebot("backtest", "--help")
    assert done.returncode == 0
    assert "--trailing-stop-perc" in done.stdout
    assert "exit codes:" in done.stdout
    assert tradebot().returncode == 2


def test_a_reader_that_leaves_early_is_no_error(walk_csv: Path) -> None:
    command = (
        f"{Path(sys.executable).with_name('tradebot')} backtest {walk_csv} --json | head -n 1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_ctrl_c_ends_it_with_a_word(walk_csv: Path) -> None:
    script = Path(sys.executable).with_name("tradebot")
    with subprocess.Popen(
        [script, "backtest", walk_csv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode in {130, -signal.SIGINT}
    assert "tradebot: interrupted" in said or process.returncode == -signal.SIGINT
